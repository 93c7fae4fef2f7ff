//! hyper as the HTTP back end.
//!
//! hyper wants a task that drives a connection and a body that owns its bytes. Here the future of the exchange does
//! both: it polls hyper's connection beside the pump that reads the caller's borrowed source. So nothing is
//! spawned, and dropping the exchange drops the connection.

use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
};

use bytes::{Buf, Bytes};
use embedded_io_async::Read;
use http_body_util::{
    Either, Empty,
    channel::{Channel, Sender},
};
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1::{Builder, Connection, SendRequest},
    ext::on_informational,
    rt::ReadBufCursor,
};
use hyper_util::rt::TokioIo;
use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Body, Head, HttpBackend, HttpConn, Meter, Request};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::TokioConn;

/// How much of the source is read at a time. Files are read on another thread, and the way there and back is long;
/// but several pieces are held at once.
const CHUNK: usize = 256 << 10;
/// How many interim answers are passed over.
const MAX_INTERIM: u32 = 8;

type Outgoing = Either<Empty<Bytes>, Channel<Bytes, io::Error>>;
type Running<C> = Connection<Metered<C>, Outgoing>;

/// HTTP/1.1 by hyper, on any connection that tokio can read and write.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Hyper;

impl<C: AsyncRead + AsyncWrite + Unpin> HttpBackend<C> for Hyper {
    type Conn = HyperConn<C>;

    async fn open(&self, conn: C) -> Result<HyperConn<C>> {
        let moved = Arc::new(Moved::default());
        let io = Metered { io: TokioIo::new(conn), moved: moved.clone() };
        let (sender, connection) = Builder::new().handshake(io).await.map_err(failed)?;
        let connection = Some(Box::pin(connection));
        Ok(HyperConn {
            sender,
            connection,
            moved,
            used: false,
            unfinished: None,
            incoming: None,
            rest: Bytes::new(),
        })
    }
}

/// A connection of [`Hyper`].
#[derive(Debug)]
pub struct HyperConn<C: AsyncRead + AsyncWrite + Unpin = TokioConn> {
    sender: SendRequest<Outgoing>,
    /// `None` once it has ended.
    connection: Option<Pin<Box<Running<C>>>>,
    moved: Arc<Moved>,
    /// It has been asked something before.
    used: bool,
    /// The end of a body that was answered before it was sent. Dropping it would end the connection before the
    /// answer is read.
    unfinished: Option<Sender<Bytes, io::Error>>,
    incoming: Option<Incoming>,
    rest: Bytes,
}

impl<C: AsyncRead + AsyncWrite + Unpin> HyperConn<C> {
    fn drive(connection: &mut Option<Pin<Box<Running<C>>>>, cx: &mut Context<'_>) {
        if let Some(running) = connection
            && running.as_mut().poll(cx).is_ready()
        {
            // Its error, if any, also reaches whoever waits for the answer.
            *connection = None;
        }
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> HttpConn for HyperConn<C> {
    async fn send<R: Read + ?Sized>(
        &mut self,
        request: &Request<'_>,
        body: &mut Body<'_, R>,
        meter: &Meter,
    ) -> Result<Head> {
        let (sender, outgoing) = match body.len() {
            None | Some(0) => (None, Either::Left(Empty::new())),
            Some(_) => {
                let (sender, channel) = Channel::new(1);
                (Some(sender), Either::Right(channel))
            }
        };
        self.unfinished = sender;
        let mut request = to_hyper(request, body.len(), outgoing)?;
        let interim = Arc::new(AtomicU32::new(0));
        let count = interim.clone();
        on_informational(&mut request, move |_| {
            count.fetch_add(1, Relaxed);
        });
        let Self { sender, connection, moved, unfinished, used, .. } = self;
        let fresh = !std::mem::replace(used, true);
        let mut answer = pin!(sender.send_request(request));
        let mut pump = pin!(pump(body, unfinished, meter));
        let mut pumping = true;
        moved.read.store(false, Relaxed);
        let progress = || (moved.written.load(Relaxed), interim.load(Relaxed));
        let mut seen = progress();
        let response = poll_fn(|cx| {
            Self::drive(connection, cx);
            if progress() != seen {
                seen = progress();
                meter.tick();
            }
            if moved.read.load(Relaxed) {
                meter.set_answered();
            }
            if let Poll::Ready(response) = answer.as_mut().poll(cx) {
                return Poll::Ready(response.map_err(|e| match fresh && spoke_first(&e) {
                    true => not_http(),
                    false => failed(e),
                }));
            }
            if interim.load(Relaxed) > MAX_INTERIM {
                return Poll::Ready(Err(
                    Error::new(ErrorKind::Protocol, "http").with_detail("too many interim answers")
                ));
            }
            if pumping && let Poll::Ready(pumped) = pump.as_mut().poll(cx) {
                pumping = false;
                if let Err(source) = pumped {
                    return Poll::Ready(Err(source));
                }
            }
            Poll::Pending
        })
        .await?;
        let (parts, incoming) = response.into_parts();
        let mut head = Head::new(parts.status.as_u16());
        for (name, value) in &parts.headers {
            head.push(name.as_str(), value.as_bytes());
        }
        self.incoming = Some(incoming);
        Ok(head)
    }

    async fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        while self.rest.is_empty() {
            let Some(incoming) = &mut self.incoming else { return Ok(0) };
            let connection = &mut self.connection;
            let frame = poll_fn(|cx| {
                Self::drive(connection, cx);
                Pin::new(&mut *incoming).poll_frame(cx)
            });
            match frame.await {
                None => self.incoming = None,
                Some(frame) => {
                    if let Ok(data) = frame.map_err(failed)?.into_data() {
                        self.rest = data;
                    }
                }
            }
        }
        let n = buf.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut buf[..n]);
        Ok(n)
    }

    fn is_reusable(&mut self) -> bool {
        if self.unfinished.is_some() || self.incoming.is_some() || !self.rest.is_empty() {
            return false;
        }
        // Nobody drives an idle connection, so this is where its end is noticed.
        Self::drive(&mut self.connection, &mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }
}

/// Buffers that hyper is done with.
#[derive(Clone, Default)]
struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spare {
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece of the body. Its buffer is used again.
struct Piece {
    bytes: Vec<u8>,
    len: usize,
    spare: Spare,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.spare.lock().push(std::mem::take(&mut self.bytes));
    }
}

/// Moves the body into hyper's channel. Ends early, without an error, when hyper has no more use for it.
async fn pump<R: Read + ?Sized>(
    body: &mut Body<'_, R>,
    sender: &mut Option<Sender<Bytes, io::Error>>,
    meter: &Meter,
) -> Result<()> {
    if let Some(channel) = sender {
        let spare = Spare::default();
        let chunk = body.len().and_then(|n| usize::try_from(n).ok()).unwrap_or(CHUNK).min(CHUNK);
        while !body.is_finished() {
            let mut bytes = spare.lock().pop().unwrap_or_else(|| vec![0; chunk]);
            let piece = match body.read(&mut bytes, 0).await {
                Ok(len) => Piece { bytes, len, spare: spare.clone() },
                Err(source) => {
                    // Without this the body would seem to end well.
                    if let Some(channel) = sender.take() {
                        channel.abort(io::Error::other("the source failed"));
                    }
                    return Err(source);
                }
            };
            if channel.send_data(Bytes::from_owner(piece)).await.is_err() {
                return Ok(());
            }
        }
        *sender = None;
    }
    meter.set_all_sent();
    Ok(())
}

fn to_hyper(request: &Request<'_>, length: Option<u64>, body: Outgoing) -> Result<hyper::Request<Outgoing>> {
    let mut builder = hyper::Request::builder().method(request.method.as_str()).uri(request.target);
    builder = builder.header("host", request.origin.authority().to_string());
    for (name, value) in request.headers {
        // As bytes: of texts hyper takes ASCII only.
        builder = builder.header(*name, value.as_bytes());
    }
    if let Some(length) = length {
        builder = builder.header("content-length", length);
    }
    builder.body(body).map_err(|e| Error::new(ErrorKind::InvalidInput, request.operation).with_detail(e))
}

fn failed(error: hyper::Error) -> Error {
    let framing =
        std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>()).is_some_and(
            |cause| matches!(cause.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData),
        );
    let kind = if error.is_parse() || framing { ErrorKind::Protocol } else { ErrorKind::Disconnected };
    let cause = std::error::Error::source(&error).map(|c| format!(": {c}")).unwrap_or_default();
    Error::new(kind, "http").with_detail(format_args!("{error}{cause}"))
}

/// Whether a server spoke before it was asked: SSH or SMTP, for instance. hyper has no predicate for that.
fn spoke_first(error: &hyper::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().starts_with("received unexpected message") {
            return true;
        }
        cause = error.source();
    }
    false
}

fn not_http() -> Error {
    Error::new(ErrorKind::Protocol, "http").with_detail("the host speaks first, so this is not HTTP")
}

/// What has moved on a connection.
#[derive(Debug, Default)]
struct Moved {
    /// How often something was written.
    written: AtomicU32,
    /// Something was read since the last request.
    read: AtomicBool,
}

/// The connection under hyper: counts what moves, and keeps a failed write to itself. A peer that has closed may
/// have said why before, and hyper would give up reading at the first write error; the read then ends in any case.
#[derive(Debug)]
struct Metered<C> {
    io: TokioIo<C>,
    moved: Arc<Moved>,
}

impl<C> Metered<C> {
    fn written<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match result {
            Poll::Ready(Ok(n)) => {
                self.moved.written.fetch_add(1, Relaxed);
                Poll::Ready(Ok(n))
            }
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl<C: AsyncRead + Unpin> hyper::rt::Read for Metered<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_read(cx, buf);
        if result.is_ready() {
            self.moved.read.store(true, Relaxed);
        }
        result
    }
}

impl<C: AsyncWrite + Unpin> hyper::rt::Write for Metered<C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        self.written(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // With TLS this writes too.
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Ready(Err(_)) => Poll::Pending,
            flushed => flushed,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
