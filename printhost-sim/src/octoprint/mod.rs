//! OctoPrint 1.11.8, as it answers on Debian with its Virtual Printer.

mod config;
mod files;
mod gcode;
mod heater;
mod job;
mod machine;
mod permissions;
mod print;
mod push;
mod reply;
mod server;
mod shared;
mod store;
mod upload;
mod uri;
mod view;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpListener;

pub use config::SimConfig;
use shared::Shared;

/// A simulated OctoPrint server with one simulated printer behind it.
///
/// It listens on 127.0.0.1 and runs on the tokio runtime it was started on. Dropping it ends every
/// connection and every print.
///
/// ### What it simulates
///
/// Version, server, login, settings (the name only), files, downloads, job, printer, tool and bed
/// temperatures, commands, connection, and push messages on the raw WebSocket `/sockjs/websocket`.
/// `M112` leaves the printer `Offline after error`, and the Virtual Printer's
/// `!!DEBUG:trigger_fatal_error_marlin` makes its firmware fail.
///
/// ### Where it differs from a real one
///
/// * A 204 carries no `Content-Length: 0`.
/// * A state change is pushed at once as a `current`; a real server may leave out short states.
/// * There is no SD card, no SockJS framing, no slicing, no time-lapse and no user but the key's.
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
        shared.spawn(server::accept(Arc::clone(&shared), listener));
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

    /// The only key the server accepts.
    pub fn api_key(&self) -> &str {
        &self.shared.config.api_key
    }

    /// Every stored file, sorted by path.
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

/// A request the simulator answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method, for example `GET`.
    pub method: String,
    /// The path as sent, still percent-encoded and without the query.
    pub path: String,
    /// The status of the answer; 101 for a WebSocket.
    pub status: u16,
}
