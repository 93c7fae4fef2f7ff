//! `printhost upload`: one file to many printers.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use futures::future::join_all;
use indicatif::HumanBytes;
use printhost::{Net, Uploaded};
use serde_json::json;
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, sleep_until},
};

use crate::{
    args::parse_duration,
    commands::print::start,
    failure::{Code, Failure},
    output::{Output, error_json},
    targets::{Place, Printers, Session},
    transfer::{LocalFile, UploadOptions, store, verified_name},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Upload {
    /// The file to store.
    file: PathBuf,
    /// The printers.
    #[arg(required = true, value_name = "PRINTER")]
    printers: Vec<Printers>,
    #[command(flatten)]
    options: UploadOptions,
    /// Print it, on every printer where the stored file was verified.
    #[arg(long)]
    print: bool,
    /// Which plate of a sliced project to print, when it has several.
    #[arg(long, value_name = "NUMBER", requires = "print")]
    plate: Option<u16>,
    /// Begin the prints this far apart, in the order of the printers: 30s, 5m, …
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "print")]
    stagger: Option<Duration>,
    /// Send to so many printers at the same time at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    at_once: Option<u16>,
}

/// How far it came with one printer.
#[derive(Debug)]
struct Progress {
    sent: Cell<u64>,
    stored: RefCell<Option<Uploaded>>,
    /// `None` while a start is on its way, or when its answer was lost.
    started: Cell<Option<bool>>,
    end: RefCell<Option<Result<(), Failure>>>,
}

/// Sends to all, starts in order, and shows how it went with each.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Upload) -> Result<Code, Failure> {
    let out = &session.out;
    let len = LocalFile::open(&args.file).await?.len;
    let places = session.places(&args.printers)?;
    let progress: Vec<Progress> = places.iter().map(|_| Progress::new()).collect();
    let (turns, slots) = (Turns::new(places.len(), args.stagger), Semaphore::new(slots(args)));
    let all = join_all(places.iter().zip(&progress).enumerate().map(async |(n, (place, progress))| {
        let turn = turns.of(n);
        let end = one(session, args, place, progress, &slots, &turn).await;
        drop(turn);
        if let Err(failure) = &end {
            out.failure(Some(&place.name), failure);
        }
        *progress.end.borrow_mut() = Some(end);
    }));
    let interrupted = tokio::select! {
        _ = all => false,
        _ = tokio::signal::ctrl_c() => true,
    };
    if places.len() > 1 || interrupted || out.json {
        for (place, progress) in places.iter().zip(&progress) {
            show(out, &place.name, progress, len);
        }
    }
    let codes = progress.iter().map(|progress| progress.code(args.print));
    Ok(Code::worst(codes.chain(interrupted.then_some(Code::Interrupted))))
}

fn slots(args: &Upload) -> usize {
    args.at_once.map_or(Semaphore::MAX_PERMITS, usize::from)
}

async fn one<N: Net + Clone>(
    session: &Session<N>,
    args: &Upload,
    place: &Place,
    progress: &Progress,
    slots: &Semaphore,
    turn: &Turn<'_>,
) -> Result<(), Failure> {
    let out = &session.out;
    // First of all, so that they come in the order of the printers. It is never closed.
    let slot = slots.acquire().await;
    let target = session.open_place(place).await?;
    let file = LocalFile::open(&args.file).await?;
    let uploaded = store(out, &target, file, &args.options, &progress.sent, Some(&place.name)).await?;
    drop(slot);
    *progress.stored.borrow_mut() = Some(uploaded.clone());
    if !args.print {
        return Ok(());
    }
    turn.come().await;
    progress.started.set(None);
    let end = start(out, &target, &uploaded, args.plate, Some(&place.name)).await;
    progress.started.set(match &end {
        Ok(()) => Some(true),
        Err(failure) if failure.code == Code::Unconfirmed => None,
        Err(_) => Some(false),
    });
    // A print that may have begun heats as much as one that has.
    if progress.started.get() != Some(false) {
        turn.taken();
    }
    end
}

/// Who may start when: in order and so far apart, past those that cannot.
#[derive(Debug)]
struct Turns {
    /// For each printer whether it is over with it, and when the last print began.
    state: watch::Sender<(Vec<bool>, Option<Instant>)>,
    /// `None` means that nobody waits for anybody.
    apart: Option<Duration>,
}

/// One printer's turn. It is over when this is dropped.
#[derive(Debug)]
struct Turn<'a> {
    all: &'a Turns,
    n: usize,
}

impl Turns {
    fn new(printers: usize, apart: Option<Duration>) -> Self {
        Self { state: watch::Sender::new((vec![false; printers], None)), apart }
    }

    const fn of(&self, n: usize) -> Turn<'_> {
        Turn { all: self, n }
    }
}

impl Turn<'_> {
    /// Returns when those before it have begun or failed, and the time has come.
    async fn come(&self) {
        let Some(apart) = self.all.apart else { return };
        let mut state = self.all.state.subscribe();
        let last = match state.wait_for(|(over, _)| over[..self.n].iter().all(|over| *over)).await {
            Ok(state) => state.1,
            Err(_) => None, // the sender outlives every turn
        };
        if let Some(last) = last {
            sleep_until(last + apart).await;
        }
    }

    /// Its print has begun.
    fn taken(&self) {
        self.all.state.send_modify(|(_, last)| *last = Some(Instant::now()));
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.all.state.send_modify(|(over, _)| over[self.n] = true);
    }
}

impl Progress {
    const fn new() -> Self {
        Self {
            sent: Cell::new(0),
            stored: RefCell::new(None),
            started: Cell::new(Some(false)),
            end: RefCell::new(None),
        }
    }

    fn code(&self, print: bool) -> Code {
        match &*self.end.borrow() {
            Some(Ok(())) => Code::Success,
            Some(Err(failure)) => failure.code,
            // Only when interrupted.
            None if self.stored.borrow().is_some() && !print => Code::Success,
            None => Code::Interrupted,
        }
    }
}

/// One line of the table of results.
fn show(out: &Output, name: &str, progress: &Progress, len: u64) {
    let (stored, end) = (progress.stored.borrow(), progress.end.borrow());
    let failure = end.as_ref().and_then(|end| end.as_ref().err());
    let started = progress.started.get();
    // Without an answer to the last byte nobody knows.
    let unanswered = match failure {
        Some(failure) => failure.code == Code::Unconfirmed,
        None => progress.sent.get() >= len && len > 0,
    };
    let maybe = stored.is_none() && unanswered;
    out.event(
        name,
        "result",
        json!({
            "path": stored.as_ref().map(|stored| &stored.path),
            "stored": if maybe { None } else { Some(stored.is_some()) },
            "verified": stored.as_ref().map(|stored| verified_name(stored.verified)),
            "started": started,
            "code": failure.map_or(if end.is_some() { Code::Success } else { Code::Interrupted }, |f| f.code) as u8,
            "error": failure.map(|failure| error_json(&failure.error, &failure.advice)),
        }),
    );
    let file = stored.as_ref().map(|stored| format!("{}, {}", stored.path, HumanBytes(stored.len)));
    match (file, failure) {
        (Some(file), None) => match started {
            Some(true) => out.say("Printing", row(name, &file)),
            Some(false) => out.say("Stored", row(name, &file)),
            None => out.warn("Stored", row(name, &format!("{file}; its print may have begun"))),
        },
        (Some(file), Some(failure)) => {
            let not = if started.is_none() { "perhaps started" } else { "not started" };
            out.warn("Stored", row(name, &format!("{file}; {not}: {}", failure.error)));
        }
        (None, Some(failure)) => out.warn("Failed", row(name, &failure.error.to_string())),
        (None, None) if maybe => out.warn("Cancelled", row(name, "all was sent; look at the printer")),
        (None, None) => out.warn("Cancelled", row(name, "nothing is stored")),
    }
}

fn row(name: &str, text: &str) -> String {
    format!("{name:<16} {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_in_order_and_apart_and_past_those_that_fail() {
        let apart = Duration::from_secs(30);
        let turns = Turns::new(4, Some(apart));
        let (begun, begin) = (RefCell::new(Vec::new()), Instant::now());
        let printer = async |n: usize, ready: u64, fails: bool| {
            let turn = turns.of(n);
            tokio::time::sleep(Duration::from_secs(ready)).await;
            if !fails {
                turn.come().await;
                begun.borrow_mut().push((n, begin.elapsed().as_secs()));
                turn.taken();
            }
        };
        tokio::join!(
            printer(0, 10, false),
            printer(1, 1, false),
            printer(2, 5, true),
            printer(3, 100, false)
        );
        assert_eq!(*begun.borrow(), [(0, 10), (1, 40), (3, 100)]);
    }
}
