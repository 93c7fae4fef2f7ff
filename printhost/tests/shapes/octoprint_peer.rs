//! As much of OctoPrint as its driver needs to be followed, for networks the simulator cannot be reached over.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
    BufReader,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::peers::{Machine, Printer};

impl Printer {
    /// Serves one connection to its end.
    pub async fn serve_octoprint(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let head = read_head(&mut stream).await?;
            let field = |name: &str| {
                let line = head.iter().find(|line| line.to_ascii_lowercase().starts_with(name));
                line.and_then(|line| line.split_once(": ")).map(|(_, value)| value)
            };
            let length = field("content-length:").and_then(|v| v.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.ok()?;
            let now = self.machine.borrow().clone();
            let (method, target) = head[0].split_once(' ')?;
            let path = target.split([' ', '?']).next()?;
            let answer = match (method, path) {
                ("GET", "/api/version") => {
                    json!({ "server": "1.11.8", "api": "0.1", "text": "OctoPrint 1.11.8" })
                }
                ("GET", "/api/printer") => json!({ "state": current(&now)["state"] }),
                ("GET", "/api/job") => {
                    let mut job = current(&now);
                    job["state"] = job["state"]["text"].take();
                    job
                }
                ("POST", "/api/login") => json!({ "name": "tests", "session": "s" }),
                ("POST", "/api/job") => {
                    let body: Value = serde_json::from_slice(&body).ok()?;
                    let order = body["action"].as_str().or(body["command"].as_str())?;
                    self.order(order, "")?;
                    Value::Null
                }
                ("GET", "/sockjs/websocket") => {
                    let accept = derive_accept_key(field("sec-websocket-key:")?.as_bytes());
                    let head = format!(
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Accept: {accept}\r\n\r\n"
                    );
                    stream.write_all(head.as_bytes()).await.ok()?;
                    return self.push(stream.into_inner()).await;
                }
                _ => return None,
            };
            let body = answer.to_string();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(head.as_bytes()).await.ok()?;
        }
    }

    /// OctoPrint's push connection.
    async fn push(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let mut changes = self.machine.subscribe();
        let kicks = changes.borrow().kicks;
        let mut before = None;
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        loop {
            tokio::select! {
                biased;
                message = socket.next() => match message?.ok()? {
                    Message::Text(text) if text.contains("auth") => {}
                    _ => continue,
                },
                changed = changes.changed() => changed.ok()?,
            }
            let now = changes.borrow_and_update().clone();
            if now.kicks != kicks {
                return None;
            }
            if let Some(kind) = octoprint_event(before.replace(now.state), now.state) {
                let event = json!({ "event": { "type": kind, "payload": { "path": now.file } } });
                socket.send(Message::text(event.to_string())).await.ok()?;
            }
            socket.send(Message::text(json!({ "current": current(&now) }).to_string())).await.ok()?;
        }
    }
}

async fn read_head(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<Vec<String>> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        match line.trim_end() {
            "" if head.is_empty() => return None,
            "" => return Some(head),
            line => head.push(line.to_owned()),
        }
    }
}

fn octoprint_event(before: Option<&str>, now: &str) -> Option<&'static str> {
    match (before?, now) {
        (before, now) if before == now => None,
        ("paused", "printing") => Some("PrintResumed"),
        (_, "printing") => Some("PrintStarted"),
        (_, "paused") => Some("PrintPaused"),
        (_, "complete") => Some("PrintDone"),
        (_, "cancelled") => Some("PrintCancelled"),
        _ => None,
    }
}

/// OctoPrint's picture of the printer.
fn current(now: &Machine) -> Value {
    let (printing, paused) = (now.state == "printing", now.state == "paused");
    let flags = json!({ "operational": true, "printing": printing, "paused": paused, "ready": !printing });
    let text = if printing {
        "Printing"
    } else if paused {
        "Paused"
    } else {
        "Operational"
    };
    json!({
        "state": { "text": text, "flags": flags },
        "job": { "file": { "path": (!now.file.is_empty()).then_some(&now.file) } },
        "progress": { "completion": f64::from(now.percent) },
    })
}
