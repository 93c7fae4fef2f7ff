//! A Prusa MK3S on a pseudo terminal, for programs that talk to printers over a serial port.

mod eeprom;
mod firmware;
mod heater;
mod line;
mod machine;
mod motion;
mod planner;
mod progress;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::board::{Board, Processor};
use firmware::Firmware;
use machine::Machine;

/// How a simulated MK3S begins.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Mk3sConfig {
    /// Where the symbolic link to the terminal is made, which is the printer's port.
    pub port: PathBuf,
    /// Seconds of moving, heating and waiting per second. Automatic reports and answers keep their real time.
    pub time_scale: f64,
    /// From a command's arrival to its execution. The real board is never quicker than some milliseconds, and
    /// PrusaLink 0.8.1 loses track of its commands when the answer is there at once.
    pub latency: Duration,
    /// As printed on the printer: `CZPX1234X123XA12345`.
    pub serial_number: String,
}

impl Mk3sConfig {
    /// A cold MK3S with firmware 3.14.1 and no SD card, whose port is this path.
    pub fn at(port: impl Into<PathBuf>) -> Self {
        Self {
            port: port.into(),
            time_scale: 1.0,
            latency: Duration::from_millis(10),
            serial_number: "CZPX4720X004XK12345".to_owned(),
        }
    }

    /// Sets [`Self::time_scale`].
    #[must_use]
    pub fn time_scale(mut self, factor: f64) -> Self {
        self.time_scale = factor;
        self
    }
}

/// What somebody does at the printer itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mk3sButton {
    /// Asks the host for a pause. Nothing happens without a print.
    Pause,
    /// Asks the host to go on. Nothing happens without a print.
    Resume,
    /// Stops the print at once, and tells the host. Nothing happens without a print.
    Stop,
    /// The knob, for which `M0`, `M1` and `M600` wait.
    Knob,
}

/// What the printer is like, told by itself and not over its port.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Mk3sReport {
    /// °C.
    pub nozzle: f64,
    /// °C; 0 is off.
    pub nozzle_target: f64,
    /// °C.
    pub bed: f64,
    /// °C; 0 is off.
    pub bed_target: f64,
    /// The host has started the print timer and not stopped it. A pause changes nothing about that.
    pub is_printing: bool,
    /// The host has paused the print.
    pub is_paused: bool,
    /// Per cent of the print, if its G-code tells it.
    pub percent: Option<u8>,
    /// The last line of the display.
    pub message: String,
}

/// A simulated MK3S. Dropping it pulls out its cable and ends it.
#[derive(Debug)]
pub struct Mk3sSim {
    board: Board<Firmware>,
}

impl Mk3sSim {
    /// Switches a printer on and plugs it in. It lives in a thread of its own.
    ///
    /// # Errors
    ///
    /// When there is no terminal to be had, when the link cannot be made, and when there is something else than a
    /// symbolic link in its place.
    pub fn start(config: Mk3sConfig) -> io::Result<Self> {
        if !(config.time_scale.is_finite() && config.time_scale > 0.0) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the time scale must be above zero"));
        }
        let machine = Machine::new(config.serial_number, config.time_scale);
        Ok(Self { board: Board::start(config.port, Firmware::new(machine, config.latency))? })
    }

    /// Where hosts find it, while it is plugged in.
    pub fn port(&self) -> &Path {
        self.board.port()
    }

    /// Pulls out the cable: the port is gone, and whoever has opened it reads its end. The printer goes on with what
    /// it has, and stays as warm as it was told to be. Nothing happens when it is out already.
    pub fn unplug(&self) {
        self.board.unplug();
    }

    /// Plugs the cable in again. The printer starts anew, as an MK3S does when a host opens its port: heaters off, no
    /// print, the EEPROM as it was. Nothing happens when it is in already.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn plug_in(&self) -> io::Result<()> {
        self.board.plug_in()
    }

    /// Presses the reset button: heaters off, no print, the EEPROM as it was. The host reads `start`.
    pub fn reset(&self) {
        self.board.change(Firmware::reset);
    }

    /// Halts with a thermal runaway: heaters off, and not a word until [`Self::reset`] or [`Self::plug_in`].
    pub fn fail_firmware(&self) {
        self.board.change(Firmware::fail);
    }

    /// The next line with a number is damaged on its way, and asked for again. Several calls damage several.
    pub fn damage_next_line(&self) {
        self.board.change(|firmware, _| firmware.make_noise());
    }

    /// Somebody does this at the printer.
    pub fn press(&self, button: Mk3sButton) {
        self.board.change(|firmware, now| match button {
            Mk3sButton::Pause => firmware.ask_host("pause"),
            Mk3sButton::Resume => firmware.ask_host("resume"),
            Mk3sButton::Stop => firmware.stop(now),
            Mk3sButton::Knob => firmware.press_knob(now),
        });
    }

    /// What the printer is like now.
    pub fn report(&self) -> Mk3sReport {
        self.board.change(|firmware, now| {
            let machine = &firmware.machine;
            Mk3sReport {
                nozzle: machine.nozzle.actual(now),
                nozzle_target: machine.nozzle.target(),
                bed: machine.bed.actual(now),
                bed_target: machine.bed.target(),
                is_printing: machine.is_printing,
                is_paused: machine.is_paused,
                percent: machine.progress.percent(),
                message: machine.message.clone(),
            }
        })
    }

    /// What the printer has carried out, oldest first, without line numbers: the last 20 000 commands.
    pub fn commands(&self) -> Vec<String> {
        self.board.change(|firmware, _| firmware.commands.iter().cloned().collect())
    }
}

impl Processor for Firmware {
    fn wants_input(&self) -> bool {
        self.wants_input()
    }

    fn receive(&mut self, bytes: &[u8], _: Duration) {
        self.receive(bytes);
    }

    fn advance(&mut self, now: Duration) -> Option<Duration> {
        self.advance(now)
    }

    fn take_output(&mut self) -> Vec<u8> {
        self.take_output().into_bytes()
    }

    fn reset(&mut self, now: Duration) {
        self.reset(now);
    }
}
