//! What the printer does: reading it, starting a print, and steering the one there is.

use alloc::{boxed::Box, format, string::String};
use core::{pin::pin, time::Duration};

use embassy_futures::select::{Either, select};
use printhost_core::{
    Clock as _, Command, Error, ErrorKind, Outcome, Phase, PrinterStatus, RemotePath, Result, Retry,
};
use printhost_net::{Net, proto::percent::encode_component, rest::not_json};

use crate::{
    Moonraker,
    api::Question,
    keeper::{fields, subscription},
    map::{self, Klippy},
    wire::{
        self, Known, Objects,
        json::Malformed,
        rpc::{self, quoted},
    },
};

/// Between two looks at what is to show.
const BETWEEN: Duration = Duration::from_millis(250);
/// How long an effect may take to show after Klipper has answered: it tells its state four times a second.
const TO_SHOW: Duration = Duration::from_secs(3);
/// How long a command may take that Klipper answers when it has been carried out, before it counts as taken: pausing and
/// cancelling wait for heating and homing to end, which may take minutes.
const TAKEN: Duration = Duration::from_secs(10);
/// How long Klipper may take from saying that it is ready to having measured its temperatures, which is when it can print.
const TO_MEASURE: Duration = Duration::from_secs(5);
/// How much longer than since it was sent a job may have been printing that a lost start has begun.
const SLACK: Duration = Duration::from_secs(2);

/// What was read of the printer at once.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub status: PrinterStatus,
    pub objects: Objects,
}

impl<N: Net> Moonraker<N> {
    /// Reads the printer.
    pub(crate) async fn look_at(&self, operation: &'static str) -> Result<Look> {
        let known = match self.with_live(|live| live.known.clone()) {
            None => {
                let known = self.objects(operation).await?;
                self.with_live(|live| {
                    if !live.open {
                        live.known.clone_from(&known);
                    }
                });
                known
            }
            known => known,
        };
        let Some(known) = known else { return self.without_objects(operation).await };
        let (params, path) = (subscription(&known), query(&known));
        let question = Question { operation, method: "printer.objects.query", params: &params, path: &path };
        match self.ask_bytes(question).await {
            Ok(answer) => {
                let mut objects = Objects::of(&known);
                let merged = rpc::status(&answer).and_then(|mut status| objects.merge(&mut status));
                if let Err(Malformed) = merged {
                    let what = "there is no status in the answer";
                    return Err(not_json(&self.config.login, operation, &answer, what));
                }
                let status = match objects.klippy.as_str() {
                    "" if objects == Objects::of(&known) => map::without_objects(Klippy::Startup),
                    _ => map::status(&objects),
                };
                Ok(Look { status, objects })
            }
            // Of a Klipper that has gone.
            Err(e) if matches!(e.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {
                self.without_objects(operation).await
            }
            Err(e) => Err(e),
        }
    }

    async fn without_objects(&self, operation: &'static str) -> Result<Look> {
        let status = map::without_objects(map::klippy(&self.server_info(operation).await?));
        Ok(Look { status, objects: Objects::default() })
    }

    pub(crate) async fn start_file(&self, path: &str) -> Result<Outcome> {
        let operation = "start";
        let path = ours(operation, path)?.as_str();
        let before = self.ready_to_print(operation).await?;
        if before.phase.has_job() {
            return Err(Error::new(ErrorKind::Conflict, operation).with_detail("there is a job already"));
        }
        let clock = self.net.parts().clock();
        let at = clock.now();
        let params = format!(r#"{{"filename":{}}}"#, quoted(path));
        let started = |status: &PrinterStatus| {
            let Some(job) = status.job.as_ref().filter(|job| job.path.as_deref() == Some(path)) else {
                return false;
            };
            // Of a short print only the end may be left to see, which is not that of an earlier one if it is younger.
            let is_new = job.elapsed.is_none_or(|e| e <= clock.now().saturating_sub(at) + SLACK);
            let was_over =
                before.job.as_ref().is_some_and(|b| b.path == job.path && b.elapsed == job.elapsed);
            is_new && (status.phase.has_job() || status.phase == Phase::Finished && !was_over)
        };
        self.steer(operation, "printer.print.start", &params, |look| started(&look.status)).await
    }

    /// A printer that can take a job. Started too early, Moonraker (0.11) loses the job's name: it is ready a little
    /// later than Klipper says.
    async fn ready_to_print(&self, operation: &'static str) -> Result<PrinterStatus> {
        let clock = self.net.parts().clock();
        let begun = clock.now();
        loop {
            let look = self.look_at(operation).await?;
            let word = look.objects.klippy.as_str();
            if word != "ready" {
                let why = match &look.status.fault {
                    Some(fault) => format!("Klipper is in the state {word}: {fault}"),
                    None => format!("Klipper is in the state {}", look.status.state_text),
                };
                return Err(Error::new(ErrorKind::Conflict, operation).with_detail(why));
            }
            let mut heaters = look.objects.tools.iter().chain(&look.objects.bed);
            let is_measured = heaters.all(|heater| heater.temperature != Some(0.0));
            if is_measured || clock.now().saturating_sub(begun) >= TO_MEASURE {
                return Ok(look.status);
            }
            clock.sleep(BETWEEN).await;
        }
    }

    /// Pause, resume, cancel. Moonraker answers "ok" to all of them whatever the printer is doing, so it is read before.
    pub(crate) async fn steer_job(&self, command: Command<'_>) -> Result<Outcome> {
        let operation = command.name();
        let status = self.look_at(operation).await?.status;
        let refuse = |why: &str| Err(Error::new(ErrorKind::Conflict, operation).with_detail(why));
        match (command, status.phase) {
            (_, phase) if !phase.has_job() => return refuse("there is no job"),
            (Command::Pause, Phase::Paused) => return refuse("the job is paused already"),
            (Command::Resume, phase) if phase != Phase::Paused => return refuse("the job is not paused"),
            _ => {}
        }
        let method = match command {
            Command::Pause => "printer.print.pause",
            Command::Resume => "printer.print.resume",
            _ => "printer.print.cancel",
        };
        self.steer(operation, method, "", |look| match command {
            Command::Pause => look.status.phase == Phase::Paused,
            Command::Resume => matches!(look.status.phase, Phase::Printing | Phase::Preparing),
            _ => !(look.status.phase.has_job() || look.status.phase.leaves_job_open()),
        })
        .await
    }

    /// Sends a command and reads the printer until it shows the effect. Its answer may take as long as what it waits for;
    /// when it is lost, what the printer shows settles whether it was carried out. It is never sent again.
    pub(crate) async fn steer(
        &self,
        operation: &'static str,
        method: &str,
        params: &str,
        shows: impl Fn(&Look) -> bool,
    ) -> Result<Outcome> {
        let lost = {
            let sent = Box::pin(self.send_and_wait(operation, method, params));
            let shown = pin!(self.shows_or_is_taken(operation, &shows));
            match select(sent, shown).await {
                Either::First(Ok(_)) => None,
                Either::First(Err(e)) if e.retry() == Retry::ReadFirst => Some(e.unconfirmed()),
                Either::First(Err(e)) => return Err(e),
                Either::Second(Ok(outcome)) => return Ok(outcome),
                Either::Second(Err(e)) => Some(e.unconfirmed()),
            }
        };
        let clock = self.net.parts().clock();
        let begun = clock.now();
        loop {
            if self.look_at(operation).await.is_ok_and(|look| shows(&look)) {
                return Ok(Outcome::confirmed());
            }
            if clock.now().saturating_sub(begun) >= TO_SHOW {
                return lost.map_or(Ok(Outcome::accepted()), Err);
            }
            clock.sleep(BETWEEN).await;
        }
    }

    /// Sends what cannot be read back; without its answer it counts as taken when Moonraker goes on answering.
    pub(crate) async fn send_or_take(
        &self,
        operation: &'static str,
        method: &str,
        params: &str,
    ) -> Result<()> {
        let sent = Box::pin(self.send_and_wait(operation, method, params));
        let taken = pin!(self.shows_or_is_taken(operation, &|_| false));
        match select(sent, taken).await {
            Either::First(answered) => answered.map(drop),
            Either::Second(taken) => taken.map(drop),
        }
    }

    /// While a command is not answered. A host that answers nothing else either may have it or not.
    async fn shows_or_is_taken(
        &self,
        operation: &'static str,
        shows: &impl Fn(&Look) -> bool,
    ) -> Result<Outcome> {
        let parts = self.net.parts();
        let clock = parts.clock();
        let begun = clock.now();
        let mut heard = begun;
        loop {
            // The answer is quicker, as a rule.
            clock.sleep(TO_SHOW.min(TAKEN / 4)).await;
            // A host that answers this has got the command, which was sent before.
            let look = match self.look_at(operation).await {
                Ok(look) => look,
                Err(e) if clock.now().saturating_sub(heard) >= parts.limits().answer => {
                    return Err(e.with_retry(Retry::ReadFirst));
                }
                Err(_) => continue,
            };
            heard = clock.now();
            if shows(&look) {
                return Ok(Outcome::confirmed());
            }
            if heard.saturating_sub(begun) >= TAKEN {
                return Ok(Outcome::accepted());
            }
        }
    }
}

/// A path of the caller's that the printer's status must be able to show.
pub(crate) fn ours<'a>(operation: &'static str, path: &'a str) -> Result<RemotePath<'a>> {
    let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?;
    match path.as_str().len() <= wire::PATH {
        true => Ok(path),
        false => {
            Err(Error::new(ErrorKind::InvalidInput, operation)
                .with_detail("the path is longer than 512 bytes"))
        }
    }
}

/// The question in an address.
fn query(known: &Known) -> String {
    const ROUTE: &str = "/printer/objects/query";
    let fields = fields(known);
    let room = fields.iter().map(|(name, fields)| 3 * name.len() + fields.len() + 2);
    let mut path = String::with_capacity(ROUTE.len() + room.sum::<usize>());
    path.push_str(ROUTE);
    for (n, (name, fields)) in fields.iter().enumerate() {
        path.push(if n > 0 { '&' } else { '?' });
        encode_component(&mut path, name);
        path.push('=');
        path.push_str(fields);
    }
    path
}
