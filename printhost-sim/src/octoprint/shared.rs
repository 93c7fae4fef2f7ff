//! What all connections and the print share, and the tasks of one life of the server.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

use super::access::Access;
use super::machine::Machine;
use super::messages::Message;
use super::print::Print;
use super::reply::{self, Reply};
use super::state::State;
use super::store::Store;
use super::{SimConfig, analysis};
use crate::clock::unix_time;
use crate::fault::Faults;
use crate::http::Request;
use crate::lives::Lives;

const LOGGED_REQUESTS: usize = 1024;
/// Messages a slow push channel may fall behind before it loses the oldest.
const PUSH_BACKLOG: usize = 4096;
/// Nothing takes longer; what a file may ask for would not fit a clock.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How often the printer reports its temperatures by itself, in real time.
const REPORT: Duration = Duration::from_secs(2);
/// Seconds it takes to write a file to the SD card.
const TRANSFER: f64 = 0.5;

/// The simulator behind its public handle.
pub(super) struct Shared {
    pub(super) config: SimConfig,
    pub(super) addr: SocketAddr,
    pub(super) push: broadcast::Sender<Message>,
    /// Marked whenever the machine's state changes.
    pub(super) changed: watch::Sender<()>,
    inner: Mutex<Inner>,
    lives: Lives,
}

/// Everything mutable. One lock, never held across an await.
pub(super) struct Inner {
    pub(super) machine: Machine,
    pub(super) store: Store,
    pub(super) access: Access,
    pub(super) faults: Faults,
    pub(super) requests: VecDeque<Request>,
}

impl Shared {
    pub(super) fn new(config: SimConfig, addr: SocketAddr) -> Self {
        let push = broadcast::Sender::new(PUSH_BACKLOG);
        let changed = watch::Sender::new(());
        let machine = Machine::new(&config, config.connected, push.clone(), changed.clone());
        let inner = Inner {
            machine,
            store: Store::default(),
            access: Access::new(&config, format!("{addr} {}", unix_time())),
            faults: Faults::default(),
            requests: VecDeque::new(),
        };
        Self { config, addr, push, changed, inner: Mutex::new(inner), lives: Lives::new() }
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

    /// Ends this life: gives its tasks, which must be shut down. They can start no others any more.
    pub(super) fn end_life(&self) -> JoinSet<()> {
        let ended = self.lives.end();
        let mut inner = self.lock();
        inner.access.forget();
        inner.machine = Machine::new(&self.config, false, self.push.clone(), self.changed.clone());
        let _ = self.push.send(Message::HangUp);
        ended
    }

    pub(super) fn stop(&self) {
        self.lives.stop();
    }

    /// Real time for so many seconds of the printer's time.
    pub(super) fn real(&self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds / self.config.time_scale).unwrap_or(LONGEST).min(LONGEST)
    }

    pub(super) fn remember(&self, request: Request) {
        let requests = &mut self.lock().requests;
        if requests.len() == LOGGED_REQUESTS {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    /// Prints the selected file; without one this does nothing, as on a real server.
    pub(super) fn start_print(self: &Arc<Self>) {
        let mut inner = self.lock();
        let Some((origin, path, run)) = inner.machine.start_print() else { return };
        let source = if origin == "local" {
            inner.store.print_source(&path)
        } else {
            inner.machine.sd.print_source(&path)
        };
        let Some(source) = source else { return };
        drop(inner);
        self.spawn(Print::new(Arc::clone(self), run, source).run());
    }

    /// Opens the connection to the printer, first closing one that is open.
    pub(super) fn connect(self: &Arc<Self>) {
        self.disconnect();
        let run = self.lock().machine.begin_connecting();
        let shared = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(shared.real(super::machine::CONNECTING_STEP)).await;
            shared.lock().machine.serial_opened(run);
            tokio::time::sleep(shared.real(super::machine::CONNECTING_STEP)).await;
            shared.lock().machine.connected(run);
        });
    }

    pub(super) fn disconnect(&self) {
        self.end_print_by(Machine::disconnect);
    }

    /// Does something to the machine that may end its print, and counts that print as failed.
    pub(super) fn end_print_by(&self, work: impl FnOnce(&mut Machine)) {
        let mut inner = self.lock();
        let printing = inner.machine.printing_path();
        work(&mut inner.machine);
        if let Some(path) = printing.filter(|_| !inner.machine.state.is_operational()) {
            inner.store.printed(&path, None);
        }
    }

    /// Reports temperatures and idles as firmware does, as long as the server lives.
    pub(super) async fn chatter(self: Arc<Self>) {
        loop {
            tokio::time::sleep(REPORT).await;
            let machine = &mut self.lock().machine;
            if machine.state == State::Operational {
                machine.terminal.say("Recv: wait");
            }
            machine.report_temperatures();
        }
    }

    /// Analyses a stored file in the background.
    pub(super) fn analyse(self: &Arc<Self>, path: &str) {
        let mut payload = json!({
            "name": super::store::leaf(path), "path": path, "origin": "local", "type": "gcode",
        });
        let inner = self.lock();
        let Some(data) = inner.store.file(path).and_then(|file| file.data.clone()) else { return };
        inner.machine.event("MetadataAnalysisStarted", payload.clone());
        drop(inner);
        let (shared, path) = (Arc::clone(self), path.to_owned());
        self.spawn(async move {
            let result = analysis::analyse(&data);
            let mut inner = shared.lock();
            if let Some(file) = inner.store.file_mut(&path) {
                file.analysis = Some(result.clone());
                if let Some(payload) = payload.as_object_mut() {
                    payload.remove("type");
                    payload.insert("result".to_owned(), result);
                }
                inner.machine.event("MetadataAnalysisFinished", payload);
            }
        });
    }

    /// Why nothing can be written to the SD card now.
    pub(super) fn card_refuses(&self) -> Option<Reply> {
        let machine = &self.lock().machine;
        if machine.state != State::Operational {
            let text = "Can not upload to SD card, printer is either not operational or already busy";
            return Some(reply::conflict(text));
        }
        (!machine.sd.ready).then(|| reply::conflict("Can not upload to SD card, not yet initialized"))
    }

    /// Begins to write a stored file to the SD card; gives its name there. It is selected or printed afterwards.
    pub(super) fn copy_to_card(
        self: &Arc<Self>,
        path: &str,
        user: &str,
        select: bool,
        print: bool,
    ) -> Result<String, Box<Reply>> {
        if let Some(refused) = self.card_refuses() {
            return Err(Box::new(refused));
        }
        let mut inner = self.lock();
        let Some(file) = inner.store.file(path) else { return Err(Box::new(reply::not_found())) };
        let (size, data) = (file.size, file.data.clone());
        let local = super::store::leaf(path).to_owned();
        let remote = inner.machine.sd.short_name(&local);
        let names = json!({ "local": local, "remote": format!("/{remote}") });
        inner.machine.event("TransferStarted", names.clone());
        inner.machine.reset_line_numbers();
        inner.machine.terminal.say(format!("Send: M28 /{remote}"));
        inner.machine.terminal.say(format!("Recv: Writing to file: {remote}"));
        inner.machine.enter(State::Transferring);
        drop(inner);
        let (shared, name, user) = (Arc::clone(self), remote.clone(), user.to_owned());
        self.spawn(async move {
            tokio::time::sleep(shared.real(TRANSFER)).await;
            {
                let machine = &mut shared.lock().machine;
                if machine.state != State::Transferring {
                    return;
                }
                machine.sd.insert(&name, size, data);
                machine.terminal.say("Recv: Done saving file");
                machine.enter(State::Operational);
                let mut done = names;
                done["time"] = json!(TRANSFER);
                machine.event("TransferDone", done);
                machine.type_line("M20");
                if (select || print)
                    && let Some(selection) = machine.sd.selection(&name, &user)
                {
                    machine.select(selection);
                }
            }
            if print {
                shared.start_print();
            }
        });
        Ok(remote)
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
