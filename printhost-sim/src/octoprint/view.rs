//! The machine as JSON: what `/api/job`, `/api/printer` and the push channel say of it.

use serde_json::{Map, Value, json};

use super::machine::{Machine, Progress};
use super::state::State;
use super::store::leaf;
use crate::clock::unix_time;

/// Seconds of printing before OctoPrint dares to estimate the rest.
const ESTIMATE_AFTER: f64 = 10.0;

impl Machine {
    /// The state's name, where `Offline` after a failure is worded differently.
    pub(super) fn state_text(&self) -> &'static str {
        if self.state == State::Offline && !self.error.is_empty() {
            "Offline after error"
        } else {
            let from_card = self.selected.as_ref().is_some_and(|file| file.origin == "sdcard");
            if self.state == State::Printing && from_card { "Printing from SD" } else { self.state.text() }
        }
    }

    /// The path of the local file that is being printed.
    pub(super) fn printing_path(&self) -> Option<String> {
        let file = self.selected.as_ref().filter(|file| self.state.is_busy() && file.origin == "local")?;
        Some(file.path.clone())
    }

    pub(super) fn state_json(&self) -> Value {
        let state = self.state;
        json!({
            "text": self.state_text(),
            "error": self.error,
            "flags": {
                "operational": state.is_operational(),
                "printing": state.is_printing(),
                "cancelling": state == State::Cancelling,
                "pausing": state == State::Pausing,
                "resuming": state == State::Resuming,
                "finishing": state == State::Finishing,
                "closedOrError": matches!(state, State::Offline | State::Error),
                "error": state == State::Error,
                "paused": state == State::Paused,
                "ready": state == State::Operational,
                "sdReady": self.sd.ready,
            },
        })
    }

    pub(super) fn job_json(&self) -> Value {
        let Some(file) = &self.selected else {
            return if self.ever_selected { no_job() } else { never_a_job() };
        };
        json!({
            "file": {
                "name": leaf(&file.path),
                "path": file.path,
                "display": file.display,
                "origin": file.origin,
                "size": file.size,
                "date": file.date,
            },
            "estimatedPrintTime": file.estimated,
            "averagePrintTime": file.average_print_time,
            "lastPrintTime": file.last_print_time,
            "filament": file.filament,
            "user": file.user,
        })
    }

    pub(super) fn progress_json(&self) -> Value {
        let (file_position, left, origin) = match self.progress {
            Progress::None => (None, None, None),
            Progress::Printing { file_position, .. } => {
                (Some(file_position), self.seconds_left(), Some("linear"))
            }
            Progress::Done { .. } => (self.selected.as_ref().map(|file| file.size), Some(0), None),
        };
        json!({
            "completion": self.percent(),
            "filepos": file_position,
            "printTime": file_position.map(|_| self.print_seconds() as u64),
            "printTimeLeft": left,
            "printTimeLeftOrigin": origin,
        })
    }

    /// Every heater with its offset; empty until the printer has reported for the first time.
    pub(super) fn temperatures_json(&self) -> Value {
        let mut temperatures = Map::new();
        if self.temperatures_known() {
            for (name, heater) in self.heaters() {
                let offset = self.offsets.get(&name).cloned().unwrap_or_else(|| json!(0));
                let (actual, target) = (rounded(heater.actual()), heater.target());
                let json = json!({ "actual": actual, "target": target, "offset": offset });
                temperatures.insert(name, json);
            }
        }
        Value::Object(temperatures)
    }

    /// One entry of the temperature history.
    pub(super) fn temperature_point(&self) -> Value {
        let mut point = json!({ "time": unix_time() as u64 });
        for (name, heater) in self.heaters() {
            point[name] = json!({ "actual": rounded(heater.actual()), "target": heater.target() });
        }
        point
    }

    /// The content of a `current` message, without what happened on the terminal.
    pub(super) fn current(&self) -> Value {
        let mut current = self.common();
        current["resends"]["transmitted"] = json!(0);
        current["busyFiles"] = match &self.selected {
            Some(file) if self.state.is_busy() => json!([{ "origin": file.origin, "path": file.path }]),
            _ => json!([]),
        };
        if self.temperatures_known() {
            let mut point = self.temperature_point();
            if self.chamber.is_none() {
                point["chamber"] = json!({ "actual": null, "target": null });
            }
            current["temps"] = json!([point]);
        }
        current
    }

    /// The content of a `history` message, without the terminal.
    pub(super) fn history(&self) -> Value {
        let mut history = self.common();
        history["temps"] = json!(self.points);
        history
    }

    /// Percent of the file that is printed.
    pub(super) fn percent(&self) -> Option<f64> {
        match self.progress {
            Progress::None => None,
            Progress::Printing { file_position, .. } => {
                let size = self.selected.as_ref().map_or(0, |file| file.size);
                Some(if size == 0 { 100.0 } else { file_position as f64 / size as f64 * 100.0 })
            }
            Progress::Done { .. } => Some(100.0),
        }
    }

    pub(super) fn file_position(&self) -> Option<u64> {
        match self.progress {
            Progress::Printing { file_position, .. } => Some(file_position),
            _ => None,
        }
    }

    /// Seconds of the printer's time spent printing, without pauses.
    pub(super) fn print_seconds(&self) -> f64 {
        match self.progress {
            Progress::None => 0.0,
            Progress::Printing { seconds, since, .. } => {
                seconds + since.map_or(0.0, |since| since.elapsed().as_secs_f64() * self.time_scale)
            }
            Progress::Done { seconds } => seconds,
        }
    }

    fn seconds_left(&self) -> Option<u64> {
        let (seconds, percent) = (self.print_seconds(), self.percent()?);
        (seconds >= ESTIMATE_AFTER && percent > 0.0).then(|| (seconds / percent * (100.0 - percent)) as u64)
    }

    fn common(&self) -> Value {
        json!({
            "state": self.state_json(),
            "job": self.job_json(),
            "currentZ": self.current_z,
            "progress": self.progress_json(),
            "offsets": self.offsets,
            "resends": { "count": 0, "ratio": 0 },
            "temps": [],
            "logs": [],
            "messages": [],
            "markings": self.markings,
            "serverTime": unix_time(),
        })
    }
}

/// The job between the start of the server and the first selection.
fn never_a_job() -> Value {
    json!({
        "file": { "name": null, "path": null, "origin": null, "size": null, "date": null },
        "estimatedPrintTime": null,
        "lastPrintTime": null,
        "filament": { "length": null, "volume": null },
        "user": null,
    })
}

/// The job after a selected file was deselected.
fn no_job() -> Value {
    json!({
        "file": { "name": null, "path": null, "display": null, "origin": null, "size": null, "date": null },
        "estimatedPrintTime": null,
        "averagePrintTime": null,
        "lastPrintTime": null,
        "filament": null,
        "user": null,
    })
}

/// Two digits, as firmware reports temperatures.
fn rounded(celsius: f64) -> f64 {
    (celsius * 100.0).round() / 100.0
}
