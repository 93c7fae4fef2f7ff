//! What is known of the printer from its reports, and what became of its jobs.

mod ends;
mod starting;
mod turns;

use alloc::{string::String, vec::Vec};
use core::{task::Waker, time::Duration};

use printhost_core::{Error, JobTracker, Phase, PrinterStatus};

use crate::{
    Model, codes,
    desk::{Desk, Reply},
    map,
    plates::Plates,
    printed,
    report::{Ack, Feed, Report},
};
use ends::{Failed, Stopped};
use starting::Starting;
use turns::Turn;

/// A print that this driver has started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ours {
    /// Its number; plain G-code is started without one.
    pub(crate) id: Option<u32>,
    pub(crate) path: String,
}

/// A project as this driver has stored it: the last one.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) path: String,
    pub(crate) len: u64,
    pub(crate) plates: Plates,
    pub(crate) md5: [u8; 16],
}

/// The errors that a printer shows at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Errors {
    pub(crate) print: u32,
    /// An order was not signed.
    pub(crate) is_unsigned: bool,
}

impl Errors {
    /// Whether the printer says now, and did not before, that an order was not signed.
    pub(crate) const fn blocked_since(self, before: &Self) -> bool {
        self.is_unsigned && !before.is_unsigned
    }
}

/// What is known of the printer.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Somebody polls the connection.
    pub(crate) is_run: bool,
    pub(crate) desk: Desk,
    /// Counts connections.
    pub(crate) connection: u32,
    feed: Feed,
    report: Report,
    /// A whole report has come on this connection.
    pub(crate) is_whole: bool,
    /// What is known was told to listeners, and they are told of changes.
    pub(crate) synced: bool,
    /// Counts messages.
    pub(crate) heard: u32,
    /// A report came that could not be read: what has changed is not known, until everything is told.
    pub(crate) missed: bool,
    /// Counts reports.
    reports: u32,
    /// Counts whole reports.
    pub(crate) wholes: u32,
    /// Counts answers to the question what the printer is made of.
    pub(crate) answers: u32,
    /// The connection is to be made anew, and why.
    pub(crate) renew: Option<Error>,
    pub(crate) ours: Option<Ours>,
    /// The print that was told to begin, as long as nobody has seen what became of it.
    pub(crate) starting: Option<Starting>,
    pub(crate) stored: Option<Stored>,
    /// The model, as far as the printer's own word for it does not count.
    configured: Option<Model>,
    jobs: JobTracker,
    /// Whether the followed job goes on.
    is_at_work: bool,
    turn: Option<Turn>,
    /// The printer's own number of the job that is followed.
    task: Option<String>,
    /// That of the one before, which a printer may show for a while of the next.
    task_before: Option<String>,
    /// The last report was a whole one.
    is_told_whole: bool,
    stopped: Option<Stopped>,
    failed: Option<Failed>,
    wakers: Vec<Waker>,
}

impl Live {
    /// Nothing is known but what was configured. No JSON is held that is longer than this.
    pub(crate) fn new(configured: Option<Model>, json: usize) -> Self {
        Self { configured, feed: Feed::within(json), ..Self::default() }
    }

    /// Keeping what the printer tells of filament, also with little memory.
    pub(crate) fn with_trays(self) -> Self {
        Self { feed: self.feed.with_trays(), ..self }
    }

    /// A new connection: nothing is known until it has told everything.
    pub(crate) fn begin(&mut self) {
        self.desk.begin();
        self.connection = self.connection.wrapping_add(1);
        self.feed.begin();
        self.keep_failure();
        self.report = Report::default();
        (self.is_whole, self.missed, self.synced, self.renew) = (false, false, false, None);
        self.turn = None;
    }

    /// A message begins.
    pub(crate) fn begin_message(&mut self) {
        self.feed.begin();
    }

    /// A piece of it.
    pub(crate) fn take_piece(&mut self, bytes: &[u8]) {
        self.feed.piece(bytes);
    }

    /// It has ended. One that cannot be read is passed over, and remembered as [`Self::missed`].
    pub(crate) fn end_message(&mut self) {
        self.heard = self.heard.wrapping_add(1);
        let Ok(told) = self.feed.end(&mut self.report) else {
            self.missed = true;
            return;
        };
        self.reports = self.reports.wrapping_add(told.report.is_some().into());
        if let Some(report) = &told.report {
            self.is_told_whole = report.full;
            self.recall_failure();
            self.see_start();
        }
        if told.report.is_some_and(|report| report.full) {
            (self.is_whole, self.missed) = (true, false);
            self.wholes = self.wholes.wrapping_add(1);
        }
        if told.versions {
            self.answers = self.answers.wrapping_add(1);
            self.desk.answered();
        }
        for Ack { command, sequence_id, ok, reason, err_code } in told.acks {
            let reply = match ok {
                Some(true) => Reply::Taken,
                Some(false) => Reply::Refused { code: err_code, reason: reason.unwrap_or_default() },
                None => Reply::Bare,
            };
            if let Some(number) = sequence_id {
                self.desk.reply(number, command.as_deref(), reply);
            }
        }
    }

    /// What the printer has reported on this connection.
    pub(crate) const fn report(&self) -> &Report {
        &self.report
    }

    /// What it is doing, in its own word.
    pub(crate) fn state(&self) -> &str {
        self.report.gcode_state.as_deref().unwrap_or_default()
    }

    /// Whether it has no job and moves nothing of its own, by its word; not when that is unknown.
    pub(crate) fn rests(&self) -> bool {
        matches!(self.state(), "IDLE" | "FINISH" | "FAILED")
    }

    /// What it does beside, which another job or a move would disturb, and its word does not tell.
    pub(crate) fn occupation(&self) -> Option<&'static str> {
        /// Of `ams_status`; while a tag is read, or filament is helped along, nothing moves that prints.
        const CHANGE: u32 = 1;
        const CALIBRATION: u32 = 4;
        /// Of `device.extruder.state`.
        const LOADING: u32 = 1 << 19;

        let is_updated = self.report.upgrade_state.status.as_deref();
        let is_loading = self.report.device.extruder_state.is_some_and(|state| state & LOADING != 0);
        match self.report.ams_status.map(|status| status >> 8 & 0xFF) {
            _ if is_updated.is_some_and(|s| matches!(s, "DOWNLOADING" | "FLASHING")) => {
                Some("the printer is being updated")
            }
            Some(CHANGE | CALIBRATION) => Some("filament is being changed"),
            _ if is_loading => Some("filament is being changed"),
            _ => None,
        }
    }

    /// As it says.
    pub(crate) fn model(&self) -> Option<Model> {
        self.report.model()
    }

    pub(crate) fn status(&self) -> PrinterStatus {
        let mut status = map::status(&self.report, self.configured);
        if status.phase == Phase::Faulted && self.was_stopped() && !map::has_reason(&self.report) {
            (status.phase, status.fault) = (Phase::Cancelled, None);
        }
        if let (Some(job), Some(ours)) = (&mut status.job, &self.ours)
            && self.is_ours(ours)
        {
            job.path = Some(ours.path.clone());
        }
        status
    }

    /// Whether this file, or something in this folder, is being printed, or may be about to. A state that nobody knows may be
    /// one of a print.
    pub(crate) fn may_print(&self, path: &str, now: Duration) -> bool {
        let holds = |file: &str| {
            // Storage does not tell capitals from other letters.
            let (file, path) = (file.to_lowercase(), path.to_lowercase());
            file.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let printed = || self.status().job.and_then(|job| job.path).is_some_and(|file| holds(&file));
        let begins = self.may_yet_begin(now) && self.ours.as_ref().is_some_and(|ours| holds(&ours.path));
        begins || !self.rests() && (printed() || printed::may_be(&self.report, path))
    }

    /// Whether the printer shows this print, running or over: by its number, or where it tells none by its name.
    pub(crate) fn is_ours(&self, ours: &Ours) -> bool {
        match (ours.id, self.task()) {
            (Some(id), Some(task)) => task.parse() == Ok(id),
            (Some(_), None) => printed::may_be(&self.report, &ours.path),
            (None, _) => {
                self.report.gcode_file.as_ref().is_some_and(|file| file.trim_start_matches('/') == ours.path)
            }
        }
    }

    /// The printer's own number of the job, if it tells one.
    fn task(&self) -> Option<&str> {
        self.report.task_id.as_deref().filter(|task| !task.is_empty() && *task != "0")
    }

    /// Whether the printer wants orders to be signed, as far as it says.
    pub(crate) fn needs_signature(&self) -> bool {
        self.report.needs_signature() == Some(true)
    }

    pub(crate) fn errors(&self) -> Errors {
        Errors {
            print: self.report.print_error.unwrap_or_default(),
            is_unsigned: self
                .report
                .hms
                .iter()
                .any(|hms| hms.attr.zip(hms.code) == Some(codes::UNSIGNED_HEALTH)),
        }
    }

    /// Whoever waits for a change.
    pub(crate) fn wake_later(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }

    /// Something has changed.
    pub(crate) fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use printhost_core::ErrorKind;

    use super::*;
    use crate::jobs::rests;

    #[test]
    fn printer_that_calibrates_itself_or_says_nothing_is_not_moved() {
        let mut live = Live::new(None, 1 << 20);
        let mut told = |message: &[u8]| {
            live.begin_message();
            live.take_piece(message);
            live.end_message();
            rests("jog", &live, Duration::ZERO).is_ok()
        };
        assert!(!told(br#"{"print":{"command":"push_status","msg":0,"bed_temper":20}}"#));
        assert!(told(br#"{"print":{"command":"push_status","msg":1,"gcode_state":"FINISH"}}"#));
        for state in ["INIT", "PREPARE", "RUNNING", "PAUSE", "WHATEVER"] {
            let message =
                alloc::format!(r#"{{"print":{{"msg":1,"gcode_state":"{state}","print_type":"system"}}}}"#);
            assert!(!told(message.as_bytes()), "{state}");
        }
    }

    #[test]
    fn printer_that_changes_filament_or_is_updated_is_not_moved_though_it_calls_itself_idle() {
        let mut live = Live::new(None, 1 << 20);
        let mut told = |members: &str| {
            let message = alloc::format!(r#"{{"print":{{"msg":0,"gcode_state":"IDLE"{members}}}}}"#);
            live.begin_message();
            live.take_piece(message.as_bytes());
            live.end_message();
            rests("jog", &live, Duration::ZERO).map_err(|e| e.kind())
        };
        let conflict = Err(ErrorKind::Conflict);
        for (members, rests) in [
            ("", Ok(())),
            (r#","ams_status":0,"upgrade_state":{"status":"IDLE"}"#, Ok(())),
            (r#","ams_status":768"#, Ok(())),
            (r#","ams_status":258"#, conflict),
            (r#","ams_status":1024"#, conflict),
            (r#","device":{"extruder":{"state":274}}"#, Ok(())),
            (r#","device":{"extruder":{"state":524562}}"#, conflict),
            (r#","upgrade_state":{"status":"FLASHING"}"#, conflict),
        ] {
            assert_eq!(told(members), rests, "{members}");
        }
    }

    #[test]
    fn file_of_a_print_that_may_begin_or_of_a_state_nobody_knows_is_not_taken_away() {
        let second = Duration::from_secs(1);
        let mut live = Live::new(None, 1 << 20);
        let tell = |live: &mut Live, state: &str| {
            let message =
                alloc::format!(r#"{{"print":{{"msg":0,"gcode_state":"{state}","subtask_name":"theirs"}}}}"#);
            live.begin_message();
            live.take_piece(message.as_bytes());
            live.end_message();
        };
        tell(&mut live, "IDLE");
        live.begins(7, Ours { id: Some(7), path: "jobs/a.gcode.3mf".into() }, second);
        for (path, is) in [("jobs/A.gcode.3mf", true), ("jobs", true), ("job", false), ("theirs.3mf", false)]
        {
            assert_eq!(live.may_print(path, second), is, "{path}");
        }
        live.end_start(7);
        for (state, is) in [("LEVITATING", true), ("RUNNING", true), ("FINISH", false), ("IDLE", false)] {
            tell(&mut live, state);
            assert_eq!(live.may_print("theirs.3mf", second), is, "{state}");
            assert!(!live.may_print("jobs/a.gcode.3mf", second), "{state}");
        }
    }
}
