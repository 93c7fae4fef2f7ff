//! What is known of the printer from its reports, and what became of its jobs.

use alloc::{string::String, vec::Vec};
use core::{task::Waker, time::Duration};

use printhost_core::{Error, JobEvent, JobTracker, Phase, PrinterStatus};

use crate::{
    Model, codes,
    desk::{Desk, Reply},
    map, printed,
    report::{Ack, Feed, Report},
};

/// A print that this driver has started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ours {
    /// Its number; plain G-code is started without one.
    pub(crate) id: Option<u32>,
    pub(crate) path: String,
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

/// A report in which a job begins or ends, and what it said of that.
#[derive(Debug)]
struct Turn {
    phase: Phase,
    fault: Option<String>,
    task: Option<String>,
    /// The printer calls it failed, whatever that is.
    fails: bool,
    /// The how manyth report it was.
    report: u32,
    since: Duration,
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
    /// The print that was told to begin, and when, as long as whoever told it has not seen what became of it.
    pub(crate) starting: Option<(u32, Duration)>,
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

    /// Whether the printer shows this print as begun. `was_over` tells that it showed one that looks the same as over
    /// before it was told: plain G-code has no number. A project that is known by its name alone may be over since an
    /// earlier print of it, which a printer can name before it says so: it has begun only while it is at work.
    pub(crate) fn has_begun(&self, ours: &Ours, was_over: bool) -> bool {
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

    /// Job events from a status at a time. That a job begins or ends is told one report later, or by [`Self::settle`]:
    /// printers may tell its number, or the reason of its end, in the next one.
    pub(crate) fn observe(&mut self, status: &PrinterStatus, now: Duration) -> Vec<JobEvent> {
        let mut events = Vec::new();
        let task = self.task().map(String::from);
        let fails = self.state() == "FAILED";
        if let Some(turn) = self.turn.take_if(|turn| turn.report != self.reports) {
            let still_begins = turn.phase.has_job() && status.phase.has_job();
            if still_begins || turn.phase == status.phase || (turn.fails && fails) {
                return self.follow(status, task);
            }
            // It was over before the rest of it came.
            let mut turned = PrinterStatus::default();
            (turned.phase, turned.fault) = (turn.phase, turn.fault);
            turned.job = status.job.clone().filter(|_| turn.phase.has_job());
            events = self.follow(&turned, turn.task);
        }
        let begins_or_ends = match self.is_at_work {
            true => !status.phase.has_job() && !status.phase.leaves_job_open(),
            false => status.phase.has_job(),
        };
        if !begins_or_ends {
            events.extend(self.follow(status, task));
        } else if self.turn.is_none() {
            let (phase, fault) = (status.phase, status.fault.clone());
            self.turn = Some(Turn { phase, fault, task, fails, report: self.reports, since: now });
        }
        events
    }

    /// Since when it is not told that a job begins or ends.
    pub(crate) fn turned(&self) -> Option<Duration> {
        self.turn.as_ref().map(|turn| turn.since)
    }

    /// What was to be told one report later, which has not come.
    pub(crate) fn settle(&mut self) -> Vec<JobEvent> {
        self.turn = None;
        let status = self.status();
        self.catch_up(&status)
    }

    /// Job events from a status, at once.
    pub(crate) fn catch_up(&mut self, status: &PrinterStatus) -> Vec<JobEvent> {
        self.follow(status, self.task().map(String::from))
    }

    /// Another number of the printer's own is another job, also of the same file.
    fn follow(&mut self, status: &PrinterStatus, task: Option<String>) -> Vec<JobEvent> {
        let mut events = Vec::new();
        if status.phase.has_job() {
            if let (Some(before), Some(now)) = (&self.task, &task)
                && before != now
            {
                events.extend(self.jobs.announce(JobEvent::Ended));
            }
            self.task = task;
        }
        events.extend(self.jobs.observe(status));
        if !status.phase.leaves_job_open() {
            self.is_at_work = status.phase.has_job();
        }
        events
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

    fn told(live: &mut Live, message: &str) -> Vec<JobEvent> {
        live.begin_message();
        live.take_piece(message.as_bytes());
        live.end_message();
        let status = live.status();
        live.observe(&status, Duration::ZERO)
    }

    /// A printer that does nothing, and has done another job before.
    fn idle() -> Live {
        let mut live = Live::new(None, 1 << 20);
        let message = r#"{"print":{"msg":0,"gcode_state":"FINISH","task_id":"7","subtask_name":"old"}}"#;
        assert_eq!(told(&mut live, message), []);
        live
    }

    #[test]
    fn job_whose_number_comes_in_a_later_report_begins_once() {
        let mut live = idle();
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"PREPARE"}}"#), []);
        // An answer is no report, and changes nothing.
        assert_eq!(
            told(&mut live, r#"{"print":{"command":"pause","sequence_id":"1","result":"success"}}"#),
            []
        );
        let began = told(&mut live, r#"{"print":{"msg":1,"task_id":"8","subtask_name":"new"}}"#);
        assert_eq!(began, [JobEvent::Started { path: Some("new.gcode.3mf".into()) }]);
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"RUNNING"}}"#), []);
        let other = told(&mut live, r#"{"print":{"msg":1,"task_id":"9","subtask_name":"another"}}"#);
        assert_eq!(other, [JobEvent::Ended, JobEvent::Started { path: Some("another.gcode.3mf".into()) }]);
    }

    #[test]
    fn end_whose_reason_comes_in_a_later_report_is_told_with_it() {
        for (error, end) in [
            ("50348044", JobEvent::Cancelled),
            ("83935248", JobEvent::Failed { reason: Some("0500_C010".into()) }),
        ] {
            let mut live = idle();
            told(&mut live, r#"{"print":{"msg":1,"gcode_state":"RUNNING","task_id":"8","mc_percent":100}}"#);
            told(&mut live, r#"{"print":{"msg":1,"bed_temper":20}}"#);
            assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"FAILED"}}"#), []);
            let told = told(&mut live, &alloc::format!(r#"{{"print":{{"msg":1,"print_error":{error}}}}}"#));
            assert_eq!(told, [end]);
        }
    }

    #[test]
    fn end_is_told_also_when_the_next_job_begins_or_nothing_more_is_heard() {
        let mut live = idle();
        told(&mut live, r#"{"print":{"msg":1,"gcode_state":"RUNNING","task_id":"8"}}"#);
        told(&mut live, r#"{"print":{"msg":1,"bed_temper":20}}"#);
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"FINISH"}}"#), []);
        let ended = told(&mut live, r#"{"print":{"msg":1,"gcode_state":"PREPARE","task_id":"9"}}"#);
        assert_eq!(ended, [JobEvent::Finished]);
        assert!(live.turned().is_some());
        assert_eq!(live.settle(), [JobEvent::Started { path: Some("old.gcode.3mf".into()) }]);
        assert!(live.turned().is_none() && live.settle().is_empty());
    }

    #[test]
    fn report_that_cannot_be_read_is_missed_until_everything_is_told() {
        let mut live = idle();
        told(&mut live, r#"{"print":{"msg":1,"gcode_state":"RUNN"#);
        assert!(live.missed);
        told(&mut live, r#"{"print":{"msg":1,"bed_temper":20}}"#);
        assert!(live.missed);
        told(&mut live, r#"{"print":{"msg":0,"gcode_state":"RUNNING"}}"#);
        assert!(!live.missed);
    }
}
