//! Clients of the simulated Moonraker: curl, and tungstenite for the WebSocket.

use std::collections::{BTreeMap, VecDeque};

use futures::{SinkExt, StreamExt};
use printhost_sim::MoonrakerSim;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::{PATIENCE, scratch};

/// An answer with its head.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) reason: String,
    /// By lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Whole {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn result(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()["result"].clone()
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"]["message"].as_str().expect("an error").to_owned()
    }
}

/// Runs curl on a path.
pub(crate) async fn request(sim: &MoonrakerSim, path: &str, args: &[&str]) -> Whole {
    let head = scratch("");
    let output = Command::new("curl")
        .args(["-s", "-g", "--path-as-is", "--max-time", "20", "-D"])
        .arg(&head)
        .args(args)
        .arg(format!("http://{}{path}", sim.addr()))
        .output()
        .await
        .expect("curl is installed");
    let text = std::fs::read_to_string(&head).expect("a head");
    let _ = std::fs::remove_file(&head);
    // The last head, as an interim answer may come before it.
    let text = text.trim_end().rsplit("\r\n\r\n").next().unwrap_or_default();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap_or_default().splitn(3, ' ').skip(1);
    let status = first.next().and_then(|status| status.parse().ok()).unwrap_or(0);
    let headers = lines.filter_map(|line| line.split_once(": "));
    Whole {
        status,
        reason: first.next().unwrap_or_default().to_owned(),
        headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
        body: output.stdout,
    }
}

pub(crate) async fn get(sim: &MoonrakerSim, path: &str) -> Whole {
    request(sim, path, &[]).await
}

pub(crate) async fn post(sim: &MoonrakerSim, path: &str) -> Whole {
    request(sim, path, &["-X", "POST"]).await
}

/// Uploads `content` as `name`, with more form fields such as `print=true`.
pub(crate) async fn upload(sim: &MoonrakerSim, name: &str, content: &str, fields: &[&str]) -> Whole {
    let path = scratch(content);
    let mut args = vec!["-F".to_owned(), format!("file=@{};filename=\"{name}\"", path.display())];
    for field in fields {
        args.extend(["-F".to_owned(), (*field).to_owned()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let answer = request(sim, "/server/files/upload", &args).await;
    let _ = std::fs::remove_file(path);
    answer
}

/// A WebSocket; what it was told while it waited for something else is kept.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    heard: VecDeque<Value>,
    calls: u64,
}

impl Socket {
    pub(crate) async fn open(sim: &MoonrakerSim, query: &str) -> Self {
        let stream = TcpStream::connect(sim.addr()).await.expect("the simulator listens");
        let url = format!("ws://{}/websocket{query}", sim.addr());
        let (stream, _) = tokio_tungstenite::client_async(url, stream).await.expect("a handshake");
        Self { stream, heard: VecDeque::new(), calls: 1000 }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("the connection is open");
    }

    async fn receive(&mut self) -> Option<Value> {
        loop {
            let frame = timeout(PATIENCE, self.stream.next()).await.expect("a frame in time")?.ok()?;
            match frame {
                Message::Text(text) => return Some(serde_json::from_str(&text).expect("JSON")),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The answer to a call with this number.
    pub(crate) async fn answer(&mut self, id: &Value) -> Value {
        loop {
            let message = self.receive().await.expect("the connection is open");
            if message.get("method").is_none() && message["id"] == *id {
                return message;
            }
            self.heard.push_back(message);
        }
    }

    /// Calls, and gives the whole answer.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let id = json!(self.calls);
        let call = json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": id });
        self.send(&call.to_string()).await;
        self.answer(&id).await
    }

    /// The parameters of the next notification of this kind; those before it are gone.
    pub(crate) async fn notification(&mut self, method: &str) -> Value {
        loop {
            let message = match self.heard.pop_front() {
                Some(message) => message,
                None => self.receive().await.expect("the connection is open"),
            };
            if message["method"] == method {
                return message["params"].clone();
            }
        }
    }

    /// Notifications in order until one of this kind, which is the last.
    pub(crate) async fn until(&mut self, method: &str) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let message = match self.heard.pop_front() {
                Some(message) => message,
                None => self.receive().await.expect("the connection is open"),
            };
            let last = message["method"] == method;
            all.push(message);
            if last {
                return all;
            }
        }
    }

    /// Waits until a status update says so.
    pub(crate) async fn until_status(&mut self, object: &str, field: &str, value: Value) {
        loop {
            let update = self.notification("notify_status_update").await;
            if update[0][object][field] == value {
                return;
            }
        }
    }

    /// Reads until the connection ends.
    pub(crate) async fn until_closed(&mut self) {
        while self.receive().await.is_some() {}
    }
}
