//! Moonraker 0.11.0 with a Klipper behind it, as they answer on Debian.

mod access;
mod calls;
mod clients;
mod config;
mod console;
mod database;
mod download;
mod failure;
mod files;
mod form;
mod history;
mod klippy;
mod machine;
mod metadata;
mod objects;
mod octoprint;
mod params;
mod print;
mod queue;
mod records;
mod reply;
mod routes;
mod rpc;
mod script;
mod shared;
mod store;
mod system;
mod ticker;
mod upload;
mod websocket;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;

use crate::fault::{Fault, FaultId, Injected, On};
use crate::http::{self, BACKLOG, Request};
pub use config::MoonrakerConfig;
use shared::Shared;

/// How long clients have to hear that the server goes away.
const FAREWELL: Duration = Duration::from_millis(20);

/// A simulated Moonraker server with a simulated Klipper and printer behind it.
///
/// It listens on 127.0.0.1 and runs on the tokio runtime it was started on. Dropping it ends every
/// connection and every print. What it simulates, and where it differs from a real one, is said in
/// [the crate's documentation](crate).
#[derive(Debug)]
pub struct MoonrakerSim {
    shared: Arc<Shared>,
}

impl MoonrakerSim {
    /// Binds the port and begins to serve on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// The port cannot be bound.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O and time enabled.
    pub async fn start(config: MoonrakerConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::new(config, addr));
        begin_life(&shared, listener);
        Ok(Self { shared })
    }

    /// The address the server listens on.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// The server's address as a printhost URL: `moonraker://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("moonraker://{}", self.shared.addr)
    }

    /// The API key that is valid now.
    pub fn api_key(&self) -> String {
        self.shared.lock().access.key().to_owned()
    }

    /// What the simulator was started with.
    pub fn config(&self) -> &MoonrakerConfig {
        &self.shared.config
    }

    /// Every file below every root, sorted by root and path.
    pub fn files(&self) -> Vec<MoonrakerFile> {
        let inner = self.shared.lock();
        let files = inner.store.files().map(|(place, file)| MoonrakerFile {
            root: place.root.clone(),
            path: place.path.clone(),
            size: file.size,
            sha256_hex: file.sha256_hex.clone(),
            data: file.data.clone(),
        });
        files.collect()
    }

    /// What Klipper is now, which the server may tell later: `disconnected`, `startup`, `ready`, `error` or
    /// `shutdown`.
    pub fn klippy_state(&self) -> &'static str {
        self.shared.lock().klippy.phase.name()
    }

    /// What Klipper says of the print: `standby`, `printing`, `paused`, `complete`, `cancelled` or `error`.
    pub fn print_state(&self) -> &'static str {
        self.shared.lock().machine.print.state
    }

    /// The targets of all heaters, by Klipper's names.
    pub fn targets(&self) -> Vec<(String, f64)> {
        let temperatures = self.shared.lock().machine.temperatures();
        temperatures.into_iter().map(|(name, _, target)| (name, target)).collect()
    }

    /// Filament that was moved since Klipper started, in mm.
    pub fn extruded(&self) -> f64 {
        self.shared.lock().machine.extruded
    }

    /// How often a print was started.
    pub fn prints_started(&self) -> u64 {
        self.shared.lock().machine.prints_started
    }

    /// The latest 1024 answered requests, oldest first. Calls by a WebSocket are not among them.
    ///
    /// A request is logged when its answer is ready, which may be a moment before the client has it.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.iter().cloned().collect()
    }

    /// Lets `fault` happen to the requests that `on` describes.
    ///
    /// A request meets one fault at most: of those that match, the one injected first. What a fault does to a
    /// request that has begun is not undone when the fault is cleared.
    pub fn inject(&self, fault: Fault, on: On) -> FaultId {
        self.shared.lock().faults.inject(fault, on)
    }

    /// The faults that still wait for requests, oldest first.
    pub fn faults(&self) -> Vec<Injected> {
        self.shared.lock().faults.waiting()
    }

    /// Takes a fault back. False when it was not waiting any more.
    pub fn clear_fault(&self, id: FaultId) -> bool {
        self.shared.lock().faults.clear(id)
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear_all();
    }

    /// Restarts the server: every connection dies at once, connections are refused for `down`, and then the same
    /// port answers again.
    ///
    /// Klipper goes on, and so does a print; its entry in the history is interrupted. One-shot tokens, the queue
    /// and the console's lines are lost. Files, users, tokens and injected faults stay.
    pub fn restart(&self, down: Duration) {
        let shared = Arc::clone(&self.shared);
        self.shared.keep(async move { replace_life(&shared, down).await });
    }

    /// Breaks every WebSocket without a word, and nothing else.
    pub fn drop_websockets(&self) {
        self.shared.lock().clients.hang_up();
    }

    /// Klipper's process dies: a print is lost. Nothing happens when it does not run.
    pub fn kill_klippy(&self) {
        self.shared.kill_klippy();
    }

    /// Starts Klipper, which is ready after a while. Nothing happens when it runs.
    pub fn start_klippy(&self) {
        self.shared.start_klippy();
    }

    /// Restarts Klipper as `FIRMWARE_RESTART` does: a print is lost.
    pub fn restart_klippy(&self) {
        self.shared.restart_klippy(true);
    }

    /// The micro-controller shuts down, as when a sensor's value is out of range. Nothing happens when Klipper is
    /// not running, in error or shut down.
    pub fn fail_mcu(&self) {
        self.shared.fail_mcu();
    }

    /// Puts a mistake into Klipper's configuration, or takes it out. With one, Klipper is in `error` after its next
    /// start.
    pub fn break_config(&self, broken: bool) {
        self.shared.lock().klippy.broken = broken;
    }
}

impl Drop for MoonrakerSim {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// A file in the simulator's storage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MoonrakerFile {
    /// `gcodes`, `config` or `logs`.
    pub root: String,
    /// Path below the root, without a leading slash.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the content in lower-case hexadecimal.
    pub sha256_hex: String,
    /// The content, unless it was longer than [`MoonrakerConfig::keep_content_up_to`].
    pub data: Option<Bytes>,
}

fn begin_life(shared: &Arc<Shared>, listener: TcpListener) {
    if !shared.begin_life() {
        return;
    }
    shared.spawn(http::accept(Arc::clone(shared), listener));
    shared.spawn(Arc::clone(shared).tick());
    shared.spawn(Arc::clone(shared).follow_klippy());
}

/// As a server that was told to restart: clients hear that it goes.
async fn restart(shared: &Arc<Shared>, down: Duration) {
    shared.lock().clients.say_farewell();
    tokio::time::sleep(FAREWELL).await;
    replace_life(shared, down).await;
}

async fn replace_life(shared: &Arc<Shared>, down: Duration) {
    shared.end_life().shutdown().await;
    // The port stays ours, and nobody listens on it.
    let Ok(socket) = http::reserve(shared.addr).await else { return };
    tokio::time::sleep(down).await;
    let Ok(listener) = socket.listen(BACKLOG) else { return };
    begin_life(shared, listener);
}
