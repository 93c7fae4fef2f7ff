use alloc::string::String;
use core::time::Duration;

use embassy_futures::select::{Either, select};
use printhost_core::{Clock, ErrorKind, Event, Events, JobEvent, Phase, PrintHost, PrinterStatus, Result};

/// How long a job that was accepted may take to show, and how long to wait before reading again.
const TO_SHOW: Duration = Duration::from_secs(15);

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobEnd {
    /// It ran to its end.
    Finished,
    /// Somebody cancelled it.
    Cancelled,
    /// It broke off.
    Failed {
        /// The host's own words, if it had any.
        reason: Option<String>,
    },
    /// It is over, and how it ended was not seen.
    Unseen,
}

/// Follows a job that was just started, to its end.
///
/// `events` must come from the same host, be subscribed before the start, and be cleared ([`Events::clear`]) right
/// before it, lest an earlier job's end be taken for this one's. Somebody must poll [`PrintHost::run`] meanwhile
/// ([`crate::beside`]). Every event is shown to `watch`. Gaps are made up for by reading; an error is only returned
/// when the host refuses that.
pub async fn follow<H: PrintHost>(
    host: &H,
    mut events: Events<'_>,
    path: &str,
    clock: &impl Clock,
    mut watch: impl FnMut(&Event),
) -> Result<JobEnd> {
    let mut begun = false;
    // The printer has to be read when nothing is heard for a while: it has not begun yet, or a read has failed.
    let mut unsure = true;
    loop {
        let event = match unsure {
            false => Some(events.next().await),
            true => match select(events.next(), clock.sleep(TO_SHOW)).await {
                Either::First(event) => Some(event),
                Either::Second(()) => None,
            },
        };
        if let Some(event) = &event {
            watch(event);
        }
        match event {
            Some(Event::Job { event: JobEvent::Started { path: Some(other) }, .. })
                if other != path && begun =>
            {
                return Ok(JobEnd::Unseen);
            }
            Some(Event::Job { event: JobEvent::Started { path: started }, .. }) => {
                begun |= started.is_none_or(|p| p == path)
            }
            Some(Event::Job { event: JobEvent::Finished, .. }) if begun => return Ok(JobEnd::Finished),
            Some(Event::Job { event: JobEvent::Cancelled, .. }) if begun => return Ok(JobEnd::Cancelled),
            Some(Event::Job { event: JobEvent::Failed { reason }, .. }) if begun => {
                return Ok(JobEnd::Failed { reason });
            }
            Some(Event::Job { event: JobEvent::Ended, .. }) if begun => return Ok(JobEnd::Unseen),
            Some(Event::Status(status)) => begun |= is_active(&status, path),
            None | Some(Event::Resynced | Event::Skipped(_)) => match host.status().await {
                Ok(status) if is_active(&status, path) || status.phase.leaves_job_open() => begun = true,
                Ok(status) => {
                    let seen = seen_after(&status, path);
                    // It may not show yet, unless it already shows its end.
                    if begun || event.is_none() || seen == JobEnd::Finished {
                        return Ok(seen);
                    }
                }
                Err(e) if matches!(e.kind(), ErrorKind::Unauthorized | ErrorKind::Forbidden) => {
                    return Err(e);
                }
                Err(_) => {
                    unsure = true;
                    continue;
                }
            },
            _ => {}
        }
        unsure = !begun;
    }
}

fn is_active(status: &PrinterStatus, path: &str) -> bool {
    status.phase.has_job() && status.job.as_ref().and_then(|job| job.path.as_deref()) == Some(path)
}

/// What an idle printer still shows of the job.
fn seen_after(status: &PrinterStatus, path: &str) -> JobEnd {
    match &status.job {
        // One may break off in its last percent.
        _ if matches!(status.phase, Phase::Cancelled | Phase::Faulted) => JobEnd::Unseen,
        Some(job) if job.path.as_deref() == Some(path) && job.progress.is_some_and(|p| p >= 1.0) => {
            JobEnd::Finished
        }
        _ => JobEnd::Unseen,
    }
}

#[cfg(test)]
mod tests {
    use printhost_core::Job;

    use super::*;

    #[test]
    fn job_that_broke_off_in_its_last_percent_has_not_finished() {
        let mut status = PrinterStatus::default();
        let mut job = Job::default();
        (job.path, job.progress) = (Some("a".into()), Some(1.0));
        status.job = Some(job);
        for (phase, end) in [
            (Phase::Finished, JobEnd::Finished),
            (Phase::Idle, JobEnd::Finished),
            (Phase::Cancelled, JobEnd::Unseen),
            (Phase::Faulted, JobEnd::Unseen),
        ] {
            status.phase = phase;
            assert_eq!(seen_after(&status, "a"), end, "{phase:?}");
        }
    }
}
