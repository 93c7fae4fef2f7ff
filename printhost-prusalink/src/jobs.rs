//! What the printer does: reading it, starting a print, and steering the one there is.

use alloc::format;
use core::time::Duration;

use printhost_core::{Clock, Command, Error, ErrorKind, Outcome, Phase, PrinterStatus, Result, Retry};
use printhost_net::{Method, Net};

use crate::{
    PrusaLink,
    api::call,
    host::{Family, Home},
    map::{self, JobFile},
    names, wire,
};

/// PrusaLink answers a command before its printer shows the effect; on a Pi (0.8.1) that takes a second at most.
const TO_SHOW: Duration = Duration::from_secs(5);
/// Between two looks at what is to show.
const BETWEEN: Duration = Duration::from_millis(200);
/// How long a start may take to be answered: right after a stop 0.8.1 may never answer.
const START: Duration = Duration::from_secs(10);
/// How often a job is looked at that changes while it is read.
const LOOKS: u8 = 3;

/// What was read of the printer at once.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub status: PrinterStatus,
    /// The job's number, which no other print has.
    pub job: Option<KnownJob>,
    /// A file is on its way to the host.
    pub is_transferring: bool,
}

/// A job and its file, which does not change as long as its number does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownJob {
    pub id: u64,
    pub file: JobFile,
}

impl Look {
    fn is_of(&self, id: u64) -> bool {
        self.job.as_ref().is_some_and(|job| job.id == id)
    }

    /// Whether its job is the print of this file. The firmware tells the folders of a job in short names.
    pub(crate) fn prints(&self, family: Family, path: &str) -> bool {
        let name = |path: &str| path.rsplit_once('/').map_or(0, |(folder, _)| folder.len() + 1);
        self.job.as_ref().and_then(|job| job.file.path.as_deref()).is_some_and(|told| match family {
            Family::Pi => told == path,
            Family::Firmware => told[name(told)..] == path[name(path)..],
        })
    }
}

impl<N: Net> PrusaLink<N> {
    /// Reads the printer. The job's file is asked for only if the job is not the one that is known.
    pub(crate) async fn read(
        &self,
        operation: &'static str,
        home: &Home,
        known: Option<&KnownJob>,
    ) -> Result<Look> {
        let mut looks = 1;
        loop {
            let told: wire::Status = self.get(operation, home, "/api/v1/status").await?;
            let job = match told.job.as_ref().and_then(|job| job.id) {
                None => None,
                Some(id) => match known.filter(|known| known.id == id) {
                    Some(known) => Some(known.clone()),
                    None => match self.get_if_any::<wire::Job>(operation, home, "/api/v1/job").await? {
                        Some(job) if job.id == Some(id) => {
                            Some(KnownJob { id, file: map::job_file(&home.storage, job.file) })
                        }
                        // It has ended in between.
                        _ if looks < LOOKS => {
                            looks += 1;
                            continue;
                        }
                        _ => Some(KnownJob { id, file: JobFile::default() }),
                    },
                },
            };
            let is_transferring = told.transfer.is_some();
            let status = map::status(told, job.as_ref().map(|job| job.file.clone()));
            return Ok(Look { status, job, is_transferring });
        }
    }

    pub(crate) async fn start_file(&self, path: &str) -> Result<Outcome> {
        let operation = "start";
        let path = names::parse(operation, path)?.as_str();
        let home = self.home(operation).await?;
        let before = self.read(operation, &home, None).await?;
        if before.status.phase.has_job() {
            return Err(Error::new(ErrorKind::Conflict, operation).with_detail("there is a job already"));
        }
        let route = names::route(&home, path);
        let mut start = call(operation, Method::Post, &route);
        start.answer = Some(START.min(self.net.parts().limits().answer));
        let sent = self.send(&home, start).await;
        // A short print may be over by the time it is looked for; without an answer that proves nothing.
        let can_be_over = sent.is_ok() && before.status.phase != Phase::Finished;
        self.confirm(operation, &home, sent, |look| {
            let over = can_be_over && look.status.phase == Phase::Finished;
            over || look.status.phase.has_job() && look.prints(home.family, path)
        })
        .await
    }

    pub(crate) async fn order(&self, command: Command<'_>) -> Result<Outcome> {
        command.check()?;
        match command {
            Command::Pause => self.steer(command, Method::Put, "/pause").await,
            Command::Resume => self.steer(command, Method::Put, "/resume").await,
            Command::Cancel => self.steer(command, Method::Delete, "").await,
            _ => Err(Error::unsupported(command.name())),
        }
    }

    /// The job is named by its number, so a command is never for the next one.
    async fn steer(&self, command: Command<'_>, method: Method, action: &str) -> Result<Outcome> {
        let operation = command.name();
        let home = self.home(operation).await?;
        let job: Option<wire::Job> = self.get_if_any(operation, &home, "/api/v1/job").await?;
        let Some(id) = job.and_then(|job| job.id) else {
            return Err(Error::new(ErrorKind::Conflict, operation).with_detail("there is no job"));
        };
        let route = format!("/api/v1/job/{id}{action}");
        let sent = self.send(&home, call(operation, method, &route)).await;
        self.confirm(operation, &home, sent, |look| match command {
            Command::Pause => look.is_of(id) && look.status.phase == Phase::Paused,
            Command::Resume => look.is_of(id) && look.status.phase == Phase::Printing,
            _ => {
                let phase = look.status.phase;
                look.job.is_none() && !(phase.has_job() || phase.leaves_job_open())
            }
        })
        .await
    }

    /// Reads the printer after a command until it shows the effect. When the command's answer was lost, that settles
    /// whether it was carried out; it is never sent again.
    async fn confirm(
        &self,
        operation: &'static str,
        home: &Home,
        sent: Result<()>,
        shows: impl Fn(&Look) -> bool,
    ) -> Result<Outcome> {
        let lost = match sent {
            Ok(()) => None,
            Err(e) if e.retry() == Retry::ReadFirst => Some(e.unconfirmed()),
            Err(e) => return Err(e),
        };
        self.look.signal(());
        let (mut patience, mut confirmed) = (self.patience(), false);
        while !confirmed && patience.lasts().await {
            confirmed = self.read(operation, home, None).await.is_ok_and(|look| shows(&look));
        }
        self.look.signal(());
        match lost {
            _ if confirmed => Ok(Outcome::confirmed()),
            None => Ok(Outcome::accepted()),
            Some(error) => Err(error),
        }
    }

    /// To look at what is to show.
    pub(crate) fn patience(&self) -> Patience<'_, N::Clock> {
        Patience { clock: self.net.parts().clock(), begun: None }
    }
}

/// How long to look for what is to show.
pub(crate) struct Patience<'a, C> {
    clock: &'a C,
    begun: Option<Duration>,
}

impl<C: Clock> Patience<'_, C> {
    /// Whether to look: at once the first time, then after a while, and no more when it should have shown long ago.
    pub(crate) async fn lasts(&mut self) -> bool {
        let now = self.clock.now();
        match self.begun {
            None => self.begun = Some(now),
            Some(begun) if now.saturating_sub(begun) >= TO_SHOW => return false,
            Some(_) => self.clock.sleep(BETWEEN).await,
        }
        true
    }
}
