//! What happens, found out by asking: PrusaLink tells nothing by itself.

use alloc::vec::Vec;
use core::{convert::Infallible, time::Duration};

use embassy_futures::select::{Either, select};
use printhost_core::{
    Clock as _, Error, ErrorKind, JobEvent, JobTracker, Phase, PrinterStatus, Reconnect, Result,
};
use printhost_net::Net;

use crate::{
    PrusaLink,
    jobs::{KnownJob, Look},
};

/// Between two looks at a printer with a job, at one that is sent a file, and at one that was told something.
const BUSY: Duration = Duration::from_secs(1);
/// For how long what was told may bring something about.
const TOLD: Duration = Duration::from_secs(5);
/// Between two looks at a printer whose job has just ended: the Pi shows the end for 11 seconds.
const ENDED: Duration = Duration::from_secs(5);
/// For how long a job has just ended.
const JUST: Duration = Duration::from_secs(15);
/// Between two looks at a printer at rest: the end of a job that nobody has seen is seen on a Pi.
const AT_REST: Duration = Duration::from_secs(10);

/// Marks the driver as running while it lives.
struct Running<'a, N: Net>(&'a PrusaLink<N>);

impl<N: Net> Drop for Running<'_, N> {
    fn drop(&mut self) {
        self.0.running.lock(|r| r.set(false));
    }
}

impl<N: Net> PrusaLink<N> {
    /// Looks, waits, looks again.
    pub(crate) async fn run_forever(&self) -> Result<Infallible> {
        if self.running.lock(|r| r.replace(true)) {
            return Err(Error::new(ErrorKind::Busy, "run").with_detail("it is being run already"));
        }
        let _running = Running(self);
        let parts = self.net.parts();
        let (mut reconnect, mut jobs) = (Reconnect::new(), Jobs::default());
        loop {
            let (error, synced) = self.follow(&mut jobs).await;
            let delay = reconnect.after(error, synced, &self.bus, parts.entropy())?;
            parts.clock().sleep(delay).await;
        }
    }

    /// Until the host cannot be read any more; also tells whether it could be at all.
    async fn follow(&self, jobs: &mut Jobs) -> (Error, bool) {
        let clock = self.net.parts().clock();
        let (mut synced, mut failed) = (false, false);
        // On a printer that was switched off meanwhile the same number may be another job.
        let mut known: Option<KnownJob> = None;
        let mut pace = Pace::default();
        loop {
            self.look.reset();
            match self.look_again(known.as_ref()).await {
                Ok(look) => {
                    failed = false;
                    for event in jobs.observe(&look.status, look.job.as_ref().map(|job| job.id)) {
                        self.bus.publish_job(event);
                    }
                    let has_job = look.status.phase.has_job() || look.job.is_some();
                    let wait = pace.after(clock.now(), has_job, look.is_transferring);
                    known = look.job.filter(|job| job.file.path.is_some());
                    match synced {
                        true => self.bus.publish_status(look.status),
                        false => self.bus.publish_resynced(look.status),
                    }
                    synced = true;
                    if let Either::Second(()) = select(clock.sleep(wait), self.look.wait()).await {
                        pace.told = Some(clock.now());
                    }
                }
                // One answer that is lost is no reason to alarm anybody.
                Err(e) if synced && !failed && is_passing(&e) => {
                    failed = true;
                    clock.sleep(BUSY).await;
                }
                Err(e) => return (e, synced),
            }
        }
    }

    async fn look_again(&self, known: Option<&KnownJob>) -> Result<Look> {
        let home = self.home("run").await?;
        self.read("run", &home, known).await
    }
}

/// How often to look.
#[derive(Default)]
struct Pace {
    /// When there was a job last.
    job: Option<Duration>,
    /// When somebody told the printer something.
    told: Option<Duration>,
}

impl Pace {
    /// How long to wait after a look at this time.
    fn after(&mut self, now: Duration, has_job: bool, is_transferring: bool) -> Duration {
        let within = |time: Option<Duration>, span| time.is_some_and(|time| now.saturating_sub(time) < span);
        if has_job {
            self.job = Some(now);
        }
        match () {
            () if has_job || is_transferring || within(self.told, TOLD) => BUSY,
            () if within(self.job, JUST) => ENDED,
            () => AT_REST,
        }
    }
}

const fn is_passing(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Disconnected | ErrorKind::Timeout | ErrorKind::Unreachable | ErrorKind::HostFault
    )
}

/// Job events from looks, by the number that every print has of its own.
#[derive(Default)]
struct Jobs {
    tracker: JobTracker,
    /// Of the last look.
    id: Option<u64>,
    phase: Option<Phase>,
}

impl Jobs {
    fn observe(&mut self, status: &PrinterStatus, id: Option<u64>) -> Vec<JobEvent> {
        let mut events = Vec::new();
        if self.id.is_some() && id.is_some() && self.id != id {
            // One job has ended and another one begun since the last look, perhaps of the same file.
            let mut between = PrinterStatus::default();
            between.phase = Phase::Idle;
            events.extend(self.tracker.observe(&between));
        }
        let is_over = matches!(status.phase, Phase::Finished | Phase::Cancelled);
        if is_over && self.id.is_none() && self.phase == Some(Phase::Idle) {
            // A whole job has gone by since the last look.
            let mut between = PrinterStatus::default();
            between.phase = Phase::Printing;
            events.extend(self.tracker.observe(&between));
        }
        events.extend(self.tracker.observe(status));
        if id.is_some() || !status.phase.leaves_job_open() {
            self.id = id;
        }
        self.phase = Some(status.phase);
        events
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use printhost_core::Job;

    use super::*;

    #[test]
    fn looks_are_frequent_while_something_goes_on_and_rare_at_rest() {
        let (mut pace, second) = (Pace::default(), Duration::from_secs);
        assert_eq!(pace.after(second(1), false, false), AT_REST);
        assert_eq!(pace.after(second(11), true, false), BUSY);
        assert_eq!(pace.after(second(12), false, false), ENDED);
        assert_eq!(pace.after(second(25), false, false), ENDED);
        assert_eq!(pace.after(second(26), false, false), AT_REST);
        assert_eq!(pace.after(second(27), false, true), BUSY);
        pace.told = Some(second(30));
        assert_eq!(pace.after(second(34), false, false), BUSY);
        assert_eq!(pace.after(second(35), false, false), AT_REST);
    }

    fn seen(phase: Phase, path: Option<&str>) -> PrinterStatus {
        let mut status = PrinterStatus::default();
        status.phase = phase;
        status.job = path.map(|path| {
            let mut job = Job::default();
            job.path = Some(path.into());
            job
        });
        status
    }

    fn started(path: &str) -> JobEvent {
        JobEvent::Started { path: Some(path.into()) }
    }

    #[test]
    fn same_file_printed_twice_is_two_jobs() {
        let mut jobs = Jobs::default();
        assert_eq!(jobs.observe(&seen(Phase::Idle, None), None), vec![]);
        assert_eq!(jobs.observe(&seen(Phase::Printing, Some("a")), Some(3)), vec![started("a")]);
        assert_eq!(jobs.observe(&seen(Phase::Printing, Some("a")), Some(3)), vec![]);
        let next = jobs.observe(&seen(Phase::Printing, Some("a")), Some(4));
        assert_eq!(next, vec![JobEvent::Ended, started("a")]);
        assert_eq!(jobs.observe(&seen(Phase::Finished, None), None), vec![JobEvent::Finished]);
        assert_eq!(jobs.observe(&seen(Phase::Finished, None), None), vec![]);
        assert_eq!(jobs.observe(&seen(Phase::Idle, None), None), vec![]);
    }

    #[test]
    fn job_that_is_over_before_anybody_looked_is_told() {
        let mut jobs = Jobs::default();
        jobs.observe(&seen(Phase::Idle, None), None);
        let told = jobs.observe(&seen(Phase::Cancelled, None), None);
        assert_eq!(told, vec![JobEvent::Started { path: None }, JobEvent::Cancelled]);
        assert_eq!(jobs.observe(&seen(Phase::Idle, None), None), vec![]);
    }

    #[test]
    fn end_that_is_found_at_first_sight_is_no_news() {
        let mut jobs = Jobs::default();
        assert_eq!(jobs.observe(&seen(Phase::Finished, None), None), vec![]);
        assert_eq!(jobs.observe(&seen(Phase::Attention, None), None), vec![]);
        assert_eq!(jobs.observe(&seen(Phase::Finished, None), None), vec![]);
    }

    #[test]
    fn question_on_the_screen_leaves_the_job_what_it_is() {
        let mut jobs = Jobs::default();
        jobs.observe(&seen(Phase::Printing, Some("a")), Some(3));
        assert_eq!(jobs.observe(&seen(Phase::Attention, None), None), vec![]);
        assert_eq!(jobs.observe(&seen(Phase::Printing, Some("a")), Some(3)), vec![]);
        let other = jobs.observe(&seen(Phase::Printing, Some("b")), Some(5));
        assert_eq!(other, vec![JobEvent::Ended, started("b")]);
    }
}
