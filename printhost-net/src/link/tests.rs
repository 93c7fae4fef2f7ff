use alloc::{boxed::Box, format, vec::Vec};
use core::{pin::pin, task::Poll};

use embassy_futures::{
    block_on, poll_once,
    select::{Either, select},
};

use super::*;

fn text(id: u32) -> String {
    format!("text {id}")
}

fn kind(result: Poll<Result<String>>) -> (ErrorKind, Retry) {
    match result {
        Poll::Ready(Err(error)) => (error.kind(), error.retry()),
        other => panic!("{other:?}"),
    }
}

/// Moves texts into the outbox until nothing moves.
fn pump(session: &Session<'_>) {
    assert!(poll_once(session.pump()).is_pending());
}

#[test]
fn call_that_nobody_runs_fails_at_once() {
    let link = Link::new();
    assert_eq!(kind(poll_once(link.call("pause", text))).0, ErrorKind::NotRunning);
    let running = link.start().unwrap();
    let mut waiting = pin!(link.call("pause", text));
    assert!(poll_once(waiting.as_mut()).is_pending());
    drop(running);
    assert_eq!(kind(poll_once(waiting)).0, ErrorKind::NotRunning);
}

#[test]
fn answers_find_their_calls_in_any_order() {
    let link = Link::new();
    let running = link.start().unwrap();
    let session = running.open();
    session.admit();
    let (mut a, mut b) = (pin!(link.call("a", text)), pin!(link.call("b", text)));
    assert!(poll_once(a.as_mut()).is_pending() && poll_once(b.as_mut()).is_pending());
    pump(&session);
    assert_eq!(session.outbox().try_receive().unwrap(), "text 1");
    assert_eq!(session.outbox().try_receive().unwrap(), "text 2");
    link.answer(2, "two".into());
    link.answer(7, "nobody's".into());
    assert!(poll_once(a.as_mut()).is_pending());
    assert_eq!(block_on(b).unwrap(), "two");
    link.answer(1, "one".into());
    assert_eq!(block_on(a).unwrap(), "one");
}

#[test]
fn call_that_was_sent_may_have_acted_and_one_that_was_not_has_not() {
    let link = Link::new();
    let running = link.start().unwrap();
    let session = running.open();
    session.admit();
    let mut sent = pin!(link.call("sent", text));
    let mut boxed = pin!(link.call("boxed", text));
    let mut late = pin!(link.call("late", text));
    assert!(poll_once(sent.as_mut()).is_pending() && poll_once(boxed.as_mut()).is_pending());
    pump(&session);
    session.outbox().try_receive().unwrap();
    assert!(poll_once(late.as_mut()).is_pending());
    drop(session);
    assert_eq!(kind(poll_once(sent)), (ErrorKind::Disconnected, Retry::ReadFirst));
    assert_eq!(kind(poll_once(boxed)), (ErrorKind::Disconnected, Retry::Safe));
    assert_eq!(kind(poll_once(late)), (ErrorKind::Disconnected, Retry::Safe));
}

#[test]
fn call_made_exactly_while_a_session_ends_fails_at_once_and_is_never_sent_later() {
    let link = Link::new();
    let running = link.start().unwrap();
    let session = running.open();
    session.admit();
    let mut before = pin!(link.call("before", text));
    assert!(poll_once(before.as_mut()).is_pending());
    session.end(Error::new(ErrorKind::Timeout, "websocket"));
    assert_eq!(kind(poll_once(link.call("between", text))).0, ErrorKind::Disconnected);
    let next = running.open();
    next.admit();
    pump(&next);
    assert!(next.outbox().is_empty());
    assert_eq!(kind(poll_once(before)), (ErrorKind::Disconnected, Retry::Safe));
}

#[test]
fn dropped_call_frees_its_place_and_its_answer_reaches_nobody_else() {
    let link = Link::new();
    let running = link.start().unwrap();
    let session = running.open();
    session.admit();
    for _ in 0..3 * CALLS {
        let mut dropped = Box::pin(link.call("dropped", text));
        assert!(poll_once(dropped.as_mut()).is_pending());
        pump(&session);
        let _ = session.outbox().try_receive();
    }
    let mut call = pin!(link.call("call", text));
    assert!(poll_once(call.as_mut()).is_pending());
    pump(&session);
    for id in 1..=3 * CALLS as u32 {
        link.answer(id, "late".into());
    }
    assert!(poll_once(call.as_mut()).is_pending());
    link.answer(3 * CALLS as u32 + 1, "mine".into());
    assert_eq!(block_on(call).unwrap(), "mine");
}

#[test]
fn fifth_call_waits_for_a_place_and_the_thirteenth_is_told_that_the_host_is_busy() {
    let link = Link::new();
    let running = link.start().unwrap();
    let session = running.open();
    session.admit();
    let mut calls: Vec<_> = (0..CALLS + WAITING).map(|_| Box::pin(link.call("call", text))).collect();
    assert!(calls.iter_mut().all(|call| poll_once(call.as_mut()).is_pending()));
    assert_eq!(kind(poll_once(link.call("call", text))).0, ErrorKind::Busy);
    pump(&session);
    assert_eq!(session.outbox().len(), CALLS);
    drop(calls.remove(0));
    assert!(poll_once(calls[CALLS - 1].as_mut()).is_pending());
    session.outbox().try_receive().unwrap();
    pump(&session);
    assert_eq!(session.outbox().len(), CALLS);
}

#[test]
fn calls_of_users_wait_until_the_session_lets_them_through() {
    let link = Link::new();
    let running = link.start().unwrap();
    let mut users: Vec<_> = (0..CALLS).map(|_| Box::pin(link.call("user", text))).collect();
    assert!(users.iter_mut().all(|call| poll_once(call.as_mut()).is_pending()));
    let session = running.open();
    let mut own = pin!(session.call("own", text));
    assert!(poll_once(own.as_mut()).is_pending());
    pump(&session);
    assert_eq!(session.outbox().try_receive().unwrap(), "text 5");
    assert!(session.outbox().is_empty());
    link.answer(5, "welcome".into());
    assert_eq!(block_on(own).unwrap(), "welcome");
    session.admit();
    pump(&session);
    assert_eq!(session.outbox().len(), CALLS);
}

#[test]
fn waiting_pump_is_woken_by_a_call() {
    let link = Link::new();
    let running = link.start().unwrap();
    let session = running.open();
    session.admit();
    let host = async {
        assert_eq!(session.outbox().receive().await, "text 1");
        link.answer(1, "done".into());
        core::future::pending::<()>().await
    };
    let call = async { link.call("call", text).await.unwrap() };
    match block_on(select(select(session.pump(), host), call)) {
        Either::Second(answer) => assert_eq!(answer, "done"),
        Either::First(_) => unreachable!(),
    }
}

#[test]
fn second_runner_is_told_that_there_is_one() {
    let link = Link::new();
    let running = link.start().unwrap();
    assert_eq!(link.start().err().unwrap().kind(), ErrorKind::Busy);
    drop(running);
    assert!(link.start().is_ok());
}

#[test]
fn answer_that_cannot_be_used_fails_its_own_call_only() {
    let link = Link::new();
    let running = link.start().unwrap();
    let session = running.open();
    session.admit();
    let (mut large, mut small) = (pin!(link.call("files", text)), pin!(link.call("pause", text)));
    assert!(poll_once(large.as_mut()).is_pending() && poll_once(small.as_mut()).is_pending());
    // A number that was never sent cannot have been answered.
    link.fail(1, Error::new(ErrorKind::TooLarge, "websocket"));
    pump(&session);
    link.fail(1, Error::new(ErrorKind::TooLarge, "websocket").with_detail("5 MB"));
    link.fail(7, Error::new(ErrorKind::TooLarge, "websocket"));
    let error = block_on(large).unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::TooLarge, Retry::ReadFirst));
    assert_eq!((error.operation(), error.detail()), ("files", Some("5 MB")));
    assert!(poll_once(small.as_mut()).is_pending());
    link.answer(2, "done".into());
    assert_eq!(block_on(small).unwrap(), "done");
}
