//! What every simulated server does with its connections, and the faults that happen to them.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::fault::Fault;
use crate::wire::{AnswerBody, Cut, End, Socket, Wire};

/// Connections that may wait to be accepted.
pub(crate) const BACKLOG: u32 = 1024;

/// A complete answer.
pub(crate) type Reply = Response<Full<Bytes>>;

/// A request as hyper gives it.
pub(crate) type Incoming1 = hyper::Request<Incoming>;

/// The byte of an upload of which one bit is to be flipped; among a request's extensions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlippedByte(pub(crate) u64);

/// A request the simulator answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method, for example `GET`.
    pub method: String,
    /// The path as sent, still percent-encoded and without the query.
    pub path: String,
    /// The status of the answer, also of one that a fault lost; 101 for a WebSocket.
    pub status: u16,
}

/// A simulated server, as its connections see it.
pub(crate) trait Site: Send + Sync + 'static {
    /// Whether answers carry a `Date`.
    const DATE: bool;

    /// The fault that happens to this request.
    fn take_fault(&self, method: &str, path: &str) -> Option<Fault>;

    /// Remembers a request that was answered.
    fn log(&self, request: Request);

    /// Runs a task until this life of the server ends.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// An error answer that a fault asks for.
    fn refusal(status: StatusCode) -> Reply;

    /// Answers a request.
    fn answer(self: &Arc<Self>, request: Incoming1) -> impl Future<Output = Reply> + Send;
}

/// Accepts connections until this life of the server ends.
pub(crate) async fn accept<S: Site>(site: Arc<S>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => site.spawn(serve(Arc::clone(&site), stream)),
            // Out of file descriptors, most likely: the next attempt must not be at once.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Binds without listening, so that connections are refused.
pub(crate) async fn reserve(addr: SocketAddr) -> io::Result<TcpSocket> {
    let mut attempts = 0;
    loop {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        match socket.bind(addr) {
            Ok(()) => return Ok(socket),
            Err(error) if attempts == 100 => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        attempts += 1;
    }
}

/// Reads a body to its end, as Tornado does before anybody looks at the request.
pub(crate) async fn drain(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// One range of bytes; none when the header is not understood, empty when it cannot be satisfied.
pub(crate) fn byte_range(header: &str, length: usize) -> Option<Range<usize>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let suffix: usize = last.parse().ok()?;
        return Some(length.saturating_sub(suffix)..length);
    }
    let first: usize = first.parse().ok()?;
    let end =
        if last.is_empty() { length } else { last.parse::<usize>().ok()?.saturating_add(1).min(length) };
    Some(if first < end { first..end } else { 0..0 })
}

async fn serve<S: Site>(site: Arc<S>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let wire = Wire::new();
    let service = service_fn(|request| handle(&site, &wire, request));
    let mut http = http1::Builder::new();
    http.title_case_headers(true).auto_date_header(S::DATE);
    let socket = TokioIo::new(Socket::new(stream, Arc::clone(&wire)));
    let connection = http.serve_connection(socket, service).with_upgrades();
    tokio::select! {
        // A client that hangs up early is no concern of the server.
        _ = connection => {}
        () = wire.over() => {}
    }
}

/// Answers a request, unless a fault happens to it.
pub(crate) async fn handle<S: Site>(
    site: &Arc<S>,
    wire: &Arc<Wire>,
    mut request: Incoming1,
) -> Result<Response<AnswerBody>, Infallible> {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let fault = site.take_fault(&method, &path);
    match fault {
        Some(Fault::ResetAfterReceiving(bytes)) => {
            drop(take(request.into_body(), bytes).await);
            wire.cut(End::Reset);
            return pending().await;
        }
        Some(Fault::StallAfterReceiving(bytes)) => {
            let _unread = take(request.into_body(), bytes).await;
            return pending().await;
        }
        Some(Fault::FlipBit { byte }) => {
            request.extensions_mut().insert(FlippedByte(byte));
        }
        _ => {}
    }
    let reply = match fault {
        Some(Fault::EarlyStatus(status)) => {
            wire.ends_with(End::Linger);
            refusal::<S>(status)
        }
        _ => site.answer(request).await,
    };
    site.log(Request { method, path, status: reply.status().as_u16() });
    Ok(match fault {
        Some(Fault::ResetAfterSending(bytes)) => cut(reply, bytes, wire, Some(End::Reset)).await,
        Some(Fault::TruncateAnswer(bytes)) => cut(reply, bytes, wire, Some(End::Close)).await,
        Some(Fault::StallAfterSending(bytes)) => cut(reply, bytes, wire, None).await,
        Some(Fault::LoseAnswer) => {
            wire.cut(End::Close);
            pending().await
        }
        Some(Fault::DelayAnswer(time)) => {
            tokio::time::sleep(time).await;
            whole(reply).await
        }
        _ => whole(reply).await,
    })
}

/// Takes so many bytes of a body, or all; gives back what is left.
async fn take(mut body: Incoming, bytes: u64) -> Incoming {
    let mut taken = 0;
    while taken < bytes {
        match body.frame().await {
            Some(Ok(frame)) => taken += frame.data_ref().map_or(0, |data| data.len() as u64),
            _ => break,
        }
    }
    body
}

fn refusal<S: Site>(status: u16) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = S::refusal(status);
    reply.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    reply
}

async fn whole(reply: Reply) -> Response<AnswerBody> {
    let (head, body) = reply.into_parts();
    Response::from_parts(head, AnswerBody::whole(bytes_of(body).await))
}

/// Sends a part of the answer and then ends the connection, or stalls.
async fn cut(reply: Reply, bytes: u64, wire: &Arc<Wire>, end: Option<End>) -> Response<AnswerBody> {
    if reply.body().is_end_stream() {
        if let Some(end) = end {
            wire.cut(end);
        }
        return pending().await;
    }
    let (head, body) = reply.into_parts();
    let cut = Cut { wire: Arc::clone(wire), end };
    Response::from_parts(head, AnswerBody::cut(bytes_of(body).await, bytes, cut))
}

async fn bytes_of(body: Full<Bytes>) -> Bytes {
    let Ok(body) = body.collect().await;
    body.to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_first_to_last_inclusive_or_a_suffix() {
        assert_eq!(byte_range("bytes=0-9", 598), Some(0..10));
        assert_eq!(byte_range("bytes=590-", 598), Some(590..598));
        assert_eq!(byte_range("bytes=-8", 598), Some(590..598));
        assert_eq!(byte_range("bytes=0-9999", 598), Some(0..598));
        assert!(byte_range("bytes=598-", 598).is_some_and(|range| range.is_empty()));
        assert_eq!(byte_range("lines=1-2", 598), None);
    }
}
