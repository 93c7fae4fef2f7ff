//! What the emulated board declares of its memory, against hosts that make every answer as large as it takes; and what it
//! does when half of its heap is gone.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::board::{self, HOST, Report};
use crate::octoprint::OctoPrint;
use crate::steps::{Result, Steps};
use crate::workspace;

/// What the board takes: the head of an answer, its JSON, a message.
const APPETITE: [&str; 3] = ["3072", "4096", "2048"];
const PATH: &str = "greedy/part.gcode";

/// The steps, with the firmware built and a real OctoPrint.
pub(crate) fn run(steps: &mut Steps, server: &OctoPrint) -> Result {
    let mut hosts = steps.run("greedy hosts start", Hosts::start)?;
    steps.run("the relay takes no more heap than it declares", || {
        for (greed, port) in &hosts.ports {
            // A printer that cannot be read is waited for as long as it takes; tests on the host have that.
            if greed != "WrongTypes" {
                declared_is_enough(&relay_from(*port, &[])?).map_err(|error| format!("{greed}: {error}"))?;
            }
        }
        Ok(())
    })?;
    steps.run("with half of its heap the hub refuses the relay and lives", || {
        let changes = hosts.changes()?;
        let port = hosts.ports.first().ok_or("there are no greedy hosts")?.1;
        refused(&relay_from(port, &[("heap", "half")])?)?;
        ensure(hosts.changes()? == changes, "the printer's host was asked to change something")?;

        let [(_, url), (_, key), ..] = server.environment();
        let report = board::run(&[
            ("source", &format!("http://{HOST}:{port}/part.gcode")),
            ("printer", &url.replace("127.0.0.1", HOST)),
            ("key", &key),
            ("path", "halved/part.gcode"),
            ("heap", "half"),
        ])?;
        refused(&report)?;
        ensure(report.said("the printer is idle"), "it has not read the printer")?;
        ensure(server.get("/api/files/local/halved/part.gcode").is_none(), "there is a file")
    })
}

fn relay_from(port: u16, more: &[(&str, &str)]) -> Result<Report> {
    let (source, printer) =
        (format!("http://{HOST}:{port}/part.gcode"), format!("octoprint://{HOST}:{port}"));
    let mut config = vec![("source", &*source), ("printer", &*printer), ("key", "a-key"), ("path", PATH)];
    config.extend_from_slice(more);
    board::run(&config)
}

/// And would not be if it were a quarter: the check is able to find that out.
fn declared_is_enough(report: &Report) -> Result {
    ensure(report.code == 0, &format!("the board ended with code {}", report.code))?;
    let (declared, peak) = (report.value("heap declared")?, report.value("heap peak")?);
    let taken = peak - report.value("heap before")?;
    ensure(taken <= declared, &format!("it took {taken} bytes, and had declared {declared}"))?;
    let too_small = declared / 4;
    ensure(taken > too_small, &format!("a declaration of {too_small} bytes would not be found out: {taken}"))
}

fn refused(report: &Report) -> Result {
    ensure(report.code == 0, &format!("the board ended with code {}", report.code))?;
    ensure(report.said("refused: relay: busy"), "the relay was not refused")?;
    ensure(report.said("the printer is "), "it has done nothing afterwards")?;
    let (declared, peak) = (report.value("heap declared")?, report.value("heap peak")?);
    ensure(peak <= declared, &format!("reading the status took {peak} bytes of {declared}"))
}

/// `printhost-testkit`'s greedy hosts, in a process of their own; it ends with its standard input.
struct Hosts {
    process: Child,
    questions: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    ports: Vec<(String, u16)>,
}

impl Hosts {
    fn start() -> Result<Self> {
        let example = ["--package=printhost-testkit", "--features=runner", "--example=greedy_hosts"];
        crate::steps::run(workspace::cargo(["build", "--quiet"]).args(example))?;
        let mut process = workspace::cargo(["run", "--quiet"])
            .args(example)
            .arg("--")
            .args(APPETITE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the greedy hosts: {error}"))?;
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().ok_or("the greedy hosts: no output")?).lines();
        let mut hosts = Self { process, questions, answers, ports: Vec::new() };
        while hosts.ports.last().is_none_or(|(greed, _)| greed != "WrongTypes") {
            let line = hosts.answer()?;
            let (greed, port) = line.split_once(' ').ok_or_else(|| format!("no port: {line:?}"))?;
            hosts.ports.push((greed.to_owned(), port.parse().map_err(|_| format!("no port: {line:?}"))?));
        }
        Ok(hosts)
    }

    /// How many requests of boards have changed something.
    fn changes(&mut self) -> Result<u32> {
        let questions = self.questions.as_mut().ok_or("the greedy hosts have ended")?;
        writeln!(questions).map_err(|error| format!("the greedy hosts: {error}"))?;
        self.answer()?.parse().map_err(|_| "the greedy hosts do not count".to_owned())
    }

    fn answer(&mut self) -> Result<String> {
        let line = self.answers.next().and_then(std::result::Result::ok);
        line.ok_or_else(|| "the greedy hosts have ended".into())
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ = self.process.wait();
    }
}

fn ensure(condition: bool, otherwise: &str) -> Result {
    if condition { Ok(()) } else { Err(otherwise.to_owned()) }
}
