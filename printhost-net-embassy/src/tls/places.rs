//! How many encrypted connections there are at once, and that one at a time does its handshake.

use core::cell::Cell;

use embassy_sync::{
    blocking_mutex::raw::NoopRawMutex,
    semaphore::{FairSemaphore, Semaphore as _, SemaphoreReleaser},
};
use printhost_core::{Error, ErrorKind, Result};
use printhost_net::Pressure;

use crate::sockets::{Dialling, pressure};

/// How many dials wait at most, in the order in which they came; one more is refused as busy.
const QUEUE: usize = 16;

type Queue = FairSemaphore<NoopRawMutex, QUEUE>;

/// The places for encrypted connections.
pub(super) struct Places {
    pub(super) most: usize,
    open: Cell<usize>,
    dialling: Cell<usize>,
    free: Queue,
    handshakes: Queue,
}

/// A turn at the handshakes.
pub(super) type Turn<'a> = SemaphoreReleaser<'a, Queue>;

/// A place, given back when it is dropped.
pub(crate) struct Place<'a> {
    open: &'a Cell<usize>,
    _free: SemaphoreReleaser<'a, Queue>,
}

impl Places {
    pub(super) const fn new(most: usize) -> Self {
        Self {
            most,
            open: Cell::new(0),
            dialling: Cell::new(0),
            free: Queue::new(most),
            handshakes: Queue::new(1),
        }
    }

    /// Whether a place would be waited for.
    pub(super) fn pressure(&self) -> Pressure {
        pressure(self.dialling.get(), self.most - self.open.get())
    }

    /// Waits for a place.
    pub(super) async fn take(&self) -> Result<Place<'_>> {
        let _dialling = Dialling::new(&self.dialling);
        let free = self.free.acquire(1).await.map_err(|_| busy())?;
        self.open.set(self.open.get() + 1);
        Ok(Place { open: &self.open, _free: free })
    }

    /// Waits until nobody else does a handshake.
    pub(super) async fn turn(&self) -> Result<Turn<'_>> {
        self.handshakes.acquire(1).await.map_err(|_| busy())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}

fn busy() -> Error {
    Error::new(ErrorKind::Busy, "connect").with_detail("too many others wait to connect")
}
