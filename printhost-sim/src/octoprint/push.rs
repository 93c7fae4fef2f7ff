//! The push channel: a WebSocket below `/sockjs/`.

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

use super::machine::Machine;
use super::messages::Message;
use super::permissions;
use super::reply::{self, Reply};
use super::server::{Incoming1, VERSION};
use super::shared::Shared;
use super::sockjs::Framing;
use super::subscription::Subscription;

/// Time between two `current` messages, times the client's throttle.
const PERIOD: Duration = Duration::from_millis(500);
const HEARTBEAT: Duration = Duration::from_secs(25);
/// Lines of the terminal in a `history` message.
const HISTORY: usize = 300;

/// A request below `/sockjs/`.
pub(super) fn route(shared: &Arc<Shared>, path: &str, request: Incoming1) -> Reply {
    if path == "info" {
        return reply::ok(&json!({
            "websocket": true, "cookie_needed": false, "origins": ["*:*"], "entropy": 4_746_959_739_u64,
        }));
    }
    match Framing::of(path) {
        Some(framing) => upgrade(shared, framing, request),
        None => reply::not_found(),
    }
}

/// Answers the WebSocket handshake and serves the channel in the background.
fn upgrade(shared: &Arc<Shared>, framing: Framing, mut request: Incoming1) -> Reply {
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
    shared.spawn(serve(Arc::clone(shared), framing, hyper::upgrade::on(&mut request)));
    let mut reply = Response::new(Full::<Bytes>::default());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    reply::set(&mut reply, header::UPGRADE, "websocket");
    reply::set(&mut reply, header::CONNECTION, "Upgrade");
    reply::set(&mut reply, header::SEC_WEBSOCKET_ACCEPT, &accept);
    reply
}

async fn serve(shared: Arc<Shared>, framing: Framing, upgrade: OnUpgrade) {
    let Ok(io) = upgrade.await else { return };
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, None).await;
    let pushes = shared.push.subscribe();
    let lines_seen = shared.lock().machine.terminal.count();
    let subscription = Subscription::default();
    let mut client =
        Client { shared, framing, socket, pushes, session: None, subscription, throttle: 1, lines_seen };
    // A client that hangs up ends its channel, nothing else.
    let _ = client.run().await;
}

/// One open channel.
struct Client {
    shared: Arc<Shared>,
    framing: Framing,
    socket: WebSocketStream<TokioIo<Upgraded>>,
    pushes: broadcast::Receiver<Message>,
    /// Set while the client is authenticated.
    session: Option<String>,
    subscription: Subscription,
    throttle: u32,
    /// How many lines of the terminal have been sent.
    lines_seen: u64,
}

/// The connection is gone.
type Gone = tokio_tungstenite::tungstenite::Error;

impl Client {
    async fn run(&mut self) -> Result<(), Gone> {
        if let Some(opening) = self.framing.opening() {
            self.socket.send(Frame::text(opening)).await?;
        }
        self.send(&connected()).await?;
        let mut next = Instant::now() + PERIOD;
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.reset();
        loop {
            tokio::select! {
                frame = self.socket.next() => match frame {
                    Some(Ok(Frame::Text(text))) => {
                        for message in self.framing.decode(&text) {
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
                    next = Instant::now() + PERIOD * self.throttle;
                    self.tick().await?;
                }
                _ = heartbeat.tick() => {
                    if let Some(beat) = self.framing.heartbeat() {
                        self.socket.send(Frame::text(beat)).await?;
                    }
                }
            }
        }
    }

    async fn receive(&mut self, message: &Value) -> Result<(), Gone> {
        if let Some(auth) = message.get("auth") {
            let auth = auth.as_str().unwrap_or_default();
            let session = self.shared.lock().access.session_of(auth).map(str::to_owned);
            self.session = None;
            if session.is_none() {
                return self.send(&json!({ "reauthRequired": { "reason": "stale" } })).await;
            }
            self.send_history().await?;
            self.session = session;
            self.send(&json!({ "timelapse": null })).await?;
        }
        if let Some(throttle) = message.get("throttle").and_then(Value::as_u64) {
            self.throttle = u32::try_from(throttle.clamp(1, 1000)).unwrap_or(1);
        }
        if let Some(wanted) = message.get("subscribe") {
            self.subscription.change(wanted);
            if self.session.is_some() {
                self.send_history().await?;
            }
        }
        Ok(())
    }

    async fn push(&mut self, push: &Message) -> Result<(), Gone> {
        match push {
            Message::HangUp => Err(Gone::ConnectionClosed),
            _ if self.session.is_none() => Ok(()),
            Message::LoggedOut(session) if self.session.as_deref() == Some(session) => {
                self.session = None;
                self.send(&json!({ "reauthRequired": { "reason": "logout" } })).await
            }
            Message::Event(event) if self.subscription.events.include(&event["event"]["type"]) => {
                self.send(event).await
            }
            Message::Plugin(message) if self.subscription.plugins.include(&message["plugin"]["plugin"]) => {
                self.send(message).await
            }
            Message::Current(current) if self.subscription.state => {
                let current = Value::clone(&current["current"]);
                self.send_current(current).await
            }
            _ => Ok(()),
        }
    }

    async fn tick(&mut self) -> Result<(), Gone> {
        if self.session.is_none() || !self.subscription.state {
            return Ok(());
        }
        // Nothing changes while there is no printer, and nothing is sent then.
        let current = |machine: &Machine| machine.state.is_operational().then(|| machine.current());
        match self.snapshot(current).await? {
            Some(current) => self.send_current(current).await,
            None => Ok(()),
        }
    }

    /// Sends a `current` with the lines of the terminal that the client wants and has not seen.
    async fn send_current(&mut self, mut current: Value) -> Result<(), Gone> {
        let lines = {
            let terminal = &self.shared.lock().machine.terminal;
            let lines = terminal.since(self.lines_seen);
            self.lines_seen = terminal.count();
            lines
        };
        self.add_lines(&mut current, lines);
        self.send(&json!({ "current": current })).await
    }

    async fn send_history(&mut self) -> Result<(), Gone> {
        if !self.subscription.state {
            return Ok(());
        }
        let (mut history, lines, seen) = self
            .snapshot(|machine| (machine.history(), machine.terminal.last(HISTORY), machine.terminal.count()))
            .await?;
        self.lines_seen = seen;
        self.add_lines(&mut history, lines);
        self.send(&json!({ "history": history })).await
    }

    fn add_lines(&self, to: &mut Value, lines: Vec<String>) {
        let received = lines.iter().filter_map(|line| line.strip_prefix("Recv: "));
        let messages = received.filter(|message| *message != "ok").map(str::to_owned).collect();
        to["messages"] = json!(self.subscription.messages.pick(messages));
        to["logs"] = json!(self.subscription.logs.pick(lines));
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
        self.socket.send(Frame::text(self.framing.encode(message))).await
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
