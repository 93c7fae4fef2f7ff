//! pyprusalink, a PrusaLink client that others wrote, which judges both simulated PrusaLinks and the real one.

use std::fs;
use std::path::PathBuf;

use crate::octoprint;
use crate::prusalink::{self, PrusaLink};
use crate::simulator::Simulator;
use crate::steps::{self, Result, Steps};
use crate::workspace::{self, command};

pub(crate) const VERSION: &str = "3.1.0";

/// What it needs, each in the version that this was tried with.
const REQUIREMENTS: [&str; 7] = [
    "anyio==4.16.0",
    "certifi==2026.10.18",
    "h11==0.16.0",
    "httpcore==1.0.9",
    "httpx==0.28.1",
    "idna==3.20",
    "typing-extensions==4.16.0",
];

const SECRET: &str = "PYPRUSALINK1234";

/// Installs it into a virtual environment of its own, unless it is there already.
pub(crate) fn install() -> Result {
    if fs::read_to_string(marker()).is_ok_and(|text| text == installed_from()) {
        return Ok(());
    }
    let mut venv = command(octoprint::system_python());
    steps::run(venv.args(["-m", "venv", "--clear"]).arg(home()))?;
    let mut pip = command(python());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    steps::run(pip.arg(format!("pyprusalink=={VERSION}")).args(REQUIREMENTS))?;
    // Last, so that an interrupted installation starts over.
    fs::write(marker(), installed_from())
        .map_err(|error| format!("cannot write {}: {error}", marker().display()))
}

/// Installs pyprusalink if it is missing, and runs what it judges.
pub(crate) fn pyprusalink() -> bool {
    let mut steps = Steps::new();
    let result = steps.run(format!("pyprusalink {VERSION}"), install).and_then(|()| run(&mut steps));
    steps.summary(&result)
}

/// The simulator's command, and pyprusalink against both families.
pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.command("the simulator's command", &mut workspace::cargo_test(["--no-run", "--test=command"]))?;
    for family in ["pi", "buddy"] {
        steps.run(format!("pyprusalink drives the simulated PrusaLink ({family})"), || {
            let simulator =
                Simulator::start(&["prusalink", "--family", family, "--key", SECRET, "--password", SECRET])?;
            drive(&simulator.url, SECRET, family)
        })?;
    }
    Ok(())
}

/// pyprusalink against a real one.
pub(crate) fn real(steps: &mut Steps, server: &PrusaLink) -> Result {
    steps.run(format!("pyprusalink drives PrusaLink {}", prusalink::VERSION), || {
        drive(&server.http(), prusalink::PASSWORD, "pi")
    })
}

fn drive(url: &str, password: &str, family: &str) -> Result {
    if !python().exists() {
        return Err(format!("pyprusalink {VERSION} is not installed: run `cargo xtask setup`"));
    }
    let script = workspace::root().join("printhost-sim/tests/pyprusalink_client.py");
    steps::run(command(python()).arg(script).args([url, password, family]))
}

fn home() -> PathBuf {
    workspace::tools_dir().join(format!("pyprusalink-{VERSION}"))
}

fn marker() -> PathBuf {
    home().join("installed-from")
}

fn python() -> PathBuf {
    home().join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

/// Everything an installation depends on: a change of it means to install anew.
fn installed_from() -> String {
    format!("{VERSION}\n{}\n", REQUIREMENTS.join("\n"))
}
