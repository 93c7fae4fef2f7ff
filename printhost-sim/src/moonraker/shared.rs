//! What all connections and the print share.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::access::Access;
use super::clients::Clients;
use super::config::MoonrakerConfig;
use super::database::Database;
use super::failure::Failure;
use super::history::History;
use super::klippy::{Klippy, Link};
use super::machine::Machine;
use super::queue::Queue;
use super::records::Records;
use super::reply::{self, Reply};
use super::routes;
use super::store::Store;
use crate::fault::{Fault, Faults};
use crate::http::{Incoming1, Request, Site};
use crate::lives::Lives;

const LOGGED_REQUESTS: usize = 1024;
/// Nothing takes longer; what a file may ask for would not fit a clock.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Seconds the simulated machine had been up when the simulator started.
const UPTIME: f64 = 2400.0;

/// The simulator behind its public handle.
pub(super) struct Shared {
    pub(super) config: MoonrakerConfig,
    pub(super) addr: SocketAddr,
    /// Klipper does one script at a time, or one line of a file.
    pub(super) gcode: tokio::sync::Mutex<()>,
    /// Marked when what waits must look again: Klipper stops, goes or comes.
    pub(super) changed: watch::Sender<()>,
    /// Counts the moments at which Klipper tells what changed.
    pub(super) ticks: watch::Sender<u64>,
    started: Instant,
    inner: Mutex<Inner>,
    lives: Lives,
}

/// Everything mutable. One lock, never held across an await.
pub(super) struct Inner {
    pub(super) klippy: Klippy,
    pub(super) link: Link,
    pub(super) machine: Machine,
    pub(super) clients: Clients,
    pub(super) store: Store,
    pub(super) history: History,
    pub(super) queue: Queue,
    pub(super) records: Records,
    pub(super) database: Database,
    pub(super) access: Access,
    pub(super) faults: Faults,
    pub(super) requests: VecDeque<Request>,
}

impl Shared {
    pub(super) fn new(config: MoonrakerConfig, addr: SocketAddr) -> Self {
        let inner = Inner {
            klippy: Klippy::new(config.klippy),
            link: Link::new(config.klippy),
            machine: Machine::new(&config),
            clients: Clients::default(),
            store: Store::new(&config),
            history: History::default(),
            queue: Queue::default(),
            records: Records::default(),
            database: Database::new(&config),
            access: Access::new(&config, &addr.to_string()),
            faults: Faults::default(),
            requests: VecDeque::new(),
        };
        Self {
            config,
            addr,
            gcode: tokio::sync::Mutex::new(()),
            changed: watch::Sender::new(()),
            ticks: watch::Sender::new(0),
            started: Instant::now(),
            inner: Mutex::new(inner),
            lives: Lives::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `task` until it ends or this life of the server does.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.lives.spawn(task);
    }

    /// Runs `task` until it ends or the simulator is dropped.
    pub(super) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.lives.keep(task);
    }

    /// Begins a life; false when the simulator was dropped.
    pub(super) fn begin_life(&self) -> bool {
        self.lives.begin()
    }

    /// Ends this life: gives its tasks, which must be shut down. Klipper goes on.
    pub(super) fn end_life(&self) -> JoinSet<()> {
        let ended = self.lives.end();
        let mut inner = self.lock();
        inner.clients = Clients::default();
        inner.link = Link::default();
        inner.history.interrupted();
        inner.queue = Queue::default();
        inner.records = Records::default();
        inner.access.forget();
        ended
    }

    pub(super) fn stop(&self) {
        self.lives.stop();
    }

    /// Klipper's clock, in seconds.
    pub(super) fn event_time(&self) -> f64 {
        UPTIME + self.started.elapsed().as_secs_f64()
    }

    /// Real time for so many seconds of the printer's time.
    pub(super) fn real(&self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds / self.config.time_scale).unwrap_or(LONGEST).min(LONGEST)
    }

    /// Something happened that those who wait must see.
    pub(super) fn wake(&self) {
        self.changed.send_replace(());
    }
}

impl Inner {
    /// Tells every client that may hear it.
    pub(super) fn notify(&self, method: &str, params: Option<Value>) {
        self.clients.notify(method, params);
    }

    /// A line that Klipper says to everybody.
    pub(super) fn say(&mut self, line: impl Into<String>) {
        let line = line.into();
        self.records.gcode(&line, "response");
        self.notify("notify_gcode_response", Some(json!([line])));
    }

    /// How Klipper words an error.
    pub(super) fn complain(&mut self, message: &str) {
        let mut lines = message.trim().lines();
        let first = lines.next().unwrap_or_default();
        if lines.next().is_some() {
            let all: Vec<String> = message.trim().lines().map(|line| format!("// {line}")).collect();
            self.say(all.join("\n"));
        }
        self.say(format!("!! {first}"));
    }
}

impl Site for Shared {
    const DATE: bool = true;

    fn take_fault(&self, method: &str, path: &str) -> Option<Fault> {
        self.lock().faults.take(method, path)
    }

    fn log(&self, request: Request) {
        let requests = &mut self.lock().requests;
        if requests.len() == LOGGED_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        Self::spawn(self, task);
    }

    fn refusal(status: StatusCode) -> Reply {
        reply::failed(&Failure::hidden(status.as_u16(), ""))
    }

    async fn answer(self: &Arc<Self>, request: Incoming1) -> Reply {
        routes::answer(self, request).await
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("addr", &self.addr)
            .field("time_scale", &self.config.time_scale)
            .finish_non_exhaustive()
    }
}
