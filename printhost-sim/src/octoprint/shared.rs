//! What all connections and the print share, and the tasks that end with the simulator.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

use super::machine::{Machine, Message};
use super::print::Print;
use super::store::Store;
use super::uri;
use super::{Request, SimConfig};

const LOGGED_REQUESTS: usize = 1024;
const LIVE_SESSIONS: usize = 256;
/// Messages a slow WebSocket may fall behind before it loses the oldest.
const PUSH_BACKLOG: usize = 4096;

/// The simulator behind its public handle.
pub(super) struct Shared {
    pub(super) config: SimConfig,
    pub(super) addr: SocketAddr,
    pub(super) push: broadcast::Sender<Message>,
    /// Marked whenever the machine's state changes.
    pub(super) changed: watch::Sender<()>,
    inner: Mutex<Inner>,
    tasks: Mutex<Option<JoinSet<()>>>,
}

/// Everything mutable. One lock, never held across an await.
pub(super) struct Inner {
    pub(super) machine: Machine,
    pub(super) store: Store,
    pub(super) requests: VecDeque<Request>,
    sessions: VecDeque<String>,
    sessions_given: u64,
}

impl Shared {
    pub(super) fn new(config: SimConfig, addr: SocketAddr) -> Self {
        let push = broadcast::Sender::new(PUSH_BACKLOG);
        let changed = watch::Sender::new(());
        let machine = Machine::new(config.connected, config.time_scale, push.clone(), changed.clone());
        let inner = Inner {
            machine,
            store: Store::default(),
            requests: VecDeque::new(),
            sessions: VecDeque::new(),
            sessions_given: 0,
        };
        Self {
            config,
            addr,
            push,
            changed,
            inner: Mutex::new(inner),
            tasks: Mutex::new(Some(JoinSet::new())),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `task` until it ends or the simulator is dropped.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = tasks.as_mut() {
            while tasks.try_join_next().is_some() {}
            tasks.spawn(task);
        }
    }

    pub(super) fn stop(&self) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(tasks);
    }

    /// Real time for so many seconds of the printer's time.
    pub(super) fn real(&self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds / self.config.time_scale).unwrap_or(Duration::MAX)
    }

    pub(super) fn log(&self, request: Request) {
        let requests = &mut self.lock().requests;
        if requests.len() == LOGGED_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    /// Opens a session for the push channel, as a passive login does.
    pub(super) fn open_session(&self) -> String {
        let mut inner = self.lock();
        inner.sessions_given += 1;
        let seed = format!("{}:{}", self.addr, inner.sessions_given);
        let mut session = uri::sha1_hex(seed.as_bytes()) + &uri::sha1_hex(self.config.api_key.as_bytes());
        session.truncate(64);
        if inner.sessions.len() == LIVE_SESSIONS {
            inner.sessions.pop_front();
        }
        inner.sessions.push_back(session.clone());
        session
    }

    /// Whether `auth` is `user:session` of an open session.
    pub(super) fn session_is_open(&self, auth: &str) -> bool {
        let Some((user, session)) = auth.split_once(':') else { return false };
        user == super::job::USER && self.lock().sessions.iter().any(|open| open == session)
    }

    /// Prints the selected file; without one this does nothing, as on a real server.
    pub(super) fn start_print(self: &Arc<Self>) {
        let mut inner = self.lock();
        let Some((path, run)) = inner.machine.start_print() else { return };
        let Some(source) = inner.store.print_source(&path) else { return };
        drop(inner);
        self.spawn(Print::new(Arc::clone(self), run, source).run());
    }

    /// Opens the connection to the printer, first closing one that is open.
    pub(super) fn connect(self: &Arc<Self>) {
        let run = self.lock().machine.begin_connecting();
        let shared = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(shared.real(super::machine::CONNECTING_STEP)).await;
            shared.lock().machine.serial_opened(run);
            tokio::time::sleep(shared.real(super::machine::CONNECTING_STEP)).await;
            shared.lock().machine.connected(run);
        });
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("addr", &self.addr)
            .field("connected", &self.config.connected)
            .field("time_scale", &self.config.time_scale)
            .finish_non_exhaustive()
    }
}
