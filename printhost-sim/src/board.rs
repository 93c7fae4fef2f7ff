//! A printer's board on a pseudo terminal: a processor that lives in a thread of its own.

use std::fmt::Debug;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::pty::{Link, Pty};

/// A board's processor with its firmware. It does no input or output and knows no clock: times are those since the
/// simulator's start.
pub(crate) trait Processor: Debug + Send + 'static {
    /// Whether there is room for more input.
    fn wants_input(&self) -> bool;

    /// Takes what came over the cable.
    fn receive(&mut self, bytes: &[u8], now: Duration);

    /// Does everything that is due, and returns when there will be more to do.
    fn advance(&mut self, now: Duration) -> Option<Duration>;

    /// What is to be sent, which is forgotten here.
    fn take_output(&mut self) -> Vec<u8>;

    /// Starts anew.
    fn reset(&mut self, now: Duration);
}

/// A board. Dropping it pulls out its cable and ends it.
#[derive(Debug)]
pub(crate) struct Board<F: Processor> {
    running: Arc<Running<F>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Running<F> {
    port: PathBuf,
    switched_on: Instant,
    state: Mutex<State<F>>,
    /// Wakes the thread.
    changed: OwnedFd,
}

#[derive(Debug)]
struct State<F> {
    firmware: F,
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

impl<F: Processor> Board<F> {
    /// Switches it on and plugs it in, with a link to its terminal at this path.
    pub(crate) fn start(port: PathBuf, firmware: F) -> io::Result<Self> {
        let cable = Some(Cable::plug_in(&port)?);
        let running = Arc::new(Running {
            port,
            switched_on: Instant::now(),
            state: Mutex::new(State { firmware, cable, is_over: false }),
            changed: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        });
        let life = Arc::clone(&running);
        let thread = std::thread::Builder::new().name("board".to_owned()).spawn(move || life.live())?;
        Ok(Self { running, thread: Some(thread) })
    }

    pub(crate) fn port(&self) -> &Path {
        &self.running.port
    }

    /// Pulls out the cable, unless it is out already.
    pub(crate) fn unplug(&self) {
        self.running.change(|state, _| state.cable = None);
    }

    /// Plugs the cable in again, which starts the firmware anew. Nothing happens when it is in already.
    pub(crate) fn plug_in(&self) -> io::Result<()> {
        self.running.change(|state, now| {
            if state.cable.is_none() {
                state.cable = Some(Cable::plug_in(&self.running.port)?);
                state.firmware.reset(now);
            }
            Ok(())
        })
    }

    /// Does something to the firmware.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut F, Duration) -> T) -> T {
        self.running.change(|state, now| change(&mut state.firmware, now))
    }
}

impl<F: Processor> Drop for Board<F> {
    fn drop(&mut self) {
        self.running.change(|state, _| {
            state.cable = None;
            state.is_over = true;
        });
        if let Some(thread) = self.thread.take() {
            // An error would be a panic there, which has told about itself.
            let _ = thread.join();
        }
    }
}

impl<F: Processor> Running<F> {
    fn lock(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.switched_on.elapsed()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State<F>, Duration) -> T) -> T {
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
                pty.write(&output);
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
            Ok(bytes) => state.firmware.receive(bytes, self.now()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => state.cable = None,
        }
    }
}
