use alloc::{string::String, vec::Vec};

use crate::{Error, ErrorKind, Result};

/// A heater of the printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaterId {
    /// A hot end, by number from 0.
    Tool(u8),
    /// The heated bed.
    Bed,
    /// The heated chamber.
    Chamber,
}

/// Which axes to home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a printer has these three")]
pub struct Axes {
    /// Left and right.
    pub x: bool,
    /// Front and back.
    pub y: bool,
    /// Up and down.
    pub z: bool,
}

impl Axes {
    /// All three.
    pub const ALL: Self = Self { x: true, y: true, z: true };
}

/// Something to do with the printer or its running job.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// Set a heater's target and do not wait for it.
    SetTemperature {
        /// Which one.
        heater: HeaterId,
        /// Target, °C; 0 is off.
        celsius: f32,
    },
    /// Find the axes' zero by their end stops.
    Home(Axes),
    /// Move the print head from where it is.
    Jog {
        /// To the right, mm.
        x: f32,
        /// To the back, mm.
        y: f32,
        /// Up, mm.
        z: f32,
        /// mm/min; `None` leaves it to the host.
        speed: Option<u32>,
    },
    /// Feed filament through the selected tool; the firmware refuses while it is cold.
    Extrude {
        /// mm of filament; negative retracts.
        mm: f32,
        /// mm/min; `None` leaves it to the host.
        speed: Option<u32>,
    },
    /// Make a tool the current one, by number from 0.
    SelectTool(u8),
    /// Scale the speed of all moves, percent. A printer with a few speeds only refuses every other one as
    /// [`crate::ErrorKind::InvalidInput`].
    SpeedFactor(u16),
    /// Scale the amount of filament of all moves, percent.
    FlowFactor(u16),
    /// Stop all motion and heating at once. Most printers need a restart afterwards.
    EmergencyStop,
    /// Open the line between the host and its printer.
    ConnectPrinter,
    /// Close that line. A running print is lost.
    DisconnectPrinter,
    /// Restart the host's printing software and read its configuration again. A running print is lost.
    RestartHost,
    /// As [`Command::RestartHost`], and restart the printer's own boards, too: what most need after an emergency stop.
    RestartFirmware,
}

impl Command<'_> {
    /// The operation's name in errors.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Gcode(_) => "gcode",
            Self::SetTemperature { .. } => "set temperature",
            Self::Home(_) => "home",
            Self::Jog { .. } => "jog",
            Self::Extrude { .. } => "extrude",
            Self::SelectTool(_) => "select tool",
            Self::SpeedFactor(_) => "speed factor",
            Self::FlowFactor(_) => "flow factor",
            Self::EmergencyStop => "emergency stop",
            Self::ConnectPrinter => "connect printer",
            Self::DisconnectPrinter => "disconnect printer",
            Self::RestartHost => "restart host",
            Self::RestartFirmware => "restart firmware",
        }
    }
}

impl Command<'_> {
    /// Refuses what no printer can do, with [`ErrorKind::InvalidInput`]: numbers that are none, temperatures below 0
    /// or above 1000 °C, moves beyond 10 m, a factor of 0, no axis to home, no G-code. Drivers call this before
    /// anything is sent.
    pub fn check(&self) -> Result<()> {
        let fault = match *self {
            Self::SetTemperature { celsius, .. } if !(0.0..=1000.0).contains(&celsius) => {
                "a temperature is a number of °C from 0 to 1000"
            }
            Self::Home(Axes { x: false, y: false, z: false }) => "there is no axis to home",
            Self::Jog { x, y, z, .. } if ![x, y, z].iter().all(|mm| mm.abs() <= 10_000.0) => {
                "a move is a number of mm, of at most 10000"
            }
            Self::Extrude { mm, .. } if mm.is_nan() || mm.abs() > 10_000.0 => {
                "a length is a number of mm, of at most 10000"
            }
            Self::Jog { speed: Some(0), .. } | Self::Extrude { speed: Some(0), .. } => "a speed cannot be 0",
            Self::SpeedFactor(0) | Self::FlowFactor(0) => "a factor cannot be 0 %",
            Self::Gcode(lines) if lines.trim().is_empty() => "there is no G-code",
            _ => return Ok(()),
        };
        Err(Error::new(ErrorKind::InvalidInput, self.name()).with_detail(fault))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_no_printer_can_follow_are_refused_before_anything_is_sent() {
        let jog = |x| Command::Jog { x, y: 0.0, z: 0.0, speed: None };
        let heat = |celsius| Command::SetTemperature { heater: HeaterId::Bed, celsius };
        let none = Axes { x: false, y: false, z: false };
        for command in [
            jog(f32::NAN),
            jog(f32::INFINITY),
            jog(-10_001.0),
            heat(-1.0),
            heat(f32::NAN),
            heat(1001.0),
            Command::Extrude { mm: f32::NAN, speed: None },
            Command::Extrude { mm: 1.0, speed: Some(0) },
            Command::Home(none),
            Command::SpeedFactor(0),
            Command::FlowFactor(0),
            Command::Gcode(" \n"),
        ] {
            assert_eq!(command.check().unwrap_err().kind(), ErrorKind::InvalidInput, "{command:?}");
        }
        for command in [jog(-10.0), heat(0.0), heat(300.0), Command::Home(Axes::ALL), Command::Gcode("M105")]
        {
            assert_eq!(command.check(), Ok(()), "{command:?}");
        }
    }
}
