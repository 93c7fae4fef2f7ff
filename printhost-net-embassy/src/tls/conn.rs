use core::{
    cell::RefCell,
    fmt,
    future::poll_fn,
    pin::pin,
    task::{Context, Poll, Waker, ready},
};

use embedded_io_async::{ErrorType, Read, Write};
use printhost_net::Conn;

use super::{
    TlsError, TlsFailure,
    engine::Engine,
    sessions::{Key, Sessions},
};

/// An encrypted connection on another one, whose `read` and `write` must lose nothing when they are dropped half-done,
/// as those of embassy-net do. Its own do not either.
pub(crate) struct TlsConn<'t, T> {
    shared: Shared<'t>,
    transport: T,
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
        let mut conn = Self { shared, transport };
        loop {
            let step = conn.shared.engine.borrow_mut().handshake();
            // Also after a failure: the peer is told why.
            let told = conn.shared.send(&mut conn.transport).await;
            match step {
                Ok(true) => {
                    told?;
                    return Ok(conn);
                }
                Ok(false) => {
                    told?;
                    conn.shared.receive(&mut conn.transport).await?;
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

    /// Says goodbye, and waits until the peer has it.
    pub(super) async fn close(mut self) -> Result<(), TlsError<T::Error>> {
        self.shared.engine.borrow_mut().close();
        self.flush().await
    }

    fn reader(&mut self) -> TlsReader<'_, &mut T> {
        TlsReader { shared: &self.shared, transport: &mut self.transport }
    }

    fn writer(&mut self) -> TlsWriter<'_, &mut T> {
        TlsWriter { shared: &self.shared, transport: &mut self.transport }
    }
}

impl Shared<'_> {
    fn keep_fresh(&self, engine: &mut Engine) {
        if let Some((sessions, key)) = self.sessions
            && let Some(fresh) = engine.fresh_session()
        {
            sessions.put(key, fresh);
        }
    }

    /// Sends what is outgoing.
    async fn send<W: Write>(&self, transport: &mut W) -> Result<(), TlsError<W::Error>> {
        poll_fn(|cx| self.poll_send(transport, cx)).await
    }

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
    async fn receive<R: Read>(&self, transport: &mut R) -> Result<(), TlsError<R::Error>> {
        poll_fn(|cx| self.poll_receive(transport, cx)).await
    }

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
        let Self { shared, transport } = self;
        let (reader, writer) = transport.split().await.map_err(TlsError::Transport)?;
        Ok((TlsReader { shared, transport: reader }, TlsWriter { shared, transport: writer }))
    }

    /// Takes in what has arrived: a ticket is no unread byte.
    fn is_quiet(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        loop {
            {
                let mut engine = self.shared.engine.borrow_mut();
                let is_quiet = engine.is_quiet();
                self.shared.keep_fresh(&mut engine);
                if self.transport.is_quiet() {
                    return is_quiet;
                }
            }
            // There is something to receive, or the end.
            let Poll::Ready(Ok(())) = self.shared.poll_receive(&mut self.transport, cx) else {
                return false;
            };
        }
    }
}

impl<T: Conn> ErrorType for TlsConn<'_, T> {
    type Error = TlsError<T::Error>;
}

impl<T: Conn> Read for TlsConn<'_, T> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        self.reader().read(buf).await
    }
}

impl<T: Conn> Write for TlsConn<'_, T> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        self.writer().write(buf).await
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.writer().flush().await
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
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            {
                let mut engine = self.shared.engine.borrow_mut();
                let read = engine.read(buf);
                self.shared.keep_fresh(&mut engine);
                if let Some(n) = read? {
                    return Ok(n);
                }
            }
            self.shared.receive(&mut self.transport).await?;
        }
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
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            self.shared.send(&mut self.transport).await?;
            let written = {
                let mut engine = self.shared.engine.borrow_mut();
                let written = engine.write(buf);
                self.shared.keep_fresh(&mut engine);
                written?
            };
            if written > 0 {
                // As far as it goes now; the rest goes out before the next write.
                poll_fn(|cx| match self.shared.poll_send(&mut self.transport, cx) {
                    Poll::Pending => Poll::Ready(Ok(())),
                    ready => ready,
                })
                .await?;
                return Ok(written);
            }
        }
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.shared.send(&mut self.transport).await?;
        self.transport.flush().await.map_err(TlsError::Transport)
    }
}
