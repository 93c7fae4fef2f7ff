//! A print that was told to begin, and has not been seen to.

use core::time::Duration;

use printhost_core::{Error, ErrorKind};

use super::{Live, Ours};
use crate::{codes, report::Report};

/// How long a print may yet begin for whose begin nobody waits any more: printers have taken a minute for large files.
const MAY_BEGIN: Duration = Duration::from_secs(60);

/// A print that was told to begin, and what has become of that so far.
#[derive(Debug)]
pub(crate) struct Starting {
    id: u32,
    /// When it was told to, and when nobody has waited any more.
    since: Duration,
    /// Whoever has told it waits for what becomes of it.
    is_awaited: bool,
    /// The printer showed one that looks the same as over when it was told.
    was_over: bool,
    /// One had failed before.
    follows_failed: bool,
    /// The end of that still shows, which is not this one's.
    has_failed_before: bool,
    /// The error that is shown, and the one that was raised since.
    shown: u32,
    failure: Option<u32>,
}

impl Starting {
    fn see(&mut self, report: &Report) {
        self.has_failed_before &= report.gcode_state.as_deref().is_none_or(|state| state == "FAILED");
        let Some(error) = report.print_error.filter(|error| *error != self.shown) else { return };
        self.shown = error;
        // That of the one before comes after its end.
        let is_other = self.follows_failed && codes::is_cancelled(error);
        let is_settled = self.failure.is_some_and(codes::refuses_start);
        if codes::is_failure(error) && !is_other && !is_settled {
            self.failure = Some(error);
        }
    }
}

impl Live {
    /// A print is told to begin now, by whoever waits for it.
    pub(crate) fn begins(&mut self, id: u32, ours: Ours, now: Duration) {
        let was_over = self.state() == "FINISH" && self.is_ours(&ours);
        self.starting = Some(Starting {
            id,
            since: now,
            is_awaited: true,
            was_over,
            follows_failed: self.state() == "FAILED",
            has_failed_before: self.state() == "FAILED",
            shown: self.errors().print,
            failure: None,
        });
        self.ours = Some(ours);
    }

    /// Nobody waits any more for what becomes of it.
    pub(crate) fn leave_start(&mut self, id: u32, now: Duration) {
        if let Some(starting) = self.starting.as_mut().filter(|starting| starting.id == id) {
            (starting.is_awaited, starting.since) = (false, now);
        }
    }

    /// Nothing of it may begin any more.
    pub(crate) fn end_start(&mut self, id: u32) {
        self.starting.take_if(|starting| starting.id == id);
    }

    /// Whether a print may yet begin that the printer was told to.
    pub(crate) fn may_yet_begin(&self, now: Duration) -> bool {
        let is_recent = |since| now.saturating_sub(since) < MAY_BEGIN;
        self.starting.as_ref().is_some_and(|starting| starting.is_awaited || is_recent(starting.since))
    }

    /// What a report says of it.
    pub(super) fn see_start(&mut self) {
        let Some(starting) = &mut self.starting else { return };
        starting.see(&self.report);
        let (id, is_awaited) = (starting.id, starting.is_awaited);
        if !is_awaited && self.shows_begin(id) {
            self.starting = None;
        }
    }

    /// Whether the print shows that was told to begin, and that somebody waits for.
    pub(super) fn shows_start(&self) -> bool {
        self.starting.as_ref().is_some_and(|starting| self.shows_begin(starting.id))
    }

    /// Whether the print shows that was told to begin by this number.
    pub(crate) fn shows_begin(&self, id: u32) -> bool {
        let starting = self.starting.as_ref().filter(|starting| starting.id == id);
        let ours = self.ours.as_ref();
        starting.zip(ours).is_some_and(|(starting, ours)| self.has_begun(ours, starting.was_over))
    }

    /// What has come between the print that was told to begin and its begin: [`ErrorKind::Unconfirmed`] when that does not
    /// say that it will not.
    pub(crate) fn start_failure(&self, operation: &'static str) -> Option<Error> {
        let starting = self.starting.as_ref()?;
        if let Some(code) = starting.failure {
            let error = codes::error(operation, code);
            return Some(if codes::refuses_start(code) { error } else { error.unconfirmed() });
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
}

#[cfg(test)]
mod tests {
    use printhost_core::Retry;

    use super::*;
    use crate::jobs::rests;

    const SECOND: Duration = Duration::from_secs(1);

    fn told(live: &mut Live, members: &str) {
        live.begin_message();
        live.take_piece(alloc::format!("{{\"print\":{{{members}}}}}").as_bytes());
        live.end_message();
    }

    /// A printer that does nothing and was told a moment ago to begin the job 77.
    fn starting() -> Live {
        let mut live = Live::new(None, 1 << 20);
        told(&mut live, r#""msg":0,"gcode_state":"IDLE","task_id":"7""#);
        live.begins(77, Ours { id: Some(77), path: "a.gcode.3mf".into() }, SECOND);
        live
    }

    fn is_refused(live: &Live, now: Duration) -> bool {
        rests("start", live, now).is_err_and(|e| e.kind() == ErrorKind::Busy)
    }

    #[test]
    fn nothing_else_moves_as_long_as_somebody_waits_for_a_start_and_a_minute_from_then() {
        let mut live = starting();
        assert!(is_refused(&live, SECOND) && is_refused(&live, 500 * SECOND));
        live.leave_start(76, 40 * SECOND);
        live.leave_start(77, 50 * SECOND);
        // One that read the clock before.
        assert!(is_refused(&live, 49 * SECOND) && is_refused(&live, 109 * SECOND));
        assert_eq!(rests("start", &live, 110 * SECOND), Ok(()));
    }

    #[test]
    fn start_that_nobody_waits_for_is_over_once_its_print_shows() {
        let mut live = starting();
        live.leave_start(77, 2 * SECOND);
        told(&mut live, r#""msg":1,"gcode_state":"PREPARE","task_id":"8""#);
        told(&mut live, r#""msg":1,"gcode_state":"FAILED""#);
        assert!(is_refused(&live, 3 * SECOND));
        told(&mut live, r#""msg":1,"gcode_state":"PREPARE","task_id":"77""#);
        told(&mut live, r#""msg":1,"gcode_state":"FAILED""#);
        assert_eq!(rests("start", &live, 3 * SECOND), Ok(()));
    }

    #[test]
    fn error_is_a_refusal_of_a_start_only_when_it_says_so() {
        let kind_after = |members: &str| {
            let mut live = starting();
            told(&mut live, members);
            live.start_failure("start").map(|e| (e.kind(), e.retry()))
        };
        let open = Some((ErrorKind::Unconfirmed, Retry::ReadFirst));
        // A file that cannot be read, a spool that has run out, somebody who has cancelled something, a hint.
        assert_eq!(kind_after(r#""print_error":83902467"#), Some((ErrorKind::InvalidInput, Retry::Never)));
        assert_eq!(kind_after(r#""print_error":117473297"#), open);
        assert_eq!(kind_after(r#""print_error":50348044"#), open);
        assert_eq!(kind_after(r#""print_error":83935249"#), None);
    }

    #[test]
    fn word_that_the_job_before_was_cancelled_is_none_of_the_next_one() {
        let mut live = Live::new(None, 1 << 20);
        told(&mut live, r#""msg":0,"gcode_state":"FAILED","task_id":"7","print_error":0"#);
        live.begins(77, Ours { id: Some(77), path: "a.gcode.3mf".into() }, SECOND);
        told(&mut live, r#""print_error":50348044"#);
        assert_eq!(live.start_failure("start"), None);
        told(&mut live, r#""gcode_state":"IDLE","print_error":0"#);
        told(&mut live, r#""print_error":83902467"#);
        told(&mut live, r#""print_error":117473297"#);
        assert_eq!(live.start_failure("start").map(|e| e.kind()), Some(ErrorKind::InvalidInput));
    }

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
}
