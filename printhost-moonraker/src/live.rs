//! What is known of the printer from the websocket, and what became of its jobs.

use alloc::{string::String, vec, vec::Vec};

use printhost_core::{JobEvent, JobTracker, Phase, PrinterStatus};

use crate::{
    map::{self, Klippy},
    wire::{HistoryJob, Known, Objects},
};

/// More events than this never wait for the end of an earlier job.
pub(crate) const MAX_HELD: usize = 8;

/// What is known from the websocket.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Calls pass.
    pub open: bool,
    /// What is known is the truth; before that it is nobody's business.
    pub synced: bool,
    pub klippy: Klippy,
    /// Klipper was there on this connection. Before that its absence means nothing: Moonraker itself may have restarted.
    pub seen: bool,
    pub objects: Objects,
    /// Which objects there are, as long as Klipper has not restarted.
    pub known: Option<Known>,
    /// Changes come.
    pub subscribed: bool,
    /// The call whose answer brings all the objects.
    pub subscribing: Option<u32>,
    /// Counts the changes that came.
    pub updates: u32,
    /// Klipper has said that it is ready, on this connection.
    pub ready_told: bool,
    /// The history has to be read.
    pub wants_history: bool,
    pub jobs: Jobs,
}

impl Live {
    /// A new connection.
    pub(crate) fn begin(&mut self) {
        let jobs = core::mem::take(&mut self.jobs);
        *self = Self { jobs, ..Self::default() };
    }

    /// Klipper, as told; its objects are gone with it.
    pub(crate) fn set_klippy(&mut self, klippy: Klippy) {
        self.seen |= klippy == Klippy::Up;
        if klippy != Klippy::Up {
            self.subscribed = false;
            self.ready_told = false;
            self.known = None;
            self.objects.clear();
        }
        self.klippy = klippy;
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.klippy == Klippy::Up && self.objects.klippy == "ready"
    }

    pub(crate) fn status(&self) -> PrinterStatus {
        match self.klippy {
            Klippy::Up if !self.objects.klippy.is_empty() => map::status(&self.objects),
            klippy => map::without_objects(klippy),
        }
    }

    /// Job events from a status.
    pub(crate) fn observe(&mut self, status: &PrinterStatus) -> Vec<JobEvent> {
        let mut events = Vec::new();
        if self.seen || self.klippy != Klippy::Disconnected {
            self.jobs.observe(status, &mut events);
        }
        self.wants_history |= self.jobs.is_waiting();
        events
    }
}

/// Every job's begin and end once, from statuses and from Moonraker's history.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    tracker: JobTracker,
    /// The running job's path, if it has one that is known.
    current: Option<String>,
    /// A job is over, and how it ended is not known yet: its path, and what has happened since.
    held: Option<(Option<String>, Vec<JobEvent>)>,
    /// The history's newest entry.
    newest: Option<String>,
    /// A job that a status has shown, by its path, and the history not yet: it is a moment behind, and may tell of a job
    /// when that is over.
    unlisted: Option<Option<String>>,
}

impl Jobs {
    /// Whether the end of a job waits for the history.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.held.is_some()
    }

    pub(crate) fn observe(&mut self, status: &PrinterStatus, out: &mut Vec<JobEvent>) {
        for event in self.tracker.observe(status) {
            let event = match event {
                JobEvent::Failed { reason: None } if status.phase == Phase::Offline => {
                    JobEvent::Failed { reason: Some(map::GONE.into()) }
                }
                event => event,
            };
            if let JobEvent::Started { path } = &event {
                self.unlisted = Some(path.clone());
            }
            self.put(event, out);
        }
        if status.phase.has_job() {
            let path = status.job.as_ref().and_then(|job| job.path.as_ref());
            if path.is_some() && self.current.as_ref() != path {
                self.current = path.cloned();
            }
        }
    }

    /// `notify_history_changed`
    pub(crate) fn changed(&mut self, is_new: bool, job: &HistoryJob, out: &mut Vec<JobEvent>) {
        self.newest = Some(job.job_id.0.clone());
        let path = map::job_path(job);
        if is_new {
            self.begin(path, out);
        } else if let Some(end) = map::job_end(job) {
            // Of a job that is not listed yet no end is told: it is that of an earlier one.
            if self.held.is_some() || self.unlisted.as_ref() != Some(&path) {
                self.end_of(path.as_deref(), end, out);
            }
        }
    }

    /// The history after a gap, the newest entry first, and the printer as it is now.
    pub(crate) fn catch_up(&mut self, rows: &[HistoryJob], status: &PrinterStatus, out: &mut Vec<JobEvent>) {
        let known = self.newest.as_ref().and_then(|id| rows.iter().position(|row| row.job_id.0 == *id));
        if let Some(known) = known {
            if let Some(end) = map::job_end(&rows[known]) {
                self.end_of(map::job_path(&rows[known]).as_deref(), end, out);
            }
            for row in rows[..known].iter().rev() {
                let path = map::job_path(row);
                self.begin(path.clone(), out);
                if let Some(end) = map::job_end(row) {
                    self.end_of(path.as_deref(), end, out);
                }
            }
        }
        if let Some(newest) = rows.first() {
            self.newest = Some(newest.job_id.0.clone());
        }
        self.observe(status, out);
        self.give_up(out);
    }

    /// The history has been read because the end of a job was not known.
    pub(crate) fn explain(&mut self, rows: &[HistoryJob], out: &mut Vec<JobEvent>) {
        if let Some((path, _)) = &self.held {
            let is_it = |row: &&HistoryJob| path.is_none() || map::job_path(row) == *path;
            if let Some(end) = rows.iter().find(is_it).and_then(map::job_end) {
                self.settle(end, out);
            }
        }
    }

    fn give_up(&mut self, out: &mut Vec<JobEvent>) {
        while self.held.is_some() {
            self.settle(JobEvent::Ended, out);
        }
    }

    /// A new entry of the history.
    fn begin(&mut self, path: Option<String>, out: &mut Vec<JobEvent>) {
        if self.unlisted.take_if(|unlisted| *unlisted == path).is_none() {
            self.announce(JobEvent::Started { path }, out);
        }
    }

    fn end_of(&mut self, path: Option<&str>, end: JobEvent, out: &mut Vec<JobEvent>) {
        let is_it = |ours: &Option<String>| path.is_none() || ours.is_none() || ours.as_deref() == path;
        match &self.held {
            Some((ours, _)) if is_it(ours) => self.settle(end, out),
            None if is_it(&self.current) => self.announce(end, out),
            _ => {}
        }
    }

    fn announce(&mut self, event: JobEvent, out: &mut Vec<JobEvent>) {
        if let Some(event) = self.tracker.announce(event) {
            self.put(event, out);
        }
    }

    fn put(&mut self, event: JobEvent, out: &mut Vec<JobEvent>) {
        let ended = match &event {
            JobEvent::Started { path } => {
                self.current.clone_from(path);
                None
            }
            event if event.is_end() => Some(self.current.take()),
            _ => None,
        };
        if let Some((_, after)) = &mut self.held {
            after.push(event);
            if after.len() >= MAX_HELD {
                self.settle(JobEvent::Ended, out);
            }
        } else if event == JobEvent::Ended {
            self.held = Some((ended.flatten(), vec![]));
        } else {
            out.push(event);
        }
    }

    fn settle(&mut self, end: JobEvent, out: &mut Vec<JobEvent>) {
        let Some((_, after)) = self.held.take() else { return };
        out.push(end);
        let current = self.current.take();
        for event in after {
            self.put(event, out);
        }
        self.current = current;
    }
}

#[cfg(test)]
mod tests {
    use printhost_core::Job;

    use super::*;
    use crate::wire::{Cut, Path};

    fn seen(phase: Phase, path: &str) -> PrinterStatus {
        let mut status = PrinterStatus::default();
        status.phase = phase;
        status.job = (!path.is_empty()).then(|| {
            let mut job = Job::default();
            job.path = Some(path.into());
            job
        });
        status
    }

    fn row(id: &str, path: &str, status: &str) -> HistoryJob {
        HistoryJob {
            job_id: Cut(id.into()),
            filename: Path(path.into()),
            status: Cut(status.into()),
            ..HistoryJob::default()
        }
    }

    fn started(path: &str) -> JobEvent {
        JobEvent::Started { path: Some(path.into()) }
    }

    #[derive(Default)]
    struct All(Jobs, Vec<JobEvent>);

    impl All {
        fn observe(&mut self, phase: Phase, path: &str) -> Vec<JobEvent> {
            self.0.observe(&seen(phase, path), &mut self.1);
            core::mem::take(&mut self.1)
        }

        fn changed(&mut self, is_new: bool, row: &HistoryJob) -> Vec<JobEvent> {
            self.0.changed(is_new, row, &mut self.1);
            core::mem::take(&mut self.1)
        }

        fn catch_up(&mut self, rows: &[HistoryJob], phase: Phase, path: &str) -> Vec<JobEvent> {
            self.0.catch_up(rows, &seen(phase, path), &mut self.1);
            core::mem::take(&mut self.1)
        }
    }

    fn printing() -> All {
        let mut all = All::default();
        assert_eq!(all.observe(Phase::Idle, ""), []);
        assert_eq!(all.observe(Phase::Printing, "a"), [started("a")]);
        assert_eq!(all.changed(true, &row("1", "a", "in_progress")), []);
        all
    }

    #[test]
    fn end_is_told_once_whoever_tells_it_first() {
        let mut all = printing();
        assert_eq!(all.observe(Phase::Finished, "a"), [JobEvent::Finished]);
        assert_eq!(all.changed(false, &row("1", "a", "completed")), []);
        let mut all = printing();
        assert_eq!(all.changed(false, &row("1", "a", "completed")), [JobEvent::Finished]);
        assert_eq!(all.observe(Phase::Finished, "a"), []);
        assert_eq!(all.observe(Phase::Idle, ""), []);
    }

    #[test]
    fn end_that_no_status_shows_is_taken_from_the_history() {
        // The file was reset before the next status.
        let mut all = printing();
        assert_eq!(all.observe(Phase::Idle, ""), []);
        assert!(all.0.is_waiting());
        assert_eq!(all.changed(false, &row("1", "a", "cancelled")), [JobEvent::Cancelled]);
        let mut all = printing();
        all.observe(Phase::Idle, "");
        all.0.explain(&[row("1", "a", "completed")], &mut all.1);
        assert_eq!(all.1, [JobEvent::Finished]);
        let mut all = printing();
        all.observe(Phase::Idle, "");
        all.0.explain(&[row("1", "a", "in_progress")], &mut all.1);
        assert_eq!(all.1, []);
        assert_eq!(all.catch_up(&[], Phase::Idle, ""), [JobEvent::Ended]);
    }

    #[test]
    fn next_job_waits_for_the_end_of_the_one_before() {
        let mut all = printing();
        assert_eq!(all.observe(Phase::Printing, "b"), []);
        assert_eq!(all.changed(true, &row("2", "b", "in_progress")), []);
        assert_eq!(all.changed(false, &row("1", "a", "cancelled")), [JobEvent::Cancelled, started("b")]);
        assert_eq!(all.observe(Phase::Finished, "b"), [JobEvent::Finished]);
    }

    #[test]
    fn short_job_and_the_same_file_again_are_seen_by_the_history() {
        let mut all = printing();
        assert_eq!(all.changed(false, &row("1", "a", "completed")), [JobEvent::Finished]);
        assert_eq!(all.changed(true, &row("2", "a", "in_progress")), [started("a")]);
        assert_eq!(all.observe(Phase::Printing, "a"), []);
        assert_eq!(all.changed(false, &row("2", "a", "error")), [JobEvent::Failed { reason: None }]);
    }

    #[test]
    fn job_that_the_history_tells_of_when_it_is_over_is_not_begun_again() {
        let mut all = All::default();
        all.observe(Phase::Idle, "");
        assert_eq!(all.observe(Phase::Printing, "a"), [started("a")]);
        let gone = JobEvent::Failed { reason: Some("Klipper has gone".into()) };
        assert_eq!(all.observe(Phase::Offline, ""), [gone]);
        assert_eq!(all.changed(true, &row("1", "a", "in_progress")), []);
        assert_eq!(all.observe(Phase::Printing, "a"), [started("a")]);
        assert_eq!(all.changed(false, &row("1", "a", "klippy_disconnect")), []);
        assert_eq!(all.changed(true, &row("2", "a", "in_progress")), []);
        assert_eq!(all.changed(false, &row("2", "a", "completed")), [JobEvent::Finished]);
    }

    #[test]
    fn jobs_of_a_gap_are_made_up_for_one_by_one() {
        let mut all = printing();
        let rows = [row("3", "c", "in_progress"), row("2", "a", "completed"), row("1", "a", "cancelled")];
        assert_eq!(
            all.catch_up(&rows, Phase::Printing, "c"),
            [JobEvent::Cancelled, started("a"), JobEvent::Finished, started("c")]
        );
        assert_eq!(all.catch_up(&rows, Phase::Printing, "c"), []);
        assert_eq!(all.observe(Phase::Cancelled, "c"), [JobEvent::Cancelled]);
    }

    #[test]
    fn job_that_moonraker_lost_sight_of_goes_on() {
        let mut all = printing();
        let rows = [row("1", "a", "interrupted")];
        assert_eq!(all.catch_up(&rows, Phase::Printing, "a"), []);
        assert_eq!(all.observe(Phase::Finished, "a"), [JobEvent::Finished]);
        let mut all = printing();
        assert_eq!(all.catch_up(&rows, Phase::Idle, ""), [JobEvent::Ended]);
        assert_eq!(all.catch_up(&rows, Phase::Idle, ""), []);
    }

    #[test]
    fn what_was_before_the_first_connection_is_no_news() {
        let mut all = All::default();
        let rows = [row("2", "b", "completed"), row("1", "a", "cancelled")];
        assert_eq!(all.catch_up(&rows, Phase::Finished, "b"), []);
        let mut all = All::default();
        assert_eq!(all.catch_up(&[row("2", "b", "in_progress")], Phase::Printing, "b"), []);
        assert_eq!(all.observe(Phase::Finished, "b"), [JobEvent::Finished]);
    }
}
