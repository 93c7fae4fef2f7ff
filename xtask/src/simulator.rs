//! The simulator's command, for clients that judge it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::steps::Result;
use crate::workspace;

/// The running simulator, stopped on drop.
pub(crate) struct Simulator {
    process: Child,
    /// Where the first printer's server is: `http://host:port`; empty when it has none.
    pub(crate) url: String,
    /// Everything that was said of the first printer.
    pub(crate) told: serde_json::Value,
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
        let mut simulator = Self { process, url: String::new(), told: serde_json::Value::Null };
        if !matches!(read, Some(Ok(_))) {
            return Err("the simulator says nothing".to_owned());
        }
        let mut told: serde_json::Value =
            serde_json::from_str(&line).map_err(|error| format!("the simulator says {line:?}: {error}"))?;
        simulator.told = told["printers"][0].take();
        simulator.url = simulator.told["http"].as_str().unwrap_or_default().to_owned();
        Ok(simulator)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
