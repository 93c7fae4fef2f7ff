//! The printer as OctoPrint sees it: its connection, its parts and the selected file.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::SimConfig;
use super::messages::{Message, Terminal};
use super::sd::Sd;
use super::state::State;
use crate::gcode::{HeaterId, Interpreter};
use crate::heater::Heater;

/// Seconds each of the two steps of connecting takes.
pub(super) const CONNECTING_STEP: f64 = 0.1;
/// Seconds after connecting in which no temperature is known yet.
const FIRST_TEMPERATURE: f64 = 1.0;
/// Temperatures that are remembered.
const POINTS_KEPT: usize = 300;

pub(super) const PORT: &str = "VIRTUAL";
pub(super) const BAUDRATE: u32 = 115_200;

/// The selected file.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    /// `local` or `sdcard`.
    pub(super) origin: &'static str,
    pub(super) path: String,
    pub(super) display: String,
    pub(super) size: u64,
    pub(super) date: Option<u64>,
    /// Who selected it.
    pub(super) user: String,
    /// Seconds the last successful print of it took.
    pub(super) last_print_time: Option<f64>,
    pub(super) average_print_time: Option<f64>,
    /// What the analysis of the file expects, and the filament it needs.
    pub(super) estimated: Option<f64>,
    pub(super) filament: Value,
}

/// How far the print of the selected file is.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    None,
    /// `seconds` were printed before `since`, which is unset while the print is paused.
    Printing {
        file_position: u64,
        seconds: f64,
        since: Option<Instant>,
    },
    Done {
        seconds: f64,
    },
}

/// The simulated printer and OctoPrint's view of it.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) state: State,
    /// Why the connection was lost; empty when it was not.
    pub(super) error: String,
    /// The last firmware error, as `GET /api/printer/error` tells it.
    pub(super) firmware_error: Option<Value>,
    pub(super) selected: Option<Selected>,
    /// Before the first selection OctoPrint sends the job in an older shape.
    pub(super) ever_selected: bool,
    pub(super) progress: Progress,
    pub(super) gcode: Interpreter,
    /// The height as OctoPrint tells it, which it forgets with every job.
    pub(super) current_z: Option<f64>,
    /// The height in the last line that named one.
    pub(super) last_z: Option<f64>,
    pub(super) tools: Vec<Heater>,
    pub(super) bed: Option<Heater>,
    pub(super) chamber: Option<Heater>,
    pub(super) offsets: Map<String, Value>,
    pub(super) sd: Sd,
    pub(super) terminal: Terminal,
    /// The latest temperatures, oldest first.
    pub(super) points: VecDeque<Value>,
    pub(super) markings: Vec<Value>,
    pub(super) time_scale: f64,
    pub(super) temperatures_from: Instant,
    /// Counts prints and connections, so that a task notices that it was replaced.
    pub(super) run: u64,
    pub(super) push: broadcast::Sender<Message>,
    pub(super) changed: watch::Sender<()>,
}

impl Machine {
    pub(super) fn new(
        config: &SimConfig,
        connected: bool,
        push: broadcast::Sender<Message>,
        changed: watch::Sender<()>,
    ) -> Self {
        let heater = || Heater::new(config.time_scale);
        Self {
            state: if connected { State::Operational } else { State::Offline },
            error: String::new(),
            firmware_error: None,
            selected: None,
            ever_selected: false,
            progress: Progress::None,
            gcode: Interpreter::new(),
            current_z: None,
            last_z: None,
            tools: std::iter::repeat_with(heater).take(config.extruders.max(1)).collect(),
            bed: config.heated_bed.then(heater),
            chamber: config.heated_chamber.then(heater),
            offsets: Map::new(),
            sd: Sd::new(connected),
            terminal: Terminal::default(),
            points: VecDeque::new(),
            markings: Vec::new(),
            time_scale: config.time_scale,
            temperatures_from: Instant::now(),
            run: 0,
            push,
            changed,
        }
    }

    // --- connection

    /// Returns the number by which the connecting task knows that it is still wanted.
    pub(super) fn begin_connecting(&mut self) -> u64 {
        if self.state != State::Offline {
            self.disconnect();
        }
        self.error.clear();
        self.firmware_error = None;
        self.run += 1;
        self.event("Connecting", Value::Null);
        self.enter(State::OpenSerial);
        self.run
    }

    pub(super) fn serial_opened(&mut self, run: u64) {
        if self.run == run && self.state == State::OpenSerial {
            self.enter(State::Connecting);
            self.greet();
        }
    }

    pub(super) fn connected(&mut self, run: u64) {
        if self.run != run || self.state != State::Connecting {
            return;
        }
        self.temperatures_from =
            Instant::now() + Duration::from_secs_f64(FIRST_TEMPERATURE / self.time_scale);
        (self.gcode, self.current_z, self.last_z) = (Interpreter::new(), None, None);
        self.sd.ready = true;
        self.mark("connected", "Connected");
        self.enter(State::Operational);
        self.event("Connected", json!({ "port": PORT, "baudrate": BAUDRATE }));
        self.type_line("M115");
        self.type_line("M20");
    }

    /// Closes the connection on request; a print ends as failed.
    pub(super) fn disconnect(&mut self) {
        if self.state == State::Offline {
            return;
        }
        self.event("Disconnecting", Value::Null);
        self.lose_connection(String::new(), None);
    }

    /// `M112`: OctoPrint closes the port itself.
    pub(super) fn emergency_stop(&mut self) {
        let why = "Closing serial port due to emergency stop M112.";
        self.files_updated();
        self.terminal.say(why);
        self.lose_connection(why.to_owned(), None);
        self.event("EStop", Value::Null);
    }

    /// The serial port fails, as with a cable that is pulled out.
    pub(super) fn unplugged(&mut self) {
        if self.state == State::Offline {
            return;
        }
        // The error that the Virtual Printer's `drop_connection` makes.
        let why = "SerialTimeoutException: ";
        for line in [
            "Serial timeout while writing to serial port, trying again.",
            "Unexpected error while reading serial port, please consult octoprint.log for details: \
             SerialTimeoutException: ''",
        ] {
            self.terminal.say(line);
        }
        self.files_updated();
        self.lose_connection(why.to_owned(), Some(why));
    }

    /// The firmware halts with a thermal runaway, as the Virtual Printer can be told to.
    pub(super) fn firmware_fails(&mut self) {
        if !self.state.is_operational() {
            return;
        }
        let text = "Thermal Runaway, system stopped! Heater_ID: bed - Printer halted. kill() called!";
        self.terminal.say("Recv: Error:Thermal Runaway, system stopped! Heater_ID: bed");
        self.terminal.say("Recv: Error:Printer halted. kill() called!");
        let mut logs = self.terminal.last(19);
        logs.push(format!("Changing monitoring state from \"{}\" to \"Error\"", self.state.text()));
        let failure = json!({
            "error": text,
            "reason": "firmware",
            "consequence": "emergency",
            "faq": "firmware-thermal-runaway",
            "logs": logs,
        });
        self.firmware_error = Some(failure.clone());
        self.error = text.to_owned();
        let failed = self.fail_print(Some(text));
        self.enter(State::Error);
        self.event("Error", failure);
        self.event("EStop", Value::Null);
        self.files_updated();
        self.lose_connection(text.to_owned(), None);
        if let Some(failed) = failed {
            self.event("PrintFailed", failed);
        }
    }

    /// A print fails with `reason` if there is one, else as one that lost its connection.
    fn lose_connection(&mut self, error: String, reason: Option<&str>) {
        let failed = self.fail_print(reason);
        self.run += 1;
        self.error = error;
        self.deselect();
        for heater in self.heaters_mut() {
            heater.set_target(0.0);
        }
        self.offsets.clear();
        self.sd.ready = false;
        self.mark("disconnected", "Disconnected");
        self.event("Disconnected", Value::Null);
        self.plugin("action_command_notification", json!({}));
        self.enter(State::Offline);
        self.terminal.say("Connection closed, closing down monitor");
        if let Some(failed) = failed {
            self.event("MetadataStatisticsUpdated", json!({ "storage": "local", "path": failed["path"] }));
            self.event("PrintFailed", failed);
        }
    }

    // --- selection

    pub(super) fn select(&mut self, file: Selected) {
        let mut payload = super::messages::file_payload(&file);
        payload["size"] = Value::Null;
        self.selected = Some(file);
        self.ever_selected = true;
        self.current_z = None;
        self.progress = Progress::None;
        self.event("FileSelected", payload);
    }

    pub(super) fn is_selected(&self, origin: &str, path: &str) -> bool {
        self.selected.as_ref().is_some_and(|file| file.origin == origin && file.path == path)
    }

    pub(super) fn deselect(&mut self) {
        self.progress = Progress::None;
        if self.selected.take().is_some() {
            self.event("FileDeselected", Value::Null);
        }
    }

    // --- heaters

    /// The heater, unless the printer has none.
    pub(super) fn heater(&mut self, id: HeaterId) -> Option<&mut Heater> {
        match id {
            HeaterId::Tool(tool) => self.tools.get_mut(tool),
            HeaterId::Bed => self.bed.as_mut(),
            HeaterId::Chamber => self.chamber.as_mut(),
        }
    }

    /// Every heater by the name OctoPrint gives it.
    pub(super) fn heaters(&self) -> impl Iterator<Item = (String, &Heater)> {
        let tools = self.tools.iter().enumerate().map(|(tool, heater)| (format!("tool{tool}"), heater));
        let bed = self.bed.iter().map(|bed| ("bed".to_owned(), bed));
        let chamber = self.chamber.iter().map(|chamber| ("chamber".to_owned(), chamber));
        tools.chain(bed).chain(chamber)
    }

    pub(super) fn heaters_mut(&mut self) -> impl Iterator<Item = &mut Heater> {
        self.tools.iter_mut().chain(&mut self.bed).chain(&mut self.chamber)
    }

    pub(super) fn temperatures_known(&self) -> bool {
        self.state.is_operational() && Instant::now() >= self.temperatures_from
    }

    /// The printer reports its temperatures by itself.
    pub(super) fn report_temperatures(&mut self) {
        if self.temperatures_known() {
            let report = self.temperature_report();
            self.terminal.say(format!("Recv: {report}"));
            self.remember_temperatures();
        }
    }

    pub(super) fn remember_temperatures(&mut self) {
        if self.points.len() == POINTS_KEPT {
            self.points.pop_front();
        }
        self.points.push_back(self.temperature_point());
    }
}
