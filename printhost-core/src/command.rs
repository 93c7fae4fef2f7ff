use alloc::{string::String, vec::Vec};

/// Something to do with the printer or its running job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// Pause the running job.
    Pause,
    /// Continue a paused job.
    Resume,
    /// End the job; what is printed so far is lost.
    Cancel,
    /// Send raw G-code, one or more lines separated by `\n`. The firmware executes it as it stands.
    Gcode(&'a str),
    /// Stop all motion and heating at once. Most printers need a restart afterwards.
    EmergencyStop,
    /// Open the line between the host and its printer.
    ConnectPrinter,
    /// Close that line. A running print is lost.
    DisconnectPrinter,
}

impl Command<'_> {
    /// The operation's name in errors.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Gcode(_) => "gcode",
            Self::EmergencyStop => "emergency stop",
            Self::ConnectPrinter => "connect printer",
            Self::DisconnectPrinter => "disconnect printer",
        }
    }
}

/// How much is known about the effect of a command that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confirmation {
    /// The host took the command; its effect will show in the status.
    Accepted,
    /// The printer was read afterwards and shows the effect, or shows that it is under way.
    Confirmed,
}

/// A command that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// How much is known about the effect.
    pub confirmation: Confirmation,
    /// What the printer's console answered, where the protocol hands it over.
    pub replies: Vec<String>,
}

impl Outcome {
    /// The host took it.
    pub const fn accepted() -> Self {
        Self { confirmation: Confirmation::Accepted, replies: Vec::new() }
    }

    /// The printer shows it.
    pub const fn confirmed() -> Self {
        Self { confirmation: Confirmation::Confirmed, replies: Vec::new() }
    }
}
