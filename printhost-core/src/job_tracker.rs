use alloc::string::String;

use crate::{JobEvent, Phase, PrinterStatus};

/// Turns statuses into job events, and removes doubles when a protocol announces some events itself.
///
/// Pure state: a driver that polls calls [`JobTracker::observe`] with every status; a driver with a push protocol
/// calls it after every (re)connection, so that what happened meanwhile is made up for, and
/// [`JobTracker::announce`] for what the host announces.
#[derive(Clone, Debug, Default)]
pub struct JobTracker {
    seen: bool,
    active: Option<Active>,
}

#[derive(Clone, Debug)]
struct Active {
    path: Option<String>,
    paused: bool,
    cancelling: bool,
    complete: bool,
}

impl JobTracker {
    /// Knows nothing yet: a job found by the first observation is taken over without an event.
    pub const fn new() -> Self {
        Self { seen: false, active: None }
    }

    /// The path of the job that goes on, if it was told.
    pub fn path(&self) -> Option<&str> {
        self.active.as_ref()?.path.as_deref()
    }

    /// Compares a status with what is known; returns what must have happened in between, oldest first. Jobs are told apart
    /// by their paths: how one has ended is not taken from what shows another one.
    pub fn observe(&mut self, status: &PrinterStatus) -> impl Iterator<Item = JobEvent> + use<> {
        let path = status.job.as_ref().and_then(|job| job.path.clone());
        let complete = status.job.as_ref().and_then(|job| job.progress).is_some_and(|p| p >= 1.0);
        let (mut first, mut second) = (None, None);

        let other_job =
            self.active.as_ref().is_some_and(|a| a.path.is_some() && path.is_some() && a.path != path);
        let over = !status.phase.has_job() && !status.phase.leaves_job_open();
        if other_job || over {
            // What a host shows of another job says nothing of this one.
            let shown = (!other_job).then_some(status);
            first = self.active.take().map(|job| job.end(shown, complete && !other_job));
        }
        if status.phase.has_job() {
            let paused = status.phase == Phase::Paused;
            match &mut self.active {
                Some(active) => {
                    if paused != active.paused && (paused || status.phase == Phase::Printing) {
                        second = Some(if paused { JobEvent::Paused } else { JobEvent::Resumed });
                        active.paused = paused;
                    }
                    active.path = path.or(active.path.take());
                    active.cancelling |= status.phase == Phase::Cancelling;
                    active.complete = complete;
                }
                // A job does not begin with its tail: its end has been told already.
                None if self.seen && matches!(status.phase, Phase::Finishing | Phase::Cancelling) => {}
                None => {
                    let cancelling = status.phase == Phase::Cancelling;
                    self.active = Some(Active { path: path.clone(), paused, cancelling, complete });
                    if self.seen {
                        second = Some(JobEvent::Started { path });
                    }
                }
            }
        }
        self.seen = true;
        [first, second].into_iter().flatten()
    }

    /// Takes an event the host announced; `None` when it says nothing new.
    pub fn announce(&mut self, event: JobEvent) -> Option<JobEvent> {
        self.seen = true;
        match (&event, &mut self.active) {
            (JobEvent::Started { path }, Some(active)) if active.path == *path => return None,
            (JobEvent::Started { path }, _) => {
                let path = path.clone();
                self.active = Some(Active { path, paused: false, cancelling: false, complete: false });
            }
            (JobEvent::Paused, Some(active)) if !active.paused => active.paused = true,
            (JobEvent::Resumed, Some(active)) if active.paused => active.paused = false,
            (end, Some(_)) if end.is_end() => self.active = None,
            _ => return None,
        }
        Some(event)
    }
}

impl Active {
    fn end(self, status: Option<&PrinterStatus>, complete: bool) -> JobEvent {
        match status.map(|status| status.phase) {
            Some(Phase::Finished) => JobEvent::Finished,
            Some(Phase::Cancelled) => JobEvent::Cancelled,
            Some(Phase::Faulted | Phase::Offline) => {
                JobEvent::Failed { reason: status.and_then(|status| status.fault.clone()) }
            }
            _ if self.cancelling => JobEvent::Cancelled,
            _ if complete || self.complete => JobEvent::Finished,
            _ => JobEvent::Ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::Job;

    fn status(phase: Phase, path: &str, progress: f32) -> PrinterStatus {
        let job = Job { path: Some(path.into()), progress: Some(progress), ..Default::default() };
        PrinterStatus { phase, job: Some(job), ..Default::default() }
    }

    fn all(tracker: &mut JobTracker, status: &PrinterStatus) -> Vec<JobEvent> {
        tracker.observe(status).collect()
    }

    fn started(path: &str) -> JobEvent {
        JobEvent::Started { path: Some(path.into()) }
    }

    #[test]
    fn whole_life_is_seen_from_statuses_alone() {
        let mut t = JobTracker::new();
        let mut seen = Vec::new();
        for (phase, progress) in [
            (Phase::Idle, 0.0),
            (Phase::Printing, 0.1),
            (Phase::Pausing, 0.2),
            (Phase::Paused, 0.2),
            (Phase::Resuming, 0.2),
            (Phase::Printing, 0.3),
            (Phase::Idle, 1.0),
        ] {
            seen.extend(t.observe(&status(phase, "a", progress)));
        }
        assert_eq!(seen, [started("a"), JobEvent::Paused, JobEvent::Resumed, JobEvent::Finished]);
    }

    #[test]
    fn job_found_at_first_sight_is_no_event_but_its_end_is() {
        let mut t = JobTracker::new();
        assert_eq!(all(&mut t, &status(Phase::Printing, "a", 0.5)), vec![]);
        assert_eq!(all(&mut t, &status(Phase::Cancelling, "a", 0.5)), vec![]);
        assert_eq!(all(&mut t, &status(Phase::Idle, "a", 0.0)), vec![JobEvent::Cancelled]);
    }

    #[test]
    fn job_that_changed_during_a_gap_ends_and_starts() {
        let mut t = JobTracker::new();
        all(&mut t, &status(Phase::Printing, "a", 0.5));
        assert_eq!(all(&mut t, &status(Phase::Printing, "b", 0.1)), vec![JobEvent::Ended, started("b")]);
        let fault =
            PrinterStatus { phase: Phase::Faulted, fault: Some("thermal".into()), ..Default::default() };
        assert_eq!(all(&mut t, &fault), vec![JobEvent::Failed { reason: Some("thermal".into()) }]);
    }

    #[test]
    fn end_of_another_job_is_not_that_of_the_one_before_the_gap() {
        for phase in [Phase::Finished, Phase::Cancelled, Phase::Faulted, Phase::Idle] {
            let mut t = JobTracker::new();
            all(&mut t, &status(Phase::Printing, "a", 0.5));
            assert_eq!(all(&mut t, &status(phase, "b", 1.0)), vec![JobEvent::Ended], "{phase:?}");
        }
    }

    #[test]
    fn question_on_the_screen_neither_ends_nor_starts_a_job() {
        let mut t = JobTracker::new();
        all(&mut t, &status(Phase::Printing, "a", 0.5));
        for phase in [Phase::Attention, Phase::Busy, Phase::Unknown, Phase::Connecting, Phase::Printing] {
            assert_eq!(all(&mut t, &status(phase, "a", 0.5)), vec![], "{phase:?}");
        }
        assert_eq!(all(&mut t, &status(Phase::Idle, "a", 1.0)), vec![JobEvent::Finished]);
    }

    #[test]
    fn last_moves_of_a_job_that_was_told_finished_are_no_new_job() {
        let mut t = JobTracker::new();
        all(&mut t, &status(Phase::Printing, "a", 0.9));
        assert_eq!(t.announce(JobEvent::Finished), Some(JobEvent::Finished));
        assert_eq!(all(&mut t, &status(Phase::Finishing, "a", 1.0)), vec![]);
        assert_eq!(all(&mut t, &status(Phase::Idle, "a", 1.0)), vec![]);
        assert_eq!(t.announce(started("a")), Some(started("a")));
    }

    #[test]
    fn announced_events_are_not_repeated() {
        let mut t = JobTracker::new();
        all(&mut t, &status(Phase::Idle, "a", 0.0));
        assert_eq!(t.announce(started("a")), Some(started("a")));
        assert_eq!(t.announce(started("a")), None);
        assert_eq!(all(&mut t, &status(Phase::Printing, "a", 0.1)), vec![]);
        assert_eq!(t.announce(JobEvent::Cancelled), Some(JobEvent::Cancelled));
        assert_eq!(t.announce(JobEvent::Failed { reason: None }), None);
        assert_eq!(all(&mut t, &status(Phase::Idle, "a", 0.0)), vec![]);
    }
}
