//! Starting a print, and steering the one there is.

use alloc::{boxed::Box, format};
use core::time::Duration;

use printhost_core::{
    Clock as _, Command, Confirmation, Entropy as _, Error, ErrorKind, Outcome, RemotePath, Result, Retry,
};
use printhost_net::{Net, ftp::PARTIAL};

use crate::{
    Bambu, StartOptions,
    effects::TO_BEGIN,
    live::{Live, Ours},
    plates::Glance,
    report::SdCard,
    start_options::project_file,
    wire::orders::{self, Order},
};

/// The longest name of a job that printers keep whole.
const SUBTASK: usize = 96;

/// Somebody waits for what becomes of a start while this lives.
struct Awaited<'a, N: Net> {
    host: &'a Bambu<N>,
    id: u32,
}

impl<N: Net> Drop for Awaited<'_, N> {
    fn drop(&mut self) {
        let now = self.host.net.parts().clock().now();
        self.host.with_live(|live| live.leave_start(self.id, now));
    }
}

impl<N: Net> Bambu<N> {
    /// Starts printing a stored file, as [`printhost_core::PrintHost::start`] does it with the defaults.
    ///
    /// A project (`.3mf`) is started by its plate; any other file as plain G-code, for which the options do not count.
    /// [`ErrorKind::InvalidInput`] when it is known that the plate is not in the file, or that a spool is not there.
    /// [`ErrorKind::Conflict`] while the printer has a job, read before anything is sent: some firmwares end the job that is
    /// running when another one is started; [`ErrorKind::Busy`] while another start is under way, or a minute after one that
    /// was dropped or is [`Retry::ReadFirst`]. [`ErrorKind::NotFound`] when FTP shows no such file, and
    /// [`ErrorKind::Corrupted`] when the printer finds that it is another one than was stored.
    ///
    /// `Confirmed` when the printer shows this very job as begun. It is sent once; when the printer does not show it within
    /// half a minute, or raises an error that may be another job's, or answers other questions and not this order, the outcome
    /// is [`ErrorKind::Unconfirmed`].
    pub async fn start_with(&self, path: &str, options: &StartOptions) -> Result<Outcome> {
        let operation = "start";
        let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?;
        if path.name().ends_with(PARTIAL) {
            let why = "a file of this name is not complete";
            return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
        }
        options.check(operation)?;
        self.refresh(operation).await?;
        let now = self.net.parts().clock().now();
        self.with_live(|live| may_begin(operation, live, now, options))?;
        let options = Box::pin(self.look_at(operation, path, options)).await?;
        // That may have taken a while.
        self.refresh_all(operation).await?;
        let awaited = Awaited { host: self, id: self.fresh_id() };
        let begun = Box::pin(self.begin(operation, path, &options, awaited.id)).await;
        let error = begun.as_ref().err();
        self.with_live(|live| {
            // What may still begin stays known.
            if error.is_none_or(|e| e.retry() != Retry::ReadFirst) {
                live.end_start(awaited.id);
            }
            if error.is_some_and(|e| e.kind() == ErrorKind::Corrupted) {
                live.stored = None;
            }
        });
        begun
    }

    /// As [`Self::start_with`], with the defaults but for the plate.
    pub(crate) async fn start_plate_of(&self, path: &str, plate: u16) -> Result<Outcome> {
        if !is_project(path) {
            let why = "only a project (.3mf) has plates";
            return Err(Error::new(ErrorKind::InvalidInput, "start plate").with_detail(why));
        }
        self.start_with(path, &StartOptions::default().plate(plate)).await
    }

    /// What a file is to be started with: of a project its plate, and its MD5 if that is known.
    async fn look_at(
        &self,
        operation: &'static str,
        path: RemotePath<'_>,
        options: &StartOptions,
    ) -> Result<StartOptions> {
        let mut options = options.clone();
        let is_project = is_project(path.name());
        let reads = is_project && options.plate.is_none();
        let stored = |len: Option<u64>| {
            self.with_live(|live| {
                let stored = live.stored.as_ref()?;
                let is_it = stored.path == path.as_str() && len.is_none_or(|len| len == stored.len);
                is_it.then_some((stored.plates, stored.md5))
            })
        };
        let mut files = Box::pin(self.open_files(operation)).await?;
        let seen = async {
            let len = match files.ftp.size(path.as_str()).await {
                Ok(0) => {
                    return Err(
                        Error::new(ErrorKind::InvalidInput, operation).with_detail("the file is empty")
                    );
                }
                // A server that tells no sizes says nothing about whether there is a file.
                Err(e) if e.kind() == ErrorKind::Unsupported => None,
                len => Some(len?),
            };
            match stored(len) {
                Some((plates, md5)) => Ok(Some((plates, Some(md5)))),
                None if reads => {
                    let mut glance = Glance::new();
                    files.ftp.retrieve(path.as_str(), &mut glance).await?;
                    Ok(Some((glance.plates(), None)))
                }
                None => Ok(None),
            }
        };
        let seen = Box::pin(seen).await.map_err(|e| e.in_operation(operation));
        files.close().await;
        let has_no_card = || self.with_live(|live| live.report().sd_card() == Some(SdCard::Absent));
        let seen = seen.map_err(|error| match error.kind() {
            ErrorKind::NotFound if has_no_card() => {
                error.with_detail("there is no card or stick in the printer")
            }
            _ => error,
        });
        if let Some((plates, md5)) = seen?
            && is_project
        {
            options.plate = Some(plates.choose(operation, options.plate)?);
            options.md5 = options.md5.or(md5);
        }
        Ok(options)
    }

    /// Sends the order, and waits until its job shows.
    async fn begin(
        &self,
        operation: &'static str,
        path: RemotePath<'_>,
        options: &StartOptions,
        id: u32,
    ) -> Result<Outcome> {
        let (order, ours) = self.job_of(path, options, id);
        let may = move |live: &mut Live, now: Duration| {
            may_begin(operation, live, now, options)?;
            live.begins(id, ours.clone(), now);
            Ok(())
        };
        let has_begun = move |live: &Live| live.shows_begin(id);
        let outcome = Box::pin(self.carry_out_if(&may, operation, &order, Some(&has_begun))).await?;
        if outcome == Outcome::confirmed() {
            return Ok(outcome);
        }
        // It was received, and the printer reads the file.
        let begun = self.until_or(TO_BEGIN, |live| {
            if has_begun(live) {
                return Some(Ok(()));
            }
            live.start_failure(operation).map(Err)
        });
        match begun.await {
            Some(begun) => begun.map(|()| Outcome::confirmed()),
            None => Err(Error::new(ErrorKind::Unconfirmed, operation).with_detail(
                "the printer has taken the order and does not begin; is the plate in the file?",
            )),
        }
    }

    /// A job's number: not 0, which is no number, and what an i32 holds, which is what small printers have for it.
    fn fresh_id(&self) -> u32 {
        let mut random = [0; 4];
        self.net.parts().entropy().fill(&mut random);
        (u32::from_le_bytes(random) & 0x7FFF_FFFF).max(1)
    }

    /// The order that starts a file, and by what its job is known again.
    fn job_of(&self, path: RemotePath<'_>, options: &StartOptions, id: u32) -> (Order, Ours) {
        let stem = stem(path.name());
        let is_project = is_project(path.name());
        let order = match is_project {
            true => {
                let form = options.url_form.unwrap_or_else(|| self.url_form());
                let has_two_nozzles = self.with_live(|live| live.report().device.extruders.len() > 1);
                project_file(options, has_two_nozzles, path.as_str(), form, stem, id)
            }
            false => orders::gcode_file(path.as_str()),
        };
        let ours = Ours { id: is_project.then_some(id), path: path.as_str().into() };
        (order, ours)
    }

    /// Pause, resume, cancel. What is not known to be at rest can be paused and cancelled, also when it calibrates itself:
    /// there is nothing else to stop it with. Resumed is what is known to be paused.
    pub(crate) async fn steer_job(&self, command: Command<'_>) -> Result<Outcome> {
        let operation = command.name();
        self.refresh(operation).await?;
        let is_cancel = command == Command::Cancel;
        let may = move |live: &mut Live, now| {
            may_steer(command, live, now)?;
            if is_cancel && !live.rests() {
                live.stops();
            }
            Ok(())
        };
        let (order, shows): (_, fn(&Live) -> bool) = match command {
            Command::Pause => ("pause", |live| live.state() == "PAUSE"),
            Command::Resume => ("resume", |live| matches!(live.state(), "RUNNING" | "PREPARE")),
            _ => ("stop", |live| matches!(live.state(), "FAILED" | "IDLE" | "FINISH")),
        };
        let (rested, connection) = self.with_live(|live| (live.rests(), live.connection));
        // What rested before shows nothing of its end.
        let shows: Option<&(dyn Fn(&Live) -> bool + Send + Sync)> = if rested { None } else { Some(&shows) };
        let outcome = Box::pin(self.carry_out_if(&may, operation, &orders::steer(order), shows)).await;
        if !is_cancel {
            return outcome;
        }
        self.with_live(|live| match &outcome {
            Err(e) if e.retry() != Retry::ReadFirst => {
                live.goes_on();
                outcome
            }
            Ok(Outcome { confirmation: Confirmation::Confirmed, .. }) => match live.state() {
                "FINISH" => {
                    live.goes_on();
                    Err(Error::new(ErrorKind::Conflict, operation).with_detail("the job had ended by itself"))
                }
                // The printer may have been switched off and on instead.
                "IDLE" if live.connection != connection => Ok(Outcome::accepted()),
                _ => outcome,
            },
            _ => outcome,
        })
    }
}

/// [`ErrorKind::Conflict`] unless there is something to pause, to resume or to cancel.
fn may_steer(command: Command<'_>, live: &Live, now: Duration) -> Result<()> {
    let why = match (live.state(), command) {
        // One that was told to begin, and may take a while to show it.
        ("IDLE" | "FINISH" | "FAILED", Command::Cancel) if live.may_yet_begin(now) => return Ok(()),
        ("IDLE" | "FINISH" | "FAILED" | "OFFLINE", _) => "there is no job",
        ("PAUSE", Command::Pause) => "the job is paused already",
        (state, Command::Resume) if state != "PAUSE" => "the job is not paused",
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::Conflict, command.name()).with_detail(why))
}

/// [`ErrorKind::Conflict`] unless the printer does nothing, as it was last told; [`ErrorKind::Busy`] while a print may begin
/// that it was told to, which may take a while to show.
pub(crate) fn rests(operation: &'static str, live: &Live, now: Duration) -> Result<()> {
    if !live.rests() {
        // A word of its own may be anything.
        let state = match live.state() {
            state @ ("INIT" | "PREPARE" | "SLICING" | "RUNNING" | "PAUSE" | "OFFLINE") => state,
            _ => "nobody knows what",
        };
        let why = format!("the printer has a job or something else to do ({state})");
        return Err(Error::new(ErrorKind::Conflict, operation).with_detail(why));
    }
    if let Some(why) = live.occupation() {
        return Err(Error::new(ErrorKind::Conflict, operation).with_detail(why));
    }
    if live.may_yet_begin(now) {
        let why = "the printer was told to start a print a moment ago";
        return Err(Error::new(ErrorKind::Busy, operation).with_detail(why));
    }
    Ok(())
}

/// Whether the printer can take a job with these spools.
fn may_begin(operation: &'static str, live: &Live, now: Duration, options: &StartOptions) -> Result<()> {
    rests(operation, live, now)?;
    options.check_spools(operation, &live.report().ams)
}

pub(crate) fn is_project(name: &str) -> bool {
    name.len() > 4 && name.as_bytes()[name.len() - 4..].eq_ignore_ascii_case(b".3mf")
}

/// A file's name without what tells its kind, as printers show it.
pub(crate) fn stem(name: &str) -> &str {
    let lower = |end: &str| {
        let at = name.len().checked_sub(end.len())?;
        let tail = name.get(at..)?;
        (at > 0 && tail.eq_ignore_ascii_case(end)).then(|| &name[..at])
    };
    let stem = lower(".gcode.3mf").or_else(|| lower(".3mf")).unwrap_or(name);
    let mut end = stem.len().min(SUBTASK);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    &stem[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_is_named_after_the_file_without_its_kind() {
        assert_eq!((stem("cube.gcode.3mf"), stem("cube.3MF"), stem(".3mf")), ("cube", "cube", ".3mf"));
        let long = "ü".repeat(80);
        assert_eq!(stem(&long).len(), 96);
        assert!(
            is_project("a.3mf") && is_project("A.GCODE.3MF") && !is_project(".3mf") && !is_project("ü.gcode")
        );
    }

    #[test]
    fn what_is_not_known_to_be_at_rest_can_be_cancelled_and_only_a_pause_resumed() {
        let mut live = Live::new(None, 1 << 20);
        for (state, pause, resume, cancel) in [
            ("IDLE", false, false, false),
            ("FINISH", false, false, false),
            ("FAILED", false, false, false),
            ("RUNNING", true, false, true),
            ("PAUSE", false, true, true),
            ("INIT", true, false, true),
            ("LEVITATING", true, false, true),
        ] {
            live.begin_message();
            let message = format!(r#"{{"print":{{"msg":0,"gcode_state":"{state}","print_type":"system"}}}}"#);
            live.take_piece(message.as_bytes());
            live.end_message();
            let may = |command| may_steer(command, &live, Duration::ZERO).is_ok();
            let all = (may(Command::Pause), may(Command::Resume), may(Command::Cancel));
            assert_eq!(all, (pause, resume, cancel), "{state}");
        }
    }
}
