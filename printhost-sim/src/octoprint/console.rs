//! The serial line: what is sent to the printer, and what its firmware answers, as the Virtual Printer does.

use serde_json::{Value, json};

use super::machine::Machine;
use super::state::State;
use crate::gcode::{Effect, HeaterId, Words, without_comment};

const FIRMWARE: &str = "Virtual Marlin 1.0";
const CAPABILITIES: [&str; 6] = [
    "Cap:AUTOREPORT_TEMP:1",
    "Cap:AUTOREPORT_SD_STATUS:1",
    "Cap:AUTOREPORT_POS:0",
    "Cap:EMERGENCY_PARSER:1",
    "Cap:EXTENDED_M20:0",
    "Cap:LFN_WRITE:0",
];
const TRIGGER_FATAL: &str = "!!DEBUG:trigger_fatal_error_marlin";
const TRIGGER_DROP: &str = "!!DEBUG:drop_connection";

/// A line that the printer works on.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// How long it takes.
    pub(super) seconds: f64,
    /// What the printer answers then.
    replies: Vec<String>,
}

impl Machine {
    /// Sends a line and takes the answer at once, as for commands from the terminal.
    pub(super) fn type_line(&mut self, line: &str) {
        match line.trim() {
            TRIGGER_FATAL => {
                self.terminal.say(format!("Send: {TRIGGER_FATAL}"));
                return self.firmware_fails();
            }
            TRIGGER_DROP => {
                self.terminal.say(format!("Send: {TRIGGER_DROP}"));
                return self.unplugged();
            }
            _ => {}
        }
        if let Some(sent) = self.send(line) {
            self.acknowledge(sent);
        }
    }

    /// Sends a line; nothing is sent for one without a command.
    pub(super) fn send(&mut self, line: &str) -> Option<Sent> {
        let code = without_comment(line);
        let words = Words(code);
        let command = words.command()?;
        if command == "M112" {
            self.say_sent(code);
            self.emergency_stop();
            return None;
        }
        if let Some(tool) = command.strip_prefix('T').and_then(|tool| tool.parse::<usize>().ok())
            && tool >= self.tools.len()
        {
            self.suppress(code);
            return None;
        }
        self.say_sent(code);
        let effect = self.gcode.line(code);
        let seconds = self.apply(effect);
        // The firmware knows its commands in upper case only, and is content with any other.
        let mut replies = if code.starts_with(&command) { self.replies(&command, &words) } else { vec![] };
        if command != "M105" && command != "M114" || replies.is_empty() {
            replies.push("ok".to_owned());
        }
        Some(Sent { seconds, replies })
    }

    /// The printer is done with a line.
    pub(super) fn acknowledge(&mut self, sent: Sent) {
        for reply in sent.replies {
            self.terminal.say(format!("Recv: {reply}"));
        }
    }

    /// What the firmware says when the port is opened.
    pub(super) fn greet(&mut self) {
        for line in ["start", "Marlin: Virtual Marlin!", "SD card ok"] {
            self.terminal.say(format!("Recv: {line}"));
        }
        self.reset_line_numbers();
    }

    pub(super) fn reset_line_numbers(&mut self) {
        self.terminal.number = 0;
        self.terminal.say("Send: N0 M110 N0*125");
        self.terminal.say("Recv: ok");
    }

    /// `M114` on OctoPrint's own account, which tells of the position in an event of its own.
    pub(super) fn ask_position(&mut self) {
        self.say_sent("M114");
        let reply = self.position_report();
        self.terminal.say(format!("Recv: {reply}"));
    }

    /// All temperatures in one line.
    pub(super) fn temperature_report(&self) -> String {
        let of = |name: &str, heater: &crate::heater::Heater| {
            format!("{name}:{:.2}/ {:.2} ", heater.actual(), heater.target())
        };
        let active = &self.tools[self.gcode.tool.min(self.tools.len() - 1)];
        let mut report = of("T", active);
        if self.tools.len() > 1 {
            for (tool, heater) in self.tools.iter().enumerate() {
                report += &of(&format!("T{tool}"), heater);
            }
        }
        report += &self.bed.iter().map(|bed| of("B", bed)).collect::<String>();
        report += &self.chamber.iter().map(|chamber| of("C", chamber)).collect::<String>();
        report + "@:64"
    }

    fn apply(&mut self, effect: Effect) -> f64 {
        match effect {
            Effect::None => 0.0,
            Effect::Takes(seconds) => seconds,
            Effect::Dwell(seconds) => {
                self.event("Dwelling", Value::Null);
                seconds
            }
            Effect::Move { seconds, z } => {
                // OctoPrint reads the line, so a relative height is taken for an absolute one.
                if let Some(new) = z.filter(|new| self.last_z != Some(*new)) {
                    self.last_z = Some(new);
                    if self.current_z != Some(new) {
                        self.event("ZChange", json!({ "new": new, "old": self.current_z }));
                        self.current_z = Some(new);
                    }
                }
                seconds
            }
            Effect::Home => {
                self.event("Home", Value::Null);
                crate::gcode::SHORT
            }
            Effect::Tool(new) => {
                let old = std::mem::replace(&mut self.gcode.tool, new);
                self.event("ToolChange", json!({ "old": old, "new": new }));
                crate::gcode::SHORT
            }
            Effect::Heat { heater, celsius, wait } => {
                let Some(heater) = self.heater(heater) else { return crate::gcode::SHORT };
                heater.set_target(celsius);
                if wait { heater.seconds_to_heat().max(crate::gcode::SHORT) } else { crate::gcode::SHORT }
            }
        }
    }

    fn replies(&mut self, command: &str, words: &Words<'_>) -> Vec<String> {
        let rest = words.0.split_once(' ').map_or("", |(_, rest)| rest);
        match command {
            "M105" => {
                self.remember_temperatures();
                vec![format!("ok {}", self.temperature_report())]
            }
            "M114" => {
                let mut update = self.position_payload();
                update["reason"] = Value::Null;
                self.event("PositionUpdate", update);
                vec![self.position_report()]
            }
            "M115" => {
                let data = json!({ "FIRMWARE_NAME": FIRMWARE, "PROTOCOL_VERSION": "1.0" });
                self.event("FirmwareData", json!({ "name": FIRMWARE, "data": data }));
                let first = format!("FIRMWARE_NAME:{FIRMWARE} PROTOCOL_VERSION:1.0");
                std::iter::once(first).chain(CAPABILITIES.map(str::to_owned)).collect()
            }
            "M20" => {
                self.files_updated();
                let files = self.sd.listing_lines();
                std::iter::once("Begin file list".to_owned())
                    .chain(files)
                    .chain(["End file list".to_owned()])
                    .collect()
            }
            "M21" => {
                self.sd.ready = true;
                vec!["SD card ok".to_owned()]
            }
            "M22" => {
                self.sd.ready = false;
                Vec::new()
            }
            "M27" => vec!["Not SD printing".to_owned()],
            "M117" => vec![format!("echo:{rest}")],
            "M118" => vec![rest.to_owned()],
            "T0" | "T1" | "T2" | "T3" | "T4" | "T5" | "T6" | "T7" | "T8" | "T9" => {
                vec![format!("Active Extruder: {}", self.gcode.tool)]
            }
            _ => Vec::new(),
        }
    }

    fn position_report(&self) -> String {
        let p = &self.gcode.position;
        let axis = |value: f64| if value == 0.0 { "0".to_owned() } else { format!("{value:?}") };
        let steps = |value: f64| (value * 100.0) as i64;
        format!(
            "ok X:{} Y:{} Z:{} E:{} Count: A:{} B:{} C:{}",
            axis(p.x),
            axis(p.y),
            axis(p.z),
            axis(p.e),
            steps(p.x),
            steps(p.y),
            steps(p.z)
        )
    }

    /// While a file is printed every line has a number and a checksum.
    fn say_sent(&mut self, code: &str) {
        if matches!(self.state, State::Operational | State::Connecting) {
            return self.terminal.say(format!("Send: {code}"));
        }
        self.terminal.number += 1;
        let line = format!("N{} {code}", self.terminal.number);
        let checksum = line.bytes().fold(0, |sum, byte| sum ^ byte);
        self.terminal.say(format!("Send: {line}*{checksum}"));
    }

    fn suppress(&mut self, code: &str) {
        let message = format!("Not queuing {code}, the printer profile has no such tool");
        self.terminal.say(format!("Warn: {message}"));
        self.event("CommandSuppressed", json!({ "command": code, "message": message, "severity": "warn" }));
    }
}

/// What sets the target of a heater.
pub(super) fn target_command(heater: HeaterId, tools: usize, celsius: f64) -> String {
    match heater {
        HeaterId::Tool(tool) if tools > 1 => format!("M104 T{tool} S{celsius}"),
        HeaterId::Tool(_) => format!("M104 S{celsius}"),
        HeaterId::Bed => format!("M140 S{celsius}"),
        HeaterId::Chamber => format!("M141 S{celsius}"),
    }
}
