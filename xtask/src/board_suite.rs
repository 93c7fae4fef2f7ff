//! The conformance suite on the emulated board: a firmware with one driver, and the oracle on this machine.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::board::{self, HOST};
use crate::board_bambu::base64_of_hex;
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
    host: Host<'a>,
    /// How long a case may take, in seconds.
    patience: &'a str,
    /// Its budget of the heap.
    heap: &'a str,
}

/// What the oracle asks.
enum Host<'a> {
    /// A host with this address and key, and what else the oracle is told of it.
    Running(&'a str, &'a str, Option<&'a str>),
    /// A printer of this model, which the oracle simulates itself.
    Simulated(&'a str),
}

/// The suite of one driver; nothing if there is no such driver.
pub(crate) fn suite(driver: &str) -> Option<bool> {
    let run = match driver {
        "octoprint" => octoprint,
        "prusalink" => prusalink,
        "moonraker" => moonraker,
        "bambu" => bambu,
        _ => return None,
    };
    let mut steps = Steps::new();
    let result = run(&mut steps);
    Some(steps.summary(&result))
}

/// What takes too long for every change.
pub(crate) fn further(steps: &mut Steps) -> Result {
    prusalink(steps)?;
    moonraker(steps)?;
    bambu(steps)
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
        host: Host::Running(url.trim_start_matches("octoprint://"), &key, None),
        patience: "60",
        heap: "heap",
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
        host: Host::Running(url.trim_start_matches("prusalink://"), &key, Some(&supervisor)),
        patience: "150",
        heap: "heap",
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
        host: Host::Running(url.trim_start_matches("moonraker://"), &key, Some(&data)),
        patience: "120",
        heap: "heap",
    };
    judge(steps, &judged).map_err(|error| format!("{error}\n{}", server.log_hint()))
}

/// On a simulated Bambu Lab printer, by TLS with its key pinned.
pub(crate) fn bambu(steps: &mut Steps) -> Result {
    build(steps, "bambu")?;
    let judged = Judged {
        driver: "bambu",
        column: "bambu-sim-p1s-qemu".to_owned(),
        host: Host::Simulated("p1s"),
        patience: "90",
        heap: "heap-bambu-suite",
    };
    judge(steps, &judged)
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
        let at = format!("http://{HOST}:{}", oracle.port);
        let mut config = vec![("oracle", &*at), ("patience", judged.patience), ("cases", &filter)];
        config.extend(oracle.printer.iter().map(|(name, value)| (*name, value.as_str())));
        let report = board::run_within(LONGEST, &config)?;
        let cases: String = report.cases.iter().map(|line| format!("{}\n", line.trim_end())).collect();
        ledger::keep(&judged.column, &cases)?;
        ensure(report.code == 0, &format!("the board ended with code {}", report.code))?;
        within_budget(&report, judged.heap, "stack-suite")
    })
}

/// The proxy and the oracle between the board and the host; it ends with its standard input.
struct Oracle {
    process: Child,
    port: u16,
    /// What the board is told of the host behind the proxy.
    printer: Vec<(&'static str, String)>,
}

impl Oracle {
    fn start(judged: &Judged<'_>) -> Result<Self> {
        let (features, args) = match judged.host {
            Host::Running(address, key, told) => {
                ("--features=runner", [Some(address), Some(key), told].into_iter().flatten().collect())
            }
            Host::Simulated(model) => ("--features=bambu", vec![model]),
        };
        let example = ["--package=printhost-testkit", features, "--example=oracle"];
        crate::steps::run(workspace::cargo(["build", "--quiet"]).args(example))?;
        let mut process = workspace::cargo(["run", "--quiet"])
            .args(example)
            .args(["--", judged.driver])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the oracle: {error}"))?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("the oracle: no output")?).lines();
        let mut told = |name: &str| -> Result<String> {
            let line = lines.next().and_then(std::result::Result::ok).unwrap_or_default();
            let word = line.strip_prefix(name).map(|rest| rest.trim().to_owned());
            word.ok_or_else(|| format!("the oracle printed {line:?} instead of its {name}"))
        };
        let (proxy, port) = (told("proxy")?, told("oracle")?);
        let port = port.parse().map_err(|_| format!("the oracle has no port {port:?}"))?;
        let url = format!("{}://{HOST}:{proxy}", judged.driver);
        let printer = match judged.host {
            Host::Running(_, key, _) => vec![("printer", url), ("key", key.to_owned())],
            Host::Simulated(_) => {
                let (files, serial) = (told("files")?, told("serial")?);
                let (code, key) = (told("code")?, told("key")?);
                vec![
                    ("printer", format!("{url}?serial={serial}&ftps={files}")),
                    ("key", code),
                    ("printer_pin", base64_of_hex(&key)?),
                ]
            }
        };
        Ok(Self { process, port, printer })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // Its end of input is its end.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
