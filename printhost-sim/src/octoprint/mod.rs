//! OctoPrint 1.11.8, as it answers on Debian with its Virtual Printer.

mod access;
mod analysis;
mod appkeys;
mod config;
mod connection;
mod console;
mod control;
mod download;
mod file_commands;
mod files;
mod form;
mod job;
mod login;
mod machine;
mod messages;
mod permissions;
mod print;
mod printer;
mod printing;
mod push;
mod reply;
mod routes;
mod sd;
mod server;
mod settings;
mod shared;
mod sockjs;
mod state;
mod store;
mod subscription;
mod upload;
mod users;
mod view;
mod webcam;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;

use crate::fault::{Fault, FaultId, Injected, On};
use crate::http::{self, BACKLOG, Request};
pub use config::SimConfig;
use messages::Message;
use shared::Shared;
pub use users::{Group, User};

/// A simulated OctoPrint server with one simulated printer behind it.
///
/// It listens on 127.0.0.1 and runs on the tokio runtime it was started on. Dropping it ends every
/// connection and every print. What it simulates, and where it differs from a real one, is said in
/// [the crate's documentation](crate).
#[derive(Debug)]
pub struct OctoPrintSim {
    shared: Arc<Shared>,
}

impl OctoPrintSim {
    /// Binds the port and begins to serve on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// The port cannot be bound.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O and time enabled.
    pub async fn start(config: SimConfig) -> io::Result<Self> {
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

    /// The server's address as a printhost URL: `octoprint://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("octoprint://{}", self.shared.addr)
    }

    /// The global key, which stands for an administrator.
    pub fn api_key(&self) -> &str {
        &self.shared.config.api_key
    }

    /// What the simulator was started with.
    pub fn config(&self) -> &SimConfig {
        &self.shared.config
    }

    /// Every file in the storage `local`, sorted by path.
    pub fn files(&self) -> Vec<StoredFile> {
        self.shared.lock().store.files()
    }

    /// The state as `GET /api/job` words it, for example `Printing`.
    pub fn state_text(&self) -> String {
        self.shared.lock().machine.state_text().to_owned()
    }

    /// The latest 1024 answered requests, oldest first.
    ///
    /// A request is logged when its answer is ready, which may be a moment before the client has it.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.iter().cloned().collect()
    }

    /// The latest 1000 lines of the terminal, oldest first: `Send: …`, `Recv: …` and OctoPrint's own.
    pub fn terminal(&self) -> Vec<String> {
        self.shared.lock().machine.terminal.since(0)
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
    /// A print is lost, and so are the selection, sessions and requests for application keys. Files, users, given
    /// application keys and injected faults stay. Afterwards the server connects to its printer by itself if it
    /// was configured as connected.
    pub fn restart(&self, down: Duration) {
        let mut ended = self.shared.end_life();
        let shared = Arc::clone(&self.shared);
        self.shared.keep(async move {
            ended.shutdown().await;
            // The port stays ours, and nobody listens on it.
            let Ok(socket) = http::reserve(shared.addr).await else { return };
            tokio::time::sleep(down).await;
            let Ok(listener) = socket.listen(BACKLOG) else { return };
            begin_life(&shared, listener);
            if shared.config.connected {
                shared.connect();
            }
        });
    }

    /// Breaks every push channel, and nothing else.
    pub fn drop_push_channels(&self) {
        let _ = self.shared.push.send(Message::HangUp);
    }

    /// The serial connection breaks, as with a cable that is pulled out: a print fails, and the printer is
    /// `Offline after error` until somebody connects again. Nothing happens when it is offline already.
    pub fn unplug_printer(&self) {
        self.shared.end_print_by(machine::Machine::unplugged);
    }

    /// The firmware halts with a thermal runaway: a print fails, and the printer is `Offline after error` until
    /// somebody connects again. Nothing happens when it is offline already.
    pub fn fail_firmware(&self) {
        self.shared.end_print_by(machine::Machine::firmware_fails);
    }

    /// The requests for application keys that wait for a decision, oldest first.
    pub fn app_requests(&self) -> Vec<AppRequest> {
        self.shared.lock().access.app_keys.waiting()
    }

    /// Grants the oldest waiting request of this application, as a user would. False when there is none.
    pub fn approve_app(&self, app: &str) -> bool {
        self.shared.lock().access.app_keys.decide_app(app, true)
    }

    /// Denies the oldest waiting request of this application, as a user would. False when there is none.
    pub fn deny_app(&self, app: &str) -> bool {
        self.shared.lock().access.app_keys.decide_app(app, false)
    }
}

impl Drop for OctoPrintSim {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// A file in the simulator's storage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredFile {
    /// Path below the storage root, without a leading slash.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-1 of the content in lower-case hexadecimal.
    pub sha1_hex: String,
    /// The content, unless it was longer than [`SimConfig::keep_content_up_to`].
    pub data: Option<Bytes>,
}

/// An application that asks for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppRequest {
    /// The application.
    pub app: String,
    /// The user whose key it wants, if it said so.
    pub user: Option<String>,
}

fn begin_life(shared: &Arc<Shared>, listener: TcpListener) {
    if !shared.begin_life() {
        return;
    }
    shared.spawn(http::accept(Arc::clone(shared), listener));
    shared.spawn(Arc::clone(shared).chatter());
}
