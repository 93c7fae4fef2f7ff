//! One line of G-code: what Klipper does at once, and what is left to wait for.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::klippy::Phase;
use super::machine::AXIS_MAXIMUM;
use super::shared::Inner;
use crate::gcode::{Effect, HeaterId, Words};

const NOZZLE: (f64, f64) = (5.0, 280.0);
const BED: (f64, f64) = (5.0, 130.0);
/// Seconds that homing takes.
const HOMING: f64 = 5.0;
/// What `M115` says.
const MACHINE: &str = "// FIRMWARE_NAME:Klipper FIRMWARE_VERSION:?";

/// Extended commands, with the help that `printer.gcode.help` gives. Those without an effect here are accepted.
pub(super) const HELP: [(&str, &str); 31] = [
    ("ACTIVATE_EXTRUDER", "Change the active extruder"),
    ("CANCEL_PRINT", "G-Code macro"),
    ("CANCEL_PRINT_BASE", "Renamed builtin of 'CANCEL_PRINT'"),
    ("CLEAR_PAUSE", "Clears the current paused state without resuming the print"),
    ("EXCLUDE_OBJECT", "Cancel moves inside a specified objects"),
    ("EXCLUDE_OBJECT_DEFINE", "Provides a summary of an object"),
    ("EXCLUDE_OBJECT_END", "Marks the end the current object"),
    ("EXCLUDE_OBJECT_START", "Marks the beginning the current object as labeled"),
    ("FIRMWARE_RESTART", "Restart firmware, host, and reload config"),
    ("GET_POSITION", "Return information on the current location of the toolhead"),
    ("HELP", "Report the list of available extended G-Code commands"),
    ("PAUSE", "G-Code macro"),
    ("PAUSE_BASE", "Renamed builtin of 'PAUSE'"),
    ("QUERY_ENDSTOPS", "Report on the status of each endstop"),
    ("RESPOND", "Echo the message prepended with a prefix"),
    ("RESTART", "Reload config file and restart host software"),
    ("RESTORE_GCODE_STATE", "Restore a previously saved G-Code state"),
    ("RESUME", "G-Code macro"),
    ("RESUME_BASE", "Renamed builtin of 'RESUME'"),
    ("SAVE_GCODE_STATE", "Save G-Code coordinate state"),
    ("SDCARD_PRINT_FILE", "Loads a SD file and starts the print.  May include files in subdirectories."),
    ("SDCARD_RESET_FILE", "Clears a loaded SD File. Stops the print if necessary"),
    ("SET_DISPLAY_TEXT", "Set or clear the display message"),
    ("SET_GCODE_OFFSET", "Set a virtual offset to g-code positions"),
    ("SET_HEATER_TEMPERATURE", "Sets a heater temperature"),
    ("SET_IDLE_TIMEOUT", "Set the idle timeout in seconds"),
    ("SET_PRESSURE_ADVANCE", "Set pressure advance parameters"),
    ("SET_PRINT_STATS_INFO", "Pass slicer info like layer act and total to klipper"),
    ("SET_VELOCITY_LIMIT", "Set printer velocity limits"),
    ("STATUS", "Report the printer status"),
    ("TURN_OFF_HEATERS", "Turn off all heaters"),
];
/// Codes that are accepted and have no effect here.
const SILENT: [&str; 10] = ["G20", "G21", "M18", "M82", "M83", "M84", "M110", "M204", "M205", "M400"];

/// What is left of a command.
#[derive(Debug, PartialEq)]
pub(super) enum Todo {
    Done,
    /// A move or a dwell of so many seconds.
    Pass(f64),
    Home(f64),
    /// Wait until the heater is hot.
    Heat(HeaterId),
    /// Wait for all moves.
    Settle,
    Print(String),
    Pause,
    Resume,
    Cancel,
    Stop,
    Restart {
        firmware: bool,
    },
}

impl Inner {
    /// Does a line; an error is told as Klipper words it.
    pub(super) fn command(&mut self, line: &str) -> Result<Todo, String> {
        let line = crate::gcode::without_comment(line);
        let Some(name) = Words(line).command() else { return Ok(Todo::Done) };
        if self.klippy.phase != Phase::Ready
            && !matches!(name.as_str(), "M105" | "M110" | "M112" | "M115" | "STATUS" | "HELP" | "ECHO")
            && !matches!(name.as_str(), "RESTART" | "FIRMWARE_RESTART")
        {
            return Err(self.klippy.message.clone());
        }
        self.machine.busy.get_or_insert_with(Instant::now);
        self.machine.was_busy = true;
        match name.as_str() {
            "G0" | "G1" | "G2" | "G3" => self.travel(line),
            "G28" => Ok(self.home(line)),
            "G4" | "G90" | "G91" | "G92" => Ok(match self.machine.gcode.line(line) {
                Effect::Dwell(seconds) => Todo::Pass(seconds),
                _ => Todo::Done,
            }),
            "M82" | "M83" => {
                self.machine.gcode.line(line);
                Ok(Todo::Done)
            }
            "M104" | "M109" | "M140" | "M190" => self.heat(line),
            "M84" | "M18" => {
                self.machine.homed = [false; 3];
                Ok(Todo::Settle)
            }
            "M400" => Ok(Todo::Settle),
            "M112" => Ok(Todo::Stop),
            _ => self.report(&name, line),
        }
    }

    fn report(&mut self, name: &str, line: &str) -> Result<Todo, String> {
        let words = Words(line);
        let text = || line.get(name.len()..).unwrap_or_default().trim().to_owned();
        match name {
            "M105" => {
                let report = self.machine.temperature_report();
                self.say(report);
            }
            "M106" => self.machine.fan = (words.number('S').unwrap_or(255.0) / 255.0).clamp(0.0, 1.0),
            "M107" => self.machine.fan = 0.0,
            "M114" => {
                let at = self.machine.gcode.position;
                self.say(format!("X:{:.3} Y:{:.3} Z:{:.3} E:{:.3}", at.x, at.y, at.z, at.e));
            }
            "M115" => self.say(MACHINE),
            "M117" => self.machine.message = Some(text()).filter(|text| !text.is_empty()),
            "M118" => self.say(format!("echo:{}", text())),
            "M220" => self.machine.speed_factor = factor(&words),
            "M221" => self.machine.extrude_factor = factor(&words),
            "M73" => {
                if let Some(percent) = words.number('P') {
                    self.machine.told_progress = Some(((percent / 100.0).clamp(0.0, 1.0), Instant::now()));
                }
            }
            "STATUS" => {
                let phase = self.klippy.phase.name();
                let (first, rest) = phase.split_at(1);
                self.say(format!("// Klipper state: {}{rest}", first.to_uppercase()));
            }
            "HELP" => self.say("// Available extended commands:"),
            _ => return self.extended(name, line),
        }
        Ok(Todo::Done)
    }

    fn extended(&mut self, name: &str, line: &str) -> Result<Todo, String> {
        let value = |key: &str| parameter(line, key);
        match name {
            "RESTART" => return Ok(Todo::Restart { firmware: false }),
            "FIRMWARE_RESTART" => return Ok(Todo::Restart { firmware: true }),
            "PAUSE" | "PAUSE_BASE" => return Ok(Todo::Pause),
            "RESUME" | "RESUME_BASE" => return Ok(Todo::Resume),
            "CANCEL_PRINT" | "CANCEL_PRINT_BASE" => return Ok(Todo::Cancel),
            "SDCARD_PRINT_FILE" => {
                let missing = || format!("Error on '{line}': missing FILENAME");
                return value("FILENAME").map(Todo::Print).ok_or_else(missing);
            }
            "CLEAR_PAUSE" => self.machine.paused = false,
            "TURN_OFF_HEATERS" => self.machine.turn_off_heaters(),
            "SDCARD_RESET_FILE" => {
                self.machine.sd.reset();
                self.machine.print.reset();
            }
            "SET_DISPLAY_TEXT" => self.machine.message = value("MSG"),
            "RESPOND" => {
                let text = value("MSG").unwrap_or_default();
                let prefix = match value("TYPE").as_deref() {
                    Some("command") => "//",
                    Some("error") => "!!",
                    _ => "echo:",
                };
                self.say(format!("{prefix} {text}"));
            }
            "SET_PRINT_STATS_INFO" => {
                let number = |key: &str| value(key).and_then(|number| number.parse().ok());
                let layers = &mut self.machine.print.layers;
                layers.1 = number("TOTAL_LAYER").or(layers.1);
                layers.0 = number("CURRENT_LAYER").or(layers.0);
            }
            "EXCLUDE_OBJECT_DEFINE" | "EXCLUDE_OBJECT_START" | "EXCLUDE_OBJECT_END" | "EXCLUDE_OBJECT" => {
                self.part(name, line);
            }
            "SET_HEATER_TEMPERATURE" => {
                let heater = value("HEATER").unwrap_or_default();
                let id = self.heater_named(&heater);
                let id = id.ok_or_else(|| format!("The value '{heater}' is not valid for HEATER"))?;
                let target = value("TARGET").and_then(|target| target.parse().ok()).unwrap_or(0.0);
                self.set_target(id, target)?;
            }
            "QUERY_ENDSTOPS" => self.say("x:open y:open z:open"),
            "GET_POSITION" => self.say("// mcu: stepper_x:0 stepper_y:0 stepper_z:0"),
            _ if HELP.iter().any(|(known, _)| *known == name) || SILENT.contains(&name) => {}
            _ if name.strip_prefix('T').is_some_and(|tool| tool == "0") => {}
            _ => self.say(format!("// Unknown command:\"{}\"", unknown(name, line))),
        }
        Ok(Todo::Done)
    }

    /// Follows the parts of a print. Nothing is left out of it.
    fn part(&mut self, command: &str, line: &str) {
        let name = parameter(line, "NAME").map(|name| name.to_ascii_uppercase());
        let list = |key: &str| serde_json::from_str::<Value>(&parameter(line, key)?).ok();
        let parts = &mut self.machine.parts;
        match (command, name) {
            ("EXCLUDE_OBJECT_DEFINE", Some(name)) => {
                let mut part = json!({ "name": name });
                if let Some(center) = parameter(line, "CENTER").map(|center| format!("[{center}]")) {
                    part["center"] = serde_json::from_str(&center).unwrap_or_default();
                }
                if let Some(polygon) = list("POLYGON") {
                    part["polygon"] = polygon;
                }
                parts.defined.push(part);
            }
            ("EXCLUDE_OBJECT_START", Some(name)) => {
                if !parts.defined.iter().any(|part| part["name"] == name.as_str()) {
                    parts.defined.push(json!({ "name": name }));
                }
                parts.current = Some(name);
            }
            ("EXCLUDE_OBJECT_END", _) => parts.current = None,
            ("EXCLUDE_OBJECT", Some(name)) => parts.excluded.push(name),
            _ => {}
        }
    }

    fn travel(&mut self, line: &str) -> Result<Todo, String> {
        let machine = &mut self.machine;
        let before = machine.gcode.position;
        let mut after = machine.gcode.clone();
        let Effect::Move { seconds, .. } = after.line(line) else { return Ok(Todo::Done) };
        let to = after.position;
        let moves = [to.x - before.x, to.y - before.y, to.z - before.z];
        let filament = (to.e - before.e) * machine.extrude_factor;
        let told = |why: &str| format!("{why}: {:.3} {:.3} {:.3} [{:.3}]", to.x, to.y, to.z, to.e);
        if moves.iter().zip(machine.homed).any(|(moved, homed)| *moved != 0.0 && !homed) {
            return Err(told("Must home axis first"));
        }
        let reach = [to.x, to.y, to.z].into_iter().zip(AXIS_MAXIMUM);
        if reach.into_iter().zip(moves).any(|((at, most), moved)| moved != 0.0 && !(0.0..=most).contains(&at))
        {
            return Err(told("Move out of range"));
        }
        if filament != 0.0 && !machine.can_extrude() {
            let why = "Extrude below minimum temp\nSee the 'min_extrude_temp' config option for details";
            return Err(why.to_owned());
        }
        machine.gcode = after;
        machine.extruded += filament;
        if filament != 0.0 && machine.print.state == "printing" {
            machine.print.extrude(filament);
        }
        Ok(Todo::Pass(seconds / machine.speed_factor))
    }

    fn home(&mut self, line: &str) -> Todo {
        let words = Words(line);
        let named = ['X', 'Y', 'Z'].map(|axis| words.has(axis));
        let all = !named.contains(&true);
        self.machine.gcode.line(line);
        let mut axes = 0;
        for (homed, named) in self.machine.homed.iter_mut().zip(named) {
            *homed |= named || all;
            axes += u8::from(named || all);
        }
        Todo::Home(HOMING * f64::from(axes) / 3.0)
    }

    fn heat(&mut self, line: &str) -> Result<Todo, String> {
        let words = Words(line);
        let command = words.command().unwrap_or_default();
        let id = match command.as_str() {
            "M140" | "M190" => HeaterId::Bed,
            _ => HeaterId::Tool(words.number('T').map_or(self.machine.gcode.tool, |tool| tool as usize)),
        };
        if self.machine.heater_mut(id).is_none() {
            return match id {
                HeaterId::Bed => {
                    self.say(format!("// Unknown command:\"{command}\""));
                    Ok(Todo::Done)
                }
                _ => Err("Extruder not configured".to_owned()),
            };
        }
        let target = words.number('S').unwrap_or(0.0);
        self.set_target(id, target)?;
        let waits = matches!(command.as_str(), "M109" | "M190") && target > 0.0;
        Ok(if waits { Todo::Heat(id) } else { Todo::Done })
    }

    fn set_target(&mut self, id: HeaterId, target: f64) -> Result<(), String> {
        let (min, max) = if id == HeaterId::Bed { BED } else { NOZZLE };
        if target != 0.0 && !(min..=max).contains(&target) {
            return Err(format!("Requested temperature ({target:.1}) out of range ({min:.1}:{max:.1})"));
        }
        if let Some(heater) = self.machine.heater_mut(id) {
            heater.set_target(target);
        }
        Ok(())
    }

    fn heater_named(&mut self, name: &str) -> Option<HeaterId> {
        let id = match name {
            "heater_bed" => HeaterId::Bed,
            "extruder" => HeaterId::Tool(0),
            other => HeaterId::Tool(other.strip_prefix("extruder")?.parse().ok()?),
        };
        self.machine.heater_mut(id).map(|_| id)
    }
}

/// The value of `KEY=value` or `KEY="some value"`.
fn parameter(line: &str, key: &str) -> Option<String> {
    let upper = line.to_ascii_uppercase();
    let wanted = format!(" {key}=");
    let rest = line.get(upper.find(&wanted)? + wanted.len()..)?;
    Some(match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
        None => rest.split_ascii_whitespace().next().unwrap_or_default().to_owned(),
    })
}

fn factor(words: &Words<'_>) -> f64 {
    words.number('S').map_or(1.0, |percent| percent / 100.0).max(0.01)
}

/// What Klipper takes for the command: with the number behind its name, if there is one.
fn unknown(name: &str, line: &str) -> String {
    match line.split_ascii_whitespace().nth(1) {
        Some(number) if number.starts_with(|c: char| c.is_ascii_digit()) => format!("{name} {number}"),
        _ => name.to_owned(),
    }
}

/// The answer of `printer.gcode.help`.
pub(super) fn help() -> Value {
    HELP.iter().map(|(name, help)| ((*name).to_owned(), Value::from(*help))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_may_be_quoted() {
        let line = "SDCARD_PRINT_FILE FILENAME=\"sub/a b.gcode\" X=1";
        assert_eq!(parameter(line, "FILENAME").as_deref(), Some("sub/a b.gcode"));
        assert_eq!(parameter(line, "X").as_deref(), Some("1"));
        assert_eq!(parameter("SET_X filename=a", "FILENAME").as_deref(), Some("a"));
        assert_eq!(parameter(line, "Y"), None);
    }

    #[test]
    fn an_unknown_command_is_named_with_its_number() {
        assert_eq!(unknown("FOO_UNKNOWN", "FOO_UNKNOWN 1"), "FOO_UNKNOWN 1");
        assert_eq!(unknown("M201", "M201 X1000"), "M201");
    }
}
