//! A Prusa MK3S on a pseudo terminal, for programs that talk to printers over a serial port.

mod eeprom;
mod firmware;
mod heater;
mod line;
mod machine;
mod motion;
mod planner;
mod progress;
mod pty;

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use firmware::Firmware;
use machine::Machine;
use pty::{Link, Pty};

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
    printer: Arc<Printer>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Printer {
    config: Mk3sConfig,
    switched_on: Instant,
    state: Mutex<State>,
    /// Wakes the thread.
    changed: OwnedFd,
}

#[derive(Debug)]
struct State {
    firmware: Firmware,
    cable: Option<Cable>,
    is_over: bool,
}

#[derive(Debug)]
struct Cable {
    pty: Arc<Pty>,
    /// Gone at once when the cable is pulled out, while the thread may still wait for the terminal.
    _link: Link,
}

impl Cable {
    fn plug_in(port: &Path) -> io::Result<Self> {
        let (pty, link) = Pty::plug_in(port)?;
        Ok(Self { pty: Arc::new(pty), _link: link })
    }
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
        let cable = Some(Cable::plug_in(&config.port)?);
        let machine = Machine::new(config.serial_number.clone(), config.time_scale);
        let firmware = Firmware::new(machine, config.latency);
        let printer = Arc::new(Printer {
            config,
            switched_on: Instant::now(),
            state: Mutex::new(State { firmware, cable, is_over: false }),
            changed: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        });
        let life = Arc::clone(&printer);
        let thread = std::thread::Builder::new().name("mk3s".to_owned()).spawn(move || life.live())?;
        Ok(Self { printer, thread: Some(thread) })
    }

    /// Where hosts find it, while it is plugged in.
    pub fn port(&self) -> &Path {
        &self.printer.config.port
    }

    /// Pulls out the cable: the port is gone, and whoever has opened it reads its end. The printer goes on with what
    /// it has, and stays as warm as it was told to be. Nothing happens when it is out already.
    pub fn unplug(&self) {
        self.printer.change(|state, _| state.cable = None);
    }

    /// Plugs the cable in again. The printer starts anew, as an MK3S does when a host opens its port: heaters off, no
    /// print, the EEPROM as it was. Nothing happens when it is in already.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn plug_in(&self) -> io::Result<()> {
        self.printer.change(|state, now| {
            if state.cable.is_none() {
                state.cable = Some(Cable::plug_in(&self.printer.config.port)?);
                state.firmware.reset(now);
            }
            Ok(())
        })
    }

    /// Presses the reset button: heaters off, no print, the EEPROM as it was. The host reads `start`.
    pub fn reset(&self) {
        self.printer.change(|state, now| state.firmware.reset(now));
    }

    /// Halts with a thermal runaway: heaters off, and not a word until [`Self::reset`] or [`Self::plug_in`].
    pub fn fail_firmware(&self) {
        self.printer.change(|state, now| state.firmware.fail(now));
    }

    /// The next line with a number is damaged on its way, and asked for again. Several calls damage several.
    pub fn damage_next_line(&self) {
        self.printer.change(|state, _| state.firmware.make_noise());
    }

    /// Somebody does this at the printer.
    pub fn press(&self, button: Mk3sButton) {
        self.printer.change(|state, now| match button {
            Mk3sButton::Pause => state.firmware.ask_host("pause"),
            Mk3sButton::Resume => state.firmware.ask_host("resume"),
            Mk3sButton::Stop => state.firmware.stop(now),
            Mk3sButton::Knob => state.firmware.press_knob(now),
        });
    }

    /// What the printer is like now.
    pub fn report(&self) -> Mk3sReport {
        let now = self.printer.now();
        let state = self.printer.lock();
        let machine = &state.firmware.machine;
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
    }

    /// What the printer has carried out, oldest first, without line numbers: the last 20 000 commands.
    pub fn commands(&self) -> Vec<String> {
        self.printer.lock().firmware.commands.iter().cloned().collect()
    }
}

impl Drop for Mk3sSim {
    fn drop(&mut self) {
        self.printer.change(|state, _| {
            state.cable = None;
            state.is_over = true;
        });
        if let Some(thread) = self.thread.take() {
            // An error would be a panic there, which has told about itself.
            let _ = thread.join();
        }
    }
}

impl Printer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.switched_on.elapsed()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State, Duration) -> T) -> T {
        let changed = change(&mut self.lock(), self.now());
        // Fails only if the thread has been woken and not come to it yet.
        let _ = rustix::io::write(&self.changed, &1_u64.to_ne_bytes());
        changed
    }

    /// Does what is due, and waits for more, until it is over.
    fn live(&self) {
        loop {
            let mut state = self.lock();
            if state.is_over {
                return;
            }
            let now = self.now();
            let due = state.firmware.advance(now);
            let output = state.firmware.take_output();
            let pty = state.cable.as_ref().map(|cable| Arc::clone(&cable.pty));
            if let Some(pty) = &pty {
                pty.write(output.as_bytes());
            }
            let reads = pty.filter(|_| state.firmware.wants_input());
            drop(state);
            self.wait(reads.as_deref(), due.map(|due| due.saturating_sub(now)));
            if let Some(pty) = &reads {
                let mut buffer = [0; 256];
                let read = pty.read(&mut buffer);
                self.receive(pty, read.map(|read| &buffer[..read]));
            }
        }
    }

    /// Returns when something came over the cable, when something was changed, or after so long.
    fn wait(&self, pty: Option<&Pty>, timeout: Option<Duration>) {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut sources = vec![PollFd::new(&self.changed, PollFlags::IN)];
        sources.extend(pty.map(|pty| PollFd::new(pty, PollFlags::IN)));
        // An interrupted wait is a short one.
        let _ = poll(&mut sources, timeout.as_ref());
        let _ = rustix::io::read(&self.changed, &mut [0; 8]);
    }

    /// Takes what came over this cable, unless it has been pulled out since.
    fn receive(&self, from: &Arc<Pty>, read: io::Result<&[u8]>) {
        let mut state = self.lock();
        if !state.cable.as_ref().is_some_and(|cable| Arc::ptr_eq(&cable.pty, from)) {
            return;
        }
        match read {
            Ok(bytes) => state.firmware.receive(bytes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => state.cable = None,
        }
    }
}
