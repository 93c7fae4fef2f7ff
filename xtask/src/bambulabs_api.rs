//! bambulabs-api, a client for Bambu Lab printers that others wrote, which judges the simulated ones.

use std::fs;
use std::path::{Path, PathBuf};

use crate::octoprint;
use crate::simulator::Simulator;
use crate::steps::{self, Result, Steps};
use crate::workspace::{self, command};

pub(crate) const VERSION: &str = "2.6.6";

/// What it needs, each in the version that this was tried with.
const REQUIREMENTS: [&str; 2] = ["paho-mqtt==2.2.0", "pillow==13.0.0"];

const CODE: &str = "s3cr3t42";

/// Installs it into a virtual environment of its own, unless it is there already.
pub(crate) fn install() -> Result {
    if fs::read_to_string(marker()).is_ok_and(|text| text == installed_from()) {
        return Ok(());
    }
    let mut venv = command(octoprint::system_python());
    steps::run(venv.args(["-m", "venv", "--clear"]).arg(home()))?;
    let mut pip = command(python());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    steps::run(pip.arg(format!("bambulabs_api=={VERSION}")).args(REQUIREMENTS))?;
    // Last, so that an interrupted installation starts over.
    fs::write(marker(), installed_from())
        .map_err(|error| format!("cannot write {}: {error}", marker().display()))
}

/// Installs bambulabs-api if it is missing, and runs what it judges.
pub(crate) fn bambulabs_api() -> bool {
    let mut steps = Steps::new();
    let result = steps
        .run(format!("bambulabs-api {VERSION}"), install)
        .and_then(|()| {
            steps.command(
                "the simulator's command",
                &mut workspace::cargo_test(["--no-run", "--test=command"]),
            )
        })
        .and_then(|()| run(&mut steps));
    steps.summary(&result)
}

/// bambulabs-api against the simulator's command, which must have been built.
pub(crate) fn run(steps: &mut Steps) -> Result {
    let project = workspace::target_dir().join("suite.gcode.3mf");
    // An hour of its plate.
    let mut make =
        workspace::cargo(["run", "--quiet", "--package=printhost-testkit", "--example=project", "--"]);
    steps.command("a project of the suite", make.arg(&project).args(["3600", "2"]))?;
    for model in ["p1s", "x1c", "a1-mini", "h2d", "p2s"] {
        steps.run(format!("bambulabs-api drives the simulated printer ({model})"), || {
            let args = [
                "bambu",
                "--model",
                model,
                "--ftps-port",
                "0",
                "--code",
                CODE,
                "--time-scale",
                "50",
                "--report-every",
                "100",
            ];
            let simulator = Simulator::start(&args)?;
            drive(&simulator, &project)
        })?;
    }
    Ok(())
}

fn drive(simulator: &Simulator, project: &Path) -> Result {
    if !python().exists() {
        return Err(format!("bambulabs-api {VERSION} is not installed: run `cargo xtask setup`"));
    }
    let text = |name: &str| simulator.told[name].as_str().ok_or(format!("the simulator says no {name}"));
    let port = |address: &str| address.rsplit_once(':').map(|(_, port)| port.to_owned()).unwrap_or_default();
    let (mqtt, ftps) = (port(text("mqtt")?), port(text("ftps")?));
    let script = workspace::root().join("printhost-sim/tests/bambulabs_client.py");
    steps::run(command(python()).arg(script).args([mqtt.as_str(), &ftps, text("serial")?, CODE]).arg(project))
}

fn home() -> PathBuf {
    workspace::tools_dir().join(format!("bambulabs-api-{VERSION}"))
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
