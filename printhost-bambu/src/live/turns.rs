//! What becomes of jobs, from one report to the next.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use printhost_core::{JobEvent, Phase, PrinterStatus};

use super::Live;

/// A report in which a job begins or ends, and what it said of that.
#[derive(Debug)]
pub(super) struct Turn {
    phase: Phase,
    fault: Option<String>,
    task: Option<String>,
    /// The printer calls it failed, whatever that is.
    fails: bool,
    /// The how manyth report it was.
    report: u32,
    since: Duration,
}

impl Live {
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
