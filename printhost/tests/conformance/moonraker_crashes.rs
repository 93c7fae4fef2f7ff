//! Klipper and Moonraker crash, and a service manager starts them again: every job's end is told
//! exactly once, and as inferred when nobody watched it.

use std::time::Duration;

use printhost::{
    AnyHost, BaseUrl, Clock as _, Event, Events, JobEvent, Phase, PrintHost, PrinterUrl, Protocol, Secret,
    beside, net_tokio::TokioClock,
};
use printhost_core::within;
use printhost_testkit::{
    Activity, Answer, Bench, Deed, Oracle as _, Question,
    runner::{KeptProcess, MoonrakerBench, MoonrakerOracle},
};

use super::{
    bench::hyper,
    real_moonraker::{address, get},
};

/// Longest wait for anything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);
const LONG: u32 = 3600;

/// What is told of a job: its name, and whether it was worked out after a gap.
type Told = (&'static str, bool);
const SEEN: bool = false;
const INFERRED: bool = true;

async fn bench() -> MoonrakerBench<impl Fn(&BaseUrl, Secret) -> AnyHost<printhost::HyperNet>, TokioClock> {
    let key = get("PRINTHOST_MOONRAKER_KEY");
    let make = |url: &BaseUrl, key: Secret| {
        AnyHost::new(hyper(), &PrinterUrl::new(Protocol::Moonraker, url.clone()), key)
    };
    let bench = MoonrakerBench::start(&address(), &key, &key, TokioClock::default(), make).await;
    bench.unwrap().on_disk(get("PRINTHOST_MOONRAKER_DATA"))
}

fn klipper() -> KeptProcess {
    KeptProcess::new(get("PRINTHOST_MOONRAKER_DATA"), "klippy")
}

fn moonraker() -> KeptProcess {
    KeptProcess::new(get("PRINTHOST_MOONRAKER_DATA"), "moonraker")
}

async fn ask(oracle: &MoonrakerOracle, question: Question) -> Answer {
    oracle.ask(&question).await.unwrap()
}

async fn put(oracle: &MoonrakerOracle, path: &str, seconds: u32) {
    let len = u64::from(seconds) * 100 + 1000;
    ask(oracle, Question::Do(Deed::Store { path: path.into(), len, seconds })).await;
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let clock = TokioClock::default();
    let held = within(&clock, PATIENCE, "wait", async {
        while !holds().await {
            clock.sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    });
    assert!(held.await.is_ok(), "waited in vain: {what}");
}

async fn until_activity(oracle: &MoonrakerOracle, activity: Activity) {
    // No answer at all while Moonraker is away.
    until(&format!("{activity:?}"), async || {
        matches!(oracle.ask(&Question::Printer).await, Ok(Answer::Printer(seen)) if seen.activity == activity)
    })
    .await;
}

async fn next(events: &mut Events<'_>) -> Event {
    let clock = TokioClock::default();
    within(&clock, PATIENCE, "wait", async { Ok(events.next().await) }).await.expect("an event")
}

/// What is told of jobs up to the first that this is true of, by their names.
async fn jobs_until(events: &mut Events<'_>, last: impl Fn(&JobEvent) -> bool) -> Vec<Told> {
    let mut jobs = Vec::new();
    loop {
        if let Event::Job { event, inferred } = next(events).await {
            jobs.push((event.name(), inferred));
            if last(&event) {
                return jobs;
            }
        }
    }
}

/// A print of the driver's, begun and told.
async fn begin(host: &impl PrintHost, events: &mut Events<'_>, path: &str) {
    host.start(path).await.unwrap();
    let started = jobs_until(events, |_| true).await;
    assert_eq!(started, [("started", SEEN)]);
}

/// What is told of jobs from here on, with a short print at the end to know that there is nothing more to come.
async fn told_and_a_short_print(
    bench: &impl Bench<Oracle = MoonrakerOracle>,
    host: &impl PrintHost,
    events: &mut Events<'_>,
) -> Vec<Told> {
    until("a host that starts a print", async || {
        host.status().await.is_ok_and(|status| status.phase == Phase::Idle || !status.phase.has_job())
    })
    .await;
    ask(bench.oracle(), Question::Reset).await;
    put(bench.oracle(), "after.gcode", 1).await;
    host.start("after.gcode").await.unwrap();
    jobs_until(events, |event| *event == JobEvent::Finished).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Moonraker of its own"]
async fn crash_of_klipper_ends_its_print_once() {
    let bench = bench().await;
    ask(bench.oracle(), Question::Reset).await;
    put(bench.oracle(), "long.gcode", LONG).await;
    let host = bench.host();
    let mut events = host.events().unwrap();
    let told = beside(&host, async {
        while next(&mut events).await != Event::Resynced {}
        begin(&host, &mut events, "long.gcode").await;
        klipper().kill().await.unwrap();
        until_activity(bench.oracle(), Activity::Offline).await;
        klipper().release().unwrap();
        until_activity(bench.oracle(), Activity::Idle).await;
        let mut told = jobs_until(&mut events, JobEvent::is_end).await;
        told.extend(told_and_a_short_print(&bench, &host, &mut events).await);
        told
    });
    assert_eq!(told.await.unwrap(), [("failed", SEEN), ("started", SEEN), ("finished", SEEN)]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Moonraker of its own"]
async fn crash_of_moonraker_ends_no_print() {
    let bench = bench().await;
    ask(bench.oracle(), Question::Reset).await;
    put(bench.oracle(), "long.gcode", LONG).await;
    let host = bench.host();
    let mut events = host.events().unwrap();
    let told = beside(&host, async {
        while next(&mut events).await != Event::Resynced {}
        begin(&host, &mut events, "long.gcode").await;
        moonraker().crash().await.unwrap();
        let mut told = Vec::new();
        loop {
            match next(&mut events).await {
                Event::Job { event, inferred } => told.push((event.name(), inferred)),
                Event::Resynced => break,
                _ => {}
            }
        }
        until_activity(bench.oracle(), Activity::Printing).await;
        ask(bench.oracle(), Question::Do(Deed::Cancel)).await;
        told.extend(jobs_until(&mut events, JobEvent::is_end).await);
        told.extend(told_and_a_short_print(&bench, &host, &mut events).await);
        told
    });
    assert_eq!(told.await.unwrap(), [("cancelled", SEEN), ("started", SEEN), ("finished", SEEN)]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Moonraker of its own"]
async fn print_that_ends_while_moonraker_is_away_is_told_once() {
    let bench = bench().await;
    ask(bench.oracle(), Question::Reset).await;
    put(bench.oracle(), "short.gcode", 5).await;
    let host = bench.host();
    let mut events = host.events().unwrap();
    let told = beside(&host, async {
        while next(&mut events).await != Event::Resynced {}
        let ends = ends_in_the_log();
        begin(&host, &mut events, "short.gcode").await;
        moonraker().kill().await.unwrap();
        until("the print's end", async || ends_in_the_log() > ends).await;
        moonraker().release().unwrap();
        until_activity(bench.oracle(), Activity::Idle).await;
        let mut told = jobs_until(&mut events, JobEvent::is_end).await;
        told.extend(told_and_a_short_print(&bench, &host, &mut events).await);
        told
    });
    assert_eq!(told.await.unwrap(), [("finished", INFERRED), ("started", SEEN), ("finished", SEEN)]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Moonraker of its own"]
async fn crash_of_both_ends_the_print_once() {
    let bench = bench().await;
    ask(bench.oracle(), Question::Reset).await;
    put(bench.oracle(), "long.gcode", LONG).await;
    let host = bench.host();
    let mut events = host.events().unwrap();
    let told = beside(&host, async {
        while next(&mut events).await != Event::Resynced {}
        begin(&host, &mut events, "long.gcode").await;
        moonraker().kill().await.unwrap();
        klipper().crash().await.unwrap();
        moonraker().release().unwrap();
        until_activity(bench.oracle(), Activity::Idle).await;
        let mut told = jobs_until(&mut events, JobEvent::is_end).await;
        told.extend(told_and_a_short_print(&bench, &host, &mut events).await);
        told
    });
    // Nobody is left who knows how it ended.
    assert_eq!(told.await.unwrap(), [("ended", INFERRED), ("started", SEEN), ("finished", SEEN)]);
}

/// How many prints Klipper says it has read to their end.
fn ends_in_the_log() -> usize {
    let log = std::fs::read(format!("{}/logs/klippy.log", get("PRINTHOST_MOONRAKER_DATA"))).unwrap();
    String::from_utf8_lossy(&log).matches("Finished SD card print").count()
}
