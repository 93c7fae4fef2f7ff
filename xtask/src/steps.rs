//! Runs named steps one after another and reports how long each took.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The error is a message for the person at the terminal.
pub(crate) type Result<T = ()> = std::result::Result<T, String>;

/// An error that says this unless something holds.
pub(crate) fn ensure(holds: bool, otherwise: &(impl std::fmt::Display + ?Sized)) -> Result {
    if holds { Ok(()) } else { Err(otherwise.to_string()) }
}

/// Runs steps that are all there is to do. Returns whether they passed.
pub(crate) fn alone(run: impl FnOnce(&mut Steps) -> Result) -> bool {
    let mut steps = Steps::new();
    let result = run(&mut steps);
    steps.summary(&result)
}

/// The steps run so far. The first failure ends the run.
pub(crate) struct Steps {
    started: Instant,
    done: Vec<Step>,
}

struct Step {
    name: String,
    passed: bool,
    took: Duration,
}

impl Steps {
    /// Starts the clock of the total time.
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), done: Vec::new() }
    }

    /// Runs one step and hands on what it returns.
    pub(crate) fn run<T>(&mut self, name: impl Into<String>, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let name = name.into();
        println!("\n==> {name}");
        let started = Instant::now();
        let result = step();
        let took = started.elapsed();
        let passed = result.is_ok();
        println!("<== {name}: {}, {:.1} s", verdict(passed), took.as_secs_f64());
        self.done.push(Step { name, passed, took });
        result
    }

    /// A step that is one command.
    pub(crate) fn command(&mut self, name: impl Into<String>, command: &mut Command) -> Result {
        self.run(name, || run(command))
    }

    /// The steps for another process, which reads them with [`Self::adopt`].
    pub(crate) fn report(&self) -> String {
        let line =
            |step: &Step| format!("{}\t{}\t{}\n", verdict(step.passed), step.took.as_secs_f64(), step.name);
        self.done.iter().map(line).collect()
    }

    /// Takes the steps of another process, which are part of the last one here and are shown below it.
    pub(crate) fn adopt(&mut self, report: &str) {
        for line in report.lines() {
            let mut fields = line.splitn(3, '\t');
            let passed = fields.next() == Some(verdict(true));
            let took = fields.next().and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
            let name = format!("  {}", fields.next().unwrap_or_default());
            self.done.push(Step { name, passed, took: Duration::from_secs_f64(took) });
        }
    }

    /// The steps, one a line, and their total time; a step whose name is set in is part of the one above it.
    pub(crate) fn table(&self) -> String {
        let width = self.done.iter().map(|step| step.name.len()).max().unwrap_or(0).max("total".len());
        let mut table = String::new();
        for Step { name, passed, took } in &self.done {
            table.push_str(&format!("{name:width$}  {:6}  {:7.1} s\n", verdict(*passed), took.as_secs_f64()));
        }
        table + &format!("{:width$}  {:6}  {:7.1} s\n", "total", "", self.started.elapsed().as_secs_f64())
    }

    /// Prints the table, and the error that ended the run if there was one.
    pub(crate) fn print(&self, result: &Result) {
        print!("\n{}", self.table());
        if let Err(error) = result {
            println!("\nerror: {error}");
        }
    }

    /// As [`Self::print`], then counts the steps on a line of their own. Returns whether all passed.
    pub(crate) fn summary(&self, result: &Result) -> bool {
        self.print(result);
        let passed = self.done.iter().filter(|step| step.passed).count();
        // An error between two steps counts as a failure too.
        let failed = (self.done.len() - passed).max(usize::from(result.is_err()));
        println!("\n{passed} passed, {failed} failed");
        failed == 0
    }
}

/// Runs a command to its end, showing it and its output.
pub(crate) fn run(command: &mut Command) -> Result {
    println!("  $ {}", display(command));
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot run `{}`: {error}", display(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", display(command))) }
}

/// The standard output of a command; its standard error stays visible.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run `{}`: {error}", display(command)))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("`{}` failed: {}", display(command), output.status))
    }
}

/// Whether a command can be started and succeeds; nothing is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A command as one would type it.
fn display(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            line.push_str(&format!("{}={} ", name.display(), quoted(&value.to_string_lossy())));
        }
    }
    line.push_str(&quoted(&command.get_program().to_string_lossy()));
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&quoted(&arg.to_string_lossy()));
    }
    line
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn verdict(passed: bool) -> &'static str {
    if passed { "ok" } else { "FAILED" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "it's", ""]);
        assert_eq!(display(&command), r"RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s' ''");
    }

    #[test]
    fn one_failed_step_fails_the_run() {
        let mut steps = Steps::new();
        assert_eq!(steps.run("first", || Ok(7)), Ok(7));
        assert!(steps.summary(&Ok(())));
        let result = steps.run("second", || Err::<(), _>("broken".to_owned()));
        assert_eq!(result, Err("broken".to_owned()));
        assert!(!steps.summary(&result));
    }

    #[test]
    fn a_step_that_failed_in_another_process_fails_the_run() {
        let mut there = Steps::new();
        assert_eq!(there.run("second", || Ok(())), Ok(()));
        assert!(there.run("third", || Err::<(), _>("broken".to_owned())).is_err());
        let mut here = Steps::new();
        assert_eq!(here.run("first", || Ok(())), Ok(()));
        here.adopt(&there.report());
        assert!(!here.summary(&Ok(())));
        let rows: Vec<String> =
            here.table().lines().map(|line| line.split("  ").collect::<Vec<_>>().join("|")).collect();
        assert!(rows[1].starts_with("|second|ok") && rows[2].starts_with("|third|"), "{rows:?}");
    }

    #[test]
    fn an_error_between_two_steps_fails_the_run() {
        assert!(!Steps::new().summary(&Err("broken".to_owned())));
    }
}
