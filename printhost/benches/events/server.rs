//! As much of a Moonraker as a subscription needs.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::broadcast,
};
use tokio_tungstenite::tungstenite::Message;

use crate::Result;

/// Pushes a change whenever it is told to. It ends with the process.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    orders: broadcast::Sender<u32>,
    shared: Arc<Shared>,
}

struct Shared {
    began: Instant,
    /// Nanoseconds from `began` to when the latest change was about to be written.
    written: AtomicU64,
    /// The target of the hot end, which is what changes.
    target: AtomicU64,
}

impl Server {
    pub(crate) fn start() -> Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let (orders, _) = broadcast::channel(16);
        let shared =
            Arc::new(Shared { began: Instant::now(), written: AtomicU64::new(0), target: AtomicU64::new(0) });
        let (at, told) = (shared.clone(), orders.clone());
        thread::spawn(move || {
            let served = Builder::new_current_thread().enable_all().build().map(|runtime| {
                runtime.block_on(async {
                    let listener = TcpListener::bind("127.0.0.1:0").await?;
                    let _ = sender.send(listener.local_addr()?);
                    loop {
                        let (stream, _) = listener.accept().await?;
                        stream.set_nodelay(true)?;
                        tokio::spawn(serve(stream, at.clone(), told.clone()));
                    }
                })
            });
            let served: std::io::Result<std::io::Result<Infallible>> = served;
            eprintln!("the server has ended: {served:?}");
        });
        Ok(Self { addr: receiver.recv()?, orders, shared })
    }

    /// Pushes a change to every websocket: the hot end's target is this from now on.
    pub(crate) fn push(&self, target: u32) -> Result {
        self.orders.send(target)?;
        Ok(())
    }

    /// How long ago the latest change was about to be written.
    pub(crate) fn since_written(&self) -> u64 {
        let now = nanos(self.shared.began);
        now.saturating_sub(self.shared.written.load(Ordering::Acquire))
    }
}

fn nanos(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, orders: broadcast::Sender<u32>) {
    let mut begin = [0; 15];
    let served = match stream.peek(&mut begin).await {
        Ok(n) if begin[..n].starts_with(b"GET /websocket ") => {
            push(stream, &shared, orders.subscribe()).await
        }
        _ => answer(stream, &shared).await,
    };
    // A client that hangs up ends its connection, nothing else.
    let _ = served;
}

/// The websocket of the driver, and of the plain client: both are sent the same.
async fn push(stream: TcpStream, shared: &Shared, mut orders: broadcast::Receiver<u32>) -> Result {
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    loop {
        tokio::select! {
            message = socket.next() => {
                let message = message.ok_or("closed")??;
                let Ok(text) = message.to_text() else { continue };
                let Ok(call) = serde_json::from_str::<Value>(text) else { continue };
                let result = match call["method"].as_str().unwrap_or_default() {
                    "printer.objects.subscribe" | "printer.objects.query" => state(shared),
                    "server.info" => info(),
                    _ => json!({ "jobs": [], "count": 0, "connection_id": 1 }),
                };
                let answer = json!({ "jsonrpc": "2.0", "id": call["id"], "result": result });
                socket.send(Message::text(answer.to_string())).await?;
            }
            target = orders.recv() => {
                let target = target?;
                shared.target.store(target.into(), Ordering::Release);
                let change = json!({ "extruder": { "temperature": 20.5, "target": target } });
                let told = json!({ "jsonrpc": "2.0", "method": "notify_status_update", "params": [change, 1.0] });
                let told = Message::text(told.to_string());
                shared.written.store(nanos(shared.began), Ordering::Release);
                socket.send(told).await?;
            }
        }
    }
}

/// Questions by HTTP.
async fn answer(mut stream: TcpStream, shared: &Shared) -> Result {
    let mut inbox = Vec::new();
    loop {
        while !inbox.windows(4).any(|end| end == b"\r\n\r\n") {
            if stream.read_buf(&mut inbox).await? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8(std::mem::take(&mut inbox))?;
        let result = match head.split(' ').nth(1).unwrap_or_default() {
            path if path.starts_with("/printer/objects/query") => state(shared),
            "/printer/objects/list" => json!({ "objects": ["webhooks", "print_stats", "extruder"] }),
            "/server/info" => info(),
            _ => json!({ "jobs": [], "count": 0 }),
        };
        let body = json!({ "result": result }).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await?;
    }
}

fn info() -> Value {
    json!({ "klippy_connected": true, "klippy_state": "ready", "moonraker_version": "v0.11.0" })
}

fn state(shared: &Shared) -> Value {
    json!({ "eventtime": 1.0, "status": {
        "webhooks": { "state": "ready", "state_message": "Printer is ready" },
        "print_stats": { "state": "standby", "filename": "", "message": "", "total_duration": 0.0 },
        "extruder": { "temperature": 20.5, "target": shared.target.load(Ordering::Acquire) },
    } })
}
