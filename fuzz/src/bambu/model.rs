//! What a printer is doing, by another reading: messages are merged as generic JSON, and a status is made of the whole.

use std::time::Duration;

use printhost_core::{Fan, Heater, Job, Phase, PrinterStatus};

use crate::json::{Json, NULL};

/// What has been reported.
pub struct Printer {
    print: Json,
    /// It may stand in a report or beside it.
    device: Json,
    last_error: Option<u32>,
}

impl Default for Printer {
    fn default() -> Self {
        Self { print: empty(), device: empty(), last_error: None }
    }
}

fn empty() -> Json {
    Json::Object(vec![])
}

impl Printer {
    /// What it is doing after this message; nothing for what is not decided.
    pub fn hears(&mut self, message: &Json) -> Option<PrinterStatus> {
        // What is meant by two of a name, nobody knows; and with versions it would be known which model it is.
        if has_twins(message) || !matches!(at(message, "info"), Json::Null) {
            return None;
        }
        let print = at(message, "print");
        if !matches!(at(print, "device"), Json::Null) && !matches!(at(message, "device"), Json::Null) {
            return None;
        }
        if let Json::Object(members) = print
            && is_report(print)
        {
            let is_full = match small(at(print, "msg")) {
                Some(msg) => msg == 0,
                None => members.len() > 40,
            };
            if is_full {
                self.print = empty();
                if has(print, "device") || has(message, "device") {
                    self.device = empty();
                }
            }
            for (name, value) in members {
                match (name.as_str(), &mut self.print) {
                    ("device", _) => merge(&mut self.device, value),
                    (_, known) => merge_member(known, name, value),
                }
            }
        }
        if has(message, "device") {
            merge(&mut self.device, at(message, "device"));
        }
        let error = whole(at(&self.print, "print_error"), u32::MAX.into());
        match error {
            Some(code) if code != 0 => self.last_error = Some(code as u32),
            _ if text(at(&self.print, "gcode_state")) == Some("FAILED") => {}
            _ => self.last_error = None,
        }
        let status = self.status();
        // Without a code, the worst health message tells why.
        let has_health = matches!(at(&self.print, "hms"), Json::List(list) if !list.is_empty());
        let is_decided = status.phase != Phase::Faulted || status.fault.is_some() || !has_health;
        is_decided.then_some(status)
    }

    fn status(&self) -> PrinterStatus {
        let print = |name: &str| at(&self.print, name);
        let mut status = PrinterStatus::default();
        let error = [whole(print("print_error"), u32::MAX.into()).map(|code| code as u32), self.last_error]
            .into_iter()
            .flatten()
            .find(|code| {
                code % 0x1_0000 >= 0x4000
                    && ![0x0500_8030, 0x0300_8012, 0x0500_c011, 0x07ff_8007].contains(code)
            });
        let word = text(print("gcode_state")).unwrap_or_default();
        let is_own = text(print("print_type")) == Some("system");
        let begins = whole(print("layer_num"), u32::MAX.into()) == Some(0)
            && whole(print("stg_cur"), 255).is_some_and(|stage| {
                [1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 22, 24, 25, 29, 31, 36, 37, 38, 39]
                    .contains(&stage)
                    || (40..=77).contains(&stage)
            });
        status.phase = match word {
            "PREPARE" | "SLICING" | "RUNNING" if is_own => Phase::Busy,
            "RUNNING" if !begins => Phase::Printing,
            "PREPARE" | "SLICING" | "RUNNING" => Phase::Preparing,
            "IDLE" => Phase::Idle,
            "INIT" => Phase::Busy,
            "PAUSE" if is_own => Phase::Attention,
            "PAUSE" => Phase::Paused,
            "FINISH" => Phase::Finished,
            "OFFLINE" => Phase::Offline,
            "FAILED" => match error {
                Some(0x0300_400c | 0x0500_400e) => Phase::Cancelled,
                _ => Phase::Faulted,
            },
            _ => Phase::Unknown,
        };
        status.state_text = word[..word.floor_char_boundary(128)].into();
        if status.phase == Phase::Faulted {
            status.fault = error.map(|code| format!("{:04X}_{:04X}", code / 0x1_0000, code % 0x1_0000));
        }
        status.job = self.job(status.phase);
        status.tools = self.tools();
        status.bed = self.bed();
        status.chamber = self.chamber();
        status.fans = self.fans();
        let magnitude = whole(print("spd_mag"), u16::MAX.into());
        let level = || match whole(print("spd_lvl"), 255)? {
            1 => Some(50),
            2 => Some(100),
            3 => Some(124),
            4 => Some(166),
            _ => None,
        };
        status.speed_factor = magnitude.or_else(level).map(|factor| factor as u16);
        status
    }

    fn job(&self, phase: Phase) -> Option<Job> {
        let mut job = Job::default();
        let kept = |name| text(at(&self.print, name)).filter(|text| text.len() <= 512).unwrap_or_default();
        let (file, name) = (kept("gcode_file"), kept("subtask_name"));
        let file = file.find("://").map_or(file, |at| &file[at + 3..]);
        let file = file.trim_start_matches('/');
        let file = file.strip_prefix("mnt/").unwrap_or(file);
        let file = file.strip_prefix("sdcard/").unwrap_or(file);
        if (file.ends_with(".3mf") || file.ends_with(".gcode")) && !file.starts_with("data/Metadata/") {
            job.path = Some(file.into());
        } else if !name.is_empty() && !name.ends_with("...") {
            job.path = Some(format!("{name}.gcode.3mf"));
        }
        if job.path.is_none() && !phase.has_job() {
            return None;
        }
        let percent = whole(at(&self.print, "mc_percent"), 100);
        job.progress = percent.map(|percent| percent as f32 / 100.0);
        let minutes = whole(at(&self.print, "mc_remaining_time"), u32::MAX.into());
        let minutes = minutes.filter(|minutes| *minutes > 0 || percent.unwrap_or(0) > 0);
        job.remaining = minutes.map(|minutes| Duration::from_secs(minutes as u64 * 60));
        Some(job)
    }

    fn tools(&self) -> Vec<Heater> {
        let mut tools: Vec<Heater> = vec![];
        for extruder in elements(at(at(&self.device, "extruder"), "info"), 4) {
            let Some(id) = whole(at(extruder, "id"), 255).filter(|id| *id < 4) else { continue };
            let Some(heater) = packed(at(extruder, "temp")) else { continue };
            while tools.len() <= id as usize {
                tools.push(Heater::default());
            }
            tools[id as usize] = heater;
        }
        match self.flat("nozzle_temper", "nozzle_target_temper") {
            Some(flat) if tools.len() < 2 => vec![flat],
            _ => tools,
        }
    }

    fn bed(&self) -> Option<Heater> {
        let inner = packed(at(at(at(&self.device, "bed"), "info"), "temp"));
        let outer = packed(at(&self.device, "bed_temp"));
        inner.or(outer).or_else(|| self.flat("bed_temper", "bed_target_temper"))
    }

    fn chamber(&self) -> Option<Heater> {
        if let Some(heater) = packed(at(at(at(&self.device, "ctc"), "info"), "temp")) {
            return Some(heater);
        }
        match decimal(at(&self.print, "chamber_temper"))? {
            5.0 => None,
            celsius if celsius >= 65536.0 => {
                let number = celsius as u32;
                Some(halves(number))
            }
            celsius => sensible(celsius).map(|celsius| Heater::new(Some(celsius), None)),
        }
    }

    fn flat(&self, actual: &str, target: &str) -> Option<Heater> {
        let actual = decimal(at(&self.print, actual)).and_then(sensible);
        let target = decimal(at(&self.print, target)).and_then(sensible).filter(|target| *target >= 0.0);
        (actual.is_some() || target.is_some()).then(|| Heater::new(actual, target))
    }

    fn fans(&self) -> Vec<Fan> {
        let parts: Vec<&Json> = elements(at(at(&self.device, "airduct"), "parts"), 16).collect();
        let percent = |id: i64| {
            let part = parts.iter().find(|part| whole(at(part, "id"), u32::MAX.into()) == Some(id))?;
            whole(at(part, "state"), 100).map(|percent| percent as f32 / 100.0)
        };
        let steps = |name: &str| whole(at(&self.print, name), 15).map(|steps| steps as f32 / 15.0);
        [
            ("", percent(16).or_else(|| steps("cooling_fan_speed"))),
            ("aux", percent(32).or_else(|| steps("big_fan1_speed"))),
            ("chamber", percent(48).or_else(|| steps("big_fan2_speed"))),
            ("heatbreak", steps("heatbreak_fan_speed")),
            ("aux2", percent(160)),
        ]
        .into_iter()
        .filter_map(|(name, speed)| {
            let mut fan = Fan::default();
            fan.name = name.into();
            fan.speed = Some(speed?);
            Some(fan)
        })
        .collect()
    }
}

/// Whether it is no answer to an order.
fn is_report(print: &Json) -> bool {
    !has(print, "result") && text(at(print, "command")).is_none_or(|command| command.starts_with("push_"))
}

fn has(json: &Json, name: &str) -> bool {
    matches!(json, Json::Object(members) if members.iter().any(|(key, _)| key == name))
}

/// A member, or null.
fn at<'a>(json: &'a Json, name: &str) -> &'a Json {
    match json {
        Json::Object(members) => {
            members.iter().find(|(key, _)| key == name).map_or(&NULL, |(_, value)| value)
        }
        _ => &NULL,
    }
}

/// The objects in a list, as many as are kept.
fn elements(json: &Json, most: usize) -> impl Iterator<Item = &Json> {
    let list = if let Json::List(list) = json { &list[..] } else { &[] };
    list.iter().filter(|element| matches!(element, Json::Object(_))).take(most)
}

/// Whether a name comes twice in an object.
pub fn has_twins(json: &Json) -> bool {
    match json {
        Json::Object(members) => members.iter().enumerate().any(|(n, (name, value))| {
            members[..n].iter().any(|(before, _)| before == name) || has_twins(value)
        }),
        Json::List(list) => list.iter().any(has_twins),
        _ => false,
    }
}

fn merge(known: &mut Json, change: &Json) {
    match change {
        Json::Object(members) => {
            if !matches!(known, Json::Object(_)) {
                *known = empty();
            }
            members.iter().for_each(|(name, value)| merge_member(known, name, value));
        }
        change => *known = change.clone(),
    }
}

fn merge_member(known: &mut Json, name: &str, value: &Json) {
    let Json::Object(members) = known else { return };
    match members.iter_mut().find(|(key, _)| key == name) {
        Some((_, known)) => merge(known, value),
        None => members.push((name.into(), value.clone())),
    }
}

fn text(json: &Json) -> Option<&str> {
    if let Json::Text(text) = json { Some(text) } else { None }
}

fn number(json: &Json) -> Option<f64> {
    match json {
        Json::Whole(n) => Some(*n as f64),
        Json::Number(n) => Some(*n),
        Json::Text(text) if text.len() <= 512 => {
            let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{c}']);
            let is_one = text.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c));
            text.parse().ok().filter(|number: &f64| is_one && number.is_finite())
        }
        _ => None,
    }
}

/// From 0 to this.
fn whole(json: &Json, most: i64) -> Option<i64> {
    number(json).filter(|n| *n >= 0.0 && *n <= most as f64 && n.fract() == 0.0).map(|n| n as i64)
}

fn small(json: &Json) -> Option<i64> {
    whole(json, 255)
}

fn decimal(json: &Json) -> Option<f32> {
    number(json).map(|number| number as f32).filter(|number| number.is_finite())
}

fn sensible(celsius: f32) -> Option<f32> {
    (-100.0..1000.0).contains(&celsius).then_some(celsius)
}

fn packed(json: &Json) -> Option<Heater> {
    whole(json, u32::MAX.into()).map(|number| halves(number as u32))
}

fn halves(number: u32) -> Heater {
    let [high, low] = [number / 65536, number % 65536];
    Heater::new(sensible(low as f32), sensible(high as f32))
}
