use alloc::{string::String, vec::Vec};
use core::time::Duration;

/// What the printer is doing, in words common to all protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The host answers, its printer does not: switched off, unplugged, not connected.
    Offline,
    /// The host is opening the line to its printer.
    Connecting,
    /// Ready for a job.
    Idle,
    /// A job has been taken and has not begun to print: transfer, heating, calibration, where told apart.
    Preparing,
    /// Printing.
    Printing,
    /// Pausing; the machine still moves.
    Pausing,
    /// Paused.
    Paused,
    /// Continuing after a pause.
    Resuming,
    /// Cancelling; the machine still moves.
    Cancelling,
    /// The last moves of a job.
    Finishing,
    /// The job is done and the printer waits for somebody to take the part off.
    Finished,
    /// The job was cancelled and the printer waits for somebody.
    Cancelled,
    /// The printer waits for somebody: filament change, a question on its screen.
    Attention,
    /// Doing something that is not a job: homing, calibrating, a menu.
    Busy,
    /// The printer has failed and will not take a job before somebody looks at it.
    Faulted,
    /// A state this version does not know; [`PrinterStatus::state_text`] has the printer's own word.
    #[default]
    Unknown,
}

impl Phase {
    /// Its name in snake case, for programs: it does not change.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Connecting => "connecting",
            Self::Idle => "idle",
            Self::Preparing => "preparing",
            Self::Printing => "printing",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Resuming => "resuming",
            Self::Cancelling => "cancelling",
            Self::Finishing => "finishing",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Attention => "attention",
            Self::Busy => "busy",
            Self::Faulted => "faulted",
            Self::Unknown => "unknown",
        }
    }

    /// True for the phases that say nothing of whether a job goes on: a question on the screen in the middle of a
    /// print, a state nobody knows.
    pub const fn leaves_job_open(self) -> bool {
        matches!(self, Self::Attention | Self::Busy | Self::Connecting | Self::Unknown)
    }

    /// True while a job holds the printer, from [`Phase::Preparing`] to [`Phase::Finishing`].
    pub const fn has_job(self) -> bool {
        matches!(
            self,
            Self::Preparing
                | Self::Printing
                | Self::Pausing
                | Self::Paused
                | Self::Resuming
                | Self::Cancelling
                | Self::Finishing
        )
    }
}

/// A heater. `None` is "the protocol did not say", never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Heater {
    /// Measured, °C.
    pub actual: Option<f32>,
    /// Target, °C; 0 is off.
    pub target: Option<f32>,
}

impl Heater {
    /// A heater with what is known of it, °C.
    pub const fn new(actual: Option<f32>, target: Option<f32>) -> Self {
        Self { actual, target }
    }
}

/// A fan. `None` is "the protocol did not say".
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Fan {
    /// What it cools, in the protocol's words; empty for the one fan that cools the print.
    pub name: String,
    /// How fast it is set to blow, 0.0 to 1.0.
    pub speed: Option<f32>,
    /// Measured revolutions per minute.
    pub rpm: Option<u32>,
}

/// Where the print head is, mm. `None` is "the protocol did not say", and an axis that was not homed has no position.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Position {
    /// To the right.
    pub x: Option<f32>,
    /// To the back.
    pub y: Option<f32>,
    /// Up.
    pub z: Option<f32>,
}

/// The job the printer has, or had last where the protocol keeps showing it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Job {
    /// The file's path on the host.
    pub path: Option<String>,
    /// The file's size in bytes.
    pub size: Option<u64>,
    /// How far it is, 0.0 to 1.0, by the host's own measure.
    pub progress: Option<f32>,
    /// Time since the start of the print.
    pub elapsed: Option<Duration>,
    /// The host's estimate of the time left.
    pub remaining: Option<Duration>,
}

/// The printer as last read. Every `None` means that the protocol did not say.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PrinterStatus {
    /// The normalised state.
    pub phase: Phase,
    /// The printer's own word for it.
    pub state_text: String,
    /// The current job, if one is selected or running.
    pub job: Option<Job>,
    /// Hot ends, by number.
    pub tools: Vec<Heater>,
    /// The heated bed.
    pub bed: Option<Heater>,
    /// The heated chamber.
    pub chamber: Option<Heater>,
    /// Fans; the one that cools the print first.
    pub fans: Vec<Fan>,
    /// Where the print head is.
    pub position: Option<Position>,
    /// By how much all moves are scaled, percent: what [`crate::Command::SpeedFactor`] sets.
    pub speed_factor: Option<u16>,
    /// By how much filament is scaled, percent: what [`crate::Command::FlowFactor`] sets.
    pub flow_factor: Option<u16>,
    /// Why the printer is [`Phase::Faulted`], in its own words.
    pub fault: Option<String>,
}
