//! A simulated printer behind a serial port: `printhost-sim` in a process of its own, which ends with this one.

use std::path::Path;
use std::process::Command;

use crate::process::{Dialogue, built, tied};
use crate::steps::Result;
use crate::workspace;

/// A running one, stopped on drop.
pub(crate) struct Simulated {
    what: &'static str,
    process: Dialogue,
}

impl Simulated {
    /// Starts `printhost-sim` with these arguments, and with the path at which to make its port. The command must have
    /// been built, as [`build`] does.
    pub(crate) fn start(what: &'static str, args: &[&str], port: &Path) -> Result<Self> {
        let mut command = tied(built("printhost-sim"));
        command.args(args).arg("--port").arg(port);
        let process = Dialogue::start(format!("the simulated {what}"), &mut command)?;
        match process.line()? {
            line if line.trim_end() == port.display().to_string() => Ok(Self { what, process }),
            line => Err(format!("the simulated {what} says {line:?}")),
        }
    }

    /// Sends one of the lines that the command's `--help` lists, and returns the answer.
    pub(crate) fn tell(&mut self, command: &str) -> Result<serde_json::Value> {
        let line = self.process.ask(command)?;
        serde_json::from_str(&line)
            .map_err(|error| format!("the simulated {} says {line:?}: {error}", self.what))
    }

    /// The number of its process, for tests that stop it for a while.
    pub(crate) fn pid(&self) -> u32 {
        self.process.process.id()
    }

    /// An error if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result {
        self.process.process.check()
    }
}

/// Builds the command with what else the tests build.
pub(crate) fn build() -> Command {
    workspace::cargo_test(["--no-run", "--test=mk3s", "--test=klipper_mcu"])
}
