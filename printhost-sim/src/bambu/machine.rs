//! The printer: what it is doing, and what it says of that.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ams::Ams;
use super::config::BambuConfig;
use super::model::Facts;
use crate::gcode::{Effect, HeaterId, Interpreter, SHORT, Words, without_comment};
use crate::heater::Heater;

/// Errors as `print_error` has them.
pub(super) const CANCELLED: u32 = 0x0300_400C;
pub(super) const BUSY: u32 = 0x0500_4004;
pub(super) const NO_FILE: u32 = 0x0500_C010;
pub(super) const UNREADABLE: u32 = 0x0500_4003;
/// As a P2S has it for a file with another MD5 than it was told.
pub(super) const OTHER_FILE: u32 = 0x0500_403F;

/// Stages as `stg_cur` has them.
pub(super) const PRINTING: i64 = 0;
pub(super) const PAUSED_BY_USER: i64 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Prepare,
    Running,
    Pause,
    Finish,
    Failed,
}

impl Phase {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::Prepare => "PREPARE",
            Self::Running => "RUNNING",
            Self::Pause => "PAUSE",
            Self::Finish => "FINISH",
            Self::Failed => "FAILED",
        }
    }
}

/// A print that was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Job {
    pub(super) number: u64,
    /// The file's path, and the plate within.
    pub(super) path: String,
    pub(super) plate: String,
    /// The MD5 of the file in hexadecimal; empty when it does not matter.
    pub(super) md5: String,
    /// What the request called it.
    pub(super) name: String,
    pub(super) file: String,
    pub(super) task_id: String,
    pub(super) subtask_id: String,
    pub(super) project_id: String,
    pub(super) profile_id: String,
    /// The tray of each of the file's filaments.
    pub(super) trays: Vec<i64>,
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) facts: Facts,
    phase: Phase,
    /// The print that goes on.
    pub(super) job: Option<u64>,
    /// The latest print, which may be over.
    pub(super) latest: Job,
    pub(super) print_type: &'static str,
    /// A plate was asked for that there is not: nothing is printed until somebody stops it.
    pub(super) wedged: bool,
    pub(super) asked: u64,
    pub(super) started: u64,
    pub(super) prepared: u8,
    pub(super) percent: u32,
    pub(super) minutes: u32,
    pub(super) layer: u32,
    pub(super) layers: u32,
    pub(super) stage: i64,
    pub(super) stages: Vec<i64>,
    pub(super) error: u32,
    error_until: Option<Instant>,
    error_told: bool,
    pub(super) health: Vec<(u32, u32)>,
    pub(super) nozzles: Vec<Heater>,
    pub(super) bed: Heater,
    pub(super) chamber: Heater,
    /// Of the part, auxiliary and chamber; 0 to 255.
    pub(super) fans: [u8; 3],
    pub(super) speed: u8,
    pub(super) lights: Vec<(String, String)>,
    pub(super) skipped: Vec<i64>,
    pub(super) ams: Ams,
    /// Settings that are only remembered: cameras, detectors, options.
    pub(super) settings: Vec<(&'static str, String, Value)>,
    pub(super) gcode: Interpreter,
    /// The latest lines that were not a file's.
    pub(super) lines: Vec<String>,
    pub(super) homed: bool,
    brief: Duration,
    pub(super) changed: watch::Sender<()>,
}

const LINES_KEPT: usize = 1024;

impl Machine {
    pub(super) fn new(config: &BambuConfig) -> Self {
        let facts = config.model.facts();
        let heater = || Heater::new(config.time_scale);
        Self {
            facts,
            phase: Phase::Idle,
            job: None,
            latest: Job::default(),
            print_type: "idle",
            wedged: false,
            asked: 0,
            started: 0,
            prepared: 0,
            percent: 0,
            minutes: 0,
            layer: 0,
            layers: 0,
            stage: facts.no_stage,
            stages: Vec::new(),
            error: 0,
            error_until: None,
            error_told: false,
            health: Vec::new(),
            nozzles: (0..facts.nozzles).map(|_| heater()).collect(),
            bed: heater(),
            chamber: heater(),
            fans: [0; 3],
            speed: 2,
            lights: Vec::new(),
            skipped: Vec::new(),
            ams: Ams::new(config.model, config.ams_units, config.report_every * 2),
            settings: Vec::new(),
            gcode: Interpreter::new(),
            lines: Vec::new(),
            homed: false,
            // Long enough to be in a report.
            brief: config.report_every * 2,
            changed: watch::Sender::new(()),
        }
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.changed.send_replace(());
    }

    /// The phase of a print, while it lasts.
    pub(super) fn phase_of(&self, job: u64) -> Option<Phase> {
        (self.job == Some(job)).then_some(self.phase)
    }

    /// Takes over a request to print, which shows nothing of it yet but its names.
    pub(super) fn accept(&mut self, mut job: Job) -> u64 {
        self.asked += 1;
        job.number = self.asked;
        self.latest = job;
        self.print_type = "local";
        (self.percent, self.minutes, self.layer, self.layers, self.prepared) = (0, 0, 0, 0, 0);
        (self.error, self.error_until) = (0, None);
        self.skipped.clear();
        self.job = Some(self.asked);
        self.enter(Phase::Idle);
        self.asked
    }

    pub(super) fn begin(&mut self) {
        self.started += 1;
        self.gcode = Interpreter::new();
        self.enter(Phase::Running);
    }

    pub(super) fn finish(&mut self) {
        (self.percent, self.minutes) = (100, 0);
        self.end(Phase::Finish);
    }

    /// A print fails, with what is told of it.
    pub(super) fn fail(&mut self, error: u32) {
        self.raise(error);
        self.end(Phase::Failed);
    }

    /// Somebody stops the print; false when there is none.
    pub(super) fn stop(&mut self) -> bool {
        let was_wedged = std::mem::take(&mut self.wedged);
        if self.job.is_none() {
            return was_wedged;
        }
        (self.percent, self.layers) = (0, 0);
        self.fail(CANCELLED);
        // It is no fault, and goes away.
        self.error_until = Some(Instant::now() + self.brief);
        true
    }

    fn end(&mut self, phase: Phase) {
        self.job = None;
        self.stages.clear();
        self.stage = self.facts.no_stage;
        self.fans = [0; 3];
        self.nozzles.iter_mut().for_each(|nozzle| nozzle.set_target(0.0));
        self.bed.set_target(0.0);
        // A P1S forgets the file's name.
        self.latest.file.clear();
        self.enter(phase);
    }

    /// Everything that is lost when the power is.
    pub(super) fn lose_power(&mut self) {
        self.wedged = false;
        (self.percent, self.layers, self.layer) = (0, 0, 0);
        self.health.clear();
        self.confirm_error();
        self.end(Phase::Idle);
        self.latest = Job::default();
        self.print_type = "idle";
    }

    /// As at the beginning, but homed; and prints are counted on, so that none is taken for another.
    pub(super) fn reset(&mut self, config: &BambuConfig, lights: Vec<(String, String)>) {
        let changed = std::mem::replace(&mut self.changed, watch::Sender::new(()));
        let (asked, started) = (self.asked, self.started);
        *self = Self { asked, started, lights, homed: true, changed, ..Self::new(config) };
        self.changed.send_replace(());
    }

    /// Tells of an error until somebody confirms it.
    pub(super) fn raise(&mut self, error: u32) {
        (self.error, self.error_until, self.error_told) = (error, None, false);
    }

    pub(super) fn confirm_error(&mut self) {
        (self.error, self.error_until) = (0, None);
    }

    /// Forgets what was to be told for a moment only.
    pub(super) fn settle(&mut self) {
        // In one report at least, unless nobody has listened for long.
        let patience = if self.error_told { Duration::ZERO } else { self.brief * 10 };
        if self.error_until.is_some_and(|until| until + patience <= Instant::now()) {
            self.confirm_error();
        }
        self.error_told = true;
        self.ams.settle();
    }

    pub(super) fn pause(&mut self) -> bool {
        let runs = self.phase == Phase::Running;
        if runs {
            self.stage = PAUSED_BY_USER;
            self.enter(Phase::Pause);
        }
        runs
    }

    pub(super) fn resume(&mut self) -> bool {
        let waits = self.phase == Phase::Pause;
        if waits {
            self.stage = PRINTING;
            self.error = 0;
            self.enter(Phase::Running);
        }
        waits
    }

    /// Carries out a line that no file has.
    pub(super) fn direct(&mut self, line: &str) {
        if self.lines.len() == LINES_KEPT {
            self.lines.remove(0);
        }
        self.lines.push(line.to_owned());
        self.line(line);
    }

    /// Carries out a line; how many seconds it takes.
    pub(super) fn line(&mut self, line: &str) -> f64 {
        let words = Words(without_comment(line));
        let number = |letter| words.number(letter);
        match words.command().as_deref() {
            Some("M73") => {
                let whole = |number: f64| number.clamp(0.0, 1e6) as u32;
                self.percent = number('P').map_or(self.percent, |percent| whole(percent).min(100));
                self.minutes = number('R').map_or(self.minutes, whole);
                self.layer = number('L').map_or(self.layer, whole);
            }
            Some("M106" | "M107") => {
                let is_off = words.command().as_deref() == Some("M107");
                let power = if is_off { 0.0 } else { number('S').unwrap_or(255.0) };
                let fan = number('P').map_or(0, |fan| (fan as usize).saturating_sub(1));
                if let Some(fan) = self.fans.get_mut(fan) {
                    *fan = power.clamp(0.0, 255.0) as u8;
                }
            }
            Some(tool) if tool.starts_with('T') => {
                if let Ok(filament) = tool[1..].parse::<usize>() {
                    if let Some(tray) = self.latest.trays.get(filament) {
                        self.ams.switch(*tray);
                    }
                    return SHORT;
                }
            }
            _ => {}
        }
        match self.gcode.line(line) {
            Effect::None => 0.0,
            Effect::Takes(seconds) | Effect::Dwell(seconds) | Effect::Move { seconds, .. } => seconds,
            Effect::Home => {
                self.homed = true;
                SHORT
            }
            Effect::Tool(_) => SHORT,
            Effect::Heat { heater, celsius, wait } => {
                let heater = match heater {
                    HeaterId::Tool(tool) => {
                        let last = self.nozzles.len() - 1;
                        &mut self.nozzles[tool.min(last)]
                    }
                    HeaterId::Bed => &mut self.bed,
                    HeaterId::Chamber => &mut self.chamber,
                };
                heater.set_target(celsius);
                if wait { heater.seconds_to_heat() } else { SHORT }
            }
        }
    }

    /// Switches a light; false when there is none of that name.
    pub(super) fn switch_light(&mut self, node: &str, mode: &str) -> bool {
        let light = self.lights.iter_mut().find(|(name, _)| name == node);
        let known = light.is_some();
        if let Some((_, now)) = light {
            mode.clone_into(now);
        }
        known
    }

    /// Remembers a setting of a group of the report.
    pub(super) fn set(&mut self, group: &'static str, name: &str, value: Value) {
        self.settings.retain(|(of, known, _)| (*of, known.as_str()) != (group, name));
        self.settings.push((group, name.to_owned(), value));
    }

    pub(super) fn health_report(&self) -> Value {
        self.health.iter().map(|(attr, code)| json!({ "attr": attr, "code": code })).collect()
    }
}
