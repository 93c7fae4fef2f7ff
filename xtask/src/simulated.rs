//! A simulated printer behind a serial port: `printhost-sim` in a process of its own, which ends with this one.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::steps::Result;
use crate::workspace;

/// A running one, stopped on drop.
pub(crate) struct Simulated {
    what: &'static str,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Simulated {
    /// Starts `printhost-sim` with these arguments, and with the path at which to make its port. The command must have
    /// been built, as [`build`] does.
    pub(crate) fn start(what: &'static str, args: &[&str], port: &Path) -> Result<Self> {
        let program = workspace::target_dir().join("debug/printhost-sim");
        let mut process = Command::new(&program)
            .args(args.iter().map(OsStr::new).chain([OsStr::new("--port"), port.as_os_str()]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let (input, output) = process.stdin.take().zip(process.stdout.take()).ok_or("no pipes")?;
        let mut printer = Self { what, process, input, output: BufReader::new(output) };
        match printer.line()? {
            line if line == port.display().to_string() => Ok(printer),
            line => Err(format!("the simulated {what} says {line:?}")),
        }
    }

    /// Sends one of the lines that the command's `--help` lists, and returns the answer.
    pub(crate) fn tell(&mut self, command: &str) -> Result<serde_json::Value> {
        writeln!(self.input, "{command}").map_err(|error| format!("the simulated {}: {error}", self.what))?;
        let line = self.line()?;
        serde_json::from_str(&line)
            .map_err(|error| format!("the simulated {} says {line:?}: {error}", self.what))
    }

    /// The number of its process, for tests that stop it for a while.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// An error if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("the simulated {} ended: {status}", self.what)),
            Err(error) => Err(format!("the simulated {}: {error}", self.what)),
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|error| format!("the simulated {}: {error}", self.what))?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Builds the command with what else the tests build.
pub(crate) fn build() -> Command {
    workspace::cargo_test(["--no-run", "--test=mk3s", "--test=klipper_mcu"])
}
