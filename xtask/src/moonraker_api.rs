//! moonraker-api, a Moonraker client that others wrote, which judges the simulated Moonraker and the real one.

use std::fs;
use std::path::PathBuf;

use crate::moonraker::{self, Moonraker};
use crate::octoprint;
use crate::simulator::Simulator;
use crate::steps::{self, Result, Steps};
use crate::workspace::{self, command};

pub(crate) const VERSION: &str = "4.0.0";

/// What it needs, each in the version that this was tried with.
const REQUIREMENTS: [&str; 11] = [
    "aiohappyeyeballs==2.7.1",
    "aiohttp==3.14.5",
    "aiosignal==1.4.0",
    "async-timeout==4.0.3",
    "attrs==26.1.0",
    "frozenlist==1.8.0",
    "idna==3.20",
    "multidict==7.2.1",
    "propcache==0.5.4",
    "typing-extensions==4.16.0",
    "yarl==1.25.1",
];

const KEY: &str = "MOONRAKERAPI";

/// Installs moonraker-api into a virtual environment of its own, unless it is there already.
pub(crate) fn install() -> Result {
    if fs::read_to_string(marker()).is_ok_and(|text| text == installed_from()) {
        return Ok(());
    }
    let mut venv = command(octoprint::system_python());
    steps::run(venv.args(["-m", "venv", "--clear"]).arg(home()))?;
    let mut pip = command(python());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    steps::run(pip.arg(format!("moonraker-api=={VERSION}")).args(REQUIREMENTS))?;
    // Last, so that an interrupted installation starts over.
    fs::write(marker(), installed_from())
        .map_err(|error| format!("cannot write {}: {error}", marker().display()))
}

/// Installs moonraker-api if it is missing, and runs what it judges.
pub(crate) fn moonraker_api() -> bool {
    let mut steps = Steps::new();
    let result = steps
        .run(format!("moonraker-api {VERSION}"), install)
        .and_then(|()| {
            steps.command("the simulator's command", &mut workspace::cargo_test(["--test=command"]))
        })
        .and_then(|()| run(&mut steps));
    steps.summary(&result)
}

/// moonraker-api against the simulator's command, which must have been built.
pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.run("moonraker-api drives the simulated Moonraker", || {
        let simulator = Simulator::start(&["moonraker", "--key", KEY, "--untrusted", "--time-scale", "20"])?;
        let (_, port) = simulator.url.rsplit_once(':').ok_or("the simulator has no port")?;
        drive(port, KEY, &[])
    })
}

/// moonraker-api against a real one, whose printer may move.
pub(crate) fn real(steps: &mut Steps, server: &Moonraker) -> Result {
    let (port, key) = server.port_and_key();
    steps.run(format!("moonraker-api drives Moonraker {}", moonraker::VERSION), || {
        drive(&port.to_string(), key, &["--real"])
    })
}

fn drive(port: &str, key: &str, more: &[&str]) -> Result {
    if !python().exists() {
        return Err(format!("moonraker-api {VERSION} is not installed: run `cargo xtask setup`"));
    }
    let script = workspace::root().join("printhost-sim/tests/moonraker_client.py");
    steps::run(command(python()).arg(script).args(["127.0.0.1", port, key]).args(more))
}

fn home() -> PathBuf {
    workspace::tools_dir().join(format!("moonraker-api-{VERSION}"))
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
