//! The printer, as PrusaLink sees it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::config::{PrusaLinkConfig, PrusaLinkFamily};
use crate::gcode::{Effect, HeaterId, Interpreter, SHORT, Words, without_comment};
use crate::heater::Heater;

/// Seconds of the printer's time until an order shows.
const TAKES_EFFECT: f64 = 0.3;
/// What both fans turn at, a minute, while there is something for them to do.
const HOTEND_FAN: f64 = 3240.0;
const PRINT_FAN: f64 = 4560.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    Ready,
    Printing,
    Paused,
    Finished,
    Stopped,
    /// It waits for somebody, in the middle of a print.
    Attention,
    /// The Pi has lost its printer.
    Gone,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::Ready => "READY",
            Self::Printing => "PRINTING",
            Self::Paused => "PAUSED",
            Self::Finished => "FINISHED",
            Self::Stopped => "STOPPED",
            Self::Attention => "ATTENTION",
            Self::Gone => "ERROR",
        }
    }

    pub(super) const fn has_job(self) -> bool {
        matches!(self, Self::Printing | Self::Paused | Self::Attention)
    }
}

/// An order that does not show yet.
#[derive(Debug, Clone, Copy)]
struct Due {
    at: Instant,
    state: State,
}

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) path: String,
    pub(super) size: u64,
    /// What `M73` has said: percent, and minutes that remain.
    pub(super) percent: Option<f64>,
    pub(super) remaining: Option<f64>,
    /// Real time it has printed, and since when it goes on.
    printed: Duration,
    since: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Machine {
    state: State,
    due: Option<Due>,
    /// When the end that is shown is shown no more.
    until: Option<Instant>,
    pub(super) job: Option<Job>,
    /// How many prints there have been.
    pub(super) prints: u64,
    pub(super) nozzle: Heater,
    pub(super) bed: Heater,
    gcode: Interpreter,
    pub(super) speed: f64,
    pub(super) flow: f64,
    fan: bool,
    time_scale: f64,
    end_shown_for: Option<Duration>,
    family: PrusaLinkFamily,
    pub(super) changed: watch::Sender<()>,
}

impl Machine {
    pub(super) fn new(config: &PrusaLinkConfig) -> Self {
        Self {
            state: State::Idle,
            due: None,
            until: None,
            job: None,
            prints: 0,
            nozzle: Heater::new(config.time_scale),
            bed: Heater::new(config.time_scale),
            gcode: Interpreter::new(),
            speed: 100.0,
            flow: 100.0,
            fan: false,
            time_scale: config.time_scale,
            end_shown_for: config.end_shown_for,
            family: config.family,
            changed: watch::Sender::new(()),
        }
    }

    /// What it shows now.
    pub(super) fn state(&mut self) -> State {
        let now = Instant::now();
        if let Some(due) = self.due.filter(|due| due.at <= now) {
            self.enter(due.state);
        }
        if self.until.is_some_and(|until| until <= now) {
            self.enter(State::Idle);
        }
        self.state
    }

    pub(super) fn may_start(&mut self) -> bool {
        let state = self.state();
        let after_stop = state == State::Stopped && self.family == PrusaLinkFamily::Buddy;
        self.due.is_none() && (after_stop || matches!(state, State::Idle | State::Ready | State::Finished))
    }

    /// Gives the number of the print.
    pub(super) fn start(&mut self, path: &str, size: u64) -> u64 {
        self.prints += 1;
        let id = self.prints;
        self.job = Some(Job {
            id,
            path: path.to_owned(),
            size,
            percent: None,
            remaining: None,
            printed: Duration::ZERO,
            since: None,
        });
        self.gcode = Interpreter::new();
        self.enter(State::Printing);
        id
    }

    /// Takes an order that will show; false when it does not fit the state.
    pub(super) fn order(&mut self, from: &[State], to: State) -> bool {
        let fits = from.contains(&self.state()) && self.due.is_none();
        if fits {
            let after = Duration::from_secs_f64(TAKES_EFFECT / self.time_scale);
            self.due = Some(Due { at: Instant::now() + after, state: to });
        }
        fits
    }

    /// What happens at the printer itself, and shows at once.
    pub(super) fn enter(&mut self, state: State) {
        (self.due, self.until) = (None, None);
        if matches!(state, State::Finished | State::Stopped) {
            self.until = self.end_shown_for.map(|time| Instant::now() + time);
        }
        if let Some(job) = &mut self.job {
            match (state == State::Printing, job.since) {
                (true, None) => job.since = Some(Instant::now()),
                (false, Some(since)) => {
                    job.printed += since.elapsed();
                    job.since = None;
                }
                _ => {}
            }
        }
        if !state.has_job() {
            self.job = None;
        }
        if matches!(state, State::Stopped | State::Gone) {
            self.fan = false;
            self.nozzle.set_target(0.0);
            self.bed.set_target(0.0);
        }
        self.state = state;
        self.changed.send_replace(());
    }

    /// The state of a print, while it lasts.
    pub(super) fn state_of(&mut self, id: u64) -> Option<State> {
        let state = self.state();
        self.job.as_ref().filter(|job| job.id == id)?;
        Some(state)
    }

    pub(super) fn finish(&mut self, id: u64) {
        if self.state_of(id).is_some() {
            self.enter(State::Finished);
        }
    }

    /// When something will show that has been ordered.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.map(|due| due.at)
    }

    /// Carries out a line of a print; how many seconds it takes.
    pub(super) fn line(&mut self, line: &str) -> f64 {
        let words = Words(without_comment(line));
        let number = |letter| words.number(letter);
        match words.command().as_deref() {
            Some("M73") => {
                if let Some(job) = &mut self.job {
                    job.percent = number('P').or(job.percent);
                    job.remaining = number('R').or(job.remaining);
                }
            }
            Some("M220") => self.speed = number('S').unwrap_or(self.speed),
            Some("M221") => self.flow = number('S').unwrap_or(self.flow),
            Some("M106") => self.fan = true,
            Some("M107") => self.fan = false,
            _ => {}
        }
        match self.gcode.line(line) {
            Effect::None => 0.0,
            Effect::Takes(seconds) | Effect::Dwell(seconds) | Effect::Move { seconds, .. } => seconds,
            Effect::Home | Effect::Tool(_) => SHORT,
            Effect::Heat { heater, celsius, wait } => {
                let heater = match heater {
                    HeaterId::Tool(_) => &mut self.nozzle,
                    HeaterId::Bed | HeaterId::Chamber => &mut self.bed,
                };
                heater.set_target(celsius);
                if wait { heater.seconds_to_heat() } else { SHORT }
            }
        }
    }

    /// In mm; the head's is known only while it is not at work.
    pub(super) fn position(&self) -> (f64, f64, f64) {
        let at = self.gcode.position;
        (at.x, at.y, at.z)
    }

    /// Turns a minute, of the hot end's fan and of the print's.
    pub(super) fn fans(&self) -> (f64, f64) {
        let hot = self.nozzle.target() > 0.0;
        (if hot { HOTEND_FAN } else { 0.0 }, if self.fan { PRINT_FAN } else { 0.0 })
    }
}

impl Job {
    pub(super) fn time_printing(&self) -> u64 {
        (self.printed + self.since.map_or(Duration::ZERO, |since| since.elapsed())).as_secs()
    }

    pub(super) fn seconds_remaining(&self) -> Option<f64> {
        self.remaining.map(|minutes| minutes * 60.0)
    }
}
