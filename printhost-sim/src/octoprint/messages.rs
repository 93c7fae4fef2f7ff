//! What the machine tells the push channels: events, state changes and the terminal.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};

use super::machine::{Machine, Selected};
use super::state::State;
use crate::clock::unix_time;
use crate::gcode::Position;

const MARKINGS_KEPT: usize = 300;
/// Lines of the terminal that a slow push channel can still get.
const LINES_KEPT: usize = 1000;

/// What goes to every authenticated push channel that subscribed to it.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Event(Arc<Value>),
    Plugin(Arc<Value>),
    /// The state changed, and this is what `current` said right then.
    Current(Arc<Value>),
    /// This session was closed.
    LoggedOut(Arc<str>),
    /// The channels break.
    HangUp,
}

/// The lines between OctoPrint and the printer, and OctoPrint's own beside them.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    lines: VecDeque<String>,
    /// How many lines there ever were.
    count: u64,
    /// The number of the line sent last, as firmware counts them.
    pub(super) number: u32,
}

impl Terminal {
    pub(super) fn say(&mut self, line: impl Into<String>) {
        if self.lines.len() == LINES_KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line.into());
        self.count += 1;
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The lines after the first `seen`, as far as they are kept.
    pub(super) fn since(&self, seen: u64) -> Vec<String> {
        let new = usize::try_from(self.count.saturating_sub(seen)).unwrap_or(usize::MAX);
        self.last(new)
    }

    pub(super) fn last(&self, lines: usize) -> Vec<String> {
        self.lines.iter().skip(self.lines.len().saturating_sub(lines)).cloned().collect()
    }
}

impl Machine {
    pub(super) fn event(&self, kind: &str, payload: Value) {
        let event = json!({ "event": { "type": kind, "payload": payload } });
        let _ = self.push.send(Message::Event(Arc::new(event)));
    }

    pub(super) fn plugin(&self, plugin: &str, data: Value) {
        let message = json!({ "plugin": { "plugin": plugin, "data": data } });
        let _ = self.push.send(Message::Plugin(Arc::new(message)));
    }

    pub(super) fn files_updated(&self) {
        self.event("UpdatedFiles", json!({ "type": "printables" }));
    }

    pub(super) fn enter(&mut self, state: State) {
        let from = self.state.text();
        self.state = state;
        let to = if state == State::Offline { self.state_text() } else { state.text() };
        self.terminal.say(format!("Changing monitoring state from \"{from}\" to \"{to}\""));
        self.event("PrinterStateChanged", json!({ "state_id": state.id(), "state_string": state.text() }));
        let current = json!({ "current": self.current() });
        let _ = self.push.send(Message::Current(Arc::new(current)));
        self.changed.send_replace(());
    }

    pub(super) fn mark(&mut self, kind: &str, label: &str) {
        if self.markings.len() == MARKINGS_KEPT {
            self.markings.remove(0);
        }
        self.markings.push(json!({ "type": kind, "label": label, "time": unix_time() }));
        if !matches!(kind, "connected" | "disconnected") {
            self.event("ChartMarked", json!({ "type": kind, "label": label }));
        }
    }

    pub(super) fn job_payload(&self) -> Value {
        self.selected.as_ref().map_or(Value::Null, file_payload)
    }

    pub(super) fn position_payload(&self) -> Value {
        let Position { x, y, z, e, f } = self.gcode.position;
        json!({ "x": x, "y": y, "z": z, "e": e, "t": self.gcode.tool, "f": f })
    }
}

pub(super) fn file_payload(file: &Selected) -> Value {
    json!({
        "name": super::store::leaf(&file.path),
        "path": file.path,
        "origin": file.origin,
        "size": file.size,
        "owner": file.user,
        "user": file.user,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_gives_each_reader_what_it_has_not_seen() {
        let mut terminal = Terminal::default();
        terminal.say("a");
        let seen = terminal.count();
        terminal.say("b");
        terminal.say("c");
        assert_eq!(terminal.since(seen), ["b", "c"]);
        assert_eq!(terminal.since(0), ["a", "b", "c"]);
        for _ in 0..LINES_KEPT {
            terminal.say("d");
        }
        assert_eq!(terminal.since(0).len(), LINES_KEPT);
        assert!(terminal.since(terminal.count()).is_empty());
    }
}
