//! What happens is told: once, in order, across gaps.

use alloc::vec::Vec;

use printhost_core::{Command, ErrorKind, Event, JobEvent, Phase, PrintHost as _, SUBSCRIBERS, beside};

use super::{
    LONG, SHORT, SMALL, break_with, expect_kind, job_events, next, put, seen, size_of, somebody_else,
    somebody_prints, until, until_activity, upload,
};
use crate::{
    Activity, Bench, Content, Deed, Fault,
    case::{Claim, Doing as _, Why, ensure},
};

/// Waits until the connection that brings events is there.
async fn connected<B: Bench>(bench: &B, events: &mut printhost_core::Events<'_>) -> Claim {
    while next(bench, events).await? != Event::Resynced {}
    Ok(())
}

fn names(jobs: &[JobEvent]) -> Vec<&'static str> {
    jobs.iter().map(JobEvent::name).collect()
}

pub(crate) async fn job_events_tell_a_cancelled_print_in_order<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let (mut events, mut all) = (host.events()?, host.events()?);
    let watching = beside(&host, async {
        connected(bench, &mut events).await?;
        let content = Content::new(size_of(LONG), LONG);
        let path = upload(&host, "told.gcode", &content).await.doing("upload")?.path;
        host.start(&path).await.doing("start")?;
        for (command, phase) in [
            (None, Phase::Printing),
            (Some(Command::Pause), Phase::Paused),
            (Some(Command::Resume), Phase::Printing),
        ] {
            if let Some(command) = command {
                host.command(command).await.doing(command.name())?;
            }
            // Until a driver that polls has seen it, too.
            loop {
                if let Event::Status(status) = next(bench, &mut events).await?
                    && status.phase == phase
                {
                    break;
                }
            }
        }
        host.command(Command::Cancel).await.doing("cancel")?;
        let jobs = job_events(bench, &mut all).await?;
        ensure!(names(&jobs) == ["started", "paused", "resumed", "cancelled"], "{jobs:?}");
        ensure!(jobs[0] == JobEvent::Started { path: Some(path) }, "{:?}", jobs[0]);
        Ok(())
    });
    watching.await?
}

pub(crate) async fn job_events_tell_a_finished_print_once<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let mut events = host.events()?;
    let watching = beside(&host, async {
        connected(bench, &mut events).await?;
        let path = upload(&host, "ends.gcode", &Content::new(SMALL, SHORT)).await.doing("upload")?.path;
        host.start(&path).await.doing("start")?;
        let jobs = job_events(bench, &mut events).await?;
        ensure!(names(&jobs) == ["started", "finished"], "{jobs:?}");
        until_activity(bench, Activity::Idle).await?;
        // Whatever comes until the next status that shows an idle printer must not be about a job any more.
        let begun = printhost_core::Clock::now(bench.clock());
        loop {
            let waited = printhost_core::Clock::now(bench.clock()).saturating_sub(begun);
            let quiet =
                printhost_core::within(bench.clock(), core::time::Duration::from_secs(2), "listen", async {
                    Ok(events.next().await)
                });
            match quiet.await {
                Ok(Event::Job { event: job, .. }) => {
                    return Err(Why::Fail(alloc::format!("after the end: {job:?}")));
                }
                Ok(_) if waited < core::time::Duration::from_secs(4) => {}
                _ => return Ok(()),
            }
        }
    });
    watching.await?
}

pub(crate) async fn what_somebody_else_does_is_told<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let mut events = host.events()?;
    let watching = beside(&host, async {
        connected(bench, &mut events).await?;
        let (mut jobs, path) = (Vec::new(), "theirs.gcode");
        put(bench, path, size_of(LONG), LONG).await?;
        for (deed, told) in
            [(Deed::Start(path.into()), "started"), (Deed::Pause, "paused"), (Deed::Cancel, "cancelled")]
        {
            somebody_else(bench, deed).await?;
            loop {
                if let Event::Job { event: job, .. } = next(bench, &mut events).await? {
                    jobs.push(job);
                    ensure!(
                        jobs.last().is_some_and(|job| job.name() == told),
                        "{told} was to come: {jobs:?}"
                    );
                    break;
                }
            }
            let settled = if told == "started" {
                Activity::Printing
            } else if told == "paused" {
                Activity::Paused
            } else {
                Activity::Idle
            };
            until_activity(bench, settled).await?;
        }
        Ok(())
    });
    watching.await?
}

pub(crate) async fn lost_connection_is_told_and_made_up_for<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let mut events = host.events()?;
    let watching = beside(&host, async {
        connected(bench, &mut events).await?;
        somebody_prints(bench, "meanwhile.gcode", LONG).await?;
        loop {
            if let Event::Job { event: JobEvent::Started { .. }, .. } = next(bench, &mut events).await? {
                break;
            }
        }
        break_with(bench, Fault::Gone).await?;
        let (mut lost, mut resynced) = (0, 0);
        while resynced == 0 {
            match next(bench, &mut events).await? {
                Event::Lost(_) if lost == 0 => {
                    lost += 1;
                    break_with(bench, Fault::None).await?;
                }
                Event::Lost(error) => {
                    return Err(Why::Fail(alloc::format!("lost twice without a Resynced: {error}")));
                }
                Event::Resynced => resynced += 1,
                Event::Job { event: job, .. } => {
                    return Err(Why::Fail(alloc::format!("nothing has happened, and: {job:?}")));
                }
                _ => {}
            }
            ensure!(lost >= resynced, "resynced without having been lost");
        }
        // A whole status follows.
        loop {
            if let Event::Status(status) = next(bench, &mut events).await? {
                ensure!(status.phase == Phase::Printing, "{:?} after the gap", status.phase);
                return Ok(());
            }
        }
    });
    watching.await?
}

pub(crate) async fn end_of_a_job_that_nobody_saw_is_told_once<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let mut events = host.events()?;
    let watching = beside(&host, async {
        connected(bench, &mut events).await?;
        somebody_prints(bench, "unseen.gcode", LONG).await?;
        loop {
            if let Event::Job { event: JobEvent::Started { .. }, .. } = next(bench, &mut events).await? {
                break;
            }
        }
        break_with(bench, Fault::Gone).await?;
        while !matches!(next(bench, &mut events).await?, Event::Lost(_)) {}
        somebody_else(bench, Deed::Cancel).await?;
        until(bench, "the cancelled print", async || Ok(seen(bench).await?.activity == Activity::Idle))
            .await?;
        break_with(bench, Fault::None).await?;
        let mut jobs = Vec::new();
        loop {
            match next(bench, &mut events).await? {
                Event::Job { event: job, .. } => jobs.push(job),
                Event::Status(status) if !status.phase.has_job() => break,
                _ => {}
            }
        }
        ensure!(jobs.len() == 1 && jobs[0].is_end(), "{jobs:?}");
        ensure!(jobs[0] != JobEvent::Finished, "it was cancelled, and is told as finished");
        Ok(())
    });
    watching.await?
}

pub(crate) async fn second_run_and_too_many_listeners_are_refused<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let mut held = Vec::new();
    for _ in 0..SUBSCRIBERS {
        held.push(host.events()?);
    }
    expect_kind(host.events(), &[ErrorKind::Busy], "one listener too many")?;
    held.truncate(1);
    let both = beside(&host, async {
        connected(bench, &mut held[0]).await?;
        expect_kind(host.run().await.map(drop), &[ErrorKind::Busy], "running it twice")?;
        Ok::<_, Why>(())
    });
    both.await??;
    Ok(())
}
