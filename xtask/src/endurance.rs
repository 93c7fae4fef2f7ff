//! Many relays of the emulated board in one boot, with something going wrong in most of them.
//!
//! What the board says of a round is compared with what OctoPrint says, and has on its disk.

mod plan;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use self::plan::{Kind, ROUNDS_PER_DRIVER, Random, is_encrypted, plan, printer};
use crate::admission;
use crate::board::{self, HOST, Running};
use crate::expect::poll_for;
use crate::octoprint::{OctoPrint, STABLE};
use crate::part;
use crate::process::Dialogue;
use crate::server::Server as _;
use crate::steps::{Result, Steps, alone, ensure};
use crate::tls_front::TlsFront;

/// Rounds of a change's gate.
pub(crate) const FEW: u32 = 20;
/// Rounds of a full run.
pub(crate) const MANY: u32 = 200;

/// How long a round may take, whatever goes wrong.
const LONGEST: Duration = Duration::from_secs(90);
/// How fast the source is, in bytes a second: so that what happens at some moment can happen in an upload.
const RATE: usize = 400 << 10;
/// How long the rest of a round takes when nothing goes wrong.
const ROUND: Duration = Duration::from_millis(1200);
/// How long the network is gone.
const NETWORK_GONE: Duration = Duration::from_secs(30);
/// How long a print that nobody watches any more may go on.
const PRINT: Duration = Duration::from_secs(30);
/// The heap that a driver keeps from round to round: where its printer is, its last statuses, and sessions of TLS.
const KEPT: u64 = 2048;
/// The folder on OctoPrint.
const FOLDER: &str = "relay";

/// Builds the board and does the rounds.
pub(crate) fn endure(args: &[&str]) -> Option<bool> {
    let (mut rounds, mut seed) = (FEW, None);
    for pair in args.chunks(2) {
        match *pair {
            ["--rounds", number] => rounds = number.parse().ok().filter(|rounds| *rounds > 0)?,
            ["--seed", number] => seed = Some(number.parse().ok()?),
            _ => return None,
        }
    }
    Some(alone(|steps| run(steps, rounds, seed.unwrap_or_else(by_the_clock))))
}

/// The rounds, and boards with a defect that they must find out.
pub(crate) fn run(steps: &mut Steps, rounds: u32, seed: u64) -> Result {
    steps.command("firmware for QEMU", &mut board::build())?;
    let server = OctoPrint::step(steps, &STABLE)?;
    admission::run(steps, &server)?;
    let front = steps.run("nginx starts in front of OctoPrint", || TlsFront::start(server.port()))?;
    let result = steps.run(format!("{rounds} rounds of the hub"), || {
        Endurance::start(&server, &front, seed, rounds, None)?.run()?;
        spoken_with(&front)
    });
    server.explained(result).map_err(|error| format!("{error}\nwith --seed {seed}"))?;
    for (defect, found_by) in [("leaks", "the heap has"), ("prints-twice", "times")] {
        steps.run(format!("a board that {} is found out", defect.replace('-', " ")), || {
            match Endurance::start(&server, &front, seed, ROUNDS_PER_DRIVER, Some(defect))?.run_clean() {
                Err(error) if error.contains(found_by) => {
                    println!("  found out: {error}");
                    Ok(())
                }
                other => Err(format!("it was not found out: {other:?}")),
            }
        })?;
    }
    Ok(())
}

/// What nginx knows of the rounds over TLS.
fn spoken_with(front: &TlsFront) -> Result {
    let connections = front.connections(front.printer)?;
    let resumed = connections.iter().filter(|connection| connection.resumed).count();
    println!("  nginx: {} connections over TLS, {resumed} of them resumed", connections.len());
    ensure(connections.iter().all(|connection| connection.protocol == "TLSv1.2"), "not TLS 1.2")?;
    ensure((1..connections.len()).contains(&resumed), "no full handshake, or no resumed one")
}

pub(crate) fn by_the_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_millis() as u64)
}

/// The board, and everything around it.
struct Endurance<'a> {
    server: &'a OctoPrint,
    uploads: PathBuf,
    proxies: Proxies,
    board: Running,
    rounds: u32,
    seed: u64,
    random: Random,
    heap_before: Option<u64>,
    /// By kind, whether over TLS, and outcome.
    counts: BTreeMap<(Kind, bool), BTreeMap<String, u32>>,
    files: Vec<(String, u64)>,
}

impl<'a> Endurance<'a> {
    fn start(
        server: &'a OctoPrint,
        front: &TlsFront,
        seed: u64,
        rounds: u32,
        defect: Option<&str>,
    ) -> Result<Self> {
        println!("  seed {seed}");
        let [(_, url), (_, key), (_, basedir), ..] = server.environment();
        let files = part::serve_each(RATE, move |path| {
            let round = path.strip_prefix("/files/")?.strip_suffix(".gcode")?.parse().ok()?;
            Some(Arc::new(file_of(seed, round)))
        })?;
        let address = url.trim_start_matches("octoprint://");
        let local = |port| format!("127.0.0.1:{port}");
        let proxies = Proxies::start(&[&local(files), address, &local(front.printer)])?;
        let [source, plain, encrypted] = proxies.ports[..] else {
            return Err("not as many proxies as were asked for".into());
        };
        // A folder of its own, so that no round finds what another run has stored.
        let folder = format!("{FOLDER}{source}");
        let board = Running::start(&[
            ("source", &format!("http://{HOST}:{source}/files")),
            ("printer", &format!("octoprint+https://{HOST}:{encrypted}")),
            ("printer_pin", &front.pin("printer")?),
            ("plain", &format!("octoprint://{HOST}:{plain}")),
            ("key", &key),
            ("path", &folder),
            ("rounds", &rounds.to_string()),
            ("defect", defect.unwrap_or_default()),
        ])?;
        Ok(Self {
            server,
            uploads: PathBuf::from(basedir).join("uploads").join(folder),
            proxies,
            board,
            rounds,
            seed,
            random: Random(seed),
            heap_before: None,
            counts: BTreeMap::new(),
            files: Vec::new(),
        })
    }

    fn run(mut self) -> Result {
        let started = Instant::now();
        let plan = plan(&mut self.random, self.rounds);
        for (round, kind) in (1..).zip(&plan) {
            self.round(round, *kind)?;
        }
        self.look_again()?;
        let took = started.elapsed().as_secs_f64();
        let report = self.board.finish()?;
        report.succeeded()?;
        println!("\n  {} rounds in {took:.0} s, seed {}", self.rounds, self.seed);
        for ((kind, encrypted), outcomes) in &self.counts {
            let outcomes: Vec<String> = outcomes.iter().map(|(what, n)| format!("{n} {what}")).collect();
            println!("  {:17} {:5} {}", format!("{kind:?}"), way(*encrypted), outcomes.join(", "));
        }
        Ok(())
    }

    fn run_clean(mut self) -> Result {
        (1..=self.rounds).try_for_each(|round| self.round(round, Kind::Nothing))?;
        self.look_again()
    }

    fn round(&mut self, round: u32, kind: Kind) -> Result {
        let file = file_of(self.seed, round);
        self.fields("ready")?;
        let fault = kind.fault(&mut self.random, round, file.len() as u64);
        if let Some((proxy, nth, fault)) = &fault {
            self.proxies.order(*proxy, *nth, fault)?;
        }
        let started = Instant::now();
        self.board.console.send("go")?;
        let usual = ROUND.as_millis() as u64 + file.len() as u64 * 1000 / RATE as u64;
        let delay = Duration::from_millis(self.random.below(usual));
        let gone = Duration::from_millis(500 + self.random.below(4500));
        let network = match kind {
            Kind::NetworkIsGone => {
                let link = self.board.link();
                Some(std::thread::spawn(move || {
                    std::thread::sleep(delay);
                    link(false)?;
                    std::thread::sleep(NETWORK_GONE);
                    link(true)
                }))
            }
            Kind::PrinterIsGone => {
                std::thread::sleep(delay);
                self.proxies.order(printer(round), None, &json!("Gone"))?;
                std::thread::sleep(gone);
                None
            }
            _ => None,
        };
        if kind == Kind::PrinterIsGone {
            self.proxies.order(printer(round), None, &json!("None"))?;
        }
        let said = (self.fields("ended")?, self.fields("round")?);
        let took = started.elapsed();
        let happened = match fault {
            Some((proxy, ..)) => self.proxies.order(proxy, None, &json!("None"))?,
            None => kind != Kind::Nothing,
        };
        if let Some(network) = network {
            network.join().map_err(|_| "the thread that takes the network away has panicked")??;
        }
        let said = Said::parse(&said.0, &said.1).ok_or_else(|| format!("the board said {said:?}"))?;
        let to_it = if happened { "" } else { " (did not come to it)" };
        println!("  {round:4} {} {kind:?}{to_it}: {said}", way(is_encrypted(round)));
        self.judge(round, &file, happened, &said)
            .map_err(|error| format!("round {round}, {kind:?}, {:?}: {error}", said.outcome))?;
        ensure(took < LONGEST, &format!("round {round} took {} s", took.as_secs()))?;
        *self.counts.entry((kind, is_encrypted(round))).or_default().entry(said.outcome).or_default() += 1;
        Ok(())
    }

    /// Compares what the board says with what is true.
    fn judge(&mut self, round: u32, file: &[u8], happened: bool, said: &Said) -> Result {
        ensure(happened || said.outcome == "finished", "nothing was wrong, and it failed")?;
        self.wait_until("nothing is printed any more", PRINT, |server| {
            server.get("/api/job").is_some_and(|job| job["state"] == "Operational")
        })?;
        let name = format!("{round:04}.gcode");
        let stored = match std::fs::read(self.uploads.join(&name)) {
            Ok(stored) => Some(stored),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(format!("{name}: {error}")),
        };
        match &stored {
            Some(stored) => ensure(
                stored == file,
                &format!("{} bytes are stored of {}, or others", stored.len(), file.len()),
            )?,
            None => ensure(said.outcome != "finished", "the file is not there")?,
        }
        let finished = said.outcome == "finished";
        let prints = |server: &OctoPrint| self.prints(server, &name);
        if finished {
            self.wait_until("the print is counted", Duration::from_secs(10), |s| prints(s) > 0)?;
        }
        let prints = prints(self.server);
        ensure(prints <= 1, &format!("it was printed {prints} times"))?;
        ensure(!finished || prints == 1, "it was not printed")?;
        ensure(
            said.retry != "safe" || stored.is_none(),
            "it says that it can be done again, and the file is there",
        )?;
        if stored.is_some() {
            self.files.push((name, prints));
        }
        let before = self.heap_before.ok_or("the board did not print its heap")?;
        let kept = if said.driver == "gone" { 0 } else { KEPT };
        ensure(
            (before..=before + kept).contains(&said.heap),
            &format!("the heap has {} bytes in use, and had {before}; {kept} may stay", said.heap),
        )?;
        ensure(are_all_free(&said.sockets), &said.sockets)
    }

    /// Nothing has changed since the rounds were over.
    fn look_again(&self) -> Result {
        for (name, prints) in &self.files {
            let now = self.prints(self.server, name);
            ensure(now == *prints, &format!("{name} was printed {prints} times, and later {now} times"))?;
        }
        let stored = std::fs::read_dir(&self.uploads).map_err(|error| error.to_string())?;
        let stored = stored.flatten().filter(|e| e.file_name().to_string_lossy().contains("gcode")).count();
        ensure(stored == self.files.len(), &format!("{stored} files instead of {}", self.files.len()))
    }

    /// How often OctoPrint has begun to print a file of this run.
    fn prints(&self, server: &OctoPrint, name: &str) -> u64 {
        let folder = self.uploads.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let file = server.get(&format!("/api/files/local/{folder}/{name}")).unwrap_or_default();
        let count = |what: &str| file["prints"][what].as_u64().unwrap_or(0);
        count("success") + count("failure")
    }

    fn wait_until(&self, what: &str, most: Duration, holds: impl Fn(&OctoPrint) -> bool) -> Result {
        poll_for(most, || Ok(ensure(holds(self.server), &format!("it is not so that {what}"))))
    }

    /// The fields of the next line of this name, behind the round's number.
    fn fields(&mut self, name: &str) -> Result<Vec<String>> {
        loop {
            let line = self.board.console.line_within(LONGEST)?;
            let mut fields = line.trim_end().split('\t');
            if fields.next() == Some(name) {
                return Ok(fields.skip(1).map(str::to_owned).collect());
            }
            if let Some(bytes) = line.strip_prefix("heap before: ") {
                self.heap_before = bytes.trim().parse().ok();
            } else if !line.contains('\t') {
                println!("  {line}");
            }
        }
    }
}

/// What the board says of a round.
#[derive(Debug)]
struct Said {
    /// `finished`, or what went wrong.
    outcome: String,
    retry: String,
    error: String,
    millis: u64,
    heap: u64,
    driver: String,
    sockets: String,
}

impl Said {
    fn parse(ended: &[String], round: &[String]) -> Option<Self> {
        let [outcome, retry, error, millis] = ended else { return None };
        let [heap, driver, sockets] = round else { return None };
        Some(Self {
            outcome: outcome.clone(),
            retry: retry.clone(),
            error: error.clone(),
            millis: millis.parse().ok()?,
            heap: heap.parse().ok()?,
            driver: driver.clone(),
            sockets: sockets.clone(),
        })
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.millis as f64 / 1000.0;
        write!(f, "{} after {seconds:.1} s, heap {}, driver {}", self.outcome, self.heap, self.driver)?;
        if self.error == "-" { Ok(()) } else { write!(f, " ({}; {})", self.retry, self.error) }
    }
}

/// A print of about a second and 64 to 512 KiB, another in every round.
fn file_of(seed: u64, round: u32) -> Vec<u8> {
    let mut random = Random(seed ^ u64::from(round) << 32);
    let size = (64 << 10) + random.below(448 << 10);
    let mut file = format!("; {} of {seed}\n", round).into_bytes();
    let rest = part::gcode_of_moves(5, size as usize - file.len());
    file.extend(rest);
    file
}

/// `printhost-testkit`'s proxies with faults, in a process of their own.
struct Proxies {
    process: Dialogue,
    ports: Vec<u16>,
}

impl Proxies {
    fn start(hosts: &[&str]) -> Result<Self> {
        let process = Dialogue::with_example("fault_proxies", hosts)?;
        let port = |_| process.line()?.parse().map_err(|_| "the proxies have no ports".to_owned());
        Ok(Self { ports: hosts.iter().map(port).collect::<Result<_>>()?, process })
    }

    /// Orders a fault; tells whether the one before has happened.
    fn order(&mut self, proxy: usize, nth: Option<u64>, fault: &serde_json::Value) -> Result<bool> {
        Ok(self.process.ask(&json!([proxy, nth, fault]).to_string())? == "true")
    }
}

/// How the board and the printer's host speak.
const fn way(encrypted: bool) -> &'static str {
    if encrypted { "TLS" } else { "plain" }
}

/// Of `Sockets(4 of 4 free)`, whether none is in use.
fn are_all_free(sockets: &str) -> bool {
    let counted = sockets.strip_prefix("Sockets(").and_then(|rest| rest.strip_suffix(" free)"));
    counted.and_then(|counted| counted.split_once(" of ")).is_some_and(|(free, all)| free == all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_gives_the_same_run_again() {
        let run = |seed| (plan(&mut Random(seed), FEW), file_of(seed, 3));
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
