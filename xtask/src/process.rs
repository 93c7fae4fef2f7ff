//! Processes that end when they are dropped, and what is said to them and by them, line by line.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::steps::{self, Result};
use crate::workspace::{self, command};

/// A running program, stopped on drop.
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts a program, which errors call by this name.
    pub(crate) fn start(name: impl Into<String>, command: &mut Command) -> Result<Self> {
        let name = name.into();
        let child = command.spawn().map_err(|error| format!("cannot start {name}: {error}"))?;
        Ok(Self { name, child })
    }

    /// As [`Self::start`]; what it prints goes to a file.
    pub(crate) fn logged(name: impl Into<String>, command: &mut Command, log: &Path) -> Result<Self> {
        let failed = |error| format!("cannot create {}: {error}", log.display());
        let output = File::create(log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        Self::start(name, command.stdin(Stdio::null()).stdout(output).stderr(errors))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended, if it has.
    pub(crate) fn status(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().map_err(|error| format!("{}: {error}", self.name))
    }

    /// An error if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result {
        self.status()?.map_or(Ok(()), |status| Err(format!("{} ended: {status}", self.name)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that takes and gives lines. Its input ends when this is dropped, as does the program.
pub(crate) struct Dialogue {
    pub(crate) process: Process,
    input: Option<ChildStdin>,
    output: Receiver<String>,
}

impl Dialogue {
    /// Starts a program, which errors call by this name.
    pub(crate) fn start(name: impl Into<String>, command: &mut Command) -> Result<Self> {
        let mut process = Process::start(name, command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let input = process.child.stdin.take();
        let lines = BufReader::new(process.child.stdout.take().ok_or("a process without output")?).lines();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(std::result::Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { process, input, output })
    }

    /// Builds and starts one of `printhost-testkit`'s examples.
    pub(crate) fn with_example(
        example: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Self> {
        let package = ["build", "--quiet", "--package=printhost-testkit", "--features=runner", "--example"];
        steps::run(workspace::cargo(package).arg(example))?;
        Self::start(example, command(built(&format!("examples/{example}"))).args(args))
    }

    /// The next line.
    pub(crate) fn line(&self) -> Result<String> {
        self.output.recv().map_err(|_| format!("{} has ended", self.process.name))
    }

    /// The next line, which must come soon.
    pub(crate) fn line_within(&self, most: Duration) -> Result<String> {
        let silent = |_| format!("{} has ended, or is silent for {} s", self.process.name, most.as_secs());
        self.output.recv_timeout(most).map_err(silent)
    }

    /// Sends a line.
    pub(crate) fn send(&mut self, line: &str) -> Result {
        let input = self.input.as_mut().ok_or("a process without input")?;
        writeln!(input, "{line}")
            .and_then(|()| input.flush())
            .map_err(|error| format!("{}: {error}", self.process.name))
    }

    /// Sends a line and returns the next one.
    pub(crate) fn ask(&mut self, line: &str) -> Result<String> {
        self.send(line)?;
        self.line()
    }
}

/// A program that the kernel ends, where it can, when this process dies in whatever way. That is tied to the calling
/// thread, so start it on the main thread.
pub(crate) fn tied(program: impl AsRef<OsStr>) -> Command {
    if !cfg!(target_os = "linux") {
        return command(program);
    }
    let mut setpriv = command("setpriv");
    setpriv.args(["--pdeathsig", "KILL", "--"]).arg(program);
    setpriv
}

/// A program of this workspace that has been built for the tests.
pub(crate) fn built(name: &str) -> PathBuf {
    workspace::target_dir().join("debug").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_dialogue_is_answered_line_by_line_until_it_has_ended() {
        let script = "read line; echo $line; read line; echo $line";
        let mut echo = Dialogue::start("an echo", Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!(echo.ask("first").as_deref(), Ok("first"));
        assert_eq!(echo.ask("second").as_deref(), Ok("second"));
        assert_eq!(echo.line().unwrap_err(), "an echo has ended");
    }

    #[test]
    fn a_process_that_ended_by_itself_is_told_by_its_name() {
        let mut process = Process::start("a failure", &mut Command::new("false")).unwrap();
        process.child.wait().unwrap();
        assert!(process.check().unwrap_err().starts_with("a failure ended: "));
    }
}
