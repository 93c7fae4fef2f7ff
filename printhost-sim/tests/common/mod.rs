//! Clients that share no code with the simulator's users: curl, and tungstenite for the push channel.
#![allow(dead_code, reason = "every test binary uses another part")]

pub(crate) mod moonraker;
pub(crate) mod shape;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Longest wait for anything a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Answer {
    /// 0 when there was none.
    pub(crate) status: u16,
    /// curl's exit code.
    pub(crate) exit: i32,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().expect("an error text").to_owned()
    }
}

pub(crate) async fn start() -> OctoPrintSim {
    OctoPrintSim::start(SimConfig::default().time_scale(20.0)).await.expect("a free port")
}

/// Runs curl with the key.
pub(crate) async fn curl(sim: &OctoPrintSim, path: &str, args: &[&str]) -> Answer {
    let key = format!("X-Api-Key: {}", sim.api_key());
    let args: Vec<&str> = ["-H", &key].into_iter().chain(args.iter().copied()).collect();
    curl_without_key(sim, path, &args).await
}

pub(crate) async fn curl_without_key(sim: &OctoPrintSim, path: &str, args: &[&str]) -> Answer {
    ask(&format!("http://{}{path}", sim.addr()), args).await
}

/// Runs curl on a whole URL.
pub(crate) async fn ask(url: &str, args: &[&str]) -> Answer {
    let output = Command::new("curl")
        .args(["-s", "-g", "--path-as-is", "--max-time", "20", "-w", "%{stderr}%{http_code}"])
        .args(args)
        .arg(url)
        .output()
        .await
        .expect("curl is installed");
    let status = String::from_utf8_lossy(&output.stderr).trim().parse().expect("a status");
    Answer { status, exit: output.status.code().unwrap_or(-1), body: output.stdout }
}

pub(crate) async fn get(sim: &OctoPrintSim, path: &str) -> Answer {
    curl(sim, path, &[]).await
}

pub(crate) async fn post(sim: &OctoPrintSim, path: &str, body: Value) -> Answer {
    curl(sim, path, &["-H", "Content-Type: application/json", "-d", &body.to_string()]).await
}

pub(crate) async fn delete(sim: &OctoPrintSim, path: &str) -> Answer {
    curl(sim, path, &["-X", "DELETE"]).await
}

/// Uploads `content` as `name`, with more form fields such as `print=true`.
pub(crate) async fn upload(sim: &OctoPrintSim, name: &str, content: &str, fields: &[&str]) -> Answer {
    // The content goes through a file, as curl would take a leading @ or a ; for its own.
    let path = scratch(content);
    let mut args = vec!["-F".to_owned(), format!("file=@{};filename=\"{name}\"", path.display())];
    for field in fields {
        args.extend(["-F".to_owned(), (*field).to_owned()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let answer = curl(sim, "/api/files/local", &args).await;
    let _ = std::fs::remove_file(path);
    answer
}

/// A new file with this content.
pub(crate) fn scratch(content: &str) -> std::path::PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("printhost-sim-{}-{number}", std::process::id()));
    std::fs::write(&path, content).expect("the temporary directory is writable");
    path
}

/// Waits until the job's state reads so.
pub(crate) async fn wait_for_state(sim: &OctoPrintSim, text: &str) {
    wait_until(text, || sim.state_text() == text).await;
}

/// Polls until the condition holds.
pub(crate) async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, poll).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A push channel.
pub(crate) struct Push(WebSocketStream<TcpStream>);

impl Push {
    pub(crate) async fn open(sim: &OctoPrintSim) -> Self {
        Self::open_at(sim, "websocket").await
    }

    /// Opens the endpoint with SockJS' framing.
    pub(crate) async fn framed(sim: &OctoPrintSim) -> Self {
        Self::open_at(sim, "123/abcdefgh/websocket").await
    }

    async fn open_at(sim: &OctoPrintSim, endpoint: &str) -> Self {
        let stream = TcpStream::connect(sim.addr()).await.expect("the simulator listens");
        let url = format!("ws://{}/sockjs/{endpoint}", sim.addr());
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.expect("a handshake");
        Self(socket)
    }

    /// Opens and authenticates; `connected`, `history` and `timelapse` are read.
    pub(crate) async fn authenticated(sim: &OctoPrintSim) -> Self {
        let mut push = Self::open(sim).await;
        push.send(json!({ "auth": session(sim).await })).await;
        for kind in ["connected", "history", "timelapse"] {
            let message = push.next().await;
            assert!(message.get(kind).is_some(), "{kind} expected: {message}");
        }
        push
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("an open channel");
    }

    pub(crate) async fn next(&mut self) -> Value {
        serde_json::from_str(&self.text().await).expect("JSON")
    }

    /// The next frame as it came.
    pub(crate) async fn text(&mut self) -> String {
        let message = timeout(PATIENCE, self.0.next()).await.expect("a message in time");
        let message = message.expect("an open channel").expect("a frame");
        message.to_text().expect("text").to_owned()
    }

    /// The next message within a short time.
    pub(crate) async fn next_soon(&mut self) -> Option<Value> {
        let message = timeout(Duration::from_millis(700), self.0.next()).await.ok()??.ok()?;
        serde_json::from_str(message.to_text().ok()?).ok()
    }

    /// Reads until the channel ends.
    pub(crate) async fn until_closed(&mut self) {
        let end = async { while let Some(Ok(_)) = self.0.next().await {} };
        timeout(PATIENCE, end).await.expect("the channel ends");
    }

    /// Reads up to the first event of this type and returns everything read.
    pub(crate) async fn until_event(&mut self, kind: &str) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let message = self.next().await;
            let found = message["event"]["type"] == kind;
            messages.push(message);
            if found {
                return messages;
            }
        }
    }
}

/// What the channel accepts as `auth`.
pub(crate) async fn session(sim: &OctoPrintSim) -> String {
    let login = post(sim, "/api/login", json!({ "passive": true })).await.json();
    format!("{}:{}", login["name"].as_str().expect("a name"), login["session"].as_str().expect("a session"))
}

/// A file that takes `lines` × 10 s of the printer's time.
pub(crate) fn slow_gcode(lines: usize) -> String {
    "G28\n".to_owned() + &"G1 X1 Y1 F6000\nG4 P10000\n".repeat(lines)
}

/// The keys of an object, sorted.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// A client with cookies, as curl keeps them.
pub(crate) struct Browser {
    base: String,
    jar: std::path::PathBuf,
}

impl Browser {
    /// Fetches the login page, which gives the token against forged requests.
    pub(crate) async fn open(sim: &OctoPrintSim) -> Self {
        let browser = Self { base: format!("http://{}", sim.addr()), jar: scratch("") };
        assert_eq!(browser.without_token("/login/", &[]).await.status, 200);
        browser
    }

    pub(crate) async fn without_token(&self, path: &str, args: &[&str]) -> Answer {
        let jar = self.jar.to_str().expect("a path in UTF-8");
        ask(&format!("{}{path}", self.base), &[&["-b", jar, "-c", jar], args].concat()).await
    }

    /// Sends the token from the cookie as a header, as a page's script does.
    pub(crate) async fn request(&self, path: &str, args: &[&str]) -> Answer {
        let cookies = std::fs::read_to_string(&self.jar).expect("a jar");
        let line = cookies.lines().find(|line| line.contains("\tcsrf_token_P")).expect("a token");
        let header = format!("X-CSRF-Token: {}", line.rsplit('\t').next().unwrap_or_default());
        self.without_token(path, &[&["-H", header.as_str()], args].concat()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.request(path, &["-H", "Content-Type: application/json", "-d", body]).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.jar);
    }
}
