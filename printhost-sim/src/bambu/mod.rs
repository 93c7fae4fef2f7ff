//! A Bambu Lab printer on the local network: MQTT over TLS, and FTPS.

mod ams;
mod certificate;
mod clients;
mod config;
mod control;
mod der;
mod fault;
mod ftps;
mod machine;
mod model;
mod mqtt;
mod print;
mod quirks;
mod report;
mod requests;
mod shared;
mod store;
mod three_mf;
mod tls;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::http;
pub use config::{BambuCertificate, BambuConfig, BambuControl};
pub use fault::BambuFault;
pub use model::BambuModel;
pub use quirks::{BambuFtps, BambuMqtt, BambuOverLimit, BambuSessions};
use shared::Shared;
pub use three_mf::{three_mf, three_mf_of};

/// A simulated Bambu Lab printer.
///
/// It listens on 127.0.0.1 and runs on the tokio runtime it was started on. Dropping it ends every connection and every
/// print. What it simulates, and what of that was never seen on a real one, is said in [the crate's documentation](crate).
#[derive(Debug)]
pub struct BambuSim {
    shared: Arc<Shared>,
}

impl BambuSim {
    /// Binds both ports and begins to serve on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// A port cannot be bound.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O and time enabled.
    pub async fn start(config: BambuConfig) -> io::Result<Self> {
        let mqtt = http::reserve((Ipv4Addr::LOCALHOST, config.mqtt_port).into()).await?;
        let ftps = http::reserve((Ipv4Addr::LOCALHOST, config.ftps_port).into()).await?;
        let (mqtt_addr, ftps_addr) = (mqtt.local_addr()?, ftps.local_addr()?);
        let lan = config.lan;
        let shared = Arc::new(Shared::new(config, mqtt_addr, ftps_addr));
        if lan {
            shared.begin(mqtt.listen(http::BACKLOG)?, ftps.listen(http::BACKLOG)?);
        } else {
            // The ports stay ours, and nobody listens on them.
            shared.keep(async move {
                std::future::pending::<()>().await;
                drop((mqtt, ftps));
            });
        }
        Ok(Self { shared })
    }

    /// The address of the MQTT broker.
    pub fn mqtt_addr(&self) -> SocketAddr {
        self.shared.mqtt_addr
    }

    /// The address of the FTPS server.
    pub fn ftps_addr(&self) -> SocketAddr {
        self.shared.ftps_addr
    }

    /// What the simulator was started with.
    pub fn config(&self) -> &BambuConfig {
        &self.shared.config
    }

    /// The printer's serial number.
    pub fn serial(&self) -> &str {
        &self.shared.config.serial
    }

    /// The access code.
    pub fn access_code(&self) -> &str {
        &self.shared.config.access_code
    }

    /// The certificates that a client has to trust, as PEM: of the authority that has signed the printer's first.
    pub fn authority_pem(&self) -> String {
        self.shared.lock().identity.authorities.clone()
    }

    /// SHA-256 of the key that the printer has now, as `SubjectPublicKeyInfo`.
    pub fn key_pin(&self) -> [u8; 32] {
        self.shared.lock().identity.pin
    }
}

/// What a test asks, and what the printer itself would know.
impl BambuSim {
    /// Every stored file, sorted by path.
    pub fn files(&self) -> Vec<BambuFile> {
        self.shared.lock().store.files()
    }

    /// The state as reports word it: `IDLE`, `PREPARE`, `RUNNING`, `PAUSE`, `FINISH` or `FAILED`.
    pub fn state_text(&self) -> &'static str {
        self.shared.lock().machine.phase().word()
    }

    /// How many prints have begun to move.
    pub fn prints_started(&self) -> u64 {
        self.shared.lock().machine.started
    }

    /// How many requests to print were taken: one may have had no file, or no such plate.
    pub fn prints_accepted(&self) -> u64 {
        self.shared.lock().machine.asked
    }

    /// Whether a plate was asked for that its file does not have: until a stop, nothing is printed any more.
    pub fn is_wedged(&self) -> bool {
        self.shared.lock().machine.wedged
    }

    /// The path and the plate of the latest print.
    pub fn latest_print(&self) -> (String, String) {
        let inner = self.shared.lock();
        (inner.machine.latest.path.clone(), inner.machine.latest.plate.clone())
    }

    /// The targets of the nozzles and then of the bed, in °C.
    pub fn targets(&self) -> Vec<f64> {
        let machine = &self.shared.lock().machine;
        machine.nozzles.iter().chain([&machine.bed]).map(crate::heater::Heater::target).collect()
    }

    /// Whether a light is on; none when there is none of that name.
    pub fn light(&self, node: &str) -> Option<bool> {
        let machine = &self.shared.lock().machine;
        machine.lights.iter().find(|(name, _)| name == node).map(|(_, mode)| mode == "on")
    }

    /// The latest 1024 lines of G-code that came by themselves, and not in a file.
    pub fn gcode_lines(&self) -> Vec<String> {
        self.shared.lock().machine.lines.clone()
    }

    /// The latest 1024 messages that were published to the printer, also those that it did not hear as a zombie.
    pub fn requests(&self) -> Vec<Value> {
        self.shared.lock().requests.iter().cloned().collect()
    }

    /// How many messages and commands for files have come that are to change something, whatever became of them.
    pub fn changes(&self) -> u64 {
        self.shared.lock().changes
    }

    /// What is done now, as `stg_cur` numbers it; 0 while a print's own moves go on.
    pub fn stage(&self) -> i64 {
        self.shared.lock().machine.stage
    }

    /// How many connections to the broker there are now, were at once at most, and have been in all.
    pub fn connections(&self) -> (usize, usize, u64) {
        let clients = &self.shared.lock().clients;
        (clients.len(), clients.most, clients.total())
    }

    /// The client ids of the latest 1024 connections to the broker that logged in, oldest first.
    pub fn client_ids(&self) -> Vec<String> {
        self.shared.lock().clients.ids.iter().cloned().collect()
    }

    /// Data channels whose TLS session was resumed.
    pub fn sessions_resumed(&self) -> u64 {
        self.shared.lock().transfers.resumed
    }

    /// Bytes of uploads that were taken, complete or not.
    pub fn bytes_received(&self) -> u64 {
        self.shared.lock().transfers.bytes_received
    }
}

/// What happens to the printer.
impl BambuSim {
    /// Stores a file with the folders above it, as if it had been on the card.
    pub fn put_file(&self, path: &str, content: &[u8]) {
        let mut file = store::Arriving::new(u64::MAX);
        file.push(content);
        self.shared.lock().store.place(path.trim_matches('/'), file.finish());
    }

    /// Brings the printer to rest: no print, nothing on the card, nothing heated, nothing set, no faults; homed. Connections
    /// stay, and what was counted goes on to be.
    pub fn reset(&self) {
        self.shared.silent.send_replace(false);
        let inner = &mut *self.shared.lock();
        inner.config = self.shared.config.clone();
        inner.machine.reset(&inner.config, inner.reporter.lights());
        inner.store = store::Store::new();
        inner.faults.clear_all();
        (inner.zombie, inner.loses_answer, inner.hurries) = (false, false, false);
        inner.refuses = None;
    }

    /// Somebody carries out G-code at the printer.
    pub fn gcode(&self, lines: &str) {
        let machine = &mut self.shared.lock().machine;
        for line in lines.lines() {
            machine.line(line);
        }
    }

    /// The print, if there is one, does not wait for anything any more.
    pub fn finish_soon(&self) {
        let mut inner = self.shared.lock();
        inner.hurries = true;
        let phase = inner.machine.phase();
        inner.machine.enter(phase);
    }

    /// The print fails, with this `print_error`. False when there is none.
    pub fn fail(&self, error: u32) -> bool {
        let machine = &mut self.shared.lock().machine;
        let prints = machine.job.is_some();
        if prints {
            machine.fail(error);
        }
        prints
    }

    /// Somebody starts a stored file at the printer: its first plate, or all of it when it is no project. False when there is
    /// no such file, or the printer is busy.
    pub fn start_print(&self, path: &str) -> bool {
        let mut inner = self.shared.lock();
        let path = path.trim_matches('/');
        let Some(file) = inner.store.file(path).filter(|_| !control::is_busy(&inner)) else { return false };
        let job = control::local_job(path, file.data.as_deref());
        self.shared.print(&mut inner, job);
        true
    }

    /// Somebody pauses the print at the printer. False when none is running.
    pub fn pause(&self) -> bool {
        self.shared.lock().machine.pause()
    }

    /// Somebody resumes it. False when none is paused.
    pub fn resume(&self) -> bool {
        self.shared.lock().machine.resume()
    }

    /// Somebody stops it. False when there is none.
    pub fn stop_print(&self) -> bool {
        self.shared.lock().machine.stop()
    }

    /// Shows this `print_error`; 0 takes one back.
    pub fn set_error(&self, error: u32) {
        self.shared.lock().machine.raise(error);
    }

    /// Replaces the health messages, each with its `attr` and `code`.
    pub fn set_health(&self, messages: &[(u32, u32)]) {
        self.shared.lock().machine.health = messages.to_vec();
    }

    /// Changes what becomes of commands that are not signed.
    pub fn set_control(&self, control: BambuControl) {
        self.shared.lock().config.control = control;
    }

    /// Changes how long full reports are at least, in bytes.
    pub fn set_report_size(&self, bytes: usize) {
        self.shared.lock().config.report_size = bytes;
    }

    /// Somebody else asks for everything: all who listen are told.
    pub fn tell_everything(&self) {
        self.shared.lock().publish_whole(&self.shared.config.serial);
    }

    /// Takes the card out, or puts it in.
    pub fn set_card(&self, card: bool) {
        self.shared.lock().config.card = card;
    }

    /// The printer shows another key from now on, or the first one again.
    pub fn change_key(&self, changed: bool) {
        self.shared.change_key(changed);
    }

    /// Lets `fault` happen to the next transfer that it can happen to, and gives its number; faults wait in line.
    pub fn inject(&self, fault: BambuFault) -> u64 {
        self.shared.lock().faults.inject(fault)
    }

    /// The faults that still wait for a transfer, oldest first, with their numbers.
    pub fn faults(&self) -> Vec<(u64, BambuFault)> {
        self.shared.lock().faults.all()
    }

    /// Takes a fault back. False when it was not waiting any more.
    pub fn clear_fault(&self, number: u64) -> bool {
        self.shared.lock().faults.clear(number)
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear_all();
    }

    /// The printer publishes its reports and does not hear requests, or hears them again.
    pub fn set_zombie(&self, zombie: bool) {
        self.shared.lock().zombie = zombie;
    }

    /// The printer neither reads nor writes, though connections stay open; or it goes on.
    pub fn set_silent(&self, silent: bool) {
        self.shared.silent.send_replace(silent);
    }

    /// The next message with a command for printing is carried out, and its connection reset without an answer to it.
    pub fn lose_next_answer(&self) {
        self.shared.lock().loses_answer = true;
    }

    /// The next request to print a project is refused, with this reason.
    pub fn refuse_next_project(&self, reason: &str) {
        self.shared.lock().refuses = Some(reason.to_owned());
    }

    /// Ends every connection to the broker without a word.
    pub fn drop_connections(&self) {
        self.shared.lock().clients.drop_all();
    }

    /// Restarts both servers: every connection dies at once, connections are refused for `down`, and then the same ports
    /// answer again. A print goes on; files and injected faults stay.
    pub fn restart(&self, down: Duration) {
        let shared = Arc::clone(&self.shared);
        self.shared.keep(async move { shared.replace_life(down).await });
    }

    /// As [`restart`](Self::restart), but the power was off: a print is lost, and so is what was set by commands.
    pub fn power_cycle(&self, down: Duration) {
        self.shared.lock().machine.lose_power();
        self.restart(down);
    }
}

impl Drop for BambuSim {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

/// A file on the printer's card.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BambuFile {
    /// Path below the card's root, without a leading slash.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-1 of the content in lower-case hexadecimal.
    pub sha1_hex: String,
    /// The content, unless it was longer than [`BambuConfig::keep_content_up_to`].
    pub data: Option<Bytes>,
}
