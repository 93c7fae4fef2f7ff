//! The shape of Moonraker: calls and events on one websocket.

use std::pin::pin;

use embassy_futures::poll_once;
use futures::future::join_all;
use printhost_core::{Command, ErrorKind, Event, JobEvent, Outcome, Phase, PrintHost as _, Retry};
use tokio::time::Instant;

use super::{
    in_memory::{pair, synced},
    peers::{Protocol::Moonraker, Trap},
    supervise::running,
};

#[tokio::test(start_paused = true)]
async fn command_that_nobody_runs_the_connection_for_fails_at_once() {
    let (printer, host) = pair(Moonraker);
    let began = Instant::now();
    assert_eq!(host.command(Command::Pause).await.unwrap_err().kind(), ErrorKind::NotRunning);
    assert_eq!(began.elapsed().as_millis(), 0);
    assert!(printer.orders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn reading_works_without_a_run() {
    let (_, host) = pair(Moonraker);
    assert_eq!(host.connect().await.unwrap().version, "v0.13");
    assert_eq!(host.status().await.unwrap().phase, Phase::Idle);
}

#[tokio::test(start_paused = true)]
async fn command_made_while_connecting_waits_for_the_connection() {
    let (printer, host) = pair(Moonraker);
    let outcome = running(&host, host.start("a.gcode")).await;
    assert_eq!((outcome.unwrap(), printer.state()), (Outcome::accepted(), "printing"));
}

#[tokio::test(start_paused = true)]
async fn command_whose_connection_ends_before_the_answer_is_unconfirmed_at_once() {
    let (printer, host) = pair(Moonraker);
    printer.change(|m| m.trap = Some(Trap::HangUp("pause")));
    let error = running(&host, async {
        synced(&host).await;
        let began = Instant::now();
        let error = host.command(Command::Pause).await.unwrap_err();
        assert_eq!(began.elapsed().as_millis(), 0);
        error
    })
    .await;
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unconfirmed, Retry::ReadFirst));
    assert_eq!(printer.orders(), ["pause"]);
}

#[tokio::test(start_paused = true)]
async fn command_between_two_connections_is_disconnected_at_once_and_never_sent() {
    let (printer, host) = pair(Moonraker);
    let mut events = host.events().unwrap();
    running(&host, async {
        synced(&host).await;
        printer.change(|m| m.kicks += 1);
        while !matches!(events.next().await, Event::Lost(_)) {}
        let error = host.command(Command::Pause).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Disconnected, Retry::Safe));
        while events.next().await != Event::Resynced {}
        host.status().await.unwrap();
    })
    .await;
    assert!(printer.orders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn answer_above_the_limit_fails_its_own_call_only_and_at_once() {
    let (printer, host) = pair(Moonraker);
    printer.change(|m| m.trap = Some(Trap::Silence("cancel")));
    running(&host, async {
        synced(&host).await;
        let mut waiting = pin!(host.command(Command::Cancel));
        assert!(poll_once(waiting.as_mut()).is_pending());
        while printer.orders().is_empty() {
            tokio::task::yield_now().await;
        }
        printer.change(|m| m.trap = Some(Trap::Drown("pause")));
        let began = Instant::now();
        let error = host.command(Command::Pause).await.unwrap_err();
        // The printer has acted, and the driver must not claim otherwise.
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unconfirmed, Retry::ReadFirst));
        assert_eq!(error.operation(), "pause");
        assert!(error.detail().unwrap().starts_with("an answer of 2"), "{error}");
        assert_eq!((began.elapsed().as_millis(), printer.state()), (0, "paused"));
        assert!(poll_once(waiting.as_mut()).is_pending());
        assert_eq!(host.command(Command::Resume).await.unwrap(), Outcome::accepted());
    })
    .await;
    assert_eq!(printer.orders(), ["cancel", "pause", "resume"]);
}

#[tokio::test(start_paused = true)]
async fn four_calls_are_in_flight_and_a_dropped_one_makes_room() {
    let (printer, host) = pair(Moonraker);
    printer.change(|m| m.trap = Some(Trap::Silence("pause")));
    running(&host, async {
        synced(&host).await;
        let mut silent: Vec<_> = (0..4).map(|_| Box::pin(host.command(Command::Pause))).collect();
        for call in &mut silent {
            assert!(poll_once(call.as_mut()).is_pending());
        }
        let mut fifth = pin!(host.command(Command::Resume));
        assert!(poll_once(fifth.as_mut()).is_pending());
        for _ in 0..10_000 {
            tokio::task::yield_now().await; // until the host has taken them; far fewer turns do
        }
        assert_eq!(printer.orders(), ["pause"; 4]);
        silent.pop();
        assert_eq!(fifth.await.unwrap(), Outcome::accepted());
        drop(silent);
        let all = join_all((0..4).map(|_| host.status())).await;
        assert!(all.iter().all(Result::is_ok));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn notifications_become_events_while_calls_are_under_way() {
    let (printer, host) = pair(Moonraker);
    let mut events = host.events().unwrap();
    running(&host, async {
        synced(&host).await;
        printer.change(|m| m.trap = Some(Trap::Silence("cancel")));
        let mut cancel = pin!(host.command(Command::Cancel));
        assert!(poll_once(cancel.as_mut()).is_pending());
        host.start("a.gcode").await.unwrap();
        let started =
            Event::Job { event: JobEvent::Started { path: Some("a.gcode".into()) }, inferred: false };
        while events.next().await != started {}
        assert!(poll_once(cancel).is_pending());
    })
    .await;
}
