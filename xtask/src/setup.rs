//! Installs what the other commands need. Quick when nothing is missing.

use std::path::PathBuf;

use crate::steps::{self, Result, Steps};
use crate::workspace::{self, command};
use crate::{
    bambulabs_api, debian_servers, esptool, klipper, moonraker, moonraker_api, octoprint, octorest,
    prusalink, pyprusalink,
};

const CARGO_DENY: &str = "0.20.2";

const DEBIAN_PACKAGES: [&str; 22] = [
    // downloads by the programs below
    "ca-certificates",
    // a compiler with the sources of `core` and `alloc`, for microcontrollers
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "lld",
    // mbedTLS for microcontrollers
    "clang",
    "cmake",
    "ninja-build",
    // emulates a microcontroller
    "qemu-system-misc",
    // real servers to test against, some of whose parts are built from C
    "python3",
    "python3-venv",
    "python3-dev",
    "gcc",
    "libc6-dev",
    "curl",
    // what PrusaLink is built with, and loads
    "libcap-dev",
    "libmagic1",
    "libturbojpeg0",
    // what Klipper is built with
    "libusb-dev",
    // a TLS front, and its certificates
    "nginx-light",
    "openssl",
    // the fuzzer's engine
    "g++",
];

/// Installs everything that is missing.
pub(crate) fn setup() -> bool {
    let mut steps = Steps::new();
    let result = run(&mut steps);
    steps.print(&result);
    result.is_ok()
}

/// The cargo-deny that this installs.
pub(crate) fn cargo_deny() -> PathBuf {
    cargo_deny_root().join("bin").join(if cfg!(windows) { "cargo-deny.exe" } else { "cargo-deny" })
}

fn run(steps: &mut Steps) -> Result {
    steps.run("Debian packages", debian_packages)?;
    steps.run("rustfmt and clippy", rust_components)?;
    for release in octoprint::RELEASES {
        steps.run(format!("OctoPrint {}", release.version), || release.install())?;
    }
    if cfg!(target_os = "linux") {
        steps.run(format!("PrusaLink {}", prusalink::VERSION), prusalink::install)?;
        steps.run(format!("Klipper {}", klipper::VERSION), klipper::install)?;
        steps.run(format!("Moonraker {}", moonraker::VERSION), moonraker::install)?;
    }
    steps.run("servers out of Debian's packages", debian_servers::install)?;
    steps.run(format!("OctoRest {}", octorest::VERSION), octorest::install)?;
    steps.run(format!("moonraker-api {}", moonraker_api::VERSION), moonraker_api::install)?;
    steps.run(format!("pyprusalink {}", pyprusalink::VERSION), pyprusalink::install)?;
    steps.run(format!("bambulabs-api {}", bambulabs_api::VERSION), bambulabs_api::install)?;
    steps.run(format!("esptool {}", esptool::VERSION), esptool::install)?;
    steps.run(format!("cargo-deny {CARGO_DENY}"), install_cargo_deny)
}

fn debian_packages() -> Result {
    if !steps::succeeds(command("dpkg-query").arg("--version")) {
        println!("  not a Debian system: install the equivalents of {}", DEBIAN_PACKAGES.join(", "));
        return Ok(());
    }
    let missing: Vec<&str> =
        DEBIAN_PACKAGES.into_iter().filter(|package| !is_package_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    apt_get(&["update"])?;
    apt_get(&[&["install", "--yes", "--no-install-recommends"], missing.as_slice()].concat())
}

fn is_package_installed(package: &str) -> bool {
    let mut query = command("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]).stderr(std::process::Stdio::null());
    query.output().is_ok_and(|output| output.stdout == b"installed")
}

pub(crate) fn apt_get(args: &[&str]) -> Result {
    let is_root = steps::output(command("id").arg("-u"))?.trim() == "0";
    let mut apt_get = if is_root {
        command("env")
    } else {
        let mut sudo = command("sudo");
        sudo.arg("env");
        sudo
    };
    steps::run(apt_get.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(args))
}

fn rust_components() -> Result {
    let has = |subcommand| steps::succeeds(&mut workspace::cargo([subcommand, "--version"]));
    if has("fmt") && has("clippy") {
        return Ok(());
    }
    steps::run(command("rustup").args(["component", "add", "rustfmt", "clippy"]))
}

fn cargo_deny_root() -> PathBuf {
    workspace::tools_dir().join(format!("cargo-deny-{CARGO_DENY}"))
}

fn install_cargo_deny() -> Result {
    if cargo_deny().exists() {
        return Ok(());
    }
    // Unoptimised, which builds more than twice as fast and is quick enough here.
    let mut install = workspace::cargo(["install", "--debug", "--locked", "--quiet", "cargo-deny"]);
    steps::run(install.args(["--version", CARGO_DENY, "--root"]).arg(cargo_deny_root()))
}
