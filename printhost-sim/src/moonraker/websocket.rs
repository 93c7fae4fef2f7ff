//! The WebSocket: calls, in any order, and what everybody is told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

use super::clients::Outgoing;
use super::failure::Failure;
use super::reply::{self, Reply};
use super::rpc::{self, From};
use super::shared::Shared;
use crate::http::Incoming1;

const PING: Duration = Duration::from_secs(10);

/// Answers the handshake, for whoever asks: who may not call finds that out by calling.
pub(super) fn upgrade(shared: &Arc<Shared>, user: Option<String>, mut request: Incoming1) -> Reply {
    let headers = request.headers();
    let wants = |name, token: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.to_ascii_lowercase().contains(token))
    };
    if !wants(header::UPGRADE, "websocket") || !wants(header::CONNECTION, "upgrade") {
        let text = "Can \"Upgrade\" only to \"WebSocket\".";
        return reply::plain(
            StatusCode::BAD_REQUEST,
            "text/html; charset=UTF-8",
            Bytes::from_static(text.as_bytes()),
        );
    }
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
        return reply::failed(&Failure::hidden(400, "Missing Sec-WebSocket-Key"));
    };
    let accept = derive_accept_key(key.as_bytes());
    shared.spawn(serve(Arc::clone(shared), user, hyper::upgrade::on(&mut request)));
    let mut reply = Response::new(Full::<Bytes>::default());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    reply::set(&mut reply, header::UPGRADE, "websocket");
    reply::set(&mut reply, header::CONNECTION, "Upgrade");
    reply::set(&mut reply, header::SEC_WEBSOCKET_ACCEPT, &accept);
    reply
}

async fn serve(shared: Arc<Shared>, user: Option<String>, upgrade: OnUpgrade) {
    let Ok(io) = upgrade.await else { return };
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, None).await;
    let (sender, outgoing) = mpsc::unbounded_channel();
    let id = shared.lock().clients.add(user, sender);
    // A client that hangs up ends its connection, nothing else.
    let _ = run(&shared, id, &mut socket, outgoing).await;
    shared.lock().clients.open.remove(&id);
}

async fn run(
    shared: &Arc<Shared>,
    id: u64,
    socket: &mut WebSocketStream<TokioIo<Upgraded>>,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
) -> Result<(), Error> {
    let mut calls = JoinSet::new();
    let mut ping = tokio::time::interval(PING);
    ping.reset();
    loop {
        tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    let shared = Arc::clone(shared);
                    calls.spawn(async move {
                        if let Some(answer) = rpc::answer(&shared, &text, From::Client(id)).await
                            && let Some(client) = shared.lock().clients.open.get(&id)
                        {
                            client.send(answer);
                        }
                    });
                }
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
            },
            next = outgoing.recv() => match next {
                Some(Outgoing::Text(text)) => socket.send(Message::text(text)).await?,
                Some(Outgoing::GoAway) => {
                    let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
                    return socket.close(Some(frame)).await;
                }
                Some(Outgoing::HangUp) | None => return Ok(()),
            },
            Some(_) = calls.join_next() => {}
            _ = ping.tick() => socket.send(Message::Ping(Bytes::new())).await?,
        }
    }
}
