//! How a print passes through its states, and the events of each step.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::machine::{Machine, Progress};
use super::state::State;

impl Machine {
    /// Begins to print the selected file from its start; gives its origin, its path and the number of the print.
    pub(super) fn start_print(&mut self) -> Option<(&'static str, String, u64)> {
        if !matches!(self.state, State::Operational | State::Paused) {
            return None;
        }
        let file = self.selected.as_ref()?;
        let (origin, path) = (file.origin, file.path.clone());
        self.run += 1;
        self.current_z = None;
        self.progress = Progress::Printing { file_position: 0, seconds: 0.0, since: Some(Instant::now()) };
        self.enter(State::Starting);
        self.event("PrintStarted", self.job_payload());
        self.mark("print", "Start");
        self.reset_line_numbers();
        Some((origin, path, self.run))
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
        self.type_line("M400");
        self.ask_position();
        let mut payload = self.job_payload();
        payload["position"] = self.position_payload();
        payload["fileposition"] = json!(self.file_position());
        payload["progress"] = json!(self.percent().unwrap_or_default() as u64);
        self.event("PrintPaused", payload);
        self.mark("pause", "Pause");
        let mut update = self.position_payload();
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
        if !self.state.is_busy()
            || matches!(self.state, State::Cancelling | State::Finishing | State::Transferring)
        {
            return None;
        }
        let mut ended = self.job_payload();
        ended["position"] = json!({ "x": null, "y": null, "z": null, "e": null, "t": null, "f": null });
        ended["fileposition"] = json!(self.file_position());
        ended["progress"] = json!(self.percent().unwrap_or_default() as u64);
        ended["time"] = json!(self.print_seconds());
        ended["reason"] = json!("cancelled");
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
        for line in ["M108", "M84"] {
            self.type_line(line);
        }
        for tool in 0..self.tools.len() {
            self.type_line(&format!("M104 T{tool} S0"));
        }
        if self.bed.is_some() {
            self.type_line("M140 S0");
        }
        self.type_line("M106 S0");
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
        without_user(&mut payload);
        self.event("PrintDone", payload);
        let file = self.selected.as_mut()?;
        file.last_print_time = Some(seconds);
        file.average_print_time = Some(seconds);
        let path = file.path.clone();
        self.event("MetadataStatisticsUpdated", json!({ "storage": "local", "path": path }));
        Some((path, seconds))
    }

    pub(super) fn finished(&mut self) {
        self.type_line("M400");
        self.enter(State::Operational);
    }

    pub(super) fn printed_up_to(&mut self, position_in_file: u64) {
        if let Progress::Printing { file_position, .. } = &mut self.progress {
            *file_position = position_in_file;
        }
    }

    /// Ends an active print because the printer is gone. What it gives is to be told as `PrintFailed`.
    pub(super) fn fail_print(&mut self, error: Option<&str>) -> Option<Value> {
        if !self.state.is_busy() || !matches!(self.progress, Progress::Printing { .. }) {
            return None;
        }
        let mut payload = self.job_payload();
        payload["time"] = json!(self.print_seconds());
        payload["reason"] = json!("error");
        payload["error"] = json!(error.unwrap_or_default());
        payload["progress"] = json!(self.percent().unwrap_or_default() / 100.0);
        without_user(&mut payload);
        self.progress = Progress::None;
        Some(payload)
    }
}

fn without_user(payload: &mut Value) {
    if let Some(payload) = payload.as_object_mut() {
        payload.remove("user");
    }
}
