//! Connections, the faults that happen to them, and the limits of what they carry.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::reply::{self, Reply};
use super::shared::Shared;
use super::{Request, routes};
use crate::fault::Fault;
use crate::wire::{AnswerBody, Cut, End, Socket, Wire};

/// Bytes in the body of an upload.
pub(super) const LONGEST_UPLOAD: u64 = 1 << 30;
/// Bytes in any other body.
pub(super) const LONGEST_BODY: u64 = 100 * 1024;

pub(super) const VERSION: &str = "1.11.8";

/// A request as hyper gives it.
pub(super) type Incoming1 = hyper::Request<Incoming>;

/// The byte of an upload of which one bit is to be flipped; among a request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlippedByte(pub(super) u64);

/// Accepts connections until this life of the server ends.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => shared.spawn(serve(Arc::clone(&shared), stream)),
            // Out of file descriptors, most likely: the next attempt must not be at once.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// A small body, or what to answer when it is cut or too long.
pub(super) async fn small_body(body: Incoming) -> Result<Bytes, Reply> {
    let body = Limited::new(body, LONGEST_BODY as usize).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|_| reply::body_too_long())
}

/// Reads a body to its end, as Tornado does before Flask looks at the request.
pub(super) async fn drain(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let wire = Wire::new();
    let service = service_fn(|request| handle(&shared, &wire, request));
    let mut http = http1::Builder::new();
    http.title_case_headers(true).auto_date_header(false);
    let socket = TokioIo::new(Socket::new(stream, Arc::clone(&wire)));
    let connection = http.serve_connection(socket, service).with_upgrades();
    tokio::select! {
        // A client that hangs up early is no concern of the server.
        _ = connection => {}
        () = wire.over() => {}
    }
}

async fn handle(
    shared: &Arc<Shared>,
    wire: &Arc<Wire>,
    mut request: Incoming1,
) -> Result<Response<AnswerBody>, Infallible> {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let fault = shared.lock().faults.take(&method, &path);
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
            refusal(status)
        }
        _ => routes::answer(shared, request).await,
    };
    shared.log(Request { method, path, status: reply.status().as_u16() });
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

fn refusal(status: u16) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = reply::error(status, status.canonical_reason().unwrap_or("Refused"));
    reply::set(&mut reply, header::CONNECTION, "close");
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
