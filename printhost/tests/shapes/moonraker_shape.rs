//! Calls and events over one websocket, as JSON-RPC: the shape of Moonraker.

extern crate alloc;

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};
use core::{cell::RefCell, convert::Infallible, pin::pin, time::Duration};

use embassy_futures::select::{Either3, select3};
use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};
use printhost_core::{
    Capabilities, Command, Error, ErrorKind, EventBus, Events, HostInfo, Job, JobTracker, Outcome, Phase,
    PrintHost, PrinterStatus, Reconnect, Result, Retry, within,
};
use printhost_net::{
    BaseUrl, Clock as _, Net,
    link::{Link, Session},
    proto::json_rpc::answered_id,
    websocket::{self, Message},
};
use serde_json::{Map, Value, json};

/// How long the host may take to answer a call.
const ANSWER: Duration = Duration::from_secs(60);

/// A host that speaks JSON-RPC over one websocket, and its printer.
pub struct Moonraker<N: Net> {
    net: N,
    base: BaseUrl,
    link: Link,
    bus: EventBus,
    live: Mutex<CriticalSectionRawMutex, RefCell<Live>>,
}

/// What is known of the printer from the websocket.
struct Live {
    objects: Map<String, Value>,
    /// The objects are all there; before that they are nobody's business.
    synced: bool,
    jobs: JobTracker,
}

impl<N: Net> Moonraker<N> {
    /// A driver that has not connected yet.
    pub fn new(net: N, base: BaseUrl) -> Self {
        let live = Live { objects: Map::new(), synced: false, jobs: JobTracker::new() };
        Self { net, base, link: Link::new(), bus: EventBus::new(), live: Mutex::new(RefCell::new(live)) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Live) -> T) -> T {
        self.live.lock(|live| act(&mut live.borrow_mut()))
    }

    /// One connection, to its end.
    async fn session(&self, session: &Session<'_>) -> Result<Infallible> {
        self.with(|live| (live.synced, live.objects) = (false, Map::new()));
        let socket = websocket::connect(&self.net, &self.base, "/websocket", &[]).await?;
        let socket = pin!(socket.run(&self.net, session.outbox(), |message| {
            self.take(message);
            Ok(())
        }));
        let pump = pin!(session.pump());
        let begin = pin!(async {
            let subscribe = session.call("run", rpc("printer.objects.subscribe", objects()));
            result("run", &within(self.net.parts().clock(), ANSWER, "run", subscribe).await?)?;
            self.with(|live| {
                live.synced = true;
                self.publish(live, true);
            });
            session.admit();
            core::future::pending().await
        });
        match select3(socket, pump, begin).await {
            Either3::First(end) | Either3::Second(end) | Either3::Third(end) => end,
        }
    }

    /// Takes a message. State is merged here, in the order of the wire, also when it comes as an answer: whoever
    /// waits for the answer wakes later, when newer state may have come.
    fn take(&self, message: Message) {
        let text = match message {
            Message::Text(text) => text,
            Message::TooLarge { prefix, suffix, len } => {
                let error = Error::new(ErrorKind::TooLarge, "websocket");
                if let Some(id) = answered_id(&prefix, &suffix) {
                    self.link.fail(id, error.with_detail(format_args!("an answer of {len} bytes")));
                }
                return;
            }
            _ => return,
        };
        let Ok(json) = serde_json::from_str::<Value>(&text) else { return };
        let status = match json["method"].as_str() {
            Some("notify_status_update") => &json["params"][0],
            _ => &json["result"]["status"],
        };
        if let Value::Object(changes) = status {
            self.with(|live| {
                merge(&mut live.objects, changes);
                self.publish(live, false);
            });
        }
        if let Some(id) = number(&json) {
            self.link.answer(id, text);
        }
    }

    fn publish(&self, live: &mut Live, first: bool) {
        if !live.synced {
            return;
        }
        let status = status_of(&live.objects);
        live.jobs.observe(&status).for_each(|event| self.bus.publish_job(event));
        match first {
            true => self.bus.publish_resynced(status),
            false => self.bus.publish_status(status),
        }
    }

    /// A call that only reads: over the connection that is being run, or else over one of its own.
    async fn read(&self, operation: &'static str, method: &str, params: Value) -> Result<Value> {
        let shared = self.link.call(operation, rpc(method, params.clone()));
        let answer = match within(self.net.parts().clock(), ANSWER, operation, shared).await {
            Err(e) if e.kind() == ErrorKind::NotRunning => self.read_apart(operation, method, params).await,
            Err(e) if e.retry() == Retry::ReadFirst => Err(e.with_retry(Retry::Safe)),
            other => other,
        };
        result(operation, &answer?)
    }

    async fn read_apart(&self, operation: &'static str, method: &str, params: Value) -> Result<String> {
        let link = Link::new();
        let running = link.start()?;
        let session = running.open();
        let socket = websocket::connect(&self.net, &self.base, "/websocket", &[]).await;
        let socket = socket.map_err(|e| e.in_operation(operation))?;
        let socket = pin!(socket.run(&self.net, session.outbox(), |message| {
            if let Message::Text(text) = message
                && let Some(id) = serde_json::from_str(&text).ok().as_ref().and_then(number)
            {
                link.answer(id, text);
            }
            Ok(())
        }));
        let call = session.call(operation, rpc(method, params));
        let call = pin!(within(self.net.parts().clock(), ANSWER, operation, call));
        match select3(call, socket, pin!(session.pump())).await {
            Either3::First(answer) => answer,
            Either3::Second(Err(end)) | Either3::Third(Err(end)) => Err(end.in_operation(operation)),
        }
    }

    /// A call that changes something: sent once; when its answer is lost, it may have been carried out.
    async fn order(&self, operation: &'static str, method: &str, params: Value) -> Result<Outcome> {
        let call = self.link.call(operation, rpc(method, params));
        match within(self.net.parts().clock(), ANSWER, operation, call).await {
            Err(e) if e.retry() == Retry::ReadFirst || e.kind() == ErrorKind::Timeout => Err(e.unconfirmed()),
            Err(e) => Err(e),
            Ok(answer) => result(operation, &answer).map(|_| Outcome::accepted()),
        }
    }
}

impl<N: Net> PrintHost for Moonraker<N> {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::NONE;
        (can.start, can.pause, can.resume, can.cancel, can.push) = (true, true, true, true, true);
        can
    }

    async fn connect(&self) -> Result<HostInfo> {
        let info = self.read("connect", "printer.info", json!({})).await?;
        Ok(HostInfo::new("Moonraker", info["software_version"].as_str().unwrap_or_default()))
    }

    async fn status(&self) -> Result<PrinterStatus> {
        let mut answer = self.read("status", "printer.objects.query", objects()).await?;
        match answer["status"].take() {
            Value::Object(objects) => Ok(status_of(&objects)),
            _ => Err(Error::new(ErrorKind::Protocol, "status").with_detail("there is no status in it")),
        }
    }

    fn events(&self) -> Result<Events<'_>> {
        self.bus.subscribe()
    }

    async fn run(&self) -> Result<Infallible> {
        let running = self.link.start()?;
        let parts = self.net.parts();
        let mut reconnect = Reconnect::new();
        loop {
            let session = running.open();
            let Err(error) = self.session(&session).await;
            session.end(error.clone());
            let synced = self.with(|live| live.synced);
            let delay = reconnect.after(error, synced, &self.bus, parts.entropy())?;
            parts.clock().sleep(delay).await;
        }
    }

    async fn start(&self, path: &str) -> Result<Outcome> {
        self.order("start", "printer.print.start", json!({ "filename": path })).await
    }

    async fn command(&self, command: Command<'_>) -> Result<Outcome> {
        let method = match command {
            Command::Pause => "printer.print.pause",
            Command::Resume => "printer.print.resume",
            Command::Cancel => "printer.print.cancel",
            _ => return Err(Error::unsupported(command.name())),
        };
        self.order(command.name(), method, json!({})).await
    }
}

fn rpc(method: &str, params: Value) -> impl FnOnce(u32) -> String {
    move |id| json!({ "jsonrpc": "2.0", "method": method, "params": params, "id": id }).to_string()
}

fn objects() -> Value {
    json!({ "objects": { "print_stats": null, "virtual_sdcard": null } })
}

fn number(json: &Value) -> Option<u32> {
    u32::try_from(json["id"].as_u64()?).ok()
}

/// The result in an answer, or the refusal.
fn result(operation: &'static str, answer: &str) -> Result<Value> {
    let mut json: Value = serde_json::from_str(answer)
        .map_err(|e| Error::new(ErrorKind::Protocol, operation).with_detail(e))?;
    match json["error"]["message"].as_str() {
        Some(refusal) => Err(Error::new(ErrorKind::Conflict, operation).with_detail(refusal)),
        None => Ok(json["result"].take()),
    }
}

/// Fields of an object replace those of the same name; what is absent stays.
fn merge(objects: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (name, fields) in changes {
        match (objects.get_mut(name), fields) {
            (Some(Value::Object(known)), Value::Object(fields)) => known.extend(fields.clone()),
            _ => {
                objects.insert(name.clone(), fields.clone());
            }
        }
    }
}

fn status_of(objects: &Map<String, Value>) -> PrinterStatus {
    let field = |object: &str, field: &str| objects.get(object).map_or(&Value::Null, |o| &o[field]);
    let word = field("print_stats", "state").as_str().unwrap_or_default();
    let phase = match word {
        "standby" => Phase::Idle,
        "printing" => Phase::Printing,
        "paused" => Phase::Paused,
        "complete" => Phase::Finished,
        "cancelled" => Phase::Cancelled,
        "error" => Phase::Faulted,
        _ => Phase::Unknown,
    };
    let path = field("print_stats", "filename").as_str().filter(|p| !p.is_empty());
    let mut status = PrinterStatus::default();
    status.phase = phase;
    status.state_text = word.to_owned();
    status.tools = Vec::new();
    status.job = path.map(|path| {
        let mut job = Job::default();
        job.path = Some(path.to_owned());
        job.progress = field("virtual_sdcard", "progress").as_f64().map(|p| p as f32);
        job
    });
    status
}
