use core::{
    cell::RefCell,
    fmt,
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    task::{Context, Poll, Waker, ready},
};

use embedded_io_async::{ErrorType, Read, Write};
use printhost_net::Conn;

use super::{
    Place, TlsError, TlsFailure,
    engine::Engine,
    sessions::{Key, Sessions},
};

/// An encrypted connection on another one, whose `read` and `write` must lose nothing when they are dropped half-done,
/// as those of embassy-net do. Its own do not either.
pub(crate) struct TlsConn<'t, T> {
    shared: Shared<'t>,
    transport: T,
    place: Option<Place<'t>>,
}

/// What both halves use. Borrowed only while something is polled, never across an await.
struct Shared<'t> {
    engine: RefCell<Engine>,
    sessions: Option<(&'t Sessions, Key)>,
}

impl<'t, T: Conn> TlsConn<'t, T> {
    /// Does the handshake. Nothing of the caller's is sent. Sessions are kept from here on, under the key.
    pub(super) async fn handshake(engine: Engine, transport: T) -> Result<Self, TlsError<T::Error>> {
        let shared = Shared { engine: RefCell::new(engine), sessions: None };
        let mut conn = Self { shared, transport, place: None };
        loop {
            let step = conn.shared.engine.borrow_mut().handshake();
            // Also after a failure: the peer is told why.
            let told = poll_fn(|cx| conn.shared.poll_send(&mut conn.transport, cx)).await;
            match step {
                Ok(true) => {
                    told?;
                    return Ok(conn);
                }
                Ok(false) => {
                    told?;
                    poll_fn(|cx| conn.shared.poll_receive(&mut conn.transport, cx)).await?;
                }
                Err(failure) => {
                    let _ = conn.transport.flush().await;
                    return Err(failure.into());
                }
            }
        }
    }

    /// The peer's key, by its SHA-256.
    pub(super) fn peer_key(&self) -> Result<[u8; 32], TlsFailure> {
        self.shared.engine.borrow().peer_key().ok_or(TlsFailure::Cut)
    }

    /// Keeps sessions of this connection under that key.
    pub(super) fn keep_sessions(&mut self, sessions: &'t Sessions, key: Key) {
        self.shared.sessions = Some((sessions, key));
        self.shared.keep_fresh(&mut self.shared.engine.borrow_mut());
    }

    /// Gives the place back when the connection is dropped.
    pub(super) fn keep_place(&mut self, place: Place<'t>) {
        self.place = Some(place);
    }

    /// Says goodbye, and waits until the peer has it.
    pub(super) async fn close(mut self) -> Result<(), TlsError<T::Error>> {
        self.shared.engine.borrow_mut().close();
        self.flush().await
    }
}

impl Shared<'_> {
    fn keep_fresh(&self, engine: &mut Engine) {
        if let Some((sessions, key)) = self.sessions {
            while let Some(fresh) = engine.fresh_session() {
                sessions.put(key, fresh);
            }
        }
    }

    /// Sends what is outgoing.
    fn poll_send<W: Write>(
        &self,
        transport: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TlsError<W::Error>>> {
        let mut engine = self.engine.borrow_mut();
        while !engine.outgoing().is_empty() {
            let sent = pin!(transport.write(engine.outgoing())).poll(cx);
            match ready!(sent).map_err(TlsError::Transport)? {
                0 => return Poll::Ready(Err(TlsFailure::Cut.into())),
                n => engine.sent(n)?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Receives something.
    fn poll_receive<R: Read>(
        &self,
        transport: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TlsError<R::Error>>> {
        let mut engine = self.engine.borrow_mut();
        let received = pin!(transport.read(engine.room())).poll(cx);
        engine.received(ready!(received).map_err(TlsError::Transport)?);
        Poll::Ready(Ok(()))
    }

    fn poll_read<R: Read>(
        &self,
        transport: &mut R,
        buf: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, TlsError<R::Error>>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            {
                let mut engine = self.engine.borrow_mut();
                let read = engine.read(buf);
                self.keep_fresh(&mut engine);
                if let Some(n) = read? {
                    return Poll::Ready(Ok(n));
                }
            }
            ready!(self.poll_receive(transport, cx))?;
        }
    }

    /// Bytes are accepted once they are encrypted.
    fn poll_write<W: Write>(
        &self,
        transport: &mut W,
        buf: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, TlsError<W::Error>>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            ready!(self.poll_send(transport, cx))?;
            let written = {
                let mut engine = self.engine.borrow_mut();
                let written = engine.write(buf);
                self.keep_fresh(&mut engine);
                written?
            };
            if written > 0 {
                // As far as it goes now; the rest goes out before the next write, or when flushed.
                if let Poll::Ready(Err(error)) = self.poll_send(transport, cx) {
                    return Poll::Ready(Err(error));
                }
                return Poll::Ready(Ok(written));
            }
        }
    }

    fn poll_flush<W: Write>(
        &self,
        transport: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TlsError<W::Error>>> {
        ready!(self.poll_send(transport, cx))?;
        pin!(transport.flush()).poll(cx).map_err(TlsError::Transport)
    }
}

impl<'t, T: Conn> Conn for TlsConn<'t, T> {
    type Reader<'a>
        = TlsReader<'a, T::Reader<'a>>
    where
        Self: 'a;
    type Writer<'a>
        = TlsWriter<'a, T::Writer<'a>>
    where
        Self: 'a;

    async fn split(&mut self) -> Result<(Self::Reader<'_>, Self::Writer<'_>), Self::Error> {
        let Self { shared, transport, .. } = self;
        let (reader, writer) = transport.split().await.map_err(TlsError::Transport)?;
        Ok((TlsReader { shared, transport: reader }, TlsWriter { shared, transport: writer }))
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.transport.peer()
    }

    /// Takes in what has arrived: a ticket is no unread byte.
    fn is_quiet(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        loop {
            {
                let mut engine = self.shared.engine.borrow_mut();
                let is_drained = engine.is_drained();
                self.shared.keep_fresh(&mut engine);
                // Receiving more would change nothing: an end, for one, is received again and again.
                if !is_drained {
                    return false;
                }
                if self.transport.is_quiet() {
                    return !engine.is_within_record();
                }
            }
            // There is something to receive, or the end.
            let Poll::Ready(Ok(())) = self.shared.poll_receive(&mut self.transport, cx) else {
                return false;
            };
        }
    }

    async fn finish(&mut self) -> Result<(), Self::Error> {
        self.flush().await?;
        self.shared.engine.borrow_mut().close();
        self.flush().await?;
        self.transport.finish().await.map_err(TlsError::Transport)
    }
}

impl<T: Conn> ErrorType for TlsConn<'_, T> {
    type Error = TlsError<T::Error>;
}

impl<T: Conn> Read for TlsConn<'_, T> {
    fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        poll_fn(|cx| self.shared.poll_read(&mut self.transport, buf, cx))
    }
}

impl<T: Conn> Write for TlsConn<'_, T> {
    fn write(&mut self, buf: &[u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        poll_fn(|cx| self.shared.poll_write(&mut self.transport, buf, cx))
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Self::Error>> {
        poll_fn(|cx| self.shared.poll_flush(&mut self.transport, cx))
    }
}

impl<T> fmt::Debug for TlsConn<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsConn")
    }
}

/// The reading half. Dropping a `read` loses nothing.
pub(crate) struct TlsReader<'a, R> {
    shared: &'a Shared<'a>,
    transport: R,
}

impl<R: ErrorType> ErrorType for TlsReader<'_, R> {
    type Error = TlsError<R::Error>;
}

impl<R: Read> Read for TlsReader<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        poll_fn(|cx| self.shared.poll_read(&mut self.transport, buf, cx))
    }
}

/// The writing half. Bytes are accepted once they are encrypted; `flush` makes sure that the network has them.
pub(crate) struct TlsWriter<'a, W> {
    shared: &'a Shared<'a>,
    transport: W,
}

impl<W: ErrorType> ErrorType for TlsWriter<'_, W> {
    type Error = TlsError<W::Error>;
}

impl<W: Write> Write for TlsWriter<'_, W> {
    fn write(&mut self, buf: &[u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        poll_fn(|cx| self.shared.poll_write(&mut self.transport, buf, cx))
    }

    fn flush(&mut self) -> impl Future<Output = Result<(), Self::Error>> {
        poll_fn(|cx| self.shared.poll_flush(&mut self.transport, cx))
    }
}
