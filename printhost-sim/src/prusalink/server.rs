//! Connections: those of the Pi serve one request each, the firmware serves two at a time.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::config::PrusaLinkFamily;
use super::reply::{Reply, Words, Wrong, set};
use super::routes;
use super::shared::Shared;
use crate::fault::Fault;
use crate::octoprint::Request;
use crate::wire::{AnswerBody, Cut, End, Socket, Wire};

/// A request as hyper gives it.
pub(super) type Incoming1 = hyper::Request<Incoming>;

/// The byte of an upload of which one bit is to be flipped; among a request's extensions.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlippedByte(pub(super) u64);

pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // Out of file descriptors, most likely: the next attempt must not be at once.
            Err(_) => {
                sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let at = Arc::clone(&shared);
        shared.spawn(async move {
            at.waiting.send_modify(|waiting| *waiting += 1);
            let socket = at.sockets.acquire().await;
            at.waiting.send_modify(|waiting| *waiting -= 1);
            if socket.is_ok() {
                serve(&at, stream).await;
            }
        });
    }
}

/// Counts a connection while it lives.
struct Counted<'a>(&'a Shared);

impl<'a> Counted<'a> {
    fn new(shared: &'a Shared) -> Self {
        let load = &mut shared.lock().load;
        load.connections += 1;
        load.most_connections = load.most_connections.max(load.connections);
        Self(shared)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.lock().load.connections -= 1;
    }
}

/// Counts a request while it is answered.
struct Busy<'a>(&'a Shared, &'a AtomicBool);

impl<'a> Busy<'a> {
    fn new(shared: &'a Shared, idle: &'a AtomicBool) -> Self {
        idle.store(false, Relaxed);
        let load = &mut shared.lock().load;
        load.requests += 1;
        load.most_requests = load.most_requests.max(load.requests);
        Self(shared, idle)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.lock().load.requests -= 1;
        self.1.store(true, Relaxed);
        // Somebody may have begun to wait meanwhile.
        self.0.waiting.send_modify(|_| {});
    }
}

async fn serve(shared: &Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let _counted = Counted::new(shared);
    let wire = Wire::new();
    // It has answered, and waits for more.
    let idle = AtomicBool::new(false);
    let service = service_fn(|request| handle(shared, &wire, &idle, request));
    let mut http = http1::Builder::new();
    http.title_case_headers(true).keep_alive(shared.config.family == PrusaLinkFamily::Buddy);
    let socket = TokioIo::new(Socket::new(stream, Arc::clone(&wire)));
    let mut connection = pin!(http.serve_connection(socket, service));
    let mut waiting = shared.waiting.subscribe();
    loop {
        tokio::select! {
            // A client that hangs up early is no concern of the server.
            _ = &mut connection => return,
            () = wire.over() => return,
            // Who is idle gives way to others.
            _ = waiting.wait_for(|waiting| *waiting > 0 && idle.load(Relaxed)) => {
                connection.as_mut().graceful_shutdown();
                idle.store(false, Relaxed);
            }
        }
    }
}

async fn handle(
    shared: &Arc<Shared>,
    wire: &Arc<Wire>,
    idle: &AtomicBool,
    mut request: Incoming1,
) -> Result<Response<AnswerBody>, Infallible> {
    let _busy = Busy::new(shared, idle);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let words = Words::new(shared.config.family, method.as_str(), &path, request.headers());
    let fault = shared.lock().faults.take(method.as_str(), &path);
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
    let mut reply = match fault {
        Some(Fault::EarlyStatus(status)) => words.wrong(Wrong::bare(status, "", "")),
        _ => routes::answer(shared, request).await,
    };
    // What was sent may be unread, and the client should hear the answer.
    if method == Method::PUT && reply.status().as_u16() >= 400 {
        wire.ends_with(End::Linger);
        set(&mut reply, header::CONNECTION, "close");
    }
    if *shared.waiting.borrow() > 0 {
        set(&mut reply, header::CONNECTION, "close");
    }
    shared.log(Request { method: method.to_string(), path, status: reply.status().as_u16() });
    Ok(match fault {
        Some(Fault::ResetAfterSending(bytes)) => cut(reply, bytes, wire, Some(End::Reset)).await,
        Some(Fault::TruncateAnswer(bytes)) => cut(reply, bytes, wire, Some(End::Close)).await,
        Some(Fault::StallAfterSending(bytes)) => cut(reply, bytes, wire, None).await,
        Some(Fault::LoseAnswer) => {
            wire.cut(End::Close);
            pending().await
        }
        Some(Fault::DelayAnswer(time)) => {
            sleep(time).await;
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
