//! The simulator's command, for clients that judge it.

use std::process::Command;

use serde_json::Value;

use crate::process::{Dialogue, built, tied};
use crate::steps::{self, Result};
use crate::workspace;

/// The running simulator, stopped on drop.
pub(crate) struct Simulator {
    _process: Dialogue,
    /// Where the first printer's server is: `http://host:port`; empty when it has none.
    pub(crate) url: String,
    /// Everything that was said of the first printer.
    told: Value,
    /// Where it is told what happens to its printers; empty without `--control-port`.
    control: String,
}

impl Simulator {
    /// Starts the command, which must have been built, with these arguments.
    pub(crate) fn start(args: &[&str]) -> Result<Self> {
        let mut command = tied(built("printhost-sim"));
        let process = Dialogue::start("the simulator", command.args(args).args(["--port", "0", "--json"]))?;
        let mut told = parsed(&process.line()?)?;
        let control = told["control"].as_str().unwrap_or_default().to_owned();
        let told = told["printers"][0].take();
        let url = told["http"].as_str().unwrap_or_default().to_owned();
        Ok(Self { _process: process, url, told, control })
    }

    /// What was said of the first printer.
    pub(crate) fn text(&self, name: &str) -> Result<&str> {
        self.told[name].as_str().ok_or_else(|| format!("the simulator says no {name}"))
    }

    /// The port of an address that was said of it.
    pub(crate) fn port(&self, name: &str) -> Result<&str> {
        Ok(self.text(name)?.rsplit_once(':').ok_or_else(|| format!("{name} has no port"))?.1)
    }

    /// The first printer on the control route, for a server started with `--control-port`.
    pub(crate) fn printer(&self) -> Controlled {
        Controlled { url: format!("{}/printers/0", self.control) }
    }
}

/// A simulated printer, asked and told by curl.
pub(crate) struct Controlled {
    url: String,
}

impl Controlled {
    /// Everything that is said of it now.
    pub(crate) fn ask(&self) -> Result<Value> {
        self.curl("", &[])
    }

    /// Has something happen to it.
    pub(crate) fn tell(&self, action: &str, body: &str) -> Result {
        self.curl(&format!("/{action}"), &["--request", "POST", "--data", body]).map(drop)
    }

    fn curl(&self, path: &str, args: &[&str]) -> Result<Value> {
        let mut curl = workspace::command("curl");
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "10"]);
        parsed(&steps::output(curl.args(args).arg(format!("{}{path}", self.url)))?)
    }
}

/// Builds the command.
pub(crate) fn build() -> Command {
    workspace::cargo_test(["--no-run", "--test=command"])
}

fn parsed(answer: &str) -> Result<Value> {
    serde_json::from_str(answer).map_err(|error| format!("the simulator says {answer:?}: {error}"))
}
