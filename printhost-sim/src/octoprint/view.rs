//! The machine as JSON: what `/api/job`, `/api/printer` and the push channel say of it.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::heater::Heater;
use super::job::USER;
use super::machine::{Machine, Progress, State, unix_time};
use super::store::leaf;

/// Seconds of printing before OctoPrint dares to estimate the rest.
const ESTIMATE_AFTER: f64 = 10.0;

impl Machine {
    /// The state's name, where `Offline` after a failure is worded differently.
    pub(super) fn state_text(&self) -> &'static str {
        if self.state == State::Offline && !self.error.is_empty() {
            "Offline after error"
        } else {
            self.state.text()
        }
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
                "sdReady": state.is_operational(),
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
                "display": leaf(&file.path),
                "origin": "local",
                "size": file.size,
                "date": file.date,
            },
            "estimatedPrintTime": null,
            "averagePrintTime": file.average_print_time,
            "lastPrintTime": file.last_print_time,
            "filament": null,
            "user": USER,
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

    /// Both heaters with `offset`; empty until the printer has reported for the first time.
    pub(super) fn temperatures_json(&self) -> Value {
        if Instant::now() < self.temperatures_from {
            return json!({});
        }
        let of = |heater: &Heater| {
            let (actual, target) = (rounded(heater.actual()), heater.target());
            json!({ "actual": actual, "target": target, "offset": 0 })
        };
        json!({ "tool0": of(&self.tool), "bed": of(&self.bed) })
    }

    /// One entry of the temperature history.
    pub(super) fn temperature_point(&self) -> Value {
        let of = |heater: &Heater| json!({ "actual": rounded(heater.actual()), "target": heater.target() });
        json!({ "time": unix_time() as u64, "tool0": of(&self.tool), "bed": of(&self.bed) })
    }

    /// The content of a `current` message.
    pub(super) fn current(&self, logs: &[&str]) -> Value {
        let mut current = self.common();
        current["logs"] = json!(logs);
        current["resends"]["transmitted"] = json!(0);
        current["busyFiles"] = match &self.selected {
            Some(file) if self.state.is_busy() => json!([{ "origin": "local", "path": file.path }]),
            _ => json!([]),
        };
        if self.state.is_operational() && Instant::now() >= self.temperatures_from {
            let mut point = self.temperature_point();
            point["chamber"] = json!({ "actual": null, "target": null });
            current["temps"] = json!([point]);
        }
        current
    }

    /// The content of a `history` message.
    pub(super) fn history(&self) -> Value {
        self.common()
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
            "currentZ": self.state.is_busy().then_some(self.position.z),
            "progress": self.progress_json(),
            "offsets": {},
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
