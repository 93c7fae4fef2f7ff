//! Klipper's life: it starts, is ready, fails, is shut down, goes away; and how the server follows it.

use std::sync::Arc;
use std::time::Duration;

use super::shared::{Inner, Shared};

/// Seconds after a restart until Klipper can be reached again.
const AWAY: f64 = 1.2;
/// Seconds from there until it is ready.
const STARTUP: f64 = 0.45;
/// Time until a restart is noticed.
const GOING: Duration = Duration::from_millis(20);
/// How often the server looks for Klipper, and asks one that starts.
const POLL: Duration = Duration::from_millis(50);

pub(super) const READY: &str = "Printer is ready";
const STARTING: &str = "\nPrinter is not ready\nThe klippy host software is attempting to connect.  Please\nretry in a \
    few moments.\n";
const USE_FIRMWARE_RESTART: &str = "Once the underlying issue is corrected, use the\n\"FIRMWARE_RESTART\" command \
    to reset the firmware, reload the\nconfig, and restart the host software.\n";
const BAD_CONFIG: &str = "Section 'nosuchsection' is not a valid config section\n\nOnce the underlying issue is \
    corrected, use the \"RESTART\"\ncommand to reload the config and restart the host software.\nPrinter is halted\n";
const ADC_RANGE: &str = "MCU 'mcu' shutdown: ADC out of range\n\nSensor 'extruder' temperature 500.000 not in range \
    5.000:280.000\n\nThis generally occurs when a heater temperature exceeds\nits configured min_temp or max_temp.";

/// What Klipper says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Gone,
    Startup,
    Ready,
    Error,
    Shutdown,
}

impl Phase {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gone => "disconnected",
            Self::Startup => "startup",
            Self::Ready => "ready",
            Self::Error => "error",
            Self::Shutdown => "shutdown",
        }
    }
}

/// The process.
#[derive(Debug)]
pub(super) struct Klippy {
    pub(super) phase: Phase,
    /// Why it is as it is.
    pub(super) message: String,
    /// Counts its runs, so that a task notices that it belongs to an earlier one.
    pub(super) session: u64,
    /// The configuration file has a mistake, which the next start will find.
    pub(super) broken: bool,
    /// The micro-controller was shut down, and only a restart of its firmware helps.
    mcu_down: bool,
}

/// The server's connection to it.
#[derive(Debug)]
pub(super) struct Link {
    /// There was a connection since the server started, so that Klipper's calls are known.
    pub(super) known: bool,
    pub(super) up: bool,
    /// The state as the server tells it, which lags.
    pub(super) state: Phase,
    /// The clients were told that Klipper is ready, and prints are watched.
    pub(super) announced: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self::new(false)
    }
}

impl Link {
    pub(super) fn new(up: bool) -> Self {
        Self { known: up, up, state: if up { Phase::Ready } else { Phase::Gone }, announced: up }
    }
}

impl Klippy {
    pub(super) fn new(ready: bool) -> Self {
        let (phase, message) = if ready { (Phase::Ready, READY) } else { (Phase::Gone, "") };
        Self { phase, message: message.to_owned(), session: 1, broken: false, mcu_down: false }
    }
}

impl Inner {
    /// The connection to Klipper ends, whatever became of it.
    fn klippy_goes(&mut self) {
        if self.klippy.phase == Phase::Gone {
            return;
        }
        self.klippy.phase = Phase::Gone;
        self.klippy.session += 1;
        self.machine.halt();
        if std::mem::take(&mut self.link.up) {
            self.notify("notify_klippy_disconnected", None);
        }
        self.link.state = Phase::Gone;
        self.link.announced = false;
        self.clients.forget_subscriptions();
        self.job_ends("klippy_disconnect");
    }

    /// Klipper shuts the printer down, unless it is not running. The clients hear of it at the next tick.
    fn shut_down(&mut self, why: &str) {
        if !matches!(self.klippy.phase, Phase::Ready | Phase::Startup) {
            return;
        }
        self.klippy.phase = Phase::Shutdown;
        self.klippy.message = format!("{why}\n{USE_FIRMWARE_RESTART}Printer is shutdown\n");
        self.klippy.mcu_down = true;
        self.machine.freeze();
        self.say("// Klipper state: Shutdown");
    }
}

impl Shared {
    pub(super) fn emergency_stop(&self) {
        self.lock().shut_down("Shutdown due to webhooks request");
        self.wake();
    }

    /// `M112` in a script.
    pub(super) fn stopped_by_command(&self) {
        self.lock().shut_down("Shutdown due to M112 command");
        self.wake();
    }

    /// A sensor's value is out of range, and the micro-controller stops.
    pub(super) fn fail_mcu(&self) {
        self.lock().shut_down(ADC_RANGE);
        self.wake();
    }

    /// Klipper's process dies.
    pub(super) fn kill_klippy(&self) {
        self.lock().klippy_goes();
        self.wake();
    }

    /// Starts Klipper if it does not run.
    pub(super) fn start_klippy(self: &Arc<Self>) {
        let session = {
            let mut inner = self.lock();
            if inner.klippy.phase != Phase::Gone {
                return;
            }
            inner.klippy.mcu_down = false;
            inner.klippy.session += 1;
            inner.klippy.session
        };
        let shared = Arc::clone(self);
        self.keep(async move { shared.boot(session).await });
    }

    /// Restarts Klipper, and with it the micro-controller's firmware if so wanted.
    pub(super) fn restart_klippy(self: &Arc<Self>, firmware: bool) {
        let session = self.lock().klippy.session;
        let shared = Arc::clone(self);
        self.keep(async move {
            tokio::time::sleep(GOING).await;
            let session = {
                let mut inner = shared.lock();
                if inner.klippy.session != session {
                    return;
                }
                inner.klippy.mcu_down &= !firmware;
                inner.say("// Klipper state: Disconnect");
                inner.klippy_goes();
                inner.klippy.session
            };
            shared.wake();
            shared.boot(session).await;
        });
    }

    async fn boot(&self, session: u64) {
        tokio::time::sleep(self.real(AWAY)).await;
        {
            let mut inner = self.lock();
            if inner.klippy.session != session {
                return;
            }
            inner.klippy.phase = Phase::Startup;
            inner.klippy.message = STARTING.to_owned();
            inner.machine.boot();
        }
        self.wake();
        tokio::time::sleep(self.real(STARTUP)).await;
        {
            let mut inner = self.lock();
            if inner.klippy.session != session || inner.klippy.phase != Phase::Startup {
                return;
            }
            let klippy = &mut inner.klippy;
            (klippy.phase, klippy.message) = if klippy.broken {
                (Phase::Error, BAD_CONFIG.to_owned())
            } else if klippy.mcu_down {
                let why = "Can not update MCU 'mcu' config as it is shutdown";
                (Phase::Error, format!("{why}\n{USE_FIRMWARE_RESTART}Error configuring printer\n"))
            } else {
                (Phase::Ready, READY.to_owned())
            };
        }
        self.wake();
    }

    /// Connects to Klipper whenever it comes, and announces it when it is ready. As in a real server, nothing is
    /// said of one that is in error.
    pub(super) async fn follow_klippy(self: Arc<Self>) {
        let mut changed = self.changed.subscribe();
        loop {
            let (phase, session, announced) = {
                let inner = self.lock();
                (inner.klippy.phase, inner.klippy.session, inner.link.announced)
            };
            if phase == Phase::Gone || announced || self.connect(session).await.is_none() {
                let _ = changed.changed().await;
            }
        }
    }

    /// One connection, until Klipper is announced; none when that will not be.
    async fn connect(&self, session: u64) -> Option<()> {
        loop {
            tokio::time::sleep(POLL).await;
            let mut inner = self.lock();
            if inner.klippy.session != session {
                return Some(());
            }
            if !inner.link.up {
                (inner.link.known, inner.link.up, inner.link.state) = (true, true, Phase::Startup);
            }
            match inner.klippy.phase {
                Phase::Gone => return Some(()),
                Phase::Startup => {}
                Phase::Ready => break,
                stopped @ (Phase::Error | Phase::Shutdown) => {
                    inner.link.state = stopped;
                    return None;
                }
            }
        }
        tokio::time::sleep(self.config.ready_lag / 3).await;
        self.if_ready(session, |inner| inner.link.state = Phase::Ready)?;
        tokio::time::sleep(self.config.ready_lag * 2 / 3).await;
        self.if_ready(session, |inner| {
            inner.link.announced = true;
            inner.history.watch();
            inner.notify("notify_klippy_ready", None);
        })
    }

    fn if_ready(&self, session: u64, work: impl FnOnce(&mut Inner)) -> Option<()> {
        let mut inner = self.lock();
        let ready = inner.klippy.session == session && inner.klippy.phase == Phase::Ready;
        ready.then(|| work(&mut inner))
    }
}
