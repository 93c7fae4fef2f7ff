//! What holds for every shape.

use std::{pin::pin, time::Duration};

use embassy_futures::poll_once;
use futures::future::join_all;
use printhost_core::{ErrorKind, Event, Events, JobEvent, PrintHost as _, SUBSCRIBERS};
use tokio::time::timeout;

use super::{
    in_memory::{ALL, network, pair, printer, synced},
    peers::{Printer, Protocol},
    supervise::{Any, running},
};

/// Collects what happens, statuses aside, until the job is over; leads the printer through it if told to.
async fn life(events: &mut Events<'_>, lead: Option<&Printer>) -> Vec<Event> {
    let mut seen = Vec::new();
    loop {
        let event = events.next().await;
        let next = match &event {
            Event::Status(_) => continue,
            Event::Resynced => "printing",
            Event::Job { event: JobEvent::Started { .. }, .. } => "paused",
            Event::Job { event: JobEvent::Paused, .. } => "printing",
            Event::Job { event: JobEvent::Resumed, .. } => "cancelled",
            _ => "cancelled",
        };
        if let Some(printer) = lead {
            printer.change(|m| (m.state, m.file) = (next, "a.gcode".into()));
        }
        seen.push(event);
        if matches!(seen.last(), Some(Event::Job { event: JobEvent::Cancelled, .. })) {
            return seen;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_listeners_see_the_same_events_in_the_same_order() {
    for protocol in ALL {
        let (printer, host) = pair(protocol);
        let mut listeners: Vec<_> = (0..SUBSCRIBERS).map(|_| host.events().unwrap()).collect();
        assert_eq!(host.events().err().unwrap().kind(), ErrorKind::Busy, "{protocol:?}");
        let lives =
            listeners.iter_mut().enumerate().map(|(i, events)| life(events, (i == 0).then_some(printer)));
        let seen = running(&host, join_all(lives.collect::<Vec<_>>())).await;
        let expected = [
            Event::Resynced,
            Event::Job { event: JobEvent::Started { path: Some("a.gcode".into()) }, inferred: false },
            Event::Job { event: JobEvent::Paused, inferred: false },
            Event::Job { event: JobEvent::Resumed, inferred: false },
            Event::Job { event: JobEvent::Cancelled, inferred: false },
        ];
        assert!(seen.iter().all(|one| *one == expected), "{protocol:?}: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn second_run_is_busy_and_a_dropped_run_can_be_started_again() {
    for protocol in ALL {
        let (_, host) = pair(protocol);
        for _ in 0..3 {
            let mut first = pin!(host.run());
            assert!(poll_once(first.as_mut()).is_pending());
            assert_eq!(host.run().await.unwrap_err().kind(), ErrorKind::Busy, "{protocol:?}");
        }
        for _ in 0..3 {
            running(&host, synced(&host)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lost_connection_is_told_and_what_happened_meanwhile_is_made_up_for() {
    for protocol in ALL {
        let (printer, host) = pair(protocol);
        let mut events = host.events().unwrap();
        let seen = running(&host, async {
            synced(&host).await;
            printer.change(|m| {
                m.kicks += 1;
                (m.state, m.file) = ("printing", "b.gcode".into());
            });
            let mut seen = Vec::new();
            while seen.len() < 4 {
                match events.next().await {
                    Event::Status(_) => {}
                    Event::Lost(error) => seen.push(format!("lost {:?}", error.kind())),
                    event => seen.push(format!("{event:?}")),
                }
            }
            seen
        })
        .await;
        let started = r#"Job { event: Started { path: Some("b.gcode") }, inferred: true }"#;
        assert_eq!(seen, ["Resynced", "lost Disconnected", started, "Resynced"], "{protocol:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_key_ends_the_run_with_the_reason() {
    let net = network();
    printer(net, 80, Protocol::Delta);
    let host = Any::new(net, Protocol::Delta, 80, "wrong");
    let end = timeout(Duration::from_secs(600), host.run()).await.expect("in time");
    assert_eq!(end.unwrap_err().kind(), ErrorKind::Unauthorized);
}
