//! Calls and their answers over one connection that is shared with events.
//!
//! Users [`Link::call`]; whoever polls the connection holds a [`Running`] and, per connection, a [`Session`]. What
//! a call and a connection know of each other changes under one lock, so a call that is made exactly while a
//! connection ends belongs either to it (and fails with it) or to what follows.
//!
//! A link knows nothing of the protocol but that calls have numbers. The driver that reads the connection hands
//! answers over by their numbers, in any order ([`Link::answer`]), and takes whatever has none for an event. An answer
//! that was too large to be held fails its own call and no other ([`Link::fail`]): with JSON-RPC,
//! [`crate::proto::json_rpc::answered_id`] finds whose it is from the two ends that the websocket keeps. When those
//! do not tell, no call is failed in its place, and the one that waits ends when its caller's patience does.

#[cfg(test)]
mod tests;

use alloc::string::String;
use core::{cell::RefCell, convert::Infallible, fmt, future::poll_fn, mem};

use embassy_sync::{
    blocking_mutex::{Mutex, raw::CriticalSectionRawMutex},
    semaphore::{FairSemaphore, Semaphore},
    signal::Signal,
};
use printhost_core::{Error, ErrorKind, Result, Retry};

use crate::websocket::Outbox;

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

    /// Sends what `text` makes of the call's number, and returns the answer. There is no time limit.
    ///
    /// While the connection is being opened the call waits for that. When it cannot be made, or its connection
    /// ends, it fails at once:
    /// [`ErrorKind::NotRunning`] when nobody polls the connection,
    /// [`ErrorKind::Busy`] when too many calls wait, and
    /// [`ErrorKind::Disconnected`] otherwise, with [`Retry::ReadFirst`] if the host may have got it and nobody knows
    /// whether it has acted. Only a driver knows which of its calls change something: of those it makes
    /// [`ErrorKind::Unconfirmed`] with [`Error::unconfirmed`], and the others it may repeat.
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
        self.settle(id, |_| Ok(answer));
    }

    /// Fails one call, whose answer has come and cannot be used: the host may have acted, so the error says
    /// [`Retry::ReadFirst`], and names the call's operation.
    pub fn fail(&self, id: u32, error: Error) {
        self.settle(id, |operation| Err(error.in_operation(operation).with_retry(Retry::ReadFirst)));
    }

    /// Whether somebody waits for the answer of this call.
    pub fn waits(&self, id: u32) -> bool {
        let is_it = |call: &Call| call.id == id && !matches!(call.stage, Stage::Answered);
        self.with(|state| state.calls.iter().flatten().any(is_it))
    }

    fn settle(&self, id: u32, answer: impl FnOnce(&'static str) -> Result<String>) {
        self.with(|state| {
            for (call, place) in state.calls.iter_mut().zip(&self.answers) {
                if let Some(Call { id: this, operation, stage: stage @ Stage::Handed(_) }) = call
                    && *this == id
                {
                    *stage = Stage::Answered;
                    return place.signal(answer(operation));
                }
            }
        });
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

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on_their_way = self.with(|state| state.calls.iter().flatten().count());
        write!(f, "Link({on_their_way} calls)")
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
#[derive(Debug)]
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

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?})", self.link)
    }
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
