//! What all connections and the print share.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::access::Access;
use super::config::{PrusaLinkConfig, PrusaLinkFamily};
use super::machine::Machine;
use super::print;
use super::store::Store;
use super::{routes, server};
use crate::fault::{Fault, Faults};
use crate::http::{Incoming1, Reply, Request, Site};
use crate::lives::Lives;

const LOGGED_REQUESTS: usize = 1024;
/// How many connections the firmware serves.
const BUDDY_SOCKETS: usize = 2;
/// Nothing takes longer; what a file may ask for would not fit a clock.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

pub(super) struct Shared {
    pub(super) config: PrusaLinkConfig,
    pub(super) addr: SocketAddr,
    inner: Mutex<Inner>,
    /// Sockets that are free.
    pub(super) sockets: Semaphore,
    /// How many connections wait for one.
    pub(super) waiting: watch::Sender<usize>,
    lives: Lives,
}

/// Everything mutable. One lock, never held across an await.
pub(super) struct Inner {
    pub(super) machine: Machine,
    pub(super) store: Store,
    pub(super) access: Access,
    pub(super) faults: Faults,
    pub(super) requests: VecDeque<Request>,
    pub(super) transfer: Option<Transfer>,
    pub(super) transfers: u64,
    pub(super) load: Load,
}

/// A file on its way here.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    pub(super) id: u64,
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) transferred: u64,
    pub(super) to_print: bool,
    pub(super) since: Instant,
    pub(super) stopped: bool,
}

/// How much was asked of the server at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) connections: usize,
    pub(super) most_connections: usize,
    pub(super) requests: usize,
    pub(super) most_requests: usize,
}

impl Shared {
    pub(super) fn new(config: PrusaLinkConfig, addr: SocketAddr) -> Self {
        let sockets = match config.family {
            PrusaLinkFamily::Pi => Semaphore::MAX_PERMITS,
            PrusaLinkFamily::Buddy => BUDDY_SOCKETS,
        };
        let inner = Inner {
            machine: Machine::new(&config),
            store: Store::new(config.files_lag),
            access: Access::new(),
            faults: Faults::default(),
            requests: VecDeque::new(),
            transfer: None,
            transfers: 0,
            load: Load::default(),
        };
        Self {
            config,
            addr,
            inner: Mutex::new(inner),
            sockets: Semaphore::new(sockets),
            waiting: watch::Sender::new(0),
            lives: Lives::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to serve.
    pub(super) fn begin(self: &Arc<Self>, listener: TcpListener) {
        if self.lives.begin() {
            self.lives.spawn(server::accept(Arc::clone(self), listener));
        }
    }

    pub(super) fn stop(&self) {
        self.lives.stop();
    }

    /// Real time for so many seconds of the printer's time.
    pub(super) fn real(&self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds / self.config.time_scale).unwrap_or(LONGEST).min(LONGEST)
    }

    /// Prints a stored file; false when the printer is not in a state to.
    pub(super) fn start_print(self: &Arc<Self>, path: &str) -> bool {
        let mut inner = self.lock();
        let Some((size, data)) = inner.store.file(path).map(|file| (file.size, file.data.clone())) else {
            return false;
        };
        if !inner.machine.may_start() {
            return false;
        }
        let id = inner.machine.start(path, size);
        drop(inner);
        self.spawn(print::run(Arc::clone(self), id, data.unwrap_or_else(Bytes::new)));
        true
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
        self.lives.spawn(task);
    }

    fn refusal(status: StatusCode) -> Reply {
        let mut reply = Reply::default();
        *reply.status_mut() = status;
        reply
    }

    async fn answer(self: &Arc<Self>, request: Incoming1) -> Reply {
        routes::answer(self, request).await
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("addr", &self.addr)
            .field("family", &self.config.family)
            .finish_non_exhaustive()
    }
}
