//! A host in memory: what a driver sends it reaches a function, whose answer comes back in irregular pieces. Nothing
//! waits for time, since none passes.

use std::{
    cell::RefCell,
    future::{pending, poll_fn},
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use embedded_io_async::{ErrorType, Read, Write};
use printhost_core::{Clock, Entropy, Error, Result};
use printhost_net::{Conn, Dial, Http1, Limits, Origin, Parts, proto::websocket::handshake_accept};

use crate::cuts::Numbers;

/// Answers a request, given its head.
pub type Answer<'a> = &'a dyn Fn(&str) -> Vec<u8>;

/// Answers a text that came by websocket.
pub type Calls<'a> = &'a dyn Fn(&str) -> String;

/// The network of a driver under test.
pub type Memory<'a> = Parts<Host<'a>, Http1, Still, Sevens>;

/// A network with this host at every address.
pub fn network<'a>(answer: Answer<'a>, limits: Limits) -> Memory<'a> {
    network_with_calls(answer, &|_| String::new(), limits)
}

/// As [`network`], with a host that answers texts on its websockets, too; the empty answer is none.
pub fn network_with_calls<'a>(answer: Answer<'a>, calls: Calls<'a>, limits: Limits) -> Memory<'a> {
    let host = Host { answer, calls, open: RefCell::default() };
    Parts::new(host, Http1::DEVICE, Still, Sevens, limits)
}

/// An answer with a body.
pub fn response(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// The answer that makes a connection a websocket, to a request with this head.
pub fn upgraded(head: &str) -> Vec<u8> {
    let key = head.lines().find_map(|l| l.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = handshake_accept(key);
    format!("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
        .into_bytes()
}

/// A text as a host sends it by websocket.
pub fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        n @ ..126 => frame.push(n as u8),
        n @ 126..=0xffff => {
            frame.push(126);
            frame.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            frame.push(127);
            frame.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// The payload of a client's frame, which is masked, and the length of all of it, once it is there.
fn unmasked(frame: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (len, start) = match frame.get(1)? & 0x7f {
        126 => (usize::from(u16::from_be_bytes(frame.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(frame.get(2..10)?.try_into().ok()?) as usize, 10),
        n => (n.into(), 2),
    };
    let (mask, payload) = (frame.get(start..start + 4)?, frame.get(start + 4..start + 4 + len)?);
    Some((payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect(), start + 4 + len))
}

/// Polls until it is done or waits for something that will not come by itself.
pub fn settle<T>(future: impl Future<Output = T>) -> Option<T> {
    settle_pinned(&mut pin!(future).as_mut())
}

/// As [`settle`], to go on later.
pub fn settle_pinned<T>(future: &mut std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Relaxed);
        }
    }
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(flag.clone());
    while flag.0.swap(false, Relaxed) {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(done);
        }
    }
    None
}

/// The host.
pub struct Host<'a> {
    answer: Answer<'a>,
    calls: Calls<'a>,
    /// All connections that were ever opened.
    open: RefCell<Vec<Rc<RefCell<State>>>>,
}

impl Host<'_> {
    /// Sends bytes unasked on every connection that has become a websocket.
    pub fn push(&self, bytes: &[u8]) {
        for state in self.open.borrow().iter().filter(|state| state.borrow().upgraded) {
            state.borrow_mut().send(bytes);
        }
    }

    /// Ends every connection once what was sent is read.
    pub fn hang_up(&self) {
        for state in &*self.open.borrow() {
            let mut state = state.borrow_mut();
            state.closed = true;
            state.wake();
        }
    }
}

impl<'a> Dial for Host<'a> {
    type Conn = Line<'a>;

    async fn dial(&self, _: &Origin) -> Result<Line<'a>> {
        let state = Rc::new(RefCell::new(State {
            sent: Vec::new(),
            inbox: Vec::new(),
            at: 0,
            closed: false,
            upgraded: false,
            reader: None,
            numbers: Numbers::of(b"pieces"),
        }));
        self.open.borrow_mut().push(state.clone());
        Ok(Line { answer: self.answer, calls: self.calls, state })
    }
}

/// One connection.
pub struct Line<'a> {
    answer: Answer<'a>,
    calls: Calls<'a>,
    state: Rc<RefCell<State>>,
}

struct State {
    /// Sent by the driver and not answered yet.
    sent: Vec<u8>,
    inbox: Vec<u8>,
    at: usize,
    closed: bool,
    upgraded: bool,
    reader: Option<Waker>,
    numbers: Numbers,
}

impl State {
    fn send(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn poll_read(&mut self, context: &Context<'_>, buf: &mut [u8]) -> Poll<usize> {
        let left = self.inbox.len() - self.at;
        if left == 0 && !self.closed {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let n = left.min(buf.len()).min(1 + self.numbers.below(700));
        buf[..n].copy_from_slice(&self.inbox[self.at..self.at + n]);
        self.at += n;
        Poll::Ready(n)
    }

    fn take(&mut self, bytes: &[u8], answer: Answer<'_>, calls: Calls<'_>) {
        self.sent.extend_from_slice(bytes);
        while self.upgraded {
            let Some((payload, len)) = unmasked(&self.sent) else { return };
            let is_text = self.sent[0] & 0xf == 1;
            self.sent.drain(..len);
            let answer = if is_text { calls(&String::from_utf8_lossy(&payload)) } else { String::new() };
            if !answer.is_empty() {
                self.send(&frame(&answer));
            }
        }
        while let Some(end) = self.sent.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&self.sent[..end + 2]).into_owned();
            let whole = end + 4 + content_length(&head);
            if self.sent.len() < whole {
                return;
            }
            self.sent.drain(..whole);
            let answer = answer(&head);
            self.upgraded = answer.starts_with(b"HTTP/1.1 101");
            self.send(&answer);
        }
    }
}

fn content_length(head: &str) -> usize {
    head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0)
}

impl ErrorType for Line<'_> {
    type Error = Error;
}

impl Read for Line<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        Half(self).read(buf).await
    }
}

impl Write for Line<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize> {
        Half(self).write(buf).await
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl<'h> Conn for Line<'h> {
    type Reader<'a>
        = Half<'a, 'h>
    where
        'h: 'a;
    type Writer<'a>
        = Half<'a, 'h>
    where
        'h: 'a;

    async fn split(&mut self) -> Result<(Half<'_, 'h>, Half<'_, 'h>)> {
        Ok((Half(self), Half(self)))
    }

    fn is_quiet(&mut self) -> bool {
        let state = self.state.borrow();
        state.at == state.inbox.len() && !state.closed
    }
}

/// One direction of a connection.
pub struct Half<'a, 'h>(&'a Line<'h>);

impl ErrorType for Half<'_, '_> {
    type Error = Error;
}

impl Read for Half<'_, '_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        Ok(poll_fn(|context| self.0.state.borrow_mut().poll_read(context, buf)).await)
    }
}

impl Write for Half<'_, '_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize> {
        self.0.state.borrow_mut().take(buf, self.0.answer, self.0.calls);
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A clock that stands still.
pub struct Still;

impl Clock for Still {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        pending().await
    }
}

/// Random bytes that are all seven.
pub struct Sevens;

impl Entropy for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}
