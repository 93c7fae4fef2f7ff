//! bambulabs-api, a client for Bambu Lab printers that others wrote, which judges the simulated ones.

use crate::python::{Environment, Pins};
use crate::simulator::Simulator;
use crate::steps::{self, Result, Steps};
use crate::workspace;

pub(crate) const BAMBULABS_API: Environment = Environment::new(
    "bambulabs-api",
    "2.6.6",
    &["bambulabs_api"],
    Pins::Requirements("paho-mqtt==2.2.0\npillow==13.0.0\n"),
);

const CODE: &str = "s3cr3t42";
const SPEED: [&str; 4] = ["--time-scale", "50", "--report-every", "100"];

/// bambulabs-api against the simulator's command, which must have been built.
pub(crate) fn run(steps: &mut Steps) -> Result {
    let project = workspace::target_dir().join("suite.gcode.3mf");
    // An hour of its plate.
    let mut make =
        workspace::cargo(["run", "--quiet", "--package=printhost-testkit", "--example=project", "--"]);
    steps.command("a project of the suite", make.arg(&project).args(["3600", "2"]))?;
    for model in ["p1s", "x1c", "a1-mini", "h2d", "p2s"] {
        steps.run(format!("bambulabs-api drives the simulated printer ({model})"), || {
            let mut client = BAMBULABS_API.script("printhost-sim/tests/bambulabs_client.py")?;
            let args = ["bambu", "--model", model, "--ftps-port", "0", "--code", CODE];
            let printer = Simulator::start(&[&args[..], &SPEED].concat())?;
            let (mqtt, ftps) = (printer.port("mqtt")?, printer.port("ftps")?);
            steps::run(client.args([mqtt, ftps, printer.text("serial")?, CODE]).arg(&project))
        })?;
    }
    Ok(())
}
