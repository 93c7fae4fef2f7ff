//! PrusaLink: 0.8.1 on a Pi as it answers, and the one in Prusa's firmware as its source says.

mod access;
mod config;
mod files;
mod legacy;
mod machine;
mod print;
mod reply;
mod routes;
mod server;
mod shared;
mod short_names;
mod store;
mod upload;
mod view;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::fault::{Fault, FaultId, Injected, On};
use crate::http::Request;
use crate::octoprint::StoredFile;
pub use config::{PrusaLinkConfig, PrusaLinkFamily};
use machine::State;
use shared::Shared;

/// A simulated PrusaLink with one simulated printer behind it.
///
/// It listens on 127.0.0.1 and runs on the tokio runtime it was started on. Dropping it ends every connection and every
/// print. What it simulates, and where it differs from a real one, is said in [the crate's documentation](crate).
#[derive(Debug)]
pub struct PrusaLinkSim {
    shared: Arc<Shared>,
}

impl PrusaLinkSim {
    /// Binds the port and begins to serve on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// The port cannot be bound.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O and time enabled.
    pub async fn start(config: PrusaLinkConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
        let shared = Arc::new(Shared::new(config, listener.local_addr()?));
        shared.begin(listener);
        Ok(Self { shared })
    }

    /// The address the server listens on.
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// The server's address as a printhost URL: `prusalink://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("prusalink://{}", self.shared.addr)
    }

    /// What the simulator was started with.
    pub fn config(&self) -> &PrusaLinkConfig {
        &self.shared.config
    }

    /// Every stored file, sorted by path, shown or not.
    pub fn files(&self) -> Vec<StoredFile> {
        self.shared.lock().store.files()
    }

    /// The state as `GET /api/v1/status` words it, for example `PRINTING`.
    pub fn state_text(&self) -> &'static str {
        self.shared.lock().machine.state().word()
    }

    /// How many prints have begun.
    pub fn prints(&self) -> u64 {
        self.shared.lock().machine.prints
    }

    /// The latest 1024 answered requests, oldest first.
    ///
    /// A request is logged when its answer is ready, which may be a moment before the client has it.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.iter().cloned().collect()
    }

    /// How many connections were open at once at most, and how many requests were being answered at once at most.
    pub fn most_at_once(&self) -> (usize, usize) {
        let load = self.shared.lock().load;
        (load.most_connections, load.most_requests)
    }

    /// How many requests were answered with a challenge, and how many of those for an answer to an old one.
    pub fn challenges(&self) -> (u32, u32) {
        let inner = self.shared.lock();
        (inner.access.challenges, inner.access.stale)
    }

    /// Lets `fault` happen to the requests that `on` describes. A request meets one fault at most: of those that match, the
    /// one injected first.
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

    /// The Pi loses its printer, and a print with it. Nothing happens in the firmware, which is the printer.
    pub fn unplug_printer(&self) {
        if self.shared.config.family == PrusaLinkFamily::Pi {
            self.shared.lock().machine.enter(State::Gone);
        }
    }

    /// The Pi finds its printer again.
    pub fn plug_in_printer(&self) {
        let machine = &mut self.shared.lock().machine;
        if machine.state() == State::Gone {
            machine.enter(State::Idle);
        }
    }

    /// A print waits for somebody, as when its filament has run out. False when there is none.
    pub fn call_for_attention(&self) -> bool {
        let machine = &mut self.shared.lock().machine;
        let prints = machine.state() == State::Printing;
        if prints {
            machine.enter(State::Attention);
        }
        prints
    }

    /// Somebody presses the knob: a print that waits for that goes on, and the end of one is shown no more.
    pub fn confirm(&self) {
        let machine = &mut self.shared.lock().machine;
        match machine.state() {
            State::Attention => machine.enter(State::Printing),
            State::Finished | State::Stopped => machine.enter(State::Idle),
            _ => {}
        }
    }
}

impl Drop for PrusaLinkSim {
    fn drop(&mut self) {
        self.shared.stop();
    }
}
