//! What all connections and the print share.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mqttbytes::QoS;
use mqttbytes::v4::Publish;
use rustls::ServerConfig;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::certificate::Identity;
use super::clients::Clients;
use super::config::BambuConfig;
use super::fault::Waiting;
use super::machine::{Job, Machine};
use super::quirks::BambuSessions;
use super::report::{Reporter, encode};
use super::store::Store;
use super::tls::{self, Shown};
use super::{ftps, mqtt, print};
use crate::http::{self, BACKLOG};
use crate::lives::Lives;

/// Requests that are remembered.
const LOGGED_REQUESTS: usize = 1024;
/// Nothing takes longer; what a file may ask for would not fit a clock.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub(super) struct Shared {
    pub(super) config: BambuConfig,
    pub(super) mqtt_addr: SocketAddr,
    pub(super) ftps_addr: SocketAddr,
    pub(super) mqtt_tls: Arc<ServerConfig>,
    pub(super) ftps_tls: Arc<ServerConfig>,
    shown: Arc<Shown>,
    /// The printer neither hears nor says anything.
    pub(super) silent: watch::Sender<bool>,
    inner: Mutex<Inner>,
    lives: Lives,
}

/// Everything mutable. One lock, never held across an await.
pub(super) struct Inner {
    /// As it is now.
    pub(super) config: BambuConfig,
    pub(super) machine: Machine,
    pub(super) reporter: Reporter,
    pub(super) store: Store,
    pub(super) clients: Clients,
    pub(super) faults: Waiting,
    pub(super) identity: Identity,
    /// Requests are not heard, though reports go on.
    pub(super) zombie: bool,
    /// The next command is carried out and not answered.
    pub(super) loses_answer: bool,
    /// The next request to print a project is refused, and why.
    pub(super) refuses: Option<String>,
    /// Nothing is published.
    pub(super) mute: bool,
    pub(super) requests: VecDeque<Value>,
    /// Messages and commands of clients that change something.
    pub(super) changes: u64,
    pub(super) transfers: Transfers,
    /// The print does not wait for anything any more.
    pub(super) hurries: bool,
}

/// What went through the FTPS server.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Transfers {
    pub(super) now: usize,
    pub(super) most: usize,
    /// Data channels whose TLS session was resumed.
    pub(super) resumed: u64,
    pub(super) bytes_received: u64,
}

impl Inner {
    /// Sends everything to all who listen.
    pub(super) fn publish_whole(&mut self, serial: &str) {
        let report = self.reporter.whole(&mut self.machine, &self.config);
        self.publish(serial, report);
    }

    /// Sends what has changed to all who listen.
    pub(super) fn publish_changes(&mut self, serial: &str) {
        if let Some(report) = self.reporter.changes(&mut self.machine, &self.config) {
            self.publish(serial, report);
        }
    }

    /// Sends an answer to all who listen.
    pub(super) fn publish_json(&mut self, serial: &str, message: &Value) {
        let text = encode(message, self.machine.facts.whole_reports, self.config.latin1);
        self.publish(serial, text);
    }

    fn publish(&mut self, serial: &str, payload: Vec<u8>) {
        if self.mute {
            return;
        }
        if let Some(packet) = packet(&format!("device/{serial}/report"), payload) {
            self.clients.publish(true, &packet);
        }
    }
}

/// A publish packet; none when it is longer than packets can be.
pub(super) fn packet(topic: &str, payload: Vec<u8>) -> Option<Bytes> {
    let mut packet = BytesMut::new();
    Publish::new(topic, QoS::AtMostOnce, payload).write(&mut packet).ok()?;
    Some(packet.freeze())
}

impl Shared {
    pub(super) fn new(config: BambuConfig, mqtt_addr: SocketAddr, ftps_addr: SocketAddr) -> Self {
        let identity = Identity::new(config.certificate, &config.serial, config.model.facts().code, false);
        let shown = Shown::new(&identity);
        let reporter = Reporter::new(&config);
        let mut machine = Machine::new(&config);
        machine.lights = reporter.lights();
        let inner = Inner {
            config: config.clone(),
            machine,
            reporter,
            store: Store::new(),
            clients: Clients::default(),
            faults: Waiting::default(),
            identity,
            zombie: false,
            loses_answer: false,
            refuses: None,
            mute: false,
            requests: VecDeque::new(),
            changes: 0,
            transfers: Transfers::default(),
            hurries: false,
        };
        Self {
            mqtt_tls: tls::settings(&shown, config.ftps.tls13, false),
            ftps_tls: tls::settings(&shown, config.ftps.tls13, config.ftps.sessions != BambuSessions::Never),
            shown,
            mqtt_addr,
            ftps_addr,
            silent: watch::Sender::new(false),
            inner: Mutex::new(inner),
            lives: Lives::new(),
            config,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to serve.
    pub(super) fn begin(self: &Arc<Self>, mqtt: TcpListener, ftps: TcpListener) {
        if self.lives.begin() {
            self.lives.spawn(mqtt::accept(Arc::clone(self), mqtt));
            self.lives.spawn(ftps::accept(Arc::clone(self), ftps));
            self.lives.spawn(report(Arc::clone(self)));
        }
    }

    /// Ends every connection, refuses new ones for a while, and serves again. A print goes on.
    pub(super) async fn replace_life(self: &Arc<Self>, down: Duration) {
        self.lives.end().shutdown().await;
        self.lock().clients.forget();
        // The ports stay ours, and nobody listens on them.
        let (mqtt, ftps) = (http::reserve(self.mqtt_addr).await, http::reserve(self.ftps_addr).await);
        let (Ok(mqtt), Ok(ftps)) = (mqtt, ftps) else { return };
        tokio::time::sleep(down).await;
        if let (Ok(mqtt), Ok(ftps)) = (mqtt.listen(BACKLOG), ftps.listen(BACKLOG)) {
            self.begin(mqtt, ftps);
        }
    }

    pub(super) fn stop(&self) {
        self.lives.stop();
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.lives.spawn(task);
    }

    /// Runs what does not end with the servers.
    pub(super) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.lives.keep(task);
    }

    /// Real time for so many seconds of the printer's time.
    pub(super) fn real(&self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds / self.config.time_scale).unwrap_or(LONGEST).min(LONGEST)
    }

    /// Real time for so many seconds of what is done before and after printing.
    pub(super) fn aside(&self, seconds: f64) -> Duration {
        self.real(seconds / self.config.preparation_scale)
    }

    /// Waits while the printer is silent.
    pub(super) async fn hears(&self) {
        // Fails only when there is no simulator any more.
        let _ = self.silent.subscribe().wait_for(|silent| !silent).await;
    }

    pub(super) fn log(&self, request: Value) {
        let inner = &mut *self.lock();
        let asks = |category: &String| matches!(category.as_str(), "info" | "pushing");
        inner.changes += u64::from(!request.as_object().is_some_and(|message| message.keys().all(asks)));
        let requests = &mut inner.requests;
        if requests.len() == LOGGED_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    /// From now on another key is shown.
    pub(super) fn change_key(&self, changed: bool) {
        let config = &self.config;
        let model = config.model.facts().code;
        let identity = Identity::new(config.certificate, &config.serial, model, changed);
        self.shown.change(&identity);
        self.lock().identity = identity;
    }

    /// Takes a request to print, and begins with it.
    pub(super) fn print(self: &Arc<Self>, inner: &mut Inner, job: Job) {
        inner.hurries = false;
        let number = inner.machine.accept(job);
        self.keep(print::run(Arc::clone(self), number));
    }
}

/// Reports what has changed, again and again.
async fn report(shared: Arc<Shared>) {
    let mut ticks = interval(shared.config.report_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut inner = shared.lock();
        if !*shared.silent.borrow() && inner.clients.hears_reports() {
            inner.publish_changes(&shared.config.serial);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("mqtt_addr", &self.mqtt_addr)
            .field("ftps_addr", &self.ftps_addr)
            .field("model", &self.config.model)
            .finish_non_exhaustive()
    }
}
