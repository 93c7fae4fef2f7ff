//! Connections: those of the Pi serve one request each, the firmware serves two at a time.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::config::PrusaLinkFamily;
use super::shared::Shared;
use crate::http::{self, Incoming1, Site as _};
use crate::wire::{AnswerBody, End, Socket, Wire};

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
    request: Incoming1,
) -> Result<Response<AnswerBody>, Infallible> {
    let _busy = Busy::new(shared, idle);
    let sends = request.method() == Method::PUT;
    let mut answer = http::handle(shared, wire, request).await?;
    let refused = sends && answer.status().as_u16() >= 400;
    if refused {
        // What was sent may be unread, and the client should hear the answer.
        wire.ends_with(End::Linger);
    }
    if refused || *shared.waiting.borrow() > 0 {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}
