//! The simulator's command, for clients that judge it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::steps::{self, Result};
use crate::workspace;

/// The running simulator, stopped on drop.
pub(crate) struct Simulator {
    process: Child,
    /// Where the first printer's server is: `http://host:port`; empty when it has none.
    pub(crate) url: String,
    /// Everything that was said of the first printer.
    pub(crate) told: serde_json::Value,
    /// Where it is told what happens to its printers; empty without `--control-port`.
    control: String,
}

impl Simulator {
    /// Starts the command, which must have been built, with these arguments.
    pub(crate) fn start(args: &[&str]) -> Result<Self> {
        let program = workspace::target_dir().join("debug").join("printhost-sim");
        let program = program.with_extension(std::env::consts::EXE_EXTENSION);
        let mut process = Command::new(&program)
            .args(args)
            .args(["--port", "0", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let mut line = String::new();
        let read = process.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut line));
        let mut simulator =
            Self { process, url: String::new(), told: serde_json::Value::Null, control: String::new() };
        if !matches!(read, Some(Ok(_))) {
            return Err("the simulator says nothing".to_owned());
        }
        let mut told: serde_json::Value =
            serde_json::from_str(&line).map_err(|error| format!("the simulator says {line:?}: {error}"))?;
        simulator.told = told["printers"][0].take();
        simulator.control = told["control"].as_str().unwrap_or_default().to_owned();
        simulator.url = simulator.told["http"].as_str().unwrap_or_default().to_owned();
        Ok(simulator)
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
    pub(crate) fn ask(&self) -> Result<serde_json::Value> {
        self.curl("", &[])
    }

    /// Has something happen to it.
    pub(crate) fn tell(&self, action: &str, body: &str) -> Result {
        self.curl(&format!("/{action}"), &["--request", "POST", "--data", body]).map(drop)
    }

    fn curl(&self, path: &str, args: &[&str]) -> Result<serde_json::Value> {
        let mut curl = workspace::command("curl");
        curl.args(["--silent", "--show-error", "--fail", "--max-time", "10"]);
        let answer = steps::output(curl.args(args).arg(format!("{}{path}", self.url)))?;
        serde_json::from_str(&answer).map_err(|error| format!("the simulator says {answer:?}: {error}"))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
