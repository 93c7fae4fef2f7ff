//! What is known of the printer from its reports, and what became of its jobs.

mod turns;

use alloc::{string::String, vec::Vec};
use core::{task::Waker, time::Duration};

use printhost_core::{Error, ErrorKind, JobTracker, PrinterStatus};

use crate::{
    Model, codes,
    desk::{Desk, Reply},
    map,
    plates::Plates,
    printed,
    report::{Ack, Feed, Report},
};
use turns::Turn;

/// A print that this driver has started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ours {
    /// Its number; plain G-code is started without one.
    pub(crate) id: Option<u32>,
    pub(crate) path: String,
}

/// A print that was told to begin, and what has become of that so far.
#[derive(Debug)]
pub(crate) struct Starting {
    pub(crate) id: u32,
    pub(crate) since: Duration,
    /// Whoever has told it waits for what becomes of it.
    pub(crate) is_awaited: bool,
    /// The printer showed one that looks the same as over when it was told.
    was_over: bool,
    /// The end of another one shows, which is not this one's.
    has_failed_before: bool,
    /// The error that is shown, and the one that was raised since.
    shown: u32,
    failure: Option<u32>,
}

impl Starting {
    fn see(&mut self, report: &Report) {
        self.has_failed_before &= report.gcode_state.as_deref().is_none_or(|state| state == "FAILED");
        if let Some(error) = report.print_error.filter(|error| *error != self.shown) {
            self.shown = error;
            self.failure = Some(error).filter(|error| codes::is_failure(*error)).or(self.failure);
        }
    }
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
    wakers: Vec<Waker>,
}

impl Live {
    /// Nothing is known but what was configured. No JSON is held that is longer than this.
    pub(crate) fn new(configured: Option<Model>, json: usize) -> Self {
        Self { configured, feed: Feed::within(json), ..Self::default() }
    }

    /// A new connection: nothing is known until it has told everything.
    pub(crate) fn begin(&mut self) {
        self.desk.begin();
        self.feed.begin();
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
        if let (Some(starting), Some(_)) = (&mut self.starting, told.report) {
            starting.see(&self.report);
        }
        if told.report.is_some_and(|report| report.full) {
            (self.is_whole, self.missed) = (true, false);
            self.wholes = self.wholes.wrapping_add(1);
        }
        if told.versions {
            self.answers = self.answers.wrapping_add(1);
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

    /// Whether it does nothing that another job or a move would disturb; not when that is unknown.
    pub(crate) fn rests(&self) -> bool {
        matches!(self.state(), "IDLE" | "FINISH" | "FAILED")
    }

    /// As it says.
    pub(crate) fn model(&self) -> Option<Model> {
        self.report.model()
    }

    pub(crate) fn status(&self) -> PrinterStatus {
        let mut status = map::status(&self.report, self.configured);
        if let (Some(job), Some(ours)) = (&mut status.job, &self.ours)
            && self.is_ours(ours)
        {
            job.path = Some(ours.path.clone());
        }
        status
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

    /// A print is told to begin now, by whoever waits for it.
    pub(crate) fn begins(&mut self, id: u32, ours: Ours, now: Duration) {
        let was_over = self.state() == "FINISH" && self.is_ours(&ours);
        self.starting = Some(Starting {
            id,
            since: now,
            is_awaited: true,
            was_over,
            has_failed_before: self.state() == "FAILED",
            shown: self.errors().print,
            failure: None,
        });
        self.ours = Some(ours);
    }

    /// Whether the print shows that was told to begin by this number.
    pub(crate) fn shows_begin(&self, id: u32) -> bool {
        let starting = self.starting.as_ref().filter(|starting| starting.id == id);
        let ours = self.ours.as_ref();
        starting.zip(ours).is_some_and(|(starting, ours)| self.has_begun(ours, starting.was_over))
    }

    /// What has come between the print that was told to begin and its begin.
    pub(crate) fn start_failure(&self, operation: &'static str) -> Option<Error> {
        let starting = self.starting.as_ref()?;
        if let Some(code) = starting.failure {
            return Some(codes::error(operation, code));
        }
        let number = self.ours.as_ref()?.id?;
        let has_ended = self.state() == "FAILED" && self.task()?.parse() == Ok(number);
        let why = "the printer has ended the print before it began";
        (has_ended && !starting.has_failed_before)
            .then(|| Error::new(ErrorKind::Conflict, operation).with_detail(why))
    }

    /// Whether the printer shows this print as begun. `was_over` tells that it showed one that looks the same as over
    /// before it was told: plain G-code has no number. A project that is known by its name alone may be over since an
    /// earlier print of it, which a printer can name before it says so: it has begun only while it is at work.
    fn has_begun(&self, ours: &Ours, was_over: bool) -> bool {
        let is_at_work = match self.state() {
            "PREPARE" | "SLICING" | "RUNNING" | "PAUSE" => true,
            "FINISH" => !was_over && (ours.id.is_none() || self.task().is_some()),
            _ => false,
        };
        is_at_work && self.is_ours(ours)
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
    use super::*;
    use crate::jobs::rests;

    #[test]
    fn end_of_an_earlier_print_of_the_same_gcode_is_no_begin() {
        let ours = Ours { id: None, path: "a.gcode".into() };
        let mut live = Live::new(None, 1 << 20);
        let mut has_begun = |message: &[u8]| {
            live.begin_message();
            live.take_piece(message);
            live.end_message();
            [true, false].map(|was_over| live.has_begun(&ours, was_over))
        };
        let over = br#"{"print":{"msg":0,"gcode_state":"FINISH","gcode_file":"/a.gcode"}}"#;
        assert_eq!(has_begun(over), [false, true]);
        assert_eq!(has_begun(br#"{"print":{"msg":1,"gcode_state":"PREPARE"}}"#), [true, true]);
        assert_eq!(has_begun(br#"{"print":{"msg":1,"gcode_file":"b.gcode"}}"#), [false, false]);
    }

    #[test]
    fn project_of_a_printer_that_tells_no_numbers_has_begun_by_its_name_but_not_by_its_end() {
        for task in ["\"task_id\":\"0\"", "\"task_id\":\"\"", "\"x\":0"] {
            let ours = Ours { id: Some(77), path: "jobs/A cube.gcode.3mf".into() };
            let mut live = Live::new(None, 1 << 20);
            let mut has_begun = |state: &str, name: &str| {
                let message = alloc::format!(
                    r#"{{"print":{{"msg":0,"gcode_state":"{state}","subtask_name":"{name}",{task}}}}}"#
                );
                live.begin_message();
                live.take_piece(message.as_bytes());
                live.end_message();
                live.has_begun(&ours, false)
            };
            assert!(!has_begun("FINISH", "A_cube") && !has_begun("FAILED", "A_cube"), "{task}");
            assert!(has_begun("PREPARE", "A_cube") && has_begun("RUNNING", "A_cube"), "{task}");
            assert!(!has_begun("RUNNING", "another"), "{task}");
        }
    }

    #[test]
    fn printer_that_calibrates_itself_or_says_nothing_is_not_moved() {
        let mut live = Live::new(None, 1 << 20);
        let mut told = |message: &[u8]| {
            live.begin_message();
            live.take_piece(message);
            live.end_message();
            rests("jog", &live).is_ok()
        };
        assert!(!told(br#"{"print":{"command":"push_status","msg":0,"bed_temper":20}}"#));
        assert!(told(br#"{"print":{"command":"push_status","msg":1,"gcode_state":"FINISH"}}"#));
        for state in ["INIT", "PREPARE", "RUNNING", "PAUSE", "WHATEVER"] {
            let message =
                alloc::format!(r#"{{"print":{{"msg":1,"gcode_state":"{state}","print_type":"system"}}}}"#);
            assert!(!told(message.as_bytes()), "{state}");
        }
    }
}
