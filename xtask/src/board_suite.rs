//! The conformance suite on the emulated board: a firmware with one driver, and the oracle on this machine.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::board::{self, HOST};
use crate::ledger;
use crate::moonraker::{self, Access, Moonraker};
use crate::moonraker_smoke;
use crate::octoprint::{OctoPrint, STABLE};
use crate::prusalink::{self, PrusaLink};
use crate::qemu::within_budget;
use crate::server::Server as _;
use crate::simulated;
use crate::steps::{Result, Steps, ensure};
use crate::workspace;

/// How long a whole run may take, in seconds.
const LONGEST: u32 = 30 * 60;

/// A driver, and what it is judged on.
struct Judged<'a> {
    /// The driver's feature, and the scheme of its printers.
    driver: &'a str,
    /// Where in the ledger.
    column: String,
    /// Of the host.
    address: &'a str,
    key: &'a str,
    /// What else its oracle is told.
    told: Option<&'a str>,
    /// How long a case may take, in seconds.
    patience: &'a str,
}

/// The suite of one driver; nothing if there is no such driver.
pub(crate) fn suite(driver: &str) -> Option<bool> {
    let run = match driver {
        "octoprint" => octoprint,
        "prusalink" => prusalink,
        "moonraker" => moonraker,
        _ => return None,
    };
    let mut steps = Steps::new();
    let result = run(&mut steps);
    Some(steps.summary(&result))
}

/// What takes too long for every change.
pub(crate) fn further(steps: &mut Steps) -> Result {
    prusalink(steps)?;
    moonraker(steps)
}

/// On a real OctoPrint.
pub(crate) fn octoprint(steps: &mut Steps) -> Result {
    build(steps, "octoprint")?;
    // A fresh one: what it pushes grows with every print, and must fit the board.
    let server = steps.run(format!("OctoPrint {} starts", STABLE.version), || OctoPrint::start(&STABLE))?;
    let [(_, url), (_, key), ..] = server.environment();
    let judged = Judged {
        driver: "octoprint",
        column: format!("octoprint-{}-qemu", server.version()),
        address: url.trim_start_matches("octoprint://"),
        key: &key,
        told: None,
        patience: "60",
    };
    judge(steps, &judged).map_err(|error| format!("{error}\nof OctoPrint {}", server.log_hint()))
}

/// On a real PrusaLink.
pub(crate) fn prusalink(steps: &mut Steps) -> Result {
    build(steps, "prusalink")?;
    steps.command("the simulated MK3S", &mut simulated::build())?;
    let server = steps.run(format!("PrusaLink {} starts", prusalink::VERSION), PrusaLink::start)?;
    let [(_, url), (_, key), _, (_, supervisor)] = server.environment();
    let judged = Judged {
        driver: "prusalink",
        column: format!("prusalink-{}-qemu", prusalink::VERSION),
        address: url.trim_start_matches("prusalink://"),
        key: &key,
        told: Some(&supervisor),
        patience: "150",
    };
    judge(steps, &judged).map_err(|error| format!("{error}\n{}", server.log_hint()))
}

/// On a real Moonraker, if there can be a Klipper.
pub(crate) fn moonraker(steps: &mut Steps) -> Result {
    if !moonraker_smoke::can_run(steps)? {
        return Ok(());
    }
    build(steps, "moonraker")?;
    steps.command("the simulated micro-controller", &mut simulated::build())?;
    let name = format!("Moonraker {} starts", moonraker::VERSION);
    let server = steps.run(name, || Moonraker::start(Access::Locked))?;
    let [(_, url), (_, key), (_, data), _] = server.environment();
    let judged = Judged {
        driver: "moonraker",
        column: format!("moonraker-{}-qemu", moonraker::VERSION),
        address: url.trim_start_matches("moonraker://"),
        key: &key,
        told: Some(&data),
        patience: "120",
    };
    judge(steps, &judged).map_err(|error| format!("{error}\n{}", server.log_hint()))
}

fn build(steps: &mut Steps, driver: &str) -> Result {
    let name = format!("firmware for QEMU with the conformance suite for {driver}");
    steps.command(name, &mut board::build_suite(driver))
}

/// Judges the driver on the board by every case.
fn judge(steps: &mut Steps, judged: &Judged<'_>) -> Result {
    steps.run(format!("conformance from QEMU: {}", judged.column), || {
        let oracle = Oracle::start(judged)?;
        let filter = std::env::var("PRINTHOST_CASES").unwrap_or_default();
        let report = board::run_within(
            LONGEST,
            &[
                ("printer", &format!("{}://{HOST}:{}", judged.driver, oracle.proxy)),
                ("oracle", &format!("http://{HOST}:{}", oracle.port)),
                ("key", judged.key),
                ("patience", judged.patience),
                ("cases", &filter),
            ],
        )?;
        let cases: String = report.cases.iter().map(|line| format!("{}\n", line.trim_end())).collect();
        ledger::keep(&judged.column, &cases)?;
        ensure(report.code == 0, &format!("the board ended with code {}", report.code))?;
        within_budget(&report, "heap", "stack-suite")
    })
}

/// The proxy and the oracle between the board and the host; it ends with its standard input.
struct Oracle {
    process: Child,
    proxy: u16,
    port: u16,
}

impl Oracle {
    fn start(judged: &Judged<'_>) -> Result<Self> {
        let example = ["--package=printhost-testkit", "--features=runner", "--example=oracle"];
        crate::steps::run(workspace::cargo(["build", "--quiet"]).args(example))?;
        let mut process = workspace::cargo(["run", "--quiet"])
            .args(example)
            .args(["--", judged.driver, judged.address, judged.key])
            .args(judged.told)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the oracle: {error}"))?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("the oracle: no output")?).lines();
        let mut port = |name: &str| -> Result<u16> {
            let line = lines.next().and_then(std::result::Result::ok).unwrap_or_default();
            let port = line.strip_prefix(name).and_then(|rest| rest.trim().parse().ok());
            port.ok_or_else(|| format!("the oracle printed {line:?} instead of its {name} port"))
        };
        let (proxy, port) = (port("proxy")?, port("oracle")?);
        Ok(Self { process, proxy, port })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // Its end of input is its end.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
