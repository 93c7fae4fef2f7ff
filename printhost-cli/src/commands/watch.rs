//! `printhost watch`: a live screen, or a line per event.

use std::{
    io::{IsTerminal as _, stdin},
    time::{Duration, Instant, SystemTime},
};

use clap::Args;
use futures::future::join_all;
use printhost::{Event, JobEvent, Net, Phase, PrintHost as _, PrinterStatus, beside};
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    live::{self, time_of_day},
    output::{Output, event_json, percent, phase, progress_text},
    targets::{Printers, Session, Target},
};

/// How often a status is told in which only temperatures and times have changed.
const PAUSE: Duration = Duration::from_secs(5);

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The printers.
    #[arg(required = true, value_name = "PRINTER")]
    printers: Vec<Printers>,
    /// A line per event, also on a terminal.
    #[arg(long)]
    plain: bool,
}

/// Follows all of them until somebody ends it, or without a screen until none can be followed any more.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Watch) -> Result<Code, Failure> {
    let out = &session.out;
    let mut printers = Vec::new();
    for place in session.places(&args.printers)? {
        // One after the other, since this may ask for keys.
        let target = session.open_place(&place).await;
        printers.push((target.as_ref().map_or(place.name, |target| target.name.clone()), target));
    }
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if out.is_terminal() && stdin().is_terminal() && !args.plain && !is_dumb {
        return live::run(session, printers).await;
    }
    let all = join_all(printers.iter().map(async |(name, target)| match target {
        Ok(target) => watch(out, target).await,
        Err(failure) => {
            out.failure(Some(name), failure);
            failure.code
        }
    }));
    tokio::select! {
        codes = all => Ok(Code::worst(codes)),
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
            true => format!("{}  {}", phase(status.phase), progress_text(status)),
            false => return,
        },
        Event::Job { event: JobEvent::Started { path: Some(path) }, .. } => format!("started {path}"),
        Event::Job { event: JobEvent::Failed { reason: Some(reason) }, .. } => format!("failed: {reason}"),
        Event::Job { event: JobEvent::Ended, .. } => "over; how it ended was not seen".into(),
        Event::Job { event: job, .. } => job.name().into(),
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
