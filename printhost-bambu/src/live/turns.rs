//! What becomes of jobs, from one report to the next.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use printhost_core::{JobEvent, Phase, PrinterStatus};

use super::Live;
use crate::{map, printed};

/// A report in which a job begins or ends, and what it said of that.
#[derive(Debug)]
pub(super) struct Turn {
    phase: Phase,
    fault: Option<String>,
    task: Option<String>,
    since: Duration,
}

impl Turn {
    /// What is to be told of it, when this is what the printer shows. Of an end that was watched, whatever is named then says
    /// nothing.
    fn status(&self, shown: &PrinterStatus) -> PrinterStatus {
        let mut status = PrinterStatus::default();
        (status.phase, status.fault, status.job) = (self.phase, self.fault.clone(), shown.job.clone());
        if let Some(job) = status.job.as_mut().filter(|_| !self.phase.has_job()) {
            job.path = None;
        }
        status
    }
}

impl Live {
    /// Job events from a status at a time. A printer may tell the number of a job that begins, or the reason of its end, a
    /// report or two later: until then, or until [`Self::settle`], neither is told.
    pub(crate) fn observe(&mut self, status: &PrinterStatus, now: Duration) -> Vec<JobEvent> {
        let task = self.task().map(String::from);
        let mut events = Vec::new();
        if let Some(mut turn) = self.turn.take() {
            let (begins, phase) = (turn.phase.has_job(), status.phase);
            let goes_on = if begins { phase.has_job() } else { is_over(phase) };
            let is_same = begins || task.is_none() || turn.task.is_none() || task == turn.task;
            match () {
                // Nothing of a job is passed over, whatever it is called.
                () if begins && phase == Phase::Paused && turn.phase != phase => {
                    events = self.follow(&turn.status(status), turn.task);
                }
                // It was the printer's own doing.
                () if begins && phase == Phase::Busy => return events,
                () if goes_on && is_same && self.tells_all(status, task.as_deref()) => {
                    (turn.phase, turn.fault) = (phase, status.fault.clone());
                    return self.follow(&turn.status(status), task);
                }
                () if phase.leaves_job_open() || goes_on && is_same => {
                    if goes_on && phase != Phase::Idle {
                        (turn.phase, turn.fault) = (phase, status.fault.clone());
                    }
                    turn.task = if begins { task } else { turn.task.or(task) };
                    self.turn = Some(turn);
                    return events;
                }
                // It was over before the rest of it came, or another one is told already.
                () => events = self.follow(&turn.status(status), turn.task),
            }
        }
        let begins = !self.is_at_work && status.phase.has_job();
        let ends = self.is_at_work && is_over(status.phase);
        if !(begins || ends) {
            events.extend(self.follow(status, task));
            return events;
        }
        if begins {
            self.stopped = None;
        }
        let turn = Turn { phase: status.phase, fault: status.fault.clone(), task, since: now };
        match self.tells_all(status, turn.task.as_deref()) {
            true => events.extend(self.follow(&turn.status(status), turn.task)),
            false => self.turn = Some(turn),
        }
        events
    }

    /// Since when it is not told that a job begins or ends.
    pub(crate) fn turned(&self) -> Option<Duration> {
        self.turn.as_ref().map(|turn| turn.since)
    }

    /// What was to be told when the rest of it comes, which has not.
    pub(crate) fn settle(&mut self) -> Vec<JobEvent> {
        let status = self.status();
        let Some(turn) = self.turn.take() else { return self.catch_up(&status) };
        match turn.phase.has_job() {
            true => self.catch_up(&status),
            false => self.follow(&turn.status(&status), turn.task),
        }
    }

    /// Job events from a status, at once.
    pub(crate) fn catch_up(&mut self, status: &PrinterStatus) -> Vec<JobEvent> {
        self.follow(status, self.task().map(String::from))
    }

    /// Whether nothing more is to come of a job that begins or ends in this report: what tells everything tells its number,
    /// too, and who has told it to begin knows what it is.
    fn tells_all(&self, status: &PrinterStatus, task: Option<&str>) -> bool {
        match status.phase {
            Phase::Faulted => map::has_reason(&self.report),
            Phase::Idle => false,
            phase if phase.has_job() => {
                let has_number = task.is_some() && task != self.task_before.as_deref();
                self.is_told_whole || has_number || self.shows_start()
            }
            _ => true,
        }
    }

    /// Another number of the printer's own is another job, also of the same file, and whatever it says of its end.
    fn follow(&mut self, status: &PrinterStatus, task: Option<String>) -> Vec<JobEvent> {
        let mut events = Vec::new();
        let (has_job, is_over) = (status.phase.has_job(), is_over(status.phase));
        // Of a job that goes on, the number of the one before says nothing.
        let number = task.as_ref().filter(|task| !has_job || Some(*task) != self.task_before.as_ref());
        let is_same = self.task.as_ref().zip(number).map(|(before, now)| before == now);
        if is_same == Some(false) && (has_job || is_over) {
            events.extend(self.jobs.announce(JobEvent::Ended));
        } else if self.was_stopped() && status.phase == Phase::Idle {
            events.extend(self.jobs.announce(JobEvent::Cancelled));
        }
        match self.renamed(status, is_same) {
            Some(path) => {
                let mut same = PrinterStatus::default();
                (same.phase, same.fault, same.job) = (status.phase, status.fault.clone(), status.job.clone());
                same.job.get_or_insert_default().path = Some(path);
                events.extend(self.jobs.observe(&same));
            }
            None => events.extend(self.jobs.observe(status)),
        }
        if has_job {
            if is_same == Some(false) {
                self.stopped = None;
            }
            if !self.is_at_work || is_same == Some(false) {
                self.task_before = self.task.take().or(self.task_before.take());
            }
            if let Some(number) = task.filter(|task| Some(task) != self.task_before.as_ref()) {
                self.task = Some(number);
            }
        } else if is_over {
            // In between, a printer may show what it was told to print next.
            let is_last = status.phase != Phase::Idle || !self.synced;
            let shown = task.filter(|_| is_last);
            self.task_before = shown.or(self.task.take()).or(self.task_before.take());
        }
        if has_job || is_over {
            self.is_at_work = has_job;
        }
        events
    }

    /// The path by which the job that goes on is known, where the printer shows another name of it.
    fn renamed(&self, status: &PrinterStatus, is_same: Option<bool>) -> Option<String> {
        let known = self.jobs.path()?;
        let shown = status.job.as_ref()?.path.as_deref()?;
        let is_same = is_same.unwrap_or_else(|| printed::may_be(&self.report, known));
        (is_same && shown != known).then(|| known.into())
    }
}

const fn is_over(phase: Phase) -> bool {
    !phase.has_job() && !phase.leaves_job_open()
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
        live.synced = true;
        live
    }

    fn started(path: &str) -> JobEvent {
        JobEvent::Started { path: Some(path.into()) }
    }

    #[test]
    fn job_whose_number_comes_in_a_later_report_begins_once() {
        let mut live = idle();
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"PREPARE"}}"#), []);
        // What it tells every second is not what is waited for, and an answer is no report.
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"bed_temper":20}}"#), []);
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
            assert_eq!(told(&mut live, r#"{"print":{"msg":1,"bed_temper":21}}"#), []);
            let told = told(&mut live, &alloc::format!(r#"{{"print":{{"msg":1,"print_error":{error}}}}}"#));
            assert_eq!(told, [end]);
        }
    }

    #[test]
    fn end_is_told_also_when_the_next_job_begins_or_nothing_more_is_heard() {
        let failed = JobEvent::Failed { reason: None };
        let mut live = idle();
        told(&mut live, r#"{"print":{"msg":1,"gcode_state":"RUNNING","task_id":"8"}}"#);
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"FAILED"}}"#), []);
        let next = told(&mut live, r#"{"print":{"msg":1,"gcode_state":"PREPARE","task_id":"9"}}"#);
        assert_eq!(next, [failed.clone(), started("old.gcode.3mf")]);
        // What it is idle from then on does not change how it has ended.
        for (task, idle) in [(20, ""), (21, r#","gcode_state":"IDLE""#)] {
            let running =
                alloc::format!(r#"{{"print":{{"msg":1,"gcode_state":"RUNNING","task_id":{task}}}}}"#);
            told(&mut live, &running);
            assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"FAILED"}}"#), []);
            let message = alloc::format!(r#"{{"print":{{"msg":1,"bed_temper":21{idle}}}}}"#);
            assert_eq!(told(&mut live, &message), []);
            assert_eq!(live.settle(), core::slice::from_ref(&failed));
            assert!(live.turned().is_none() && live.settle().is_empty());
        }
        told(&mut live, r#"{"print":{"msg":1,"gcode_state":"RUNNING","task_id":"11"}}"#);
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"FINISH"}}"#), [JobEvent::Finished]);
        // One that never gets a number of its own.
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"PREPARE"}}"#), []);
        assert_eq!(live.settle(), [started("old.gcode.3mf")]);
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"task_id":"12"}}"#), []);
    }

    #[test]
    fn pause_of_a_job_whose_number_is_not_told_is_not_passed_over() {
        let mut live = idle();
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"RUNNING"}}"#), []);
        let paused = told(&mut live, r#"{"print":{"msg":1,"gcode_state":"PAUSE"}}"#);
        assert_eq!(paused, [started("old.gcode.3mf"), JobEvent::Paused]);
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"RUNNING"}}"#), [JobEvent::Resumed]);
    }

    #[test]
    fn job_that_this_driver_has_begun_needs_no_number() {
        let mut live = idle();
        live.begins(1, super::super::Ours { id: None, path: "a.gcode".into() }, Duration::ZERO);
        let message = r#"{"print":{"msg":1,"gcode_state":"PREPARE","gcode_file":"a.gcode"}}"#;
        assert_eq!(told(&mut live, message), [started("a.gcode")]);
    }

    #[test]
    fn calibration_that_says_so_a_report_later_is_no_job() {
        let mut live = idle();
        assert_eq!(
            told(&mut live, r#"{"print":{"msg":1,"gcode_state":"PREPARE","subtask_name":"cali"}}"#),
            []
        );
        for members in [r#""print_type":"system""#, r#""gcode_state":"PAUSE""#, r#""gcode_state":"FINISH""#] {
            assert_eq!(
                told(&mut live, &alloc::format!(r#"{{"print":{{"msg":1,{members}}}}}"#)),
                [],
                "{members}"
            );
            assert_eq!(live.turned(), None);
        }
    }

    /// The end of a job that was seen to run, as the next connection shows it.
    fn after_gap(task: &str, shown: &str) -> Vec<JobEvent> {
        let mut live = idle();
        let message = alloc::format!(
            r#"{{"print":{{"msg":1,"gcode_state":"RUNNING","task_id":"{task}","gcode_file":"my cube.gcode.3mf"}}}}"#
        );
        told(&mut live, &message);
        told(&mut live, r#"{"print":{"msg":1,"bed_temper":20}}"#);
        live.settle();
        live.begin();
        live.begin_message();
        live.take_piece(alloc::format!(r#"{{"print":{{"msg":0,{shown}}}}}"#).as_bytes());
        live.end_message();
        let status = live.status();
        live.catch_up(&status)
    }

    #[test]
    fn end_that_another_job_shows_after_a_gap_is_not_that_of_the_one_before() {
        for state in ["FINISH", "FAILED", "IDLE", "RUNNING"] {
            let file = r#""gcode_file":"my cube.gcode.3mf""#;
            let other = alloc::format!(r#""gcode_state":"{state}","task_id":"9",{file}"#);
            assert_eq!(after_gap("8", &other)[0], JobEvent::Ended, "{state}");
            let named = alloc::format!(r#""gcode_state":"{state}","task_id":"0","gcode_file":"b.gcode.3mf""#);
            assert_eq!(after_gap("0", &named)[0], JobEvent::Ended, "{state}");
        }
    }

    #[test]
    fn end_of_the_same_job_after_a_gap_is_its_own_whatever_it_is_called_by_then() {
        for task in ["8", "0"] {
            let shown = alloc::format!(
                r#""gcode_state":"FINISH","task_id":"{task}","gcode_file":"","subtask_name":"my_cube""#
            );
            assert_eq!(after_gap(task, &shown), [JobEvent::Finished], "{task}");
        }
    }

    #[test]
    fn job_that_this_driver_has_stopped_is_cancelled_whatever_the_printer_says() {
        for state in ["FAILED", "IDLE"] {
            let mut live = idle();
            told(&mut live, r#"{"print":{"msg":1,"gcode_state":"RUNNING","task_id":"8","mc_percent":100}}"#);
            live.stops();
            let mut events = told(&mut live, &alloc::format!(r#"{{"print":{{"gcode_state":"{state}"}}}}"#));
            events.extend(live.settle());
            assert_eq!(events, [JobEvent::Cancelled], "{state}");
        }
    }

    #[test]
    fn job_that_has_failed_in_its_last_percent_is_not_finished() {
        let mut live = idle();
        told(&mut live, r#"{"print":{"msg":1,"gcode_state":"RUNNING","task_id":"8","mc_percent":100}}"#);
        assert_eq!(told(&mut live, r#"{"print":{"msg":1,"gcode_state":"FAILED"}}"#), []);
        assert_eq!(live.settle(), [JobEvent::Failed { reason: None }]);
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
