//! `printhost print`: upload, verify, start, follow.

use std::{
    cell::Cell,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use printhost::{
    Error, ErrorKind, Event, JobEnd, JobEvent, Net, Phase, PrintHost as _, PrinterStatus, Uploaded, Verified,
    beside, follow, net_tokio::TokioClock,
};
use serde_json::json;

use crate::{
    commands::start::begin,
    failure::{Code, Failure},
    output::{Bar, Output, duration, event_json, phase, progress_text},
    targets::{Printer, Session, Target},
    transfer::{LocalFile, UploadOptions, store},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Print {
    /// The G-code file to print.
    file: PathBuf,
    /// The printer.
    printer: Printer,
    #[command(flatten)]
    upload: UploadOptions,
    /// Which plate of a sliced project to print, when it has several.
    #[arg(long, value_name = "NUMBER", conflicts_with = "no_start")]
    plate: Option<u16>,
    /// Return as soon as the print has been started.
    #[arg(long)]
    no_wait: bool,
    /// Only store the file.
    #[arg(long, conflicts_with = "no_wait")]
    no_start: bool,
}

/// The pause between two lines about the same phase, where there is no bar.
const PAUSE: Duration = Duration::from_secs(5);

/// What was going on when it was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Uploading,
    Starting,
    Following,
}

/// Runs the command.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Print) -> Result<Code, Failure> {
    let out = &session.out;
    let file = LocalFile::open(&args.file).await?;
    let len = file.len;
    let target = session.open(&args.printer).await?;
    let (stage, sent) = (Cell::new(Stage::Connecting), Cell::new(0));
    let result = tokio::select! {
        result = work(out, &target, file, args, &stage, &sent) => result,
        // Everything above is dropped by now: the upload has ended and the bar is gone.
        _ = tokio::signal::ctrl_c() => {
            match stage.get() {
                Stage::Following => stopped_watching(out, &target),
                Stage::Starting => cancelled(out, &target.name, true),
                stage => cancelled(out, &target.name, stage == Stage::Uploading && sent.get() >= len),
            }
            return Ok(Code::Interrupted);
        }
    };
    if result.is_err() && stage.get() == Stage::Following {
        out.warn("Note", "only the connection failed: the print was started and goes on by itself.");
    }
    result
}

async fn work<N: Net>(
    out: &Output,
    target: &Target<N>,
    file: LocalFile,
    args: &Print,
    stage: &Cell<Stage>,
    sent: &Cell<u64>,
) -> Result<Code, Failure> {
    target.connect(out).await?;
    let upload = async {
        stage.set(Stage::Uploading);
        store(out, target, file, &args.upload, sent, None).await
    };
    if args.no_start {
        upload.await?;
        return Ok(Code::Success);
    }
    if args.no_wait {
        start(out, target, &upload.await?, args.plate, None).await?;
        return Ok(Code::Success);
    }
    let mut events = target.host.events()?;
    let printing = beside(&target.host, async {
        let uploaded = upload.await?;
        stage.set(Stage::Starting);
        events.clear(); // what comes now is about this print
        start(out, target, &uploaded, args.plate, None).await?;
        let path = uploaded.path;
        stage.set(Stage::Following);
        let mut view = View::new(out, &target.name);
        let end =
            follow(&target.host, events, &path, &TokioClock::default(), |event| view.show(event)).await?;
        Ok(view.end(&path, &end))
    });
    // The connection that ends for good drops what is being done, and a start may have been on its way.
    printing.await.map_err(|error| match stage.get() {
        Stage::Starting => error.unconfirmed(),
        _ => error,
    })?
}

/// Starts what was just stored, if that could be verified. `label` tells the printer apart from others.
pub(crate) async fn start<N: Net>(
    out: &Output,
    target: &Target<N>,
    uploaded: &Uploaded,
    plate: Option<u16>,
    label: Option<&str>,
) -> Result<(), Failure> {
    if uploaded.verified == Verified::No {
        let error = Error::new(ErrorKind::Corrupted, "start")
            .with_detail("the host tells nothing about what it stored, so it was not started");
        return Err(Failure::from(error).advising("Look at the file, and start it with printhost start."));
    }
    let path = uploaded.path.as_str();
    let at = label.map(|label| format!(" on {label}")).unwrap_or_default();
    if let Err(error) = begin(&target.host, path, plate).await {
        match error.kind() {
            ErrorKind::Unconfirmed => {
                out.warn("Unknown", format_args!("the file is stored{at}, and its print may have begun."));
            }
            _ => out.warn("Idle", format_args!("the file is stored{at}, but its print was not started.")),
        }
        return Err(error.into());
    }
    out.say("Started", format_args!("{path}{at}"));
    out.event(&target.name, "started", json!({ "path": path }));
    Ok(())
}

/// After Ctrl-C during an upload.
pub(crate) fn cancelled(out: &Output, printer: &str, all_sent: bool) {
    match all_sent {
        false => out.warn("Cancelled", "the upload; nothing is stored on the printer."),
        true => out.warn(
            "Cancelled",
            "after everything was sent: the file may be stored, and started if that was asked for. Look at the printer.",
        ),
    }
    out.event(printer, "interrupted", json!({ "stored": if all_sent { json!(null) } else { json!(false) } }));
}

fn stopped_watching<N: Net>(out: &Output, target: &Target<N>) {
    match target.is_simulated() {
        true => out.warn("Stopped", "watching; the simulated printer ends with this program."),
        false => {
            let name = &target.name;
            out.warn(
                "Stopped",
                format_args!("watching; the print goes on. To end it: printhost cancel {name}"),
            );
            out.plain(format_args!("{:>10} Watch it again with: printhost watch {name}", ""));
        }
    }
    out.event(&target.name, "interrupted", json!({ "stored": true }));
}

/// The print as it goes on: a bar, or lines.
struct View<'a> {
    out: &'a Output,
    printer: &'a str,
    bar: Option<Bar>,
    told: Option<(Phase, Instant)>,
    elapsed: Option<Duration>,
    lost: bool,
}

impl<'a> View<'a> {
    /// Thousandths are enough for any bar.
    const LENGTH: u64 = 1000;

    fn new(out: &'a Output, printer: &'a str) -> Self {
        let bar = out.bar(Self::LENGTH, "Preparing", "{prefix:>10.bold.green} {wide_bar} {msg}");
        Self { out, printer, bar, told: None, elapsed: None, lost: false }
    }

    fn show(&mut self, event: &Event) {
        let (name, fields) = event_json(event);
        self.out.event(self.printer, name, fields);
        match event {
            Event::Status(status) => self.status(status),
            Event::Job { event: JobEvent::Paused, .. } => self.line("Paused", &"the machine stands still"),
            Event::Job { event: JobEvent::Resumed, .. } => self.line("Resumed", &""),
            Event::Lost(error) => {
                self.lost = true;
                self.line("Lost", &format_args!("{error}; trying again"));
            }
            Event::Resynced if self.lost => {
                self.lost = false;
                self.line("Connected", &"again");
            }
            _ => {}
        }
    }

    fn status(&mut self, status: &PrinterStatus) {
        // Before the start and after the end there is nothing of this job to show.
        if matches!(status.phase, Phase::Idle | Phase::Finished | Phase::Cancelled) {
            return;
        }
        let job = status.job.as_ref();
        self.elapsed = job.and_then(|job| job.elapsed).or(self.elapsed);
        if let Some(Bar(bar)) = &self.bar {
            let progress = job.and_then(|job| job.progress).unwrap_or(0.0);
            bar.set_prefix(phase(status.phase));
            bar.set_message(progress_text(status));
            bar.set_position((progress * Self::LENGTH as f32) as u64);
            return;
        }
        let same = |(phase, at): &(Phase, Instant)| *phase == status.phase && at.elapsed() < PAUSE;
        if !self.told.as_ref().is_some_and(same) {
            self.told = Some((status.phase, Instant::now()));
            self.out.say(&phase(status.phase), progress_text(status));
        }
    }

    fn line(&self, verb: &str, text: &dyn std::fmt::Display) {
        self.out.say(verb, text);
    }

    fn end(self, path: &str, end: &JobEnd) -> Code {
        drop(self.bar);
        let time = self.elapsed.map(|elapsed| format!(" after {}", duration(elapsed))).unwrap_or_default();
        let (reason, code) = match end {
            JobEnd::Finished => (None, Code::Success),
            JobEnd::Failed { reason } => (reason.as_deref(), Code::Failed),
            JobEnd::Cancelled => (None, Code::Failed),
            _ => (None, Code::Unconfirmed),
        };
        match end {
            JobEnd::Finished => self.out.say("Finished", format_args!("{path}{time}")),
            JobEnd::Cancelled => {
                self.out.warn("Cancelled", format_args!("{path}{time}, by somebody else than this program"));
            }
            JobEnd::Failed { .. } => {
                let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                self.out.warn("Failed", format_args!("{path}{time}{reason}"));
            }
            _ => {
                self.out.warn("Over", format_args!("{path}; how it ended was not seen. Look at the printer."))
            }
        }
        let elapsed = self.elapsed.map(|elapsed| elapsed.as_secs());
        let fields = json!({ "end": end_name(end), "path": path, "reason": reason, "elapsed": elapsed });
        self.out.event(self.printer, "end", fields);
        code
    }
}

const fn end_name(end: &JobEnd) -> &'static str {
    match end {
        JobEnd::Finished => "finished",
        JobEnd::Cancelled => "cancelled",
        JobEnd::Failed { .. } => "failed",
        _ => "unseen",
    }
}
