//! Installs what the other commands need. Quick when nothing is missing.

use std::path::PathBuf;

use crate::bambulabs_api::BAMBULABS_API;
use crate::esptool::ESPTOOL;
use crate::moonraker::MOONRAKER;
use crate::moonraker_api::MOONRAKER_API;
use crate::octorest::OCTOREST;
use crate::prusalink::PRUSALINK;
use crate::pyprusalink::PYPRUSALINK;
use crate::steps::{self, Result, Steps};
use crate::workspace::{self, command};
use crate::{debian_servers, klipper, octoprint};

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
        steps.run(release.to_string(), || octoprint::install(&release))?;
    }
    if cfg!(target_os = "linux") {
        PRUSALINK.step(steps)?;
        steps.run(format!("Klipper {}", klipper::VERSION), klipper::install)?;
        MOONRAKER.step(steps)?;
    }
    steps.run("servers out of Debian's packages", debian_servers::install)?;
    for tool in [OCTOREST, MOONRAKER_API, PYPRUSALINK, BAMBULABS_API, ESPTOOL] {
        tool.step(steps)?;
    }
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
