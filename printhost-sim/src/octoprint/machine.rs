//! The printer: its states, the transitions between them and the events each sends.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::gcode::{HeaterId, Position};
use super::heater::Heater;

/// Seconds each of the two steps of connecting takes.
pub(super) const CONNECTING_STEP: f64 = 0.1;
/// Seconds after connecting in which no temperature is known yet.
const FIRST_TEMPERATURE: f64 = 1.0;
const MARKINGS_KEPT: usize = 300;

pub(super) const PORT: &str = "VIRTUAL";
pub(super) const BAUDRATE: u32 = 115_200;

/// What goes to every authenticated WebSocket that subscribed to it.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Event(Arc<Value>),
    Current(Arc<Value>),
}

/// The states of OctoPrint's communication layer that the simulator passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Offline,
    OpenSerial,
    Connecting,
    Operational,
    Starting,
    Printing,
    Pausing,
    Paused,
    Resuming,
    Cancelling,
    Finishing,
    Error,
}

/// The selected file.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) date: u64,
    /// Seconds the last successful print of it took.
    pub(super) last_print_time: Option<f64>,
    pub(super) average_print_time: Option<f64>,
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

/// The last firmware error, as `GET /api/printer/error` tells it.
pub(super) type FirmwareError = Option<Value>;

/// The simulated printer and OctoPrint's view of it.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) state: State,
    /// Why the connection was lost; empty when it was not.
    pub(super) error: String,
    pub(super) firmware_error: FirmwareError,
    pub(super) selected: Option<Selected>,
    /// Before the first selection OctoPrint sends the job in an older shape.
    pub(super) ever_selected: bool,
    pub(super) progress: Progress,
    pub(super) position: Position,
    pub(super) tool: Heater,
    pub(super) bed: Heater,
    pub(super) markings: Vec<Value>,
    pub(super) time_scale: f64,
    pub(super) temperatures_from: Instant,
    /// Counts prints and connections, so that a task notices that it was replaced.
    run: u64,
    push: broadcast::Sender<Message>,
    changed: watch::Sender<()>,
}

impl State {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Offline => "Offline",
            Self::OpenSerial => "Opening serial connection",
            Self::Connecting => "Connecting",
            Self::Operational => "Operational",
            Self::Starting => "Starting",
            Self::Printing => "Printing",
            Self::Pausing => "Pausing",
            Self::Paused => "Paused",
            Self::Resuming => "Resuming",
            Self::Cancelling => "Cancelling",
            Self::Finishing => "Finishing",
            Self::Error => "Error",
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Offline => "OFFLINE",
            Self::OpenSerial => "OPEN_SERIAL",
            Self::Connecting => "CONNECTING",
            Self::Operational => "OPERATIONAL",
            Self::Starting => "STARTING",
            Self::Printing => "PRINTING",
            Self::Pausing => "PAUSING",
            Self::Paused => "PAUSED",
            Self::Resuming => "RESUMING",
            Self::Cancelling => "CANCELLING",
            Self::Finishing => "FINISHING",
            Self::Error => "ERROR",
        }
    }

    pub(super) fn is_operational(self) -> bool {
        self == Self::Operational || self.is_busy()
    }

    /// The flag `printing`, which covers every transitional state.
    pub(super) fn is_printing(self) -> bool {
        use State::{Cancelling, Finishing, Pausing, Printing, Resuming, Starting};
        matches!(self, Starting | Printing | Pausing | Resuming | Cancelling | Finishing)
    }

    /// A print is active, moving or not.
    pub(super) fn is_busy(self) -> bool {
        self.is_printing() || self == Self::Paused
    }
}

impl Machine {
    pub(super) fn new(
        connected: bool,
        time_scale: f64,
        push: broadcast::Sender<Message>,
        changed: watch::Sender<()>,
    ) -> Self {
        Self {
            state: if connected { State::Operational } else { State::Offline },
            error: String::new(),
            firmware_error: None,
            selected: None,
            ever_selected: false,
            progress: Progress::None,
            position: Position::default(),
            tool: Heater::new(time_scale),
            bed: Heater::new(time_scale),
            markings: Vec::new(),
            time_scale,
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
        }
    }

    pub(super) fn connected(&mut self, run: u64) {
        if self.run != run || self.state != State::Connecting {
            return;
        }
        let wait = std::time::Duration::from_secs_f64(FIRST_TEMPERATURE / self.time_scale);
        self.temperatures_from = Instant::now() + wait;
        self.mark("connected", "Connected");
        self.enter(State::Operational);
        self.event("Connected", json!({ "port": PORT, "baudrate": BAUDRATE }));
        let firmware = "Virtual Marlin 1.0";
        let data = json!({ "FIRMWARE_NAME": firmware, "PROTOCOL_VERSION": "1.0" });
        self.event("FirmwareData", json!({ "name": firmware, "data": data }));
        self.files_updated();
    }

    /// Closes the connection on request; a print ends as failed.
    pub(super) fn disconnect(&mut self) {
        if self.state == State::Offline {
            return;
        }
        self.event("Disconnecting", Value::Null);
        self.lose_connection(String::new());
    }

    /// `M112`: OctoPrint closes the port itself.
    pub(super) fn emergency_stop(&mut self) {
        self.files_updated();
        self.lose_connection("Closing serial port due to emergency stop M112.".to_owned());
        self.event("EStop", Value::Null);
    }

    /// The firmware halts with a thermal runaway, as the Virtual Printer can be told to.
    pub(super) fn firmware_fails(&mut self) {
        let text = "Thermal Runaway, system stopped! Heater_ID: bed - Printer halted. kill() called!";
        let failure = json!({
            "error": text,
            "reason": "firmware",
            "consequence": "emergency",
            "faq": "firmware-thermal-runaway",
            "logs": [
                "Send: M105",
                "Recv: Error:Thermal Runaway, system stopped! Heater_ID: bed",
                "Recv: Error:Printer halted. kill() called!",
                format!("Changing monitoring state from \"{}\" to \"Error\"", self.state.text()),
            ],
        });
        self.firmware_error = Some(failure.clone());
        self.error = text.to_owned();
        self.fail_print();
        self.enter(State::Error);
        self.event("Error", failure);
        self.event("EStop", Value::Null);
        self.files_updated();
        self.lose_connection(text.to_owned());
    }

    fn lose_connection(&mut self, error: String) {
        self.fail_print();
        self.run += 1;
        self.error = error;
        self.deselect();
        self.tool.set_target(0.0);
        self.bed.set_target(0.0);
        self.mark("disconnected", "Disconnected");
        self.event("Disconnected", Value::Null);
        self.enter(State::Offline);
    }

    /// Ends an active print because the printer is gone.
    fn fail_print(&mut self) {
        if self.state.is_busy() && matches!(self.progress, Progress::Printing { .. }) {
            let payload = self.ended_payload("error");
            self.progress = Progress::None;
            self.event("PrintFailed", payload);
        }
    }

    // --- selection

    pub(super) fn select(&mut self, file: Selected) {
        let mut payload = file_payload(&file);
        payload["size"] = Value::Null;
        self.selected = Some(file);
        self.ever_selected = true;
        self.progress = Progress::None;
        self.event("FileSelected", payload);
    }

    pub(super) fn is_selected(&self, path: &str) -> bool {
        self.selected.as_ref().is_some_and(|file| file.path == path)
    }

    pub(super) fn deselect(&mut self) {
        self.progress = Progress::None;
        if self.selected.take().is_some() {
            self.event("FileDeselected", Value::Null);
        }
    }

    // --- print

    /// Begins to print the selected file from its start; gives its path and the number of the print.
    pub(super) fn start_print(&mut self) -> Option<(String, u64)> {
        if !matches!(self.state, State::Operational | State::Paused) {
            return None;
        }
        let path = self.selected.as_ref()?.path.clone();
        self.run += 1;
        self.progress = Progress::Printing { file_position: 0, seconds: 0.0, since: Some(Instant::now()) };
        self.enter(State::Starting);
        self.event("PrintStarted", self.job_payload());
        self.mark("print", "Start");
        Some((path, self.run))
    }

    /// The state of print `run`; none when it is not the current one any more.
    pub(super) fn state_of(&self, run: u64) -> Option<State> {
        (self.run == run).then_some(self.state)
    }

    pub(super) fn begin_printing(&mut self) {
        self.enter(State::Printing);
    }

    pub(super) fn pause(&mut self) {
        if matches!(self.state, State::Starting | State::Printing | State::Resuming) {
            self.enter(State::Pausing);
        }
    }

    pub(super) fn paused(&mut self) {
        let total = self.print_seconds();
        if let Progress::Printing { seconds, since, .. } = &mut self.progress {
            (*seconds, *since) = (total, None);
        }
        let mut payload = self.job_payload();
        let position = self.position_payload();
        payload["position"] = position.clone();
        payload["fileposition"] = json!(self.file_position());
        payload["progress"] = json!(self.percent().unwrap_or_default() as u64);
        self.event("PrintPaused", payload);
        self.mark("pause", "Pause");
        let mut update = position;
        update["reason"] = json!("pause");
        self.event("PositionUpdate", update);
        self.enter(State::Paused);
    }

    /// Asks a paused print to go on.
    pub(super) fn resume(&mut self) {
        if self.state == State::Paused {
            self.enter(State::Resuming);
        }
    }

    pub(super) fn resumed(&mut self) {
        if let Progress::Printing { since, .. } = &mut self.progress {
            since.get_or_insert_with(Instant::now);
        }
        self.event("PrintResumed", self.job_payload());
        self.mark("resume", "Resume");
        self.enter(State::Printing);
    }

    /// Asks an active print to end. Gives the path of a print that thereby failed.
    pub(super) fn cancel(&mut self) -> Option<String> {
        if !self.state.is_busy() || matches!(self.state, State::Cancelling | State::Finishing) {
            return None;
        }
        let ended = self.ended_payload("cancelled");
        self.event("PrintCancelling", self.job_payload());
        self.progress = Progress::None;
        self.enter(State::Cancelling);
        self.event("PrintCancelled", ended.clone());
        self.mark("cancel", "Cancel");
        let path = self.selected.as_ref().map(|file| file.path.clone());
        self.event("MetadataStatisticsUpdated", json!({ "storage": "local", "path": path }));
        self.event("PrintFailed", ended);
        path
    }

    pub(super) fn cancelled(&mut self) {
        self.tool.set_target(0.0);
        self.bed.set_target(0.0);
        self.enter(State::Operational);
    }

    /// The file is at its end. Gives its path and the seconds it took.
    pub(super) fn finish(&mut self) -> Option<(String, f64)> {
        let seconds = self.print_seconds();
        self.progress = Progress::Done { seconds };
        self.enter(State::Finishing);
        self.mark("done", "Done");
        let mut payload = self.job_payload();
        payload["time"] = json!(seconds);
        if let Some(payload) = payload.as_object_mut() {
            payload.remove("user");
        }
        self.event("PrintDone", payload);
        let file = self.selected.as_mut()?;
        file.last_print_time = Some(seconds);
        file.average_print_time = Some(seconds);
        let path = file.path.clone();
        self.event("MetadataStatisticsUpdated", json!({ "storage": "local", "path": path }));
        Some((path, seconds))
    }

    pub(super) fn finished(&mut self) {
        self.enter(State::Operational);
    }

    pub(super) fn printed_up_to(&mut self, position_in_file: u64, position: Position) {
        self.position = position;
        if let Progress::Printing { file_position, .. } = &mut self.progress {
            *file_position = position_in_file;
        }
    }

    pub(super) fn heater(&mut self, id: HeaterId) -> &mut Heater {
        match id {
            HeaterId::Tool => &mut self.tool,
            HeaterId::Bed => &mut self.bed,
        }
    }

    // --- messages

    pub(super) fn event(&self, kind: &str, payload: Value) {
        let event = json!({ "event": { "type": kind, "payload": payload } });
        let _ = self.push.send(Message::Event(Arc::new(event)));
    }

    pub(super) fn files_updated(&self) {
        self.event("UpdatedFiles", json!({ "type": "printables" }));
    }

    fn enter(&mut self, state: State) {
        let line =
            format!("Changing monitoring state from \"{}\" to \"{}\"", self.state.text(), state.text());
        self.state = state;
        self.event("PrinterStateChanged", json!({ "state_id": state.id(), "state_string": state.text() }));
        let current = json!({ "current": self.current(&[&line]) });
        let _ = self.push.send(Message::Current(Arc::new(current)));
        self.changed.send_replace(());
    }

    fn mark(&mut self, kind: &str, label: &str) {
        if self.markings.len() == MARKINGS_KEPT {
            self.markings.remove(0);
        }
        self.markings.push(json!({ "type": kind, "label": label, "time": unix_time() }));
        if !matches!(kind, "connected" | "disconnected") {
            self.event("ChartMarked", json!({ "type": kind, "label": label }));
        }
    }

    fn job_payload(&self) -> Value {
        self.selected.as_ref().map_or(Value::Null, file_payload)
    }

    fn ended_payload(&self, reason: &str) -> Value {
        let mut payload = self.job_payload();
        payload["position"] = json!({ "x": null, "y": null, "z": null, "e": null, "t": null, "f": null });
        payload["fileposition"] = json!(self.file_position());
        payload["progress"] = json!(self.percent().unwrap_or_default() as u64);
        payload["time"] = json!(self.print_seconds());
        payload["reason"] = json!(reason);
        payload
    }

    fn position_payload(&self) -> Value {
        let Position { x, y, z, e, f } = self.position;
        json!({ "x": x, "y": y, "z": z, "e": e, "t": 0, "f": f })
    }
}

pub(super) fn unix_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn file_payload(file: &Selected) -> Value {
    json!({
        "name": super::store::leaf(&file.path),
        "path": file.path,
        "origin": "local",
        "size": file.size,
        "owner": super::job::USER,
        "user": super::job::USER,
    })
}
