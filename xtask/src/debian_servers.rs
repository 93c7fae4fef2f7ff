//! Servers and clients that others wrote, out of Debian's packages: unpacked, not installed, so that no service starts
//! and packages that exclude each other can be had side by side.

use std::path::PathBuf;

use crate::setup;
use crate::steps::{self, Result};
use crate::workspace::{self, command};

/// With the libraries that may be missing.
const PACKAGES: [&str; 10] = [
    "mosquitto",
    "mosquitto-clients",
    "libmosquitto1",
    "libcjson1",
    "libdlt2",
    "libwrap0",
    "vsftpd",
    "pure-ftpd",
    "libsodium23",
    "lftp",
];

/// Unpacks what is missing. Nothing happens where there is no `apt-get`.
pub(crate) fn install() -> Result {
    let unpacked = PACKAGES.join("\n");
    if std::fs::read_to_string(marker()).is_ok_and(|found| found == unpacked) {
        return Ok(());
    }
    if !steps::succeeds(command("apt-get").arg("--version")) {
        println!("  not a Debian system: what needs {} is not run", PACKAGES.join(", "));
        return Ok(());
    }
    workspace::remove_dir(&home())?;
    let failed = |error: std::io::Error| format!("{}: {error}", home().display());
    std::fs::create_dir_all(home()).map_err(failed)?;
    let download =
        || steps::run(command("apt-get").args(["download", "--quiet"]).args(PACKAGES).current_dir(home()));
    // What apt knows of may be too old, or nothing.
    download().or_else(|_| setup::apt_get(&["update"]).and_then(|()| download()))?;
    for file in std::fs::read_dir(home()).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            steps::run(command("dpkg-deb").arg("--extract").arg(&path).arg(home()))?;
            std::fs::remove_file(&path).map_err(failed)?;
        }
    }
    std::fs::write(marker(), unpacked).map_err(failed)
}

/// Tells tests where the programs are.
pub(crate) fn environment() -> (&'static str, PathBuf) {
    ("PRINTHOST_DEBIAN_SERVERS", home())
}

/// False on other systems.
pub(crate) fn are_there() -> bool {
    marker().is_file()
}

fn home() -> PathBuf {
    workspace::tools_dir().join("debian-servers")
}

fn marker() -> PathBuf {
    home().join("unpacked-from")
}
