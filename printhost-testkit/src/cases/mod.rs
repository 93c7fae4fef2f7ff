//! The claims, one function each. A case begins with a printer at rest and may leave it in any state.

pub(crate) mod access;
pub(crate) mod commands;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod honesty;
pub(crate) mod jobs;
pub(crate) mod observing;
pub(crate) mod projects;
pub(crate) mod uploads;

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use printhost_core::{
    Capabilities, Clock as _, ErrorKind, Events, JobEvent, Outcome, PrintHost, Result, Uploaded, within,
};

use crate::{
    Activity, Answer, Bench, Content, Deed, Fault, Oracle as _, Question, Seen, Stored,
    case::{Claim, Doing as _, Why},
};

/// A print that ends by itself, soon, even in real time.
pub(crate) const SHORT: u32 = 2;
/// A print that is still going on whatever a case does meanwhile.
pub(crate) const LONG: u32 = 3600;
/// A file of this size is in flight long enough to be cut.
pub(crate) const LARGE: u64 = 256 << 10;
/// A file of this size holds the moves of a long print, and goes to a microcontroller's host in no time.
pub(crate) const SMALL: u64 = 4 << 10;
/// How long to wait for the printer to do what it was told.
const SOON: Duration = Duration::from_secs(15);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// A new driver that knows its host: some learn only then what the host can do.
pub(crate) async fn connected_host<B: Bench>(bench: &B) -> Claim<B::Host> {
    let host = bench.host();
    host.connect().await.doing("connect")?;
    Ok(host)
}

async fn ask<B: Bench>(bench: &B, question: Question) -> Claim<Answer> {
    bench.oracle().ask(&question).await.map_err(|e| Why::Fail(format!("the oracle itself failed: {e}")))
}

fn nonsense<T>(answer: &Answer) -> Claim<T> {
    Err(Why::Fail(format!("the oracle answered something else: {answer:?}")))
}

pub(crate) async fn reset<B: Bench>(bench: &B) -> Claim {
    ask(bench, Question::Reset).await.map(drop)
}

pub(crate) async fn seen<B: Bench>(bench: &B) -> Claim<Seen> {
    match ask(bench, Question::Printer).await? {
        Answer::Printer(seen) => Ok(seen),
        other => nonsense(&other),
    }
}

pub(crate) async fn stored<B: Bench>(bench: &B, path: &str) -> Claim<Option<Stored>> {
    match ask(bench, Question::Stored(path.into())).await? {
        Answer::Stored(stored) => Ok(stored),
        other => nonsense(&other),
    }
}

pub(crate) async fn all_files<B: Bench>(bench: &B) -> Claim<Vec<String>> {
    match ask(bench, Question::Files).await? {
        Answer::Files(files) => Ok(files),
        other => nonsense(&other),
    }
}

pub(crate) async fn traffic<B: Bench>(bench: &B) -> Claim<u64> {
    match ask(bench, Question::Traffic).await? {
        Answer::Traffic(n) => Ok(n),
        other => nonsense(&other),
    }
}

pub(crate) async fn changes<B: Bench>(bench: &B) -> Claim<u64> {
    match ask(bench, Question::Changes).await? {
        Answer::Changes(n) => Ok(n),
        other => nonsense(&other),
    }
}

pub(crate) async fn somebody_else<B: Bench>(bench: &B, deed: Deed) -> Claim {
    ask(bench, Question::Do(deed)).await.map(drop)
}

pub(crate) async fn break_with<B: Bench>(bench: &B, fault: Fault) -> Claim {
    ask(bench, Question::Break(fault)).await.map(drop)
}

/// Somebody else stores a file.
pub(crate) async fn put<B: Bench>(bench: &B, path: &str, len: u64, seconds: u32) -> Claim {
    somebody_else(bench, Deed::Store { path: path.into(), len, seconds }).await
}

/// Somebody else prints for a long time.
pub(crate) async fn somebody_prints<B: Bench>(bench: &B, path: &str, seconds: u32) -> Claim {
    put(bench, path, size_of(seconds), seconds).await?;
    somebody_else(bench, Deed::Start(path.into())).await?;
    until_activity(bench, Activity::Printing).await
}

/// Room for the moves of so many seconds, and a little more.
pub(crate) const fn size_of(seconds: u32) -> u64 {
    let room = seconds as u64 * 4 * 22;
    if room < SMALL { SMALL } else { room }
}

/// Uploads by the driver, with nothing in the way.
pub(crate) async fn upload<H: PrintHost>(host: &H, path: &str, content: &Content) -> Result<Uploaded> {
    let mut body = content.clone();
    host.upload(printhost_core::Upload::new(path, content.len(), &mut body)).await
}

/// Uploads a long print by the driver, and starts it by the driver.
pub(crate) async fn print_long<B: Bench>(bench: &B, host: &B::Host, path: &str) -> Claim<String> {
    let path = upload(host, path, &Content::new(size_of(LONG), LONG)).await.doing("upload")?.path;
    host.start(&path).await.doing("start")?;
    until_activity(bench, Activity::Printing).await?;
    Ok(path)
}

/// Waits until the oracle sees it.
pub(crate) async fn until_activity<B: Bench>(bench: &B, activity: Activity) -> Claim {
    until(bench, &format!("{activity:?}"), async || Ok(seen(bench).await?.activity == activity)).await
}

/// Waits until something holds; fails with what was waited for.
pub(crate) async fn until<B: Bench>(
    bench: &B,
    what: &str,
    mut holds: impl AsyncFnMut() -> Claim<bool>,
) -> Claim {
    let begun = bench.clock().now();
    while !holds().await? {
        if bench.clock().now().saturating_sub(begun) > SOON {
            return Err(Why::Fail(format!("waited in vain: {what}")));
        }
        bench.clock().sleep(LOOK).await;
    }
    Ok(())
}

/// The job events up to and including an end.
pub(crate) async fn job_events<B: Bench>(bench: &B, events: &mut Events<'_>) -> Claim<Vec<JobEvent>> {
    let mut jobs = Vec::new();
    loop {
        let event = next(bench, events).await?;
        if let printhost_core::Event::Job { event: job, .. } = event {
            let over = job.is_end();
            jobs.push(job);
            if over {
                return Ok(jobs);
            }
        }
    }
}

/// The next event; fails when none comes.
pub(crate) async fn next<B: Bench>(bench: &B, events: &mut Events<'_>) -> Claim<printhost_core::Event> {
    let event = within(bench.clock(), SOON, "wait for an event", async { Ok(events.next().await) });
    event.await.map_err(|_| Why::Fail("waited in vain for an event".into()))
}

/// What a failure should have been.
pub(crate) fn expect_kind<T>(
    result: Result<T>,
    kinds: &[ErrorKind],
    doing: &str,
) -> Claim<printhost_core::Error> {
    match result {
        Ok(_) => Err(Why::Fail(format!("{doing} succeeded, and should have been refused ({kinds:?})"))),
        Err(error) if kinds.contains(&error.kind()) => Ok(error),
        Err(error) => Err(Why::Fail(format!("{doing} should have failed as {kinds:?}, not: {error}"))),
    }
}

/// An outcome that need not be known yet.
pub(crate) fn taken(result: Result<Outcome>, doing: &str) -> Claim {
    result.map(drop).doing(doing)
}

pub(crate) fn can(host: &impl PrintHost) -> Capabilities {
    host.capabilities()
}
