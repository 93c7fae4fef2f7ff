//! The printer, and what Klipper knows of it.

use serde_json::Value;
use tokio::time::Instant;

use super::config::MoonrakerConfig;
use super::print::Source;
use crate::gcode::{HeaterId, Interpreter};
use crate::heater::Heater;

/// Seconds after a start in which sensors read zero.
const FIRST_READING: f64 = 1.0;
/// Seconds that a progress told by `M73` counts.
const TOLD_PROGRESS: f64 = 5.0;
/// No filament moves below this temperature.
const COLDEST_EXTRUSION: f64 = 170.0;

pub(super) const AXIS_MAXIMUM: [f64; 3] = [235.0, 235.0, 250.0];

#[derive(Debug)]
pub(super) struct Machine {
    /// Those that were configured.
    pub(super) macros: Vec<String>,
    pub(super) gcode: Interpreter,
    pub(super) homed: [bool; 3],
    /// Filament moved since the start, which no `G92` changes.
    pub(super) extruded: f64,
    pub(super) fan: f64,
    pub(super) speed_factor: f64,
    pub(super) extrude_factor: f64,
    pub(super) print: PrintStats,
    pub(super) prints_started: u64,
    pub(super) sd: VirtualSd,
    /// `pause_resume.is_paused`.
    pub(super) paused: bool,
    /// The display's text, which outlives prints.
    pub(super) message: Option<String>,
    pub(super) told_progress: Option<(f64, Instant)>,
    pub(super) parts: Parts,
    /// Since when commands are executed.
    pub(super) busy: Option<Instant>,
    /// Whether there was a command since the start.
    pub(super) was_busy: bool,
    /// When the moves of scripts will have been made.
    pub(super) moves_end: Instant,
    extruders: Vec<Heater>,
    bed: Option<Heater>,
    /// Temperatures and targets at a shutdown, of all heaters in order.
    frozen: Option<Vec<(f64, f64)>>,
    sensors_read_from: Option<Instant>,
    pub(super) time_scale: f64,
}

/// Klipper's `exclude_object`: the parts of a print by name.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) defined: Vec<Value>,
    pub(super) excluded: Vec<String>,
    pub(super) current: Option<String>,
}

/// Klipper's `virtual_sdcard`.
#[derive(Debug, Default)]
pub(super) struct VirtualSd {
    /// The loaded file, below the folder of G-code.
    pub(super) file: Option<String>,
    pub(super) source: Option<Source>,
    pub(super) size: u64,
    pub(super) position: u64,
    pub(super) active: bool,
    /// Counts starts and resumes, so that a print's task notices that it was replaced.
    pub(super) run: u64,
}

/// Klipper's `print_stats`.
#[derive(Debug, Clone)]
pub(super) struct PrintStats {
    pub(super) filename: String,
    pub(super) state: &'static str,
    pub(super) message: String,
    pub(super) filament_used: f64,
    pub(super) layers: (Option<u64>, Option<u64>),
    /// Who started it.
    pub(super) user: String,
    clock: Option<PrintClock>,
    time_scale: f64,
}

#[derive(Debug, Clone, Copy)]
struct PrintClock {
    started: Instant,
    ended: Option<Instant>,
    /// When filament was first moved.
    extruding: Option<Instant>,
    paused: Option<Instant>,
    pauses: f64,
}

impl PrintStats {
    fn new(time_scale: f64) -> Self {
        Self {
            filename: String::new(),
            state: "standby",
            message: String::new(),
            filament_used: 0.0,
            layers: (None, None),
            user: String::new(),
            clock: None,
            time_scale,
        }
    }

    pub(super) fn begin(&mut self, filename: &str, user: &str) {
        *self = Self::new(self.time_scale);
        self.filename = filename.to_owned();
        self.user = user.to_owned();
        self.state = "printing";
        self.clock = Some(PrintClock {
            started: Instant::now(),
            ended: None,
            extruding: None,
            paused: None,
            pauses: 0.0,
        });
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.time_scale);
    }

    pub(super) fn pause(&mut self) {
        self.state = "paused";
        if let Some(clock) = &mut self.clock {
            clock.paused.get_or_insert_with(Instant::now);
        }
    }

    pub(super) fn resume(&mut self) {
        self.state = "printing";
        if let Some(clock) = &mut self.clock
            && let Some(paused) = clock.paused.take()
            && clock.extruding.is_some()
        {
            clock.pauses += paused.elapsed().as_secs_f64();
        }
    }

    /// Ends it: `complete`, `cancelled` or `error`.
    pub(super) fn end(&mut self, state: &'static str, message: &str) {
        if self.state == "paused" {
            self.resume();
        }
        self.state = state;
        self.message = message.to_owned();
        if let Some(clock) = &mut self.clock {
            clock.ended.get_or_insert_with(Instant::now);
        }
    }

    pub(super) fn extrude(&mut self, length: f64) {
        self.filament_used += length;
        if let Some(clock) = &mut self.clock {
            clock.extruding.get_or_insert_with(Instant::now);
        }
    }

    /// Seconds since the start, pauses included.
    pub(super) fn total(&self) -> f64 {
        self.clock.map_or(0.0, |clock| self.seconds(clock.started, clock.ended))
    }

    /// Seconds since filament was first moved, without pauses.
    pub(super) fn printing(&self) -> f64 {
        let Some((clock, extruding)) = self.clock.and_then(|clock| Some((clock, clock.extruding?))) else {
            return 0.0;
        };
        let until = clock.paused.or(clock.ended);
        (self.seconds(extruding, until) - clock.pauses * self.time_scale).max(0.0)
    }

    fn seconds(&self, from: Instant, until: Option<Instant>) -> f64 {
        until.unwrap_or_else(Instant::now).saturating_duration_since(from).as_secs_f64() * self.time_scale
    }
}

impl VirtualSd {
    pub(super) fn progress(&self) -> f64 {
        if self.size == 0 { 0.0 } else { self.position as f64 / self.size as f64 }
    }

    /// Forgets the file.
    pub(super) fn reset(&mut self) {
        *self = Self { run: self.run + 1, ..Self::default() };
    }
}

impl Machine {
    pub(super) fn new(config: &MoonrakerConfig) -> Self {
        let heater = || Heater::new(config.time_scale);
        Self {
            macros: config.macros.clone(),
            gcode: interpreter(),
            homed: [false; 3],
            extruded: 0.0,
            fan: 0.0,
            speed_factor: 1.0,
            extrude_factor: 1.0,
            print: PrintStats::new(config.time_scale),
            prints_started: 0,
            sd: VirtualSd::default(),
            paused: false,
            message: None,
            told_progress: None,
            parts: Parts::default(),
            busy: None,
            was_busy: false,
            moves_end: Instant::now(),
            extruders: std::iter::repeat_with(heater).take(config.extruders.max(1)).collect(),
            bed: config.heated_bed.then(heater),
            frozen: None,
            sensors_read_from: None,
            time_scale: config.time_scale,
        }
    }

    /// Klipper starts anew; only what is warm stays so.
    pub(super) fn boot(&mut self) {
        self.halt();
        self.frozen = None;
        self.gcode = interpreter();
        (self.homed, self.extruded, self.fan) = ([false; 3], 0.0, 0.0);
        (self.speed_factor, self.extrude_factor) = (1.0, 1.0);
        self.print.reset();
        self.parts = Parts::default();
        self.paused = false;
        (self.message, self.told_progress, self.busy) = (None, None, None);
        self.was_busy = false;
        let first = FIRST_READING / self.time_scale;
        self.sensors_read_from = Some(Instant::now() + std::time::Duration::from_secs_f64(first));
    }

    /// The micro-controller stops: nothing is heated or moved any more.
    pub(super) fn halt(&mut self) {
        self.turn_off_heaters();
        self.sd.reset();
    }

    /// As [`Self::halt`], but Klipper goes on to tell what it knew. The print's task ends the print.
    pub(super) fn freeze(&mut self) {
        let known = self.heaters().map(|(_, heater)| (heater.actual(), heater.target())).collect();
        self.turn_off_heaters();
        self.frozen = Some(known);
    }

    pub(super) fn turn_off_heaters(&mut self) {
        for heater in self.extruders.iter_mut().chain(&mut self.bed) {
            heater.set_target(0.0);
        }
    }

    pub(super) fn heater_mut(&mut self, id: HeaterId) -> Option<&mut Heater> {
        match id {
            HeaterId::Tool(tool) => self.extruders.get_mut(tool),
            HeaterId::Bed => self.bed.as_mut(),
            HeaterId::Chamber => None,
        }
    }

    /// Name, temperature and target of every heater, in Klipper's order.
    pub(super) fn temperatures(&self) -> Vec<(String, f64, f64)> {
        let blind = self.sensors_read_from.is_some_and(|from| Instant::now() < from);
        let named = self.heaters().enumerate().map(|(at, (name, heater))| {
            let now = (heater.actual(), heater.target());
            let (actual, target) =
                self.frozen.as_ref().and_then(|frozen| frozen.get(at).copied()).unwrap_or(now);
            (name, if blind { 0.0 } else { hundredths(actual) }, target)
        });
        named.collect()
    }

    /// What `M105` says.
    pub(super) fn temperature_report(&self) -> String {
        let mut tool = 0;
        let parts = self.temperatures().into_iter().map(|(name, actual, target)| {
            let label = if name == "heater_bed" {
                "B".to_owned()
            } else {
                tool += 1;
                format!("T{}", tool - 1)
            };
            format!("{label}:{actual:.1} /{target:.1}")
        });
        parts.collect::<Vec<_>>().join(" ")
    }

    /// Whether the active extruder is hot enough.
    pub(super) fn can_extrude(&self) -> bool {
        self.extruders.get(self.gcode.tool).is_some_and(|heater| heater.actual() >= COLDEST_EXTRUSION)
    }

    pub(super) fn active_extruder(&self) -> String {
        extruder_name(self.gcode.tool)
    }

    pub(super) fn progress(&self) -> f64 {
        match self.told_progress {
            Some((progress, at)) if at.elapsed().as_secs_f64() * self.time_scale < TOLD_PROGRESS => progress,
            _ => self.sd.progress(),
        }
    }

    fn heaters(&self) -> impl Iterator<Item = (String, &Heater)> {
        let bed = self.bed.iter().map(|bed| ("heater_bed".to_owned(), bed));
        bed.chain(self.extruders.iter().enumerate().map(|(tool, heater)| (extruder_name(tool), heater)))
    }
}

pub(super) fn extruder_name(tool: usize) -> String {
    if tool == 0 { "extruder".to_owned() } else { format!("extruder{tool}") }
}

/// Klipper's speed before any is told is 25 mm/s.
fn interpreter() -> Interpreter {
    let mut gcode = Interpreter::new();
    gcode.position.f = 1500.0;
    gcode
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
