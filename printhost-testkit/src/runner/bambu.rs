use std::{
    io,
    string::String,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
    vec,
    vec::Vec,
};

use printhost_core::{Error, ErrorKind, Result};
use printhost_sim::{BambuConfig, BambuFault, BambuModel, BambuSim};
use tokio::time::{sleep, timeout};

use super::{FaultProxy, oracle_service::AskAnywhere};
use crate::{
    Activity, Answer, Content, Deed, Fault, Oracle, Project, Question, Seen, Stored, cases::size_of,
};

/// How long the printer may take for what it was told.
const SOON: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// What is on its way on this machine has arrived by then.
const QUIET: Duration = Duration::from_millis(20);
/// What `stg_cur` is while the moves of a print itself go on.
const PRINTING: i64 = 0;
/// What the name of a file ends with that is not complete. Printers neither show nor print such.
const PARTIAL: &str = ".part";

/// Knows the truth about a simulated Bambu Lab printer, by looking into it.
///
/// The connections that a driver makes to its two ports go through two proxies, where the network fails: hosts that are
/// gone or silent. What they carry is encrypted, and the connection of a transfer has a port of its own; so what happens
/// to files and answers happens in the printer itself.
#[derive(Debug)]
pub struct BambuOracle {
    sim: BambuSim,
    mqtt: FaultProxy,
    ftps: FaultProxy,
    before: Counts,
}

/// What had been counted when the printer was brought to rest.
#[derive(Debug, Default)]
struct Counts {
    prints: AtomicU64,
    changes: AtomicU64,
}

impl BambuOracle {
    /// A printer for the suite. It prints in real time, since cases tell a print that goes on from one that has ended; what
    /// comes before and after a print goes quickly.
    pub fn printer(model: BambuModel) -> BambuConfig {
        BambuConfig::new(model).preparation_scale(20.0).report_every(Duration::from_millis(200))
    }

    /// Puts proxies in front of both ports of the printer.
    ///
    /// # Errors
    ///
    /// A proxy has no port to listen on.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O enabled.
    pub async fn start(sim: BambuSim) -> io::Result<Self> {
        let mqtt = FaultProxy::start(std::format!("{}", sim.mqtt_addr())).await?;
        let ftps = FaultProxy::start(std::format!("{}", sim.ftps_addr())).await?;
        Ok(Self { sim, mqtt, ftps, before: Counts::default() })
    }

    /// The printer.
    pub const fn sim(&self) -> &BambuSim {
        &self.sim
    }

    /// The ports of the proxies: for messages, and for files.
    pub const fn ports(&self) -> (u16, u16) {
        (self.mqtt.address().port(), self.ftps.address().port())
    }

    fn reset(&self) {
        self.fail(Fault::None);
        self.sim.reset();
        self.before.prints.store(self.sim.prints_accepted(), Relaxed);
        self.before.changes.store(self.sim.changes(), Relaxed);
        self.mqtt.forget();
        self.ftps.forget();
    }

    /// What is wrong from now on, and nothing else.
    fn fail(&self, fault: Fault) {
        self.sim.clear_faults();
        let to_files = match fault {
            Fault::ResetAt(bytes) => Some(BambuFault::ResetAfterReceiving(bytes)),
            // At once it is the whole printer that is silent.
            Fault::StallAt(bytes) if bytes > 0 => Some(BambuFault::StallAfterReceiving(bytes)),
            Fault::FlipAt(byte) => Some(BambuFault::FlipBit { byte }),
            Fault::LoseAnswer => Some(BambuFault::ResetAfterStoring),
            Fault::ResetAnswerAt(bytes) => Some(BambuFault::ResetAfterSending(bytes)),
            _ => None,
        };
        to_files.map(|fault| self.sim.inject(fault));
        if fault == Fault::LoseAnswer {
            self.sim.lose_next_answer();
        }
        let to_all = if to_files.is_some() { Fault::None } else { fault };
        self.mqtt.set(to_all);
        self.ftps.set(to_all);
    }

    fn activity(&self) -> Activity {
        match self.sim.state_text() {
            "RUNNING" if self.sim.stage() == PRINTING => Activity::Printing,
            "PAUSE" => Activity::Paused,
            // It prepares, or cleans up.
            "PREPARE" | "RUNNING" => Activity::Changing,
            // How a print ended is the driver's to tell.
            _ => Activity::Idle,
        }
    }

    fn seen(&self) -> Seen {
        let (file, plate) = self.sim.latest_print();
        let number = |path: &str| path.strip_prefix("Metadata/plate_")?.strip_suffix(".gcode")?.parse().ok();
        let targets = self.sim.targets();
        let target = |celsius: Option<&f64>| celsius.map(|celsius| *celsius as f32);
        Seen {
            activity: self.activity(),
            file: Some(file).filter(|file| !file.is_empty()),
            plate: number(&plate),
            prints: (self.sim.prints_accepted() - self.before.prints.load(Relaxed)) as u32,
            tool_target: target(targets.first()),
            bed_target: target(targets.last()),
        }
    }

    /// Once nothing is on its way any more: of a connection that was given up, the last may still be.
    async fn traffic(&self) -> u64 {
        let now = || self.mqtt.traffic() + self.ftps.traffic();
        let mut before = now();
        loop {
            sleep(QUIET).await;
            match now() {
                same if same == before => return same,
                more => before = more,
            }
        }
    }

    /// Those that the printer shows and prints.
    fn files(&self) -> Vec<String> {
        self.sim.files().into_iter().map(|file| file.path).filter(|path| !path.ends_with(PARTIAL)).collect()
    }

    fn stored(&self, path: &str) -> Option<Stored> {
        let file = self.sim.files().into_iter().find(|file| file.path == path)?;
        Some(Stored { len: file.size, sha1: sha1(&file.sha1_hex) })
    }

    async fn act(&self, deed: &Deed) -> Result<()> {
        let done = match deed {
            Deed::Store { path, len, seconds } => {
                let (mut content, mut bytes) = (Content::new(*len, *seconds), vec![0; *len as usize]);
                content.fill(&mut bytes);
                self.sim.put_file(path, &bytes);
                true
            }
            Deed::StoreProject { path, plates, seconds } => {
                let mut project = Project::new(plates, size_of(*seconds), *seconds);
                let mut bytes = vec![0; project.len() as usize];
                project.fill(&mut bytes);
                self.sim.put_file(path, &bytes);
                true
            }
            Deed::Start(path) => self.sim.start_print(path) && self.shows_a_print().await,
            Deed::Pause => self.sim.pause(),
            Deed::Resume => self.sim.resume(),
            Deed::Cancel => self.sim.stop_print(),
            Deed::Disconnect => return Err(Error::unsupported("oracle")),
        };
        let refused = || Error::new(ErrorKind::Conflict, "oracle").with_detail(format_args!("{deed:?}"));
        if done { Ok(()) } else { Err(refused()) }
    }

    /// Who starts a print stays until the printer shows it: for a moment it does not.
    async fn shows_a_print(&self) -> bool {
        let shows = async {
            while !matches!(self.sim.state_text(), "PREPARE" | "RUNNING" | "PAUSE") {
                sleep(LOOK).await;
            }
        };
        timeout(SOON, shows).await.is_ok()
    }

    async fn answer(&self, question: &Question) -> Result<Answer> {
        match question {
            Question::Reset => self.reset(),
            Question::Printer => return Ok(Answer::Printer(self.seen())),
            Question::Files => return Ok(Answer::Files(self.files())),
            Question::Stored(path) => return Ok(Answer::Stored(self.stored(path))),
            Question::Do(deed) => self.act(deed).await?,
            Question::Break(fault) => self.fail(*fault),
            Question::Traffic => return Ok(Answer::Traffic(self.traffic().await)),
            Question::Changes => {
                return Ok(Answer::Changes(self.sim.changes() - self.before.changes.load(Relaxed)));
            }
        }
        Ok(Answer::Done)
    }
}

impl Oracle for BambuOracle {
    async fn ask(&self, question: &Question) -> Result<Answer> {
        self.answer(question).await
    }
}

impl AskAnywhere for BambuOracle {
    async fn ask_anywhere(&self, question: Question) -> Result<Answer> {
        self.answer(&question).await
    }
}

/// From hexadecimal.
fn sha1(hex: &str) -> Option<[u8; 20]> {
    let mut sha1 = [0; 20];
    for (n, byte) in sha1.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(sha1)
}
