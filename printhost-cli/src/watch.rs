//! `printhost watch`: a line per event of one or more printers.

use std::time::{Duration, Instant, SystemTime};

use futures::future::join_all;
use printhost::{Event, JobEvent, Net, Phase, PrintHost as _, PrinterStatus, beside};
use serde_json::json;

use crate::{
    args::Printer,
    failure::{Code, Failure},
    net::{Session, Target},
    output::{Output, event_json, percent, progress_text, word},
};

/// How often a status is told in which only temperatures and times have changed.
const PAUSE: Duration = Duration::from_secs(5);

/// Follows all of them until Ctrl-C, or until none can be followed any more.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, printers: &[Printer]) -> Result<Code, Failure> {
    let mut targets = Vec::new();
    for printer in printers {
        targets.push(session.open(printer).await?);
    }
    let all = join_all(targets.iter().map(|target| watch(&session.out, target)));
    tokio::select! {
        codes = all => Ok(codes.into_iter().next().unwrap_or(Code::Success)),
        _ = tokio::signal::ctrl_c() => Ok(Code::Interrupted),
    }
}

/// Returns when going on makes no sense.
async fn watch<N: Net>(out: &Output, target: &Target<N>) -> Code {
    let mut last = None;
    let watching = async {
        let mut events = target.host.events()?;
        beside(&target.host, async {
            loop {
                show(out, &target.name, &events.next().await, &mut last);
            }
        })
        .await
    };
    match watching.await {
        Ok(never) => never,
        Err(error) => {
            let failure = Failure::from(error);
            out.failure(Some(&target.name), &failure);
            failure.code
        }
    }
}

type Shown = (Phase, Option<u8>, Instant);

fn show(out: &Output, printer: &str, event: &Event, last: &mut Option<Shown>) {
    if out.json {
        let (name, mut fields) = event_json(event);
        if fields.is_null() {
            fields = json!({});
        }
        fields["time"] = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_secs()).into();
        return out.event(printer, name, fields);
    }
    let text = match event {
        Event::Status(status) => match is_news(status, last) {
            true => format!("{:?}  {}", status.phase, progress_text(status)),
            false => return,
        },
        Event::Job(JobEvent::Started { path: Some(path) }) => format!("started {path}"),
        Event::Job(JobEvent::Failed { reason: Some(reason) }) => format!("failed: {reason}"),
        Event::Job(JobEvent::Ended) => "over; how it ended was not seen".into(),
        Event::Job(job) => word(job),
        Event::Lost(error) => format!("lost, trying again: {error}"),
        Event::Resynced => "connected".into(),
        Event::Skipped(missed) => format!("missed {missed} events"),
        _ => return,
    };
    out.plain(format_args!("{}  {printer}  {text}", time_of_day()));
}

fn is_news(status: &PrinterStatus, last: &mut Option<Shown>) -> bool {
    let progress = status.job.as_ref().and_then(|job| job.progress).map(percent);
    let seen =
        |(phase, percent, at): &Shown| *phase == status.phase && *percent == progress && at.elapsed() < PAUSE;
    let news = !last.as_ref().is_some_and(seen);
    if news {
        *last = Some((status.phase, progress, Instant::now()));
    }
    news
}

/// UTC, since the standard library knows no time zones.
fn time_of_day() -> String {
    let seconds = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_secs()) % 86_400;
    format!("{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
