//! moonraker-api, a Moonraker client that others wrote, which judges the simulated Moonraker and the real one.

use crate::moonraker::Moonraker;
use crate::python::{Environment, Pins};
use crate::server::Server as _;
use crate::simulator::Simulator;
use crate::steps::{self, Result, Steps};

pub(crate) const MOONRAKER_API: Environment = Environment::new(
    "moonraker-api",
    "4.0.0",
    &["moonraker-api"],
    Pins::Requirements(
        "\
aiohappyeyeballs==2.7.1
aiohttp==3.14.5
aiosignal==1.4.0
async-timeout==4.0.3
attrs==26.1.0
frozenlist==1.8.0
idna==3.20
multidict==7.2.1
propcache==0.5.4
typing-extensions==4.16.0
yarl==1.25.1
",
    ),
);

const KEY: &str = "MOONRAKERAPI";

/// moonraker-api against the simulator's command, which must have been built.
pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.run("moonraker-api drives the simulated Moonraker", || {
        let simulator = Simulator::start(&["moonraker", "--key", KEY, "--untrusted", "--time-scale", "20"])?;
        drive(simulator.port("http")?, KEY, &[])
    })
}

/// moonraker-api against a real one, whose printer may move.
pub(crate) fn real(steps: &mut Steps, server: &Moonraker) -> Result {
    steps.run(format!("moonraker-api drives {}", server.name()), || {
        drive(&server.port().to_string(), server.key(), &["--real"])
    })
}

fn drive(port: &str, key: &str, more: &[&str]) -> Result {
    let mut client = MOONRAKER_API.script("printhost-sim/tests/moonraker_client.py")?;
    steps::run(client.args(["127.0.0.1", port, key]).args(more))
}
