//! Calls and their answers over one connection that is shared with events.
//!
//! Users [`Link::call`]; whoever polls the connection holds a [`Running`] and, per connection, a [`Session`]. What
//! a call and a connection know of each other changes under one lock, so a call that is made exactly while a
//! connection ends belongs either to it (and fails with it) or to what follows.

use core::{cell::RefCell, convert::Infallible, future::poll_fn, mem};

use embassy_sync::{
    blocking_mutex::{Mutex, raw::CriticalSectionRawMutex},
    semaphore::{FairSemaphore, Semaphore},
    signal::Signal,
};
use printhost_core::{Error, ErrorKind, Result, Retry};
use printhost_net::websocket::Outbox;

/// How many calls of users can be on their way at once.
pub const CALLS: usize = 4;
/// How many more can wait for their turn; then calls fail with [`ErrorKind::Busy`].
const WAITING: usize = 8;
/// The place of the calls a session makes itself, before those of users are let through.
const OWN: usize = CALLS;

/// Matches answers to calls by number.
pub struct Link {
    state: Mutex<CriticalSectionRawMutex, RefCell<State>>,
    places: FairSemaphore<CriticalSectionRawMutex, WAITING>,
    /// There may be a text to hand over.
    work: Signal<CriticalSectionRawMutex, ()>,
    answers: [Signal<CriticalSectionRawMutex, Result<String>>; CALLS + 1],
}

struct State {
    line: Line,
    last_id: u32,
    /// How many texts this session has put into its outbox.
    handed: usize,
    calls: [Option<Call>; CALLS + 1],
}

enum Line {
    /// Nobody polls the connection.
    Stopped,
    /// Between two attempts; the reason is that of the last one.
    Down(Option<Error>),
    /// Connecting: calls wait for what comes of it.
    Opening,
    /// Calls pass.
    Open,
}

/// A call holds its place until it returns or is dropped, answered or not.
struct Call {
    id: u32,
    operation: &'static str,
    stage: Stage,
}

enum Stage {
    /// Its text waits for room in the outbox.
    Waiting(String),
    /// Its text was put there, as the how manyth of this session.
    Handed(usize),
    Answered,
}

impl Link {
    /// A link that nobody runs.
    pub const fn new() -> Self {
        let state = State { line: Line::Stopped, last_id: 0, handed: 0, calls: [const { None }; CALLS + 1] };
        Self {
            state: Mutex::new(RefCell::new(state)),
            places: FairSemaphore::new(CALLS),
            work: Signal::new(),
            answers: [const { Signal::new() }; CALLS + 1],
        }
    }

    /// Sends what `text` makes of the call's number, and returns the answer.
    ///
    /// While the connection is being opened the call waits for that. When it cannot be made, or its connection
    /// ends, it fails at once:
    /// [`ErrorKind::NotRunning`] when nobody polls the connection,
    /// [`ErrorKind::Busy`] when too many calls wait, and
    /// [`ErrorKind::Disconnected`] otherwise, with [`Retry::ReadFirst`] if the host may have got it.
    /// Dropped before it is sent it is never sent; dropped later its answer is passed over.
    pub async fn call(&self, operation: &'static str, text: impl FnOnce(u32) -> String) -> Result<String> {
        self.with(|state| state.check(operation))?;
        let _place = self.places.acquire(1).await.map_err(|_| {
            Error::new(ErrorKind::Busy, operation).with_detail("too many calls are waiting for this host")
        })?;
        self.call_at(None, operation, text).await
    }

    /// Marks the connection as polled; [`ErrorKind::Busy`] if it is already.
    pub fn start(&self) -> Result<Running<'_>> {
        self.with(|state| match state.line {
            Line::Stopped => {
                state.line = Line::Opening;
                Ok(Running(self))
            }
            _ => Err(Error::new(ErrorKind::Busy, "run").with_detail("it is being run already")),
        })
    }

    /// Gives a call its answer; one that nobody waits for is passed over.
    pub fn answer(&self, id: u32, answer: String) {
        self.with(|state| {
            for (call, place) in state.calls.iter_mut().zip(&self.answers) {
                if let Some(Call { id: this, stage: stage @ Stage::Handed(_), .. }) = call
                    && *this == id
                {
                    *stage = Stage::Answered;
                    return place.signal(Ok(answer));
                }
            }
        });
    }

    /// Whether somebody waits for the answer of this call.
    pub fn waits(&self, id: u32) -> bool {
        let is_it = |call: &Call| call.id == id && !matches!(call.stage, Stage::Answered);
        self.with(|state| state.calls.iter().flatten().any(is_it))
    }

    async fn call_at(
        &self,
        own: Option<usize>,
        operation: &'static str,
        text: impl FnOnce(u32) -> String,
    ) -> Result<String> {
        let at = self.with(|state| {
            state.check(operation)?;
            let at = own.or_else(|| state.calls[..CALLS].iter().position(Option::is_none));
            let at = at.ok_or(Error::new(ErrorKind::Busy, operation))?;
            state.last_id = state.last_id.wrapping_add(1);
            let stage = Stage::Waiting(text(state.last_id));
            self.answers[at].reset();
            state.calls[at] = Some(Call { id: state.last_id, operation, stage });
            Ok(at)
        })?;
        let place = Place { link: self, at };
        self.work.signal(());
        self.answers[place.at].wait().await
    }

    /// Fails what is on its way with what `error` makes of it, and moves the line, in one step.
    fn fail_all(&self, line: Line, error: impl Fn(&Call) -> Error) {
        self.with(|state| {
            state.line = line;
            for (call, answer) in state.calls.iter_mut().zip(&self.answers) {
                if let Some(call) = call
                    && !matches!(call.stage, Stage::Answered)
                {
                    answer.signal(Err(error(call)));
                    call.stage = Stage::Answered;
                }
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.state.lock(|state| act(&mut state.borrow_mut()))
    }
}

impl State {
    fn check(&self, operation: &'static str) -> Result<()> {
        match &self.line {
            Line::Stopped => Err(Error::new(ErrorKind::NotRunning, operation)),
            Line::Down(cause) => Err(disconnected(operation, cause.as_ref())),
            Line::Opening | Line::Open => Ok(()),
        }
    }

    /// Puts the oldest text that may go into the outbox, which has room.
    fn hand_over(&mut self, outbox: &Outbox) -> bool {
        let open = matches!(self.line, Line::Open);
        let calls = self.calls.iter_mut().enumerate().filter(|(at, _)| open || *at == OWN);
        let waiting = calls.filter_map(|(_, c)| c.as_mut()).filter(|c| matches!(c.stage, Stage::Waiting(_)));
        let Some(call) = waiting.min_by_key(|call| call.id) else { return false };
        self.handed += 1;
        if let Stage::Waiting(text) = mem::replace(&mut call.stage, Stage::Handed(self.handed)) {
            let _ = outbox.try_send(text); // there is room, and nobody else puts anything in
        }
        true
    }
}

/// Frees the place of a call that ends or is dropped. The lock makes sure that a late answer finds nobody.
struct Place<'a> {
    link: &'a Link,
    at: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.link.with(|state| state.calls[self.at] = None);
    }
}

/// The connection is being polled while this lives.
pub struct Running<'a>(&'a Link);

impl Running<'_> {
    /// An attempt to connect. Calls wait for it from here on.
    pub fn open(&self) -> Session<'_> {
        self.0.with(|state| (state.line, state.handed) = (Line::Opening, 0));
        Session { link: self.0, outbox: Outbox::new(), cause: None }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fail_all(Line::Stopped, |call| Error::new(ErrorKind::NotRunning, call.operation));
    }
}

/// One connection, from the attempt to its end. Dropping it fails every call that is on its way.
pub struct Session<'a> {
    link: &'a Link,
    outbox: Outbox,
    cause: Option<Error>,
}

impl Session<'_> {
    /// What the connection has to send.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// A call of the session itself, ahead of those of users; one at a time.
    pub async fn call(&self, operation: &'static str, text: impl FnOnce(u32) -> String) -> Result<String> {
        self.link.call_at(Some(OWN), operation, text).await
    }

    /// Lets the calls of users through.
    pub fn admit(&self) {
        self.link.with(|state| state.line = Line::Open);
        self.link.work.signal(());
    }

    /// Fills the outbox; to be polled beside the connection.
    pub async fn pump(&self) -> Result<Infallible> {
        loop {
            poll_fn(|context| self.outbox.poll_ready_to_send(context)).await;
            if !self.link.with(|state| state.hand_over(&self.outbox)) {
                self.link.work.wait().await;
            }
        }
    }

    /// Ends it, and says why.
    pub fn end(mut self, cause: Error) {
        self.cause = Some(cause);
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let cause = self.cause.take();
        // Texts leave the outbox in order: those that are still in it are the last that were put there.
        let sent = self.link.with(|state| state.handed) - self.outbox.len();
        self.link.fail_all(Line::Down(cause.clone()), |call| {
            let error = disconnected(call.operation, cause.as_ref());
            match call.stage {
                Stage::Handed(number) if number <= sent => error.with_retry(Retry::ReadFirst),
                _ => error,
            }
        });
    }
}

fn disconnected(operation: &'static str, cause: Option<&Error>) -> Error {
    let error = Error::new(ErrorKind::Disconnected, operation);
    match cause {
        Some(cause) => error.with_detail(cause),
        None => error.with_detail("the connection is gone"),
    }
}

#[cfg(test)]
mod tests {
    use core::pin::pin;
    use std::task::Poll;

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
}
