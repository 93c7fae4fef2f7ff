use alloc::string::String;
use core::time::Duration;

use embassy_futures::select::{Either, select};
use printhost_core::{Clock, Event, Events, JobEvent, PrintHost, PrinterStatus, Result};

/// How long a job that was accepted may take to show.
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
/// `events` must come from the same host and be subscribed before the start, and somebody must poll
/// [`PrintHost::run`] meanwhile ([`crate::beside`]). Every event is shown to `watch`. Gaps are made up for by
/// reading; an error is only returned when that fails in a way that will not mend by itself.
pub async fn follow<H: PrintHost>(
    host: &H,
    mut events: Events<'_>,
    path: &str,
    clock: &impl Clock,
    mut watch: impl FnMut(&Event),
) -> Result<JobEnd> {
    let mut begun = false;
    let since = clock.now();
    loop {
        let event = match begun {
            true => events.next().await,
            false => {
                let left = TO_SHOW.saturating_sub(clock.now() - since);
                match select(events.next(), clock.sleep(left)).await {
                    Either::First(event) => event,
                    Either::Second(()) => match host.status().await {
                        Ok(status) if is_active(&status, path) => {
                            begun = true;
                            continue;
                        }
                        Ok(status) => return Ok(seen_after(&status, path)),
                        Err(_) => events.next().await,
                    },
                }
            }
        };
        watch(&event);
        match event {
            Event::Job(JobEvent::Started { path: Some(other) }) if other != path && begun => {
                return Ok(JobEnd::Unseen);
            }
            Event::Job(JobEvent::Started { path: started }) => begun |= started.is_none_or(|p| p == path),
            Event::Job(JobEvent::Finished) if begun => return Ok(JobEnd::Finished),
            Event::Job(JobEvent::Cancelled) if begun => return Ok(JobEnd::Cancelled),
            Event::Job(JobEvent::Failed { reason }) if begun => return Ok(JobEnd::Failed { reason }),
            Event::Job(JobEvent::Ended) if begun => return Ok(JobEnd::Unseen),
            Event::Status(status) => begun |= is_active(&status, path),
            Event::Resynced | Event::Skipped(_) => {
                if let Ok(status) = host.status().await {
                    if is_active(&status, path) {
                        begun = true;
                    } else if begun || seen_after(&status, path) == JobEnd::Finished {
                        return Ok(seen_after(&status, path));
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_active(status: &PrinterStatus, path: &str) -> bool {
    status.phase.has_job() && status.job.as_ref().and_then(|job| job.path.as_deref()) == Some(path)
}

/// What an idle printer still shows of the job.
fn seen_after(status: &PrinterStatus, path: &str) -> JobEnd {
    match &status.job {
        Some(job) if job.path.as_deref() == Some(path) && job.progress.is_some_and(|p| p >= 1.0) => {
            JobEnd::Finished
        }
        _ => JobEnd::Unseen,
    }
}
