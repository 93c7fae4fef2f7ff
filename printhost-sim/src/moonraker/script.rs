//! Scripts of G-code, one at a time, and what they make Klipper wait for.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep_until};

use super::console::Todo;
use super::failure::{Answer, Failure};
use super::klippy::Phase;
use super::machine::Parts;
use super::print;
use super::shared::Shared;
use crate::gcode::HeaterId;

/// Moves of scripts that may wait to be made, in seconds.
const MOVES_AHEAD: f64 = 2.0;
/// Seconds until the moves before a pause are made, and before a cancellation.
const PAUSING: f64 = 0.6;
const CANCELLING: f64 = 1.0;
/// How often a waiting printer tells its temperatures, in real time.
const REPORT: Duration = Duration::from_secs(1);
/// A timer cannot wait for less; shorter steps are saved up.
pub(super) const TIMER_STEP: Duration = Duration::from_millis(1);

/// Why a wait ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    Shutdown,
    Gone,
}

impl Shared {
    /// Runs a script for a user, behind those that came before.
    pub(super) async fn script(self: &Arc<Self>, script: &str, user: &str) -> Answer<()> {
        let session = {
            let mut inner = self.lock();
            if !inner.link.up {
                return Err(Failure::no_klippy());
            }
            inner.records.gcode(script, "command");
            inner.klippy.session
        };
        let _turn = self.turn(session).await.ok_or_else(disconnected)?;
        for line in script.lines() {
            let todo = self.lock().command(line);
            let done = match todo {
                Ok(todo) => self.finish(session, todo, user).await,
                Err(message) => Err(Failure::bad(message)),
            };
            if let Err(failure) = done {
                let mut inner = self.lock();
                if failure.status == 400 {
                    inner.complain(&failure.message);
                }
                return Err(failure);
            }
        }
        let machine = &mut self.lock().machine;
        if !machine.sd.active {
            machine.busy = None;
        }
        Ok(())
    }

    /// Waits until Klipper may do something; none when it went away.
    pub(super) async fn turn(&self, session: u64) -> Option<MutexGuard<'_, ()>> {
        let mut changed = self.changed.subscribe();
        let turn = self.gcode.lock();
        tokio::pin!(turn);
        loop {
            if self.lock().klippy.session != session {
                return None;
            }
            tokio::select! {
                turn = &mut turn => return (self.lock().klippy.session == session).then_some(turn),
                _ = changed.changed() => {}
            }
        }
    }

    /// Does what is left of a command of a script.
    async fn finish(self: &Arc<Self>, session: u64, todo: Todo, user: &str) -> Answer<()> {
        match todo {
            Todo::Done => {}
            Todo::Pass(seconds) => {
                let until = {
                    let machine = &mut self.lock().machine;
                    let end = machine.moves_end.max(Instant::now()) + self.real(seconds);
                    machine.moves_end = end;
                    end.checked_sub(self.real(MOVES_AHEAD))
                };
                if let Some(until) = until {
                    self.wait_until(session, until).await.or_else(ended)?;
                }
            }
            Todo::Settle => {
                let until = self.lock().machine.moves_end;
                self.wait_until(session, until).await.or_else(ended)?;
            }
            Todo::Print(file) => self.load(session, &file, user)?,
            Todo::Restart { firmware } => self.restart_klippy(firmware),
            other => self.wait_for(session, other).await?,
        }
        Ok(())
    }

    /// What takes as long in a file as in a script.
    pub(super) async fn wait_for(self: &Arc<Self>, session: u64, todo: Todo) -> Answer<()> {
        match todo {
            Todo::Home(seconds) => {
                let until = Instant::now() + self.real(seconds);
                match self.wait_until(session, until).await {
                    Ok(()) => {}
                    Err(Stopped::Shutdown) => {
                        return Err(Failure::bad("Homing failed due to printer shutdown"));
                    }
                    Err(gone) => ended(gone)?,
                }
            }
            Todo::Heat(id) => self.heat_up(session, id).await.or_else(ended)?,
            Todo::Pause => self.pause(session).await?,
            Todo::Resume => self.resume(session),
            Todo::Cancel => self.cancel(session).await?,
            Todo::Stop => self.stopped_by_command(),
            _ => {}
        }
        Ok(())
    }

    /// Sleeps unless Klipper stops first.
    pub(super) async fn wait_until(&self, session: u64, until: Instant) -> Result<(), Stopped> {
        let mut changed = self.changed.subscribe();
        loop {
            let (now, phase) = {
                let inner = self.lock();
                (inner.klippy.session, inner.klippy.phase)
            };
            if now != session {
                return Err(Stopped::Gone);
            }
            if phase == Phase::Shutdown {
                return Err(Stopped::Shutdown);
            }
            if until <= Instant::now() + TIMER_STEP {
                return Ok(());
            }
            tokio::select! {
                () = sleep_until(until) => {}
                _ = changed.changed() => {}
            }
        }
    }

    /// Waits for a heater and tells all temperatures meanwhile.
    async fn heat_up(&self, session: u64, id: HeaterId) -> Result<(), Stopped> {
        loop {
            let left = {
                let mut inner = self.lock();
                let left = inner.machine.heater_mut(id).map_or(0.0, |heater| heater.seconds_to_heat());
                if left > 0.0 {
                    let report = inner.machine.temperature_report();
                    inner.say(report);
                }
                left
            };
            if left <= 0.0 {
                return Ok(());
            }
            let step = self.real(left).clamp(TIMER_STEP * 2, REPORT);
            self.wait_until(session, Instant::now() + step).await?;
        }
    }

    async fn pause(&self, session: u64) -> Answer<()> {
        {
            let mut inner = self.lock();
            if inner.machine.paused {
                inner.say("// Print already paused");
                return Ok(());
            }
            inner.machine.paused = true;
            if !inner.machine.sd.active {
                inner.say("// action:paused");
                return Ok(());
            }
        }
        let paused = self.wait_until(session, Instant::now() + self.real(PAUSING)).await;
        if paused.is_ok() {
            let machine = &mut self.lock().machine;
            machine.sd.active = false;
            machine.print.pause();
        }
        paused.or_else(ended)
    }

    fn resume(self: &Arc<Self>, session: u64) {
        let mut inner = self.lock();
        if !inner.machine.paused {
            inner.say("// Print is not paused, resume aborted");
            return;
        }
        inner.machine.paused = false;
        if inner.machine.sd.file.is_none() || inner.machine.print.state != "paused" {
            inner.say("// action:resumed");
            return;
        }
        inner.machine.sd.active = true;
        inner.machine.sd.run += 1;
        inner.machine.print.resume();
        let run = inner.machine.sd.run;
        self.keep(print::run(Arc::clone(self), session, run));
    }

    async fn cancel(&self, session: u64) -> Answer<()> {
        {
            let mut inner = self.lock();
            inner.machine.turn_off_heaters();
            inner.machine.paused = false;
            if inner.machine.sd.file.is_none() {
                inner.say("// action:cancel");
                return Ok(());
            }
        }
        self.wait_until(session, Instant::now() + self.real(CANCELLING)).await.or_else(ended)?;
        let machine = &mut self.lock().machine;
        machine.sd.reset();
        machine.parts = Parts::default();
        machine.print.end("cancelled", "");
        Ok(())
    }

    /// Loads a file and starts to print it.
    fn load(self: &Arc<Self>, session: u64, file: &str, user: &str) -> Answer<()> {
        let file = file.trim_start_matches('/');
        let mut inner = self.lock();
        if inner.machine.sd.active {
            return Err(Failure::bad("SD busy"));
        }
        let source = inner.store.print_source(file);
        let (source, size) = source.ok_or_else(|| Failure::bad("Unable to open file"))?;
        inner.machine.sd.reset();
        let sd = &mut inner.machine.sd;
        (sd.file, sd.source, sd.size, sd.active) = (Some(file.to_owned()), Some(source), size, true);
        let run = sd.run;
        inner.machine.paused = false;
        inner.machine.print.begin(file, user);
        inner.machine.parts = Parts::default();
        inner.machine.prints_started += 1;
        inner.say(format!("File opened:{file} Size:{size}"));
        inner.say("File selected");
        self.keep(print::run(Arc::clone(self), session, run));
        Ok(())
    }

    /// `printer.print.start`.
    pub(super) async fn start_print(self: &Arc<Self>, filename: &str, user: &str) -> Answer<()> {
        let filename = filename.trim_start_matches('/').replace(['"', '\n'], "");
        self.script(&format!("SDCARD_PRINT_FILE FILENAME=\"{filename}\""), user).await
    }
}

/// A wait that a shutdown ended is none; one whose Klipper went away has no answer.
fn ended(stopped: Stopped) -> Answer<()> {
    match stopped {
        Stopped::Shutdown => Ok(()),
        Stopped::Gone => Err(disconnected()),
    }
}

fn disconnected() -> Failure {
    Failure::new(503, "Klippy Disconnected")
}
