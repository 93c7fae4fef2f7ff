//! The printers on the other side: one model, spoken to in three ways. Codecs are tungstenite's, or text.

use std::sync::Mutex;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    sync::watch,
};
use tokio_tungstenite::{accept_async, tungstenite::Message};

/// How a printer is spoken to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Protocol {
    Moonraker,
    Delta,
    OctoPrint,
}

/// What a printer does with an order it would rather not answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trap {
    /// Takes it, and neither acts nor answers.
    Silence(&'static str),
    /// Takes it and closes the connection.
    HangUp(&'static str),
    /// Acts, and gives an answer that is longer than anybody could want, its number at the end as Moonraker has it.
    Drown(&'static str),
}

/// A printer.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// In Moonraker's words: `standby`, `printing`, `paused`, `complete`, `cancelled`.
    pub state: &'static str,
    pub file: String,
    pub percent: u8,
    pub trap: Option<Trap>,
    /// Changing it closes every connection.
    pub kicks: u32,
}

/// A printer that can be watched and changed from anywhere.
pub struct Printer {
    pub(super) machine: watch::Sender<Machine>,
    orders: Mutex<Vec<String>>,
}

impl Printer {
    pub fn new() -> Self {
        let machine = Machine { state: "standby", file: String::new(), percent: 0, trap: None, kicks: 0 };
        Self { machine: watch::Sender::new(machine), orders: Mutex::new(Vec::new()) }
    }

    pub fn change(&self, act: impl FnOnce(&mut Machine)) {
        self.machine.send_modify(act);
    }

    pub fn state(&self) -> &'static str {
        self.machine.borrow().state
    }

    /// Every order that came in.
    pub fn orders(&self) -> Vec<String> {
        self.orders.lock().unwrap().clone()
    }

    /// Serves one connection to its end.
    pub async fn serve(&self, protocol: Protocol, stream: impl AsyncRead + AsyncWrite + Unpin) {
        match protocol {
            Protocol::Moonraker => self.serve_moonraker(stream).await,
            Protocol::Delta => self.serve_delta(stream).await,
            Protocol::OctoPrint => self.serve_octoprint(stream).await,
        };
    }

    /// Acts, and says whether to answer; `None` to hang up.
    pub(super) fn order(&self, order: &str, file: &str) -> Option<bool> {
        self.orders.lock().unwrap().push(order.into());
        match self.machine.borrow().trap {
            Some(Trap::Silence(trapped)) if trapped == order => return Some(false),
            Some(Trap::HangUp(trapped)) if trapped == order => return None,
            _ => {}
        }
        self.change(|machine| {
            machine.state = match order {
                "print" => {
                    (machine.file, machine.percent) = (file.into(), 0);
                    "printing"
                }
                "pause" => "paused",
                "resume" => "printing",
                "cancel" => "cancelled",
                _ => machine.state,
            }
        });
        Some(true)
    }

    async fn serve_moonraker(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let mut changes = self.machine.subscribe();
        let kicks = changes.borrow().kicks;
        let mut socket = accept_async(stream).await.ok()?;
        let mut subscribed = None;
        loop {
            let request = tokio::select! {
                biased;
                message = socket.next() => match message?.ok()? {
                    Message::Text(text) => serde_json::from_str::<Value>(&text).ok()?,
                    _ => continue,
                },
                changed = changes.changed() => {
                    changed.ok()?;
                    let now = changes.borrow_and_update().clone();
                    if now.kicks != kicks {
                        return None;
                    }
                    if let Some(before) = subscribed.replace(now.clone()) {
                        let delta = objects(&now, Some(&before));
                        let notification = json!({ "method": "notify_status_update", "params": [delta, 1.0] });
                        socket.send(Message::text(notification.to_string())).await.ok()?;
                    } else {
                        subscribed = None;
                    }
                    continue;
                }
            };
            let method = request["method"].as_str()?;
            let result = match method {
                "printer.info" => json!({ "software_version": "v0.13" }),
                "printer.objects.query" | "printer.objects.subscribe" => {
                    let now = changes.borrow_and_update().clone();
                    let status = objects(&now, None);
                    if method.ends_with("subscribe") {
                        subscribed = Some(now);
                    }
                    json!({ "status": status })
                }
                _ => {
                    let order = method.strip_prefix("printer.print.")?.replace("start", "print");
                    match self.order(&order, request["params"]["filename"].as_str().unwrap_or_default())? {
                        true => json!("ok"),
                        false => continue,
                    }
                }
            };
            let drown =
                matches!(self.machine.borrow().trap, Some(Trap::Drown(order)) if method.ends_with(order));
            let result = if drown { json!("x".repeat(2 << 20)) } else { result };
            let answer = format!(r#"{{"jsonrpc": "2.0", "result": {result}, "id": {}}}"#, request["id"]);
            socket.send(Message::text(answer)).await.ok()?;
        }
    }

    async fn serve_delta(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        let mut changes = self.machine.subscribe();
        let mut told = changes.borrow_and_update().clone();
        let (reader, mut writer) = tokio::io::split(stream);
        let mut lines = BufReader::new(reader).lines();
        loop {
            let text = tokio::select! {
                biased;
                line = lines.next_line() => {
                    let line = line.ok()??;
                    match line.split_once(' ').unwrap_or((&line, "")) {
                        ("login", "wrong") => "denied the key is wrong\n".into(),
                        // A change that is told before anybody asked for everything.
                        ("login", _) => format!("welcome 1.0\ndelta percent={}\n", told.percent),
                        ("pushall", _) => {
                            told = changes.borrow_and_update().clone();
                            full(&told)
                        }
                        (order, file) => {
                            self.order(order, file)?;
                            continue;
                        }
                    }
                }
                changed = changes.changed() => {
                    changed.ok()?;
                    let now = changes.borrow_and_update().clone();
                    if now.kicks != told.kicks {
                        return None;
                    }
                    let text = delta(&now, &told);
                    told = now;
                    text
                }
            };
            writer.write_all(text.as_bytes()).await.ok()?;
        }
    }
}

/// Moonraker's objects: all fields, or those that changed.
fn objects(now: &Machine, before: Option<&Machine>) -> Value {
    let mut objects = json!({});
    let changed = |same: fn(&Machine, &Machine) -> bool| before.is_none_or(|before| !same(now, before));
    if changed(|a, b| a.state == b.state) {
        objects["print_stats"]["state"] = json!(now.state);
    }
    if changed(|a, b| a.file == b.file) {
        objects["print_stats"]["filename"] = json!(now.file);
    }
    if changed(|a, b| a.percent == b.percent) {
        objects["virtual_sdcard"]["progress"] = json!(f64::from(now.percent) / 100.0);
    }
    objects
}

fn full(now: &Machine) -> String {
    format!("full state={} file={} percent={}\n", now.state, now.file, now.percent)
}

fn delta(now: &Machine, before: &Machine) -> String {
    let mut line = String::from("delta");
    if now.state != before.state {
        line += &format!(" state={}", now.state);
    }
    if now.file != before.file {
        line += &format!(" file={}", now.file);
    }
    if now.percent != before.percent {
        line += &format!(" percent={}", now.percent);
    }
    line + "\n"
}
