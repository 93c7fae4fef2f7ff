//! The push channel: plain JSON on the raw WebSocket `/sockjs/websocket`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message as Frame, Role};

use super::machine::{Machine, Message};
use super::permissions;
use super::reply::{self, Reply};
use super::server::{Incoming1, VERSION};
use super::shared::Shared;

/// Time between two `current` messages, times the client's throttle.
const PERIOD: Duration = Duration::from_millis(500);

/// Answers the WebSocket handshake and serves the channel in the background.
pub(super) fn upgrade(shared: &Arc<Shared>, mut request: Incoming1) -> Reply {
    let headers = request.headers();
    let wants = |name, token: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.to_ascii_lowercase().contains(token))
    };
    if !wants(header::UPGRADE, "websocket") || !wants(header::CONNECTION, "upgrade") {
        return reply::bad_request("Can \"Upgrade\" only to \"WebSocket\".");
    }
    let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
        return reply::bad_request("Missing Sec-WebSocket-Key");
    };
    let accept = derive_accept_key(key.as_bytes());
    shared.spawn(serve(Arc::clone(shared), hyper::upgrade::on(&mut request)));
    let mut reply = Response::new(Full::<Bytes>::default());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    reply::set(&mut reply, header::UPGRADE, "websocket");
    reply::set(&mut reply, header::CONNECTION, "Upgrade");
    reply::set(&mut reply, header::SEC_WEBSOCKET_ACCEPT, &accept);
    reply
}

async fn serve(shared: Arc<Shared>, upgrade: OnUpgrade) {
    let Ok(io) = upgrade.await else { return };
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, None).await;
    let pushes = shared.push.subscribe();
    let subscription = Subscription::default();
    let mut client = Client { shared, socket, pushes, authenticated: false, subscription };
    // A client that hangs up ends its channel, nothing else.
    let _ = client.run().await;
}

/// One open channel.
struct Client {
    shared: Arc<Shared>,
    socket: WebSocketStream<TokioIo<Upgraded>>,
    pushes: broadcast::Receiver<Message>,
    authenticated: bool,
    subscription: Subscription,
}

/// What the client wants to be told.
struct Subscription {
    state: bool,
    logs: bool,
    messages: bool,
    events: Events,
    throttle: u32,
}

enum Events {
    All,
    None,
    Only(Vec<String>),
}

/// The connection is gone.
type Gone = tokio_tungstenite::tungstenite::Error;

impl Client {
    async fn run(&mut self) -> Result<(), Gone> {
        self.send(&connected()).await?;
        let mut next = Instant::now() + PERIOD;
        loop {
            tokio::select! {
                frame = self.socket.next() => match frame {
                    Some(Ok(Frame::Text(text))) => {
                        if let Ok(message) = serde_json::from_str(&text) {
                            self.receive(&message).await?;
                        }
                    }
                    Some(Ok(Frame::Close(_))) | None => return Ok(()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                },
                push = self.pushes.recv() => match push {
                    Ok(push) => self.push(&push).await?,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(()),
                },
                () = tokio::time::sleep_until(next) => {
                    next = Instant::now() + PERIOD * self.subscription.throttle;
                    self.tick().await?;
                }
            }
        }
    }

    async fn receive(&mut self, message: &Value) -> Result<(), Gone> {
        if let Some(auth) = message.get("auth") {
            self.authenticated = false;
            if !auth.as_str().is_some_and(|auth| self.shared.session_is_open(auth)) {
                return self.send(&json!({ "reauthRequired": { "reason": "stale" } })).await;
            }
            let history = self.snapshot(Machine::history).await?;
            self.authenticated = true;
            if self.subscription.state {
                self.send(&json!({ "history": history })).await?;
            }
            self.send(&json!({ "timelapse": null })).await?;
        }
        if let Some(throttle) = message.get("throttle").and_then(Value::as_u64) {
            self.subscription.throttle = u32::try_from(throttle.clamp(1, 1000)).unwrap_or(1);
        }
        if let Some(wanted) = message.get("subscribe") {
            self.subscription.change(wanted);
            if self.authenticated && self.subscription.state {
                let history = self.snapshot(Machine::history).await?;
                self.send(&json!({ "history": history })).await?;
            }
        }
        Ok(())
    }

    async fn push(&mut self, push: &Message) -> Result<(), Gone> {
        match push {
            _ if !self.authenticated => Ok(()),
            Message::Event(event) if self.subscription.events.include(event) => self.send(event).await,
            Message::Current(current) if self.subscription.state => {
                if self.subscription.logs {
                    return self.send(current).await;
                }
                let mut current = Value::clone(current);
                current["current"]["logs"] = json!([]);
                self.send(&current).await
            }
            _ => Ok(()),
        }
    }

    async fn tick(&mut self) -> Result<(), Gone> {
        if !self.authenticated || !self.subscription.state {
            return Ok(());
        }
        let logs: &[&str] = if self.subscription.logs { &["Recv: ok"] } else { &[] };
        // Nothing changes while there is no printer, and nothing is sent then.
        let current = |machine: &Machine| machine.state.is_operational().then(|| machine.current(logs));
        let Some(mut current) = self.snapshot(current).await? else { return Ok(()) };
        if self.subscription.messages {
            current["messages"] = json!(["ok"]);
        }
        self.send(&json!({ "current": current })).await
    }

    /// Looks at the machine at a moment when everything it said before has been sent, so that the
    /// client never sees it step back in time.
    async fn snapshot<T>(&mut self, look: impl Fn(&Machine) -> T) -> Result<T, Gone> {
        loop {
            {
                // Messages are sent under this lock, so none can come between the test and the look.
                let inner = self.shared.lock();
                if self.pushes.is_empty() {
                    return Ok(look(&inner.machine));
                }
            }
            if let Ok(push) = self.pushes.try_recv() {
                self.push(&push).await?;
            }
        }
    }

    async fn send(&mut self, message: &Value) -> Result<(), Gone> {
        self.socket.send(Frame::text(reply::ascii(&message.to_string()))).await
    }
}

impl Default for Subscription {
    fn default() -> Self {
        Self { state: true, logs: true, messages: true, events: Events::All, throttle: 1 }
    }
}

impl Subscription {
    /// Takes over a `subscribe` message; what it does not mention is not wanted.
    fn change(&mut self, wanted: &Value) {
        // A string is a regular expression for lines; the simulator's lines match any.
        let truthy = |value: &Value| matches!(value, Value::Bool(true) | Value::String(_) | Value::Object(_));
        let state = &wanted["state"];
        self.state = truthy(state);
        self.logs = state == &json!(true) || truthy(&state["logs"]);
        self.messages = state == &json!(true) || truthy(&state["messages"]);
        self.events = match &wanted["events"] {
            Value::Bool(true) => Events::All,
            Value::Array(kinds) => {
                Events::Only(kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => Events::None,
        };
    }
}

impl Events {
    fn include(&self, message: &Value) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(kinds) => kinds.iter().any(|kind| message["event"]["type"] == kind.as_str()),
        }
    }
}

fn connected() -> Value {
    json!({
        "connected": {
            "version": VERSION,
            "display_version": VERSION,
            "branch": "HEAD",
            "python_version": "3.11.7",
            "plugin_hash": "614d29ddeef10ac5bef81c2cdd0b88f2",
            "config_hash": "f306c113c79658769668135ceefdb237",
            "debug": false,
            "safe_mode": null,
            "online": true,
            "permissions": permissions::list(),
        },
    })
}
