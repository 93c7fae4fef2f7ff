//! What a command does to the printer, and what the printer says of itself.

use std::time::Duration;

use super::eeprom::Eeprom;
use super::heater::Heater;
use super::line::Words;
use super::motion::Motion;
use super::planner::Planner;
use super::progress::Progress;

const FIRMWARE: &str = "3.14.1-8237";
/// A printer of this model answers `M862.2 Q` so.
const MODEL: &str = "302";
const ABOUT: &str = "FIRMWARE_NAME:Prusa-Firmware 3.14.1 based on Marlin \
    FIRMWARE_URL:https://github.com/prusa3d/Prusa-Firmware PROTOCOL_VERSION:1.0 \
    MACHINE_TYPE:Prusa i3 MK3S EXTRUDER_COUNT:1";
/// Seconds of the printer's time.
const HOMING: f64 = 5.0;
const BED_LEVELING: f64 = 20.0;
/// The hotend's fan runs above this, °C.
const FAN_ABOVE: f64 = 50.0;

/// What is left to do after a command has been carried out: wait, and answer.
#[derive(Debug)]
pub(super) struct Reply {
    /// When it is acknowledged. `None` is when the user has pressed the knob.
    pub(super) at: Option<Duration>,
    /// What the printer repeats until then.
    pub(super) meanwhile: Meanwhile,
    /// Lines before `ok`.
    pub(super) before: Vec<String>,
    /// Lines behind `ok`.
    pub(super) after: Vec<String>,
}

/// What a printer that cannot answer yet says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meanwhile {
    Busy,
    HeatsNozzle,
    HeatsBed,
    WaitsForUser,
}

/// Everything that a reset forgets, and the EEPROM.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) nozzle: Heater,
    pub(super) bed: Heater,
    pub(super) motion: Motion,
    pub(super) planner: Planner,
    pub(super) progress: Progress,
    /// The print timer has been started, which says nothing about a pause.
    pub(super) is_printing: bool,
    pub(super) is_paused: bool,
    /// The display's lowest line.
    pub(super) message: String,
    /// Of 255.
    fan: u8,
    /// Per cent.
    flow: u16,
    /// The period of the automatic report, and what is in it: 1 temperatures, 2 fans, 4 position.
    pub(super) reports: Option<(Duration, u8)>,
    pub(super) eeprom: Eeprom,
    serial_number: String,
    time_scale: f64,
}

impl Machine {
    pub(super) fn new(serial_number: String, time_scale: f64) -> Self {
        Self {
            nozzle: Heater::nozzle(time_scale),
            bed: Heater::bed(time_scale),
            motion: Motion::new(),
            planner: Planner::default(),
            progress: Progress::unknown(),
            is_printing: false,
            is_paused: false,
            message: String::new(),
            fan: 0,
            flow: 100,
            reports: None,
            eeprom: Eeprom::new(),
            serial_number,
            time_scale,
        }
    }

    /// Starts anew. What stays is the EEPROM, and the heat.
    pub(super) fn reset(&mut self, now: Duration) {
        self.cool_down(now);
        let mut new = Self::new(std::mem::take(&mut self.serial_number), self.time_scale);
        std::mem::swap(&mut new.nozzle, &mut self.nozzle);
        std::mem::swap(&mut new.bed, &mut self.bed);
        std::mem::swap(&mut new.eeprom, &mut self.eeprom);
        *self = new;
    }

    /// What the printer says when it starts.
    pub(super) fn banner() -> Vec<String> {
        vec!["start".to_owned(), format!("echo: {FIRMWARE}"), "echo:SD init fail".to_owned()]
    }

    /// Carries out a command.
    pub(super) fn execute(&mut self, command: &str, now: Duration) -> Reply {
        if let Some(question) = command.strip_prefix("PRUSA") {
            return self.prusa(question.trim(), now);
        }
        let words = Words(command);
        let name = command.split_whitespace().next().unwrap_or_default();
        match name {
            "G0" | "G1" => self.travel(words, now),
            "G4" => {
                let seconds = words.number('S').unwrap_or(0.0) + words.number('P').unwrap_or(0.0) / 1000.0;
                self.after_moves(seconds, now)
            }
            "G28" => {
                self.motion.home(words);
                self.after_moves(HOMING, now)
            }
            "G80" => self.after_moves(BED_LEVELING, now),
            "G90" => done(now, || self.motion.set_relative(false)),
            "G91" => done(now, || self.motion.set_relative(true)),
            "G92" => done(now, || self.motion.rename(words)),
            "M0" | "M1" => {
                let name_ends = command.find(char::is_whitespace).unwrap_or(command.len());
                command[name_ends..].trim().clone_into(&mut self.message);
                Reply { at: None, meanwhile: Meanwhile::WaitsForUser, ..at(now) }
            }
            "M600" => Reply { at: None, meanwhile: Meanwhile::WaitsForUser, ..at(now) },
            "M20" => says(now, ["Begin file list", "End file list"]),
            "M21" => says(now, ["echo:SD init fail"]),
            "M27" => says(now, [if self.is_paused { "Print saved" } else { "Not SD printing" }]),
            "M73" => {
                self.progress.set(words);
                Reply { before: self.progress.report(), ..at(now) }
            }
            "M75" => done(now, || self.is_printing = true),
            "M77" => done(now, || self.is_printing = false),
            "M82" => done(now, || self.motion.set_relative_e(false)),
            "M83" => done(now, || self.motion.set_relative_e(true)),
            "M104" | "M109" | "M140" | "M190" => self.heat(name, words, now),
            "M105" => says(now, [self.temperatures(now)]),
            "M106" => {
                let strength = words.number('S').unwrap_or(255.0);
                done(now, || self.fan = strength as u8)
            }
            "M107" => done(now, || self.fan = 0),
            "M114" => says(now, [self.motion.report()]),
            "M115" => says(now, [ABOUT]),
            "M117" => done(now, || command["M117".len()..].trim().clone_into(&mut self.message)),
            "M155" => done(now, || self.set_reports(words)),
            "M220" => percent(&mut self.motion.speed, words, now),
            "M221" => percent(&mut self.flow, words, now),
            "M400" => self.after_moves(0.0, now),
            "M420" => says(now, ["Mesh bed leveling not active."]),
            "M601" | "M25" => {
                self.is_paused = true;
                Reply { after: vec!["// action:paused".to_owned()], ..self.after_moves(0.0, now) }
            }
            "M602" => {
                self.is_paused = false;
                Reply { after: vec!["// action:resumed".to_owned()], ..at(now) }
            }
            "M603" => Reply { after: self.stop(now), ..at(now) },
            "M862.1" if words.has('Q') => says(now, ["0.40"]),
            "M862.2" if words.has('Q') => says(now, [MODEL]),
            "M862.3" if words.has('Q') => says(now, ["\"MK3S\""]),
            "D3" => Reply { before: self.eeprom.debug(&command[name.len()..]), ..at(now) },
            _ if is_known(name) => at(now),
            _ => says(now, [format!("echo:Unknown command: \"{command}\"(2)")]),
        }
    }

    /// The end of a print before its end; the lines tell it.
    pub(super) fn stop(&mut self, now: Duration) -> Vec<String> {
        self.planner.clear();
        self.cool_down(now);
        self.progress = Progress::unknown();
        self.is_printing = false;
        self.is_paused = false;
        vec!["// action:cancel".to_owned()]
    }

    /// Heaters and fan off.
    pub(super) fn cool_down(&mut self, now: Duration) {
        self.nozzle.set_target(0.0, now);
        self.bed.set_target(0.0, now);
        self.fan = 0;
    }

    /// What `M105` and the automatic report say.
    pub(super) fn temperatures(&self, now: Duration) -> String {
        let (nozzle, nozzle_target) = (self.nozzle.actual(now), self.nozzle.target());
        let (bed, bed_target) = (self.bed.actual(now), self.bed.target());
        format!(
            "T:{nozzle:.1} /{nozzle_target:.1} B:{bed:.1} /{bed_target:.1} \
             T0:{nozzle:.1} /{nozzle_target:.1} @:{} B@:{} P:28.5 A:30.1",
            if nozzle < nozzle_target { 127 } else { 0 },
            if bed < bed_target { 127 } else { 0 },
        )
    }

    /// The automatic report.
    pub(super) fn report(&self, now: Duration) -> Vec<String> {
        let Some((_, parts)) = self.reports else { return Vec::new() };
        let mut lines = Vec::new();
        if parts & 1 != 0 {
            lines.push(self.temperatures(now));
        }
        if parts & 2 != 0 {
            let hotend = if self.nozzle.actual(now) > FAN_ABOVE { (3240, 255) } else { (0, 0) };
            let print = u32::from(self.fan) * 4560 / 255;
            lines.push(format!("E0:{} RPM PRN1:{print} RPM E0@:{} PRN1@:{}", hotend.0, hotend.1, self.fan));
        }
        if parts & 4 != 0 {
            lines.push(self.motion.report());
        }
        lines
    }

    /// What is said again and again before a command is acknowledged.
    pub(super) fn meanwhile(&self, what: Meanwhile, now: Duration) -> String {
        match what {
            Meanwhile::Busy => "echo:busy: processing".to_owned(),
            Meanwhile::WaitsForUser => "echo:busy: paused for user".to_owned(),
            Meanwhile::HeatsNozzle => format!("T:{:.1} E:0 W:?", self.nozzle.actual(now)),
            Meanwhile::HeatsBed => {
                format!("T:{:.1} E:0 B:{:.1}", self.nozzle.actual(now), self.bed.actual(now))
            }
        }
    }

    fn prusa(&self, question: &str, now: Duration) -> Reply {
        match question {
            "Fir" => says(now, [FIRMWARE]),
            "SN" => says(now, [self.serial_number.as_str()]),
            _ => at(now),
        }
    }

    fn travel(&mut self, words: Words<'_>, now: Duration) -> Reply {
        let travel = self.motion.travel(words, self.nozzle.actual(now));
        let takes = Duration::from_secs_f64(travel.seconds / self.time_scale);
        let accepted = self.planner.push(takes, now);
        let before =
            if travel.too_cold { vec!["echo: cold extrusion prevented".to_owned()] } else { Vec::new() };
        Reply { before, ..at(accepted) }
    }

    fn after_moves(&self, seconds: f64, now: Duration) -> Reply {
        let takes = Duration::try_from_secs_f64(seconds / self.time_scale).unwrap_or_default();
        at(self.planner.is_idle_at(now).saturating_add(takes))
    }

    fn heat(&mut self, name: &str, words: Words<'_>, now: Duration) -> Reply {
        let (heater, meanwhile) = match name {
            "M104" | "M109" => (&mut self.nozzle, Meanwhile::HeatsNozzle),
            _ => (&mut self.bed, Meanwhile::HeatsBed),
        };
        // R is for a target that is waited for from above too.
        if let Some(celsius) = words.number('S').or(words.number('R')) {
            heater.set_target(celsius, now);
        }
        let waits = matches!(name, "M109" | "M190");
        Reply { meanwhile, ..at(if waits { heater.is_hot_at(now) } else { now }) }
    }

    fn set_reports(&mut self, words: Words<'_>) {
        let parts = words.number('C').map_or(1, |parts| parts as u8);
        let seconds = words.number('S').map_or(0, |seconds| seconds as u8);
        self.reports = (seconds > 0).then(|| (Duration::from_secs(seconds.into()), parts));
    }
}

fn at(time: Duration) -> Reply {
    Reply { at: Some(time), meanwhile: Meanwhile::Busy, before: Vec::new(), after: Vec::new() }
}

fn says<T: Into<String>>(now: Duration, lines: impl IntoIterator<Item = T>) -> Reply {
    Reply { before: lines.into_iter().map(Into::into).collect(), ..at(now) }
}

fn done<T>(now: Duration, work: impl FnOnce() -> T) -> Reply {
    work();
    at(now)
}

/// A factor that is told when no new one is given.
fn percent(factor: &mut u16, words: Words<'_>, now: Duration) -> Reply {
    match words.number('S') {
        Some(value) => done(now, || *factor = value.clamp(10.0, 999.0) as u16),
        None => says(now, [format!("{factor}%")]),
    }
}

/// Every other code of a slicer or of a host is taken without an effect.
fn is_known(name: &str) -> bool {
    let mut letters = name.chars();
    matches!(letters.next(), Some('G' | 'M' | 'T' | 'D'))
        && letters.next().is_some_and(|char| char.is_ascii_digit())
}
