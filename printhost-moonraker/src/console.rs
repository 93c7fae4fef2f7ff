//! What Klipper answers to G-code: it tells everybody everything, so what comes while a call is under way is its answer.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::cell::RefCell;

use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};

use crate::wire::json::Reader;

/// The longest message that is taken, in bytes.
const MAX_MESSAGE: usize = 4096;

/// The console, as far as somebody listens to it.
pub(crate) struct Console(Mutex<CriticalSectionRawMutex, RefCell<State>>);

#[derive(Default)]
struct State {
    /// The websocket is there.
    open: bool,
    listener: Option<Listener>,
}

#[derive(Default)]
struct Listener {
    /// Temperatures were asked for.
    wants_temperatures: bool,
    replies: Vec<String>,
    room: usize,
}

/// Somebody who listens; one at a time.
pub(crate) struct Replies<'a>(&'a Console);

impl Console {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(RefCell::new(State { open: false, listener: None })))
    }

    pub(crate) fn open(&self) {
        self.with(|state| state.open = true);
    }

    pub(crate) fn close(&self) {
        self.with(|state| state.open = false);
    }

    /// Listens to what is said from now on, up to `room` bytes of it. `None` when it is not to be heard, or somebody else
    /// listens.
    pub(crate) fn listen(&self, gcode: &str, room: usize) -> Option<Replies<'_>> {
        self.with(|state| {
            if !state.open || state.listener.is_some() {
                return None;
            }
            let asks = |line: &str| {
                let command = line.trim().get(..4).unwrap_or_default();
                ["M105", "M109", "M190"].iter().any(|asks| asks.eq_ignore_ascii_case(command))
            };
            let wants_temperatures = gcode.lines().any(asks);
            state.listener = Some(Listener { wants_temperatures, replies: Vec::new(), room });
            Some(Replies(self))
        })
    }

    /// `notify_gcode_response`
    pub(crate) fn take(&self, mut line: Reader<'_>) {
        self.with(|state| {
            let Some(listener) = &mut state.listener else { return };
            let mut text = String::new();
            if line.text(&mut text, MAX_MESSAGE).is_ok() {
                listener.take(&text);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        self.0.lock(|state| act(&mut state.borrow_mut()))
    }
}

impl Listener {
    fn take(&mut self, text: &str) {
        for line in text.lines() {
            // Klipper's mark of what is no answer of a printer's.
            let line = line.strip_prefix("// ").unwrap_or(line).trim();
            if line.is_empty() || line == "//" || is_temperatures(line) && !self.wants_temperatures {
                continue;
            }
            match self.room.checked_sub(line.len() + size_of::<String>()) {
                Some(room) => {
                    self.room = room;
                    self.replies.push(line.to_owned());
                }
                None => self.room = 0,
            }
        }
    }
}

/// `B:21.3 /0.0 T0:23.5 /0.0`, which comes every second while something is heated.
fn is_temperatures(line: &str) -> bool {
    let first = line.split(':').next().unwrap_or_default();
    line.contains(" /") && (first == "B" || first.starts_with('T')) && first.len() <= 3
}

impl Replies<'_> {
    /// What was heard.
    pub(crate) fn collect(self) -> Vec<String> {
        self.0.with(|state| {
            state.listener.as_mut().map(|l| core::mem::take(&mut l.replies)).unwrap_or_default()
        })
    }
}

impl Drop for Replies<'_> {
    fn drop(&mut self) {
        self.0.with(|state| state.listener = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(gcode: &str, room: usize, messages: &[&str]) -> Vec<String> {
        let console = Console::new();
        assert!(console.listen(gcode, room).is_none());
        console.open();
        let replies = console.listen(gcode, room).unwrap();
        assert!(console.listen(gcode, room).is_none());
        for message in messages {
            let json = serde_json::to_string(message).unwrap() + "]";
            console.take(Reader::new(json.as_bytes()));
        }
        let heard = replies.collect();
        assert!(console.listen(gcode, room).is_some());
        heard
    }

    #[test]
    fn replies_are_the_lines_without_klippers_mark_and_unasked_temperatures() {
        let messages =
            ["// FIRMWARE_NAME:Klipper\n// X", "B:23.5 /0.0 T0:23.5 /0.0", "!! Must home axis first"];
        assert_eq!(heard("M115", 1000, &messages), ["FIRMWARE_NAME:Klipper", "X", "!! Must home axis first"]);
        assert_eq!(heard("m105", 1000, &messages[1..2]), ["B:23.5 /0.0 T0:23.5 /0.0"]);
    }

    #[test]
    fn replies_are_bounded() {
        let many = ["x"; 1000];
        assert!(heard("M115", 500, &many).len() <= 500 / size_of::<String>());
    }
}
