//! What the emulated board declares of its memory, against hosts that make every answer as large as it takes; and what it
//! does when half of its heap is gone.

use crate::board::{self, HOST, Report};
use crate::octoprint::OctoPrint;
use crate::process::Dialogue;
use crate::server::Server as _;
use crate::steps::{Result, Steps, ensure};
use crate::tls_front::TlsFront;

/// What the board takes: the head of an answer, with what nginx adds, its JSON, a message.
const APPETITE: [&str; 3] = ["1900", "3072", "2048"];
const PATH: &str = "greedy/part.gcode";

/// The steps, with the firmware built and a real OctoPrint.
pub(crate) fn run(steps: &mut Steps, server: &OctoPrint) -> Result {
    let hosts = steps.run("greedy hosts start", Hosts::start)?;
    steps.run("the relay takes no more heap than it declares", || greedy(&hosts))?;
    let mut fresh = steps.run("further greedy hosts start", Hosts::start)?;
    let [first, second] = [0, 2].map(|at| fresh.ports[at].1);
    steps.run("nor by TLS 1.2 or 1.3, which the heap has room for", || {
        declared_is_enough(&encrypted_relay(first, false, &[])?)?;
        declared_is_enough(&encrypted_relay(second, true, &[])?).map(drop)
    })?;
    steps.run("with half of its heap the hub refuses the relay by TLS and lives", || {
        let changes = fresh.changes()?;
        refused(&encrypted_relay(first, false, &[("heap", "half")])?)?;
        refused(&encrypted_relay(second, true, &[("heap", "half")])?)?;
        ensure(fresh.changes()? == changes, "the printer's host was asked to change something")?;

        let front = TlsFront::start(server.port())?;
        let [_, (_, key), ..] = server.environment();
        let report = board::run(&[
            ("source", &format!("http://{HOST}:{first}/part.gcode")),
            ("printer", &format!("octoprint+https://{HOST}:{}", front.printer)),
            ("printer_pin", &front.pin("printer")?),
            ("key", &key),
            ("path", "halved/part.gcode"),
            ("heap", "half"),
        ])?;
        refused(&report)?;
        ensure(report.said("the printer is idle"), "it has not read the printer")?;
        ensure(server.get("/api/files/local/halved/part.gcode").is_none(), "there is a file")
    })
}

/// And would not be if it were a quarter: the check is able to find that out.
fn greedy(hosts: &Hosts) -> Result {
    let (mut most, mut too_small) = (0, 0);
    for (greed, port) in &hosts.ports {
        // A printer that cannot be read is waited for as long as it takes; tests on the host have that.
        if greed != "WrongTypes" {
            let report = relay_from(*port, &[])?;
            let taken = declared_is_enough(&report).map_err(|error| format!("{greed}: {error}"))?;
            (most, too_small) = (most.max(taken), report.value("heap declared")? / 4);
        }
    }
    ensure(most > too_small, &format!("a declaration of {too_small} bytes would not be found out: {most}"))
}

fn relay_from(port: u16, more: &[(&str, &str)]) -> Result<Report> {
    let source = format!("http://{HOST}:{port}/part.gcode");
    let plain = format!("octoprint://{HOST}:{port}");
    // Of two lines with the same name the first one counts.
    let mut config = more.to_vec();
    config.extend([("source", &*source), ("printer", &*plain), ("key", "a-key"), ("path", PATH)]);
    board::run(&config)
}

/// The same by way of nginx: TLS 1.2 or 1.3, the key pinned.
fn encrypted_relay(port: u16, is_new: bool, more: &[(&str, &str)]) -> Result<Report> {
    let front = TlsFront::start(port)?;
    let (tls, name) = if is_new { (front.signed, "signed") } else { (front.printer, "printer") };
    let pin = front.pin(name)?;
    let url = format!("octoprint+https://{HOST}:{tls}");
    let mut config = vec![("printer", &*url), ("printer_pin", &*pin)];
    config.extend_from_slice(more);
    relay_from(port, &config)
}

/// What it took.
fn declared_is_enough(report: &Report) -> Result<u64> {
    report.succeeded()?;
    ensure(!report.said("refused: "), "it was refused")?;
    let (declared, peak) = (report.value("heap declared")?, report.value("heap peak")?);
    let taken = peak - report.value("heap before")?;
    ensure(taken <= declared, &format!("it took {taken} bytes, and had declared {declared}"))?;
    Ok(taken)
}

fn refused(report: &Report) -> Result {
    report.succeeded()?;
    ensure(report.said("refused: relay: busy"), "the relay was not refused")?;
    ensure(report.said("the printer is "), "it has done nothing afterwards")?;
    let (declared, peak) = (report.value("heap declared")?, report.value("heap peak")?);
    ensure(peak <= declared, &format!("reading the status took {peak} bytes of {declared}"))
}

/// `printhost-testkit`'s greedy hosts, in a process of their own.
struct Hosts {
    process: Dialogue,
    ports: Vec<(String, u16)>,
}

impl Hosts {
    fn start() -> Result<Self> {
        let mut hosts =
            Self { process: Dialogue::with_example("greedy_hosts", APPETITE)?, ports: Vec::new() };
        while hosts.ports.last().is_none_or(|(greed, _)| greed != "WrongTypes") {
            let line = hosts.process.line()?;
            let (greed, port) = line.split_once(' ').ok_or_else(|| format!("no port: {line:?}"))?;
            hosts.ports.push((greed.to_owned(), port.parse().map_err(|_| format!("no port: {line:?}"))?));
        }
        Ok(hosts)
    }

    /// How many requests of boards have changed something.
    fn changes(&mut self) -> Result<u32> {
        self.process.ask("")?.parse().map_err(|_| "the greedy hosts do not count".to_owned())
    }
}
