//! OctoRest, an OctoPrint client that others wrote, which judges the simulator, and what the driver sees.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::octoprint;
use crate::simulator::Simulator;
use crate::steps::{self, Result, Steps};
use crate::workspace::{self, command};

pub(crate) const VERSION: &str = "0.4";

/// What it needs, each in the version that this was tried with.
const REQUIREMENTS: [&str; 6] = [
    "certifi==2026.10.18",
    "charset-normalizer==3.5.2",
    "idna==3.20",
    "requests==2.34.2",
    "urllib3==2.8.0",
    "websocket-client==1.9.2",
];

const KEY: &str = "OCTOREST";

/// Installs OctoRest into a virtual environment of its own, unless it is there already.
pub(crate) fn install() -> Result {
    if fs::read_to_string(marker()).is_ok_and(|text| text == installed_from()) {
        return Ok(());
    }
    let mut venv = command(octoprint::system_python());
    steps::run(venv.args(["-m", "venv", "--clear"]).arg(home()))?;
    let mut pip = command(python());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    steps::run(pip.arg(format!("octorest=={VERSION}")).args(REQUIREMENTS))?;
    // Last, so that an interrupted installation starts over.
    fs::write(marker(), installed_from())
        .map_err(|error| format!("cannot write {}: {error}", marker().display()))
}

/// Installs OctoRest if it is missing, and runs what it judges.
pub(crate) fn octorest() -> bool {
    let mut steps = Steps::new();
    let result = steps.run(format!("OctoRest {VERSION}"), install).and_then(|()| run(&mut steps));
    steps.summary(&result)
}

/// The simulator's command, and OctoRest against it.
pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.command("the simulator's command", &mut workspace::cargo_test(["--test=command"]))?;
    steps.run("OctoRest drives the simulator", || {
        if !python().exists() {
            return Err(format!("OctoRest {VERSION} is not installed: run `cargo xtask setup`"));
        }
        let simulator = Simulator::start(&["octoprint", "--key", KEY])?;
        let script = workspace::root().join("printhost-sim/tests/octorest_client.py");
        steps::run(command(python()).arg(script).arg(&simulator.url).arg(KEY))
    })?;
    steps.command(
        "OctoRest and the driver see the same simulator",
        &mut same_printer(&["--skip=real_octoprint"]),
    )
}

/// The tests that compare what OctoRest and the driver see of a printer; `which` goes to the test program.
pub(crate) fn same_printer(which: &[&str]) -> Command {
    let mut test = workspace::cargo_test_peers(["--test=same_printer", "--", "--test-threads=1"]);
    test.args(which).env("PRINTHOST_OCTOREST_PYTHON", python());
    test
}

fn home() -> PathBuf {
    workspace::tools_dir().join(format!("octorest-{VERSION}"))
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
