//! A network in memory: any executor, any clock, and as many or few sockets as a test wants.

use core::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    task::{Context, Poll, Waker},
};
use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use embedded_io_async::{ErrorType, Read, Write};
use printhost_core::{Entropy, Error, ErrorKind, Result};
use printhost_net::{Conn, Dial, Http1, Limits, Origin, Parts, Pressure};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};

/// A network in memory with the caller's clock.
pub type MemoryParts<C> = Parts<MemoryDial, Http1, C, Counter>;

/// With `sockets` sockets, whose shortage is reported or, if not `honest`, hidden.
pub fn memory_net<C: printhost_core::Clock>(clock: C, sockets: usize, honest: bool) -> MemoryParts<C> {
    let dial = MemoryDial {
        listeners: Mutex::new(HashMap::new()),
        sockets: Arc::new(Semaphore::new(sockets)),
        waiting: AtomicUsize::new(0),
        honest,
    };
    Parts::new(dial, Http1::DEVICE, clock, Counter(AtomicUsize::new(1)), Limits::DEVICE)
}

/// Dials whoever listens.
pub struct MemoryDial {
    listeners: Mutex<HashMap<u16, mpsc::UnboundedSender<MemoryConn>>>,
    sockets: Arc<Semaphore>,
    waiting: AtomicUsize,
    honest: bool,
}

impl MemoryDial {
    /// Takes the connections to a port.
    pub fn listen(&self, port: u16) -> mpsc::UnboundedReceiver<MemoryConn> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.listeners.lock().unwrap().insert(port, sender);
        receiver
    }
}

/// Counts a dial that waits, also when it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Dial for MemoryDial {
    type Conn = MemoryConn;

    async fn dial(&self, to: &Origin) -> Result<MemoryConn> {
        let refused = || Error::new(ErrorKind::Unreachable, "connect").with_detail(to);
        self.waiting.fetch_add(1, Relaxed);
        let waiting = Waiting(&self.waiting);
        let socket = self.sockets.clone().acquire_owned().await.map_err(|_| refused())?;
        drop(waiting);
        let (up, down) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
        let here = MemoryConn { input: down.clone(), output: up.clone(), _socket: Some(socket) };
        let there = MemoryConn { input: up, output: down, _socket: None };
        let listener = self.listeners.lock().unwrap().get(&to.port).cloned().ok_or_else(refused)?;
        listener.send(there).map_err(|_| refused())?;
        Ok(here)
    }

    fn pressure(&self, _: &Origin) -> Pressure {
        match (self.sockets.available_permits(), self.waiting.load(Relaxed)) {
            _ if !self.honest => Pressure::Free,
            (1.., 0) => Pressure::Free,
            (_, 0) => Pressure::Full,
            _ => Pressure::Waiting,
        }
    }
}

/// One end of a connection: embedded-io for drivers, tokio's traits for the peers' codecs.
pub struct MemoryConn {
    input: Arc<Pipe>,
    output: Arc<Pipe>,
    _socket: Option<OwnedSemaphorePermit>,
}

impl Drop for MemoryConn {
    fn drop(&mut self) {
        self.input.close();
        self.output.close();
    }
}

impl ErrorType for MemoryConn {
    type Error = Error;
}

impl Read for MemoryConn {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        Half(&self.input).read(buf).await
    }
}

impl Write for MemoryConn {
    async fn write(&mut self, buf: &[u8]) -> Result<usize> {
        Half(&self.output).write(buf).await
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Conn for MemoryConn {
    type Reader<'a> = Half<'a>;
    type Writer<'a> = Half<'a>;

    async fn split(&mut self) -> Result<(Half<'_>, Half<'_>)> {
        Ok((Half(&self.input), Half(&self.output)))
    }

    fn is_quiet(&mut self) -> bool {
        let state = self.input.state();
        state.bytes.is_empty() && !state.closed
    }
}

/// One direction of a connection.
pub struct Half<'a>(&'a Pipe);

impl ErrorType for Half<'_> {
    type Error = Error;
}

impl Read for Half<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        Ok(poll_fn(|context| self.0.poll_read(context, buf)).await)
    }
}

impl Write for Half<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize> {
        let broken = || Error::new(ErrorKind::Disconnected, "write").with_detail("closed by the peer");
        poll_fn(|context| self.0.poll_write(context, buf)).await.ok_or_else(broken)
    }

    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl AsyncRead for MemoryConn {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.initialize_unfilled();
        self.input.poll_read(context, room).map(|n| {
            buf.advance(n);
            Ok(())
        })
    }
}

impl AsyncWrite for MemoryConn {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.output.poll_write(context, buf);
        written.map(|n| n.ok_or_else(|| io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.close();
        Poll::Ready(Ok(()))
    }
}

/// Bytes on their way, few enough that a slow reader is felt.
#[derive(Default)]
struct Pipe(Mutex<PipeState>);

#[derive(Default)]
struct PipeState {
    bytes: VecDeque<u8>,
    closed: bool,
    wakers: Vec<Waker>,
}

impl Pipe {
    const CAPACITY: usize = 1024;

    fn state(&self) -> MutexGuard<'_, PipeState> {
        self.0.lock().unwrap()
    }

    fn poll_read(&self, context: &Context<'_>, buf: &mut [u8]) -> Poll<usize> {
        let mut state = self.state();
        let n = buf.len().min(state.bytes.len());
        if n == 0 && !state.closed && !buf.is_empty() {
            return state.wait(context);
        }
        for (to, from) in buf.iter_mut().zip(state.bytes.drain(..n)) {
            *to = from;
        }
        state.wake();
        Poll::Ready(n)
    }

    /// `None` when nobody reads any more.
    fn poll_write(&self, context: &Context<'_>, buf: &[u8]) -> Poll<Option<usize>> {
        let mut state = self.state();
        if state.closed {
            return Poll::Ready(None);
        }
        let n = buf.len().min(Self::CAPACITY - state.bytes.len());
        if n == 0 && !buf.is_empty() {
            return state.wait(context);
        }
        state.bytes.extend(&buf[..n]);
        state.wake();
        Poll::Ready(Some(n))
    }

    fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.wake();
    }
}

impl PipeState {
    fn wait<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        if !self.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            self.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }

    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// Different bytes every time, the same in every run.
pub struct Counter(AtomicUsize);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0.fetch_add(0x9d, Relaxed) as u8;
        }
    }
}

/// Serves every connection to a port, on any executor.
pub async fn serve<F: Future<Output = ()>>(
    mut listener: mpsc::UnboundedReceiver<MemoryConn>,
    handle: impl Fn(MemoryConn) -> F,
) -> Infallible {
    use futures::StreamExt as _;
    let mut open = futures::stream::FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(conn) = listener.recv() => open.push(handle(conn)),
            Some(()) = open.next() => {}
            else => std::future::pending().await,
        }
    }
}
