//! OctoRest, an OctoPrint client that others wrote, which judges the simulator, and what the driver sees.

use std::process::Command;

use crate::python::{Environment, Pins};
use crate::simulator::Simulator;
use crate::steps::{self, Result, Steps};
use crate::workspace;

pub(crate) const OCTOREST: Environment = Environment::new(
    "OctoRest",
    "0.4",
    &["octorest"],
    Pins::Requirements(
        "\
certifi==2026.10.18
charset-normalizer==3.5.2
idna==3.20
requests==2.34.2
urllib3==2.8.0
websocket-client==1.9.2
",
    ),
);

const KEY: &str = "OCTOREST";

/// OctoRest against the simulator's command, which must have been built.
pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.run("OctoRest drives the simulator", || {
        let mut client = OCTOREST.script("printhost-sim/tests/octorest_client.py")?;
        let simulator = Simulator::start(&["octoprint", "--key", KEY])?;
        steps::run(client.args([&simulator.url, KEY]))
    })?;
    steps.command(
        "OctoRest and the driver see the same simulator",
        &mut same_printer(&["--skip=real_octoprint"]),
    )
}

/// The tests that compare what OctoRest and the driver see of a printer; `which` goes to the test program.
pub(crate) fn same_printer(which: &[&str]) -> Command {
    let mut test = workspace::cargo_test_peers(["--test=same_printer", "--", "--test-threads=1"]);
    test.args(which).env("PRINTHOST_OCTOREST_PYTHON", OCTOREST.python());
    test
}
