//! One TCP connection whose end can be chosen: closed, reset, or only after the client has heard the answer.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How long a connection stays half open for a client that has not read an early answer.
const LINGER: Duration = Duration::from_secs(10);

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As the operating system closes it.
    Close,
    /// With a TCP RST.
    Reset,
    /// Closed for writing first, and fully when the client has hung up, so that it hears the answer.
    Linger,
}

/// What a connection's service tells its socket.
#[derive(Debug)]
pub(crate) struct Wire {
    plan: Mutex<Plan>,
    over: Notify,
}

#[derive(Debug)]
struct Plan {
    end: End,
    /// The connection is over as soon as everything written so far is out.
    armed: bool,
}

impl Wire {
    pub(crate) fn new() -> Arc<Self> {
        let plan = Mutex::new(Plan { end: End::Close, armed: false });
        Arc::new(Self { plan, over: Notify::new() })
    }

    /// Chooses how the connection will end, whenever that is.
    pub(crate) fn ends_with(&self, end: End) {
        self.plan().end = end;
    }

    /// Ends the connection now.
    pub(crate) fn cut(&self, end: End) {
        self.ends_with(end);
        self.over.notify_one();
    }

    /// Completes when the connection was cut.
    pub(crate) async fn over(&self) {
        self.over.notified().await;
    }

    fn cut_when_flushed(&self, end: End) {
        let mut plan = self.plan();
        (plan.end, plan.armed) = (end, true);
    }

    fn flushed(&self) {
        if self.plan().armed {
            self.over.notify_one();
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The socket of a connection.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Unset only while it is dropped.
    stream: Option<TcpStream>,
    wire: Arc<Wire>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, wire: Arc<Wire>) -> Self {
        Self { stream: Some(stream), wire }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream()?.poll_flush(cx))?;
        self.wire.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(cx)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        let end = self.wire.plan().end;
        match end {
            End::Close => {}
            // Fails only on a connection that is gone already.
            End::Reset => drop(stream.set_zero_linger()),
            End::Linger => {
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(linger(stream));
                }
            }
        }
    }
}

/// Closing while sent data is unread would reset the connection, and the client might not hear the answer.
async fn linger(mut stream: TcpStream) {
    let mut scrap = [0; 4096];
    let drain = async { while stream.read(&mut scrap).await.is_ok_and(|read| read > 0) {} };
    let _ = tokio::time::timeout(LINGER, drain).await;
}

/// The body of an answer, whole or cut.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    data: Bytes,
    /// Bytes that are announced and never sent.
    missing: u64,
    cut: Option<Cut>,
}

/// What happens after a part of a body.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) wire: Arc<Wire>,
    /// Unset to stall instead.
    pub(crate) end: Option<End>,
}

impl AnswerBody {
    pub(crate) fn whole(data: Bytes) -> Self {
        Self { data, missing: 0, cut: None }
    }

    /// Announces all of `data` and sends its first `length` bytes.
    pub(crate) fn cut(mut data: Bytes, length: u64, cut: Cut) -> Self {
        let kept = usize::try_from(length).unwrap_or(usize::MAX).min(data.len());
        let missing = (data.len() - kept) as u64;
        data.truncate(kept);
        Self { data, missing, cut: Some(cut) }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if !self.data.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.data)))));
        }
        match &self.cut {
            None => Poll::Ready(None),
            // The connection is flushed after a pending body, and nothing needs to wake it then.
            Some(Cut { wire, end }) => {
                if let Some(end) = end {
                    wire.cut_when_flushed(*end);
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.cut.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64 + self.missing)
    }
}
