//! The messages of the push connection, one a line.

use std::pin::pin;

use libfuzzer_sys::arbitrary::Unstructured;
use printhost_core::{Event, JobEvent, JobTracker, PrintHost as _, PrinterStatus};

use super::{answer, bound, driver, limits, made, model, network};
use crate::{
    host::{frame, response, settle, settle_pinned, upgraded},
    json::{Expected, IllTyped, Json, NULL},
    memory,
};

/// What the printer is like before the input comes.
const FIRST: &str = r#"{"state":{"text":"Printing","flags":{"printing":true}},"job":{"file":{"path":"a.gcode","size":9}},"progress":{"completion":50.0},"temps":[{"bed":{"actual":60.0,"target":61.0}}]}"#;
const PRINTER: &[u8] = br#"{"state":{"text":"Printing","flags":{"printing":true}},"temperature":{"bed":{"actual":60.0,"target":61.0}}}"#;
const JOB: &[u8] =
    br#"{"job":{"file":{"path":"a.gcode","size":9}},"progress":{"completion":50.0},"state":"Printing"}"#;

pub fn run(data: &[u8]) {
    judge(data, false);
    if let Ok(made) = made::push(&mut Unstructured::new(data)) {
        judge(made.as_bytes(), true);
    }
}

/// The driver reads more than is judged here, and may refuse that; but not in what was made for it.
fn judge(data: &[u8], made: bool) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // More job events than the queue holds would be skipped, and said to be.
    let messages: Vec<&str> = text.lines().take(8).collect();
    let answer = |head: &str| {
        answer(head, |_, target| match target {
            "/api/login" => response("200 OK", br#"{"name":"maker","session":"abc"}"#),
            "/api/job" => response("200 OK", JOB),
            "/sockjs/websocket" => upgraded(head),
            _ => response("200 OK", PRINTER),
        })
    };
    let net = network(&answer);
    let (events, ended) = memory::within(bound(data, &net) + 8 * data.len(), || {
        let driver = driver(&net);
        let mut events = driver.events().expect("a place");
        let mut run = pin!(driver.run());
        let mut run = run.as_mut();
        assert!(settle_pinned(&mut run).is_none());
        net.dialer().push(&frame(&format!(r#"{{"current":{FIRST}}}"#)));
        assert!(settle_pinned(&mut run).is_none());
        assert_eq!(settle(events.next()), Some(Event::Resynced));
        assert!(matches!(settle(events.next()), Some(Event::Status(_))));
        for message in &messages {
            net.dialer().push(&frame(message));
        }
        let ended = settle_pinned(&mut run).is_some();
        let mut all = Vec::new();
        while let Some(event) = settle(events.next()) {
            all.push(event);
        }
        (all, ended)
    });
    assert!(!ended, "nothing that is pushed ends it for good");
    if made && let Ok((jobs, status)) = expected(&messages) {
        let (statuses, others): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|e| matches!(e, Event::Status(_)));
        let jobs = jobs.into_iter().map(|event| {
            let inferred = event == JobEvent::Ended;
            Event::Job { event, inferred }
        });
        assert_eq!(others, jobs.collect::<Vec<_>>());
        assert_eq!(statuses, status.map(Event::Status).into_iter().collect::<Vec<_>>());
    }
}

/// The job events, and the last status if it is not the first one.
fn expected(messages: &[&str]) -> Expected<(Vec<JobEvent>, Option<PrinterStatus>)> {
    let first = Json::parse(FIRST.as_bytes()).expect("JSON");
    let first = model::current(&first, &PrinterStatus::default())?;
    let mut tracker = JobTracker::new();
    assert_eq!(tracker.observe(&first).count(), 0);
    let (mut jobs, mut last, mut changed) = (Vec::new(), first, false);
    for message in messages {
        if message.len() > limits().message {
            continue;
        }
        let json = Json::parse(message.as_bytes()).ok_or(IllTyped)?;
        if *json.get("reauthRequired")? != NULL {
            return Err(IllTyped);
        }
        let (current, history, event) = (json.get("current")?, json.get("history")?, json.get("event")?);
        // One key each; with more of them, all have to be well-typed.
        if [current, history, event].iter().filter(|v| ***v != NULL).count() > 1 {
            return Err(IllTyped);
        }
        if *current != NULL || *history != NULL {
            let status = model::current(if *current != NULL { current } else { history }, &last)?;
            changed |= status != last;
            last = status;
        } else if *event != NULL
            && let Some(event) = model::event(event)?
        {
            jobs.extend(tracker.announce(event));
        }
    }
    Ok((jobs, changed.then_some(last)))
}
