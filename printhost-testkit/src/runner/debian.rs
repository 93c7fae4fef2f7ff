//! Servers and clients out of Debian's packages, as `cargo xtask setup` unpacks them.

use std::{format, path::PathBuf, process::Command};

/// A command for one of the programs, by its path in the package (`usr/sbin/mosquitto`), with its libraries.
///
/// Panics when `PRINTHOST_DEBIAN_SERVERS` does not say where they are; `cargo xtask` sets it for tests with the feature
/// `real-peers`.
pub fn debian_program(path: &str) -> Command {
    let home = std::env::var("PRINTHOST_DEBIAN_SERVERS")
        .expect("PRINTHOST_DEBIAN_SERVERS is not set; run this by `cargo xtask`");
    let home = PathBuf::from(home);
    let libraries = home.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let mut program = Command::new(home.join(path));
    program.env("LD_LIBRARY_PATH", libraries);
    program
}
