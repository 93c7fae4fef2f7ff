//! The micro-controller of a printer that Klipper drives, on a pseudo terminal.

mod clock;
mod dictionary;
mod firmware;
mod frame;
mod heater;
mod homing;
mod machine;
mod output;
mod sensor;
mod stepper;
mod tasks;
mod vlq;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::board::{Board, Processor};
use firmware::Firmware;

/// What the printer is like, told by itself and not by its host.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KlipperMcuReport {
    /// °C.
    pub nozzle: f64,
    /// From 0 to 1.
    pub nozzle_power: f64,
    /// °C.
    pub bed: f64,
    /// From 0 to 1.
    pub bed_power: f64,
    /// From 0 to 1.
    pub fan: f64,
    /// What the motors have made since the printer was switched on.
    pub steps: KlipperMcuSteps,
    /// Why the micro-controller has stopped for good, until it is reset.
    pub shutdown: Option<String>,
    /// How often the micro-controller was started anew.
    pub resets: u32,
}

/// Steps in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KlipperMcuSteps {
    /// Of the x axis.
    pub x: u64,
    /// Of the y axis.
    pub y: u64,
    /// Of the z axis.
    pub z: u64,
    /// Of the extruder.
    pub e: u64,
}

/// A simulated micro-controller with a printer. Dropping it pulls out its cable and ends it.
#[derive(Debug)]
pub struct KlipperMcuSim {
    board: Board<Firmware>,
}

impl KlipperMcuSim {
    /// Switches a printer on and plugs it in: a cold cartesian printer, whose port is a symbolic link at this path. It
    /// lives in a thread of its own.
    ///
    /// # Errors
    ///
    /// When there is no terminal to be had, when the link cannot be made, and when there is something else than a
    /// symbolic link in its place.
    pub fn start(port: impl Into<PathBuf>) -> io::Result<Self> {
        Ok(Self { board: Board::start(port.into(), Firmware::new())? })
    }

    /// Where a host finds it, while it is plugged in.
    pub fn port(&self) -> &Path {
        self.board.port()
    }

    /// Pulls out the cable: the port is gone, and whoever has opened it reads its end. The printer goes on with what
    /// it was told, and stops when heaters were left on. Nothing happens when it is out already.
    pub fn unplug(&self) {
        self.board.unplug();
    }

    /// Plugs the cable in again, which starts the micro-controller anew. Nothing happens when it is in already.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn plug_in(&self) -> io::Result<()> {
        self.board.plug_in()
    }

    /// Presses the reset button: everything off, nothing configured. The host is not told.
    pub fn reset(&self) {
        self.board.change(Firmware::reset);
    }

    /// It hears, obeys and says nothing, or speaks again. What it would have said is lost.
    pub fn set_mute(&self, is_mute: bool) {
        self.board.change(|firmware, _| firmware.is_mute = is_mute);
    }

    /// The wire of the nozzle's sensor breaks, or is mended. A broken one is out of every range.
    pub fn set_sensor_broken(&self, is_broken: bool) {
        self.board.change(|firmware, _| firmware.machine.nozzle.is_broken = is_broken);
    }

    /// What the printer is like now.
    pub fn report(&self) -> KlipperMcuReport {
        self.board.change(|firmware, now| {
            firmware.advance(now);
            let (machine, clock) = (&firmware.machine, clock::ticks(now));
            let [x, y, z, e] = machine.steps();
            KlipperMcuReport {
                nozzle: machine.nozzle.celsius(clock),
                nozzle_power: machine.nozzle.power(),
                bed: machine.bed.celsius(clock),
                bed_power: machine.bed.power(),
                fan: machine.fan,
                steps: KlipperMcuSteps { x, y, z, e },
                shutdown: firmware.shutdown().map(str::to_owned),
                resets: firmware.resets,
            }
        })
    }
}

impl Processor for Firmware {
    fn wants_input(&self) -> bool {
        true
    }

    fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.receive(bytes, now);
    }

    fn advance(&mut self, now: Duration) -> Option<Duration> {
        self.advance(now)
    }

    fn take_output(&mut self) -> Vec<u8> {
        self.take_output()
    }

    fn reset(&mut self, now: Duration) {
        self.reset(now);
    }
}
