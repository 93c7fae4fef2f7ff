//! What is known of how a job has ended, where the printer does not say it, or for a moment only.

use alloc::string::String;

use super::Live;
use crate::{map, report::Report};

/// The job that this driver has told the printer to stop.
#[derive(Debug)]
pub(super) struct Stopped {
    /// The printer's own number of it.
    task: Option<String>,
}

/// Why a job had failed when a connection ended: the next one may not tell it any more.
#[derive(Debug)]
pub(super) struct Failed {
    task: Option<String>,
    file: Option<String>,
    name: Option<String>,
    error: u32,
}

impl Failed {
    fn is_of(&self, report: &Report) -> bool {
        let names = (&self.file, &self.name) == (&report.gcode_file, &report.subtask_name);
        self.task == report.task_id && names
    }
}

impl Live {
    /// The job that shows is told to stop.
    pub(crate) fn stops(&mut self) {
        self.stopped = Some(Stopped { task: self.task().map(String::from) });
    }

    /// It does not.
    pub(crate) fn goes_on(&mut self) {
        self.stopped = None;
    }

    /// Whether this driver has stopped the job that shows.
    pub(super) fn was_stopped(&self) -> bool {
        self.stopped.as_ref().is_some_and(|stopped| match (&stopped.task, self.task()) {
            (Some(stopped), Some(task)) => stopped == task,
            _ => true,
        })
    }

    /// The connection is over: what it has told of a job that has failed is kept for the next.
    pub(super) fn keep_failure(&mut self) {
        if let Some(error) = self.report.last_error.filter(|_| self.state() == "FAILED") {
            let report = &mut self.report;
            let (task, file) = (report.task_id.take(), report.gcode_file.take());
            self.failed = Some(Failed { task, file, name: report.subtask_name.take(), error });
        }
        // Without a number nobody can say whether the next connection shows the same job.
        self.stopped.take_if(|stopped| stopped.task.is_none());
    }

    /// The same job shows again.
    pub(super) fn recall_failure(&mut self) {
        let Some(failed) = &self.failed else { return };
        match self.state() {
            "" => {}
            "FAILED" if failed.is_of(&self.report) => {
                if !map::has_reason(&self.report) {
                    self.report.last_error = Some(failed.error);
                }
            }
            // What is told in changes may be told of it yet.
            "FAILED" if !self.is_whole => {}
            _ => self.failed = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use printhost_core::Phase;

    use super::*;

    fn tell(live: &mut Live, members: &str) -> (Phase, Option<String>) {
        live.begin_message();
        live.take_piece(alloc::format!("{{\"print\":{{{members}}}}}").as_bytes());
        live.end_message();
        let status = live.status();
        (status.phase, status.fault)
    }

    const FAILED: &str =
        r#""msg":0,"gcode_state":"FAILED","task_id":"8","gcode_file":"a.3mf","print_error":0"#;

    #[test]
    fn reason_of_a_failure_outlives_the_connection_but_not_the_job() {
        for (code, end) in [("50348044", Phase::Cancelled), ("83935248", Phase::Faulted)] {
            let mut live = Live::new(None, 1 << 20);
            tell(&mut live, FAILED);
            tell(&mut live, &alloc::format!(r#""msg":1,"print_error":{code}"#));
            let known = tell(&mut live, r#""msg":1,"print_error":0"#);
            assert_eq!(known.0, end);
            for _ in 0..2 {
                live.begin();
                assert_eq!(tell(&mut live, FAILED), known);
                assert_eq!(tell(&mut live, r#""msg":1,"bed_temper":20"#), known);
            }
            live.begin();
            let other = tell(&mut live, &FAILED.replace("\"8\"", "\"9\""));
            assert_eq!(other, (Phase::Faulted, None));
        }
    }

    #[test]
    fn reason_of_a_failure_is_forgotten_with_the_next_job() {
        let mut live = Live::new(None, 1 << 20);
        tell(&mut live, FAILED);
        tell(&mut live, r#""msg":1,"print_error":83935248"#);
        live.begin();
        tell(&mut live, &FAILED.replace("FAILED", "RUNNING"));
        assert_eq!(tell(&mut live, r#""msg":1,"gcode_state":"FAILED""#), (Phase::Faulted, None));
    }

    #[test]
    fn job_that_this_driver_has_stopped_was_cancelled_whatever_the_printer_says_of_why() {
        let mut live = Live::new(None, 1 << 20);
        tell(&mut live, r#""msg":0,"gcode_state":"RUNNING","task_id":"8""#);
        live.stops();
        assert_eq!(tell(&mut live, r#""gcode_state":"FAILED""#), (Phase::Cancelled, None));
        live.begin();
        assert_eq!(tell(&mut live, FAILED), (Phase::Cancelled, None));
        assert_eq!(tell(&mut live, r#""task_id":"9""#), (Phase::Faulted, None));
    }
}
