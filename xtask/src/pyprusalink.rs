//! pyprusalink, a PrusaLink client that others wrote, which judges both simulated PrusaLinks and the real one.

use crate::prusalink::{self, PrusaLink};
use crate::python::{Environment, Pins};
use crate::server::Server as _;
use crate::simulator::Simulator;
use crate::steps::{self, Result, Steps};

pub(crate) const PYPRUSALINK: Environment = Environment::new(
    "pyprusalink",
    "3.1.0",
    &["pyprusalink"],
    Pins::Requirements(
        "\
anyio==4.16.0
certifi==2026.10.18
h11==0.16.0
httpcore==1.0.9
httpx==0.28.1
idna==3.20
typing-extensions==4.16.0
",
    ),
);

const SECRET: &str = "PYPRUSALINK1234";

/// pyprusalink against both families of the simulator's command, which must have been built.
pub(crate) fn run(steps: &mut Steps) -> Result {
    for family in ["pi", "buddy"] {
        steps.run(format!("pyprusalink drives the simulated PrusaLink ({family})"), || {
            let args = ["prusalink", "--family", family, "--key", SECRET, "--password", SECRET];
            drive(&Simulator::start(&args)?.url, SECRET, family)
        })?;
    }
    Ok(())
}

/// pyprusalink against a real one.
pub(crate) fn real(steps: &mut Steps, server: &PrusaLink) -> Result {
    steps.run(format!("pyprusalink drives {}", server.name()), || {
        drive(&format!("http://127.0.0.1:{}", server.port()), prusalink::PASSWORD, "pi")
    })
}

fn drive(url: &str, password: &str, family: &str) -> Result {
    let mut client = PYPRUSALINK.script("printhost-sim/tests/pyprusalink_client.py")?;
    steps::run(client.args([url, password, family]))
}
