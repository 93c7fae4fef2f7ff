//! How many encrypted connections there are at once, and that one at a time does its handshake.

use core::{cell::Cell, time::Duration};

use embassy_sync::{
    blocking_mutex::raw::NoopRawMutex,
    semaphore::{FairSemaphore, Semaphore as _, SemaphoreReleaser},
};
use embassy_time::with_timeout;
use printhost_core::{Error, ErrorKind, Result};
use printhost_net::Pressure;

use crate::sockets::{Dialling, pressure};

/// How long one that wants to encrypt waits for another's handshake: whoever stalls that must not seem to be all that is
/// silent.
const TURN: embassy_time::Duration = embassy_time::Duration::from_secs(5);
/// How long an open connection waits for a place, which nothing gives up for it.
const PLACE: embassy_time::Duration = embassy_time::Duration::from_secs(5);
/// Both.
pub(crate) const WAITS: Duration = Duration::from_micros(TURN.as_micros() + PLACE.as_micros());

/// How many dials wait at most, in the order in which they came; one more is refused as busy.
pub(super) const QUEUE: usize = 16;

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
        let free = self.free.acquire(1).await.map_err(|_| too_many())?;
        self.open.set(self.open.get() + 1);
        Ok(Place { open: &self.open, _free: free })
    }

    /// As [`Places::take`] for a connection that is open already, and not for long.
    pub(super) async fn take_soon(&self) -> Result<Place<'_>> {
        let place = with_timeout(PLACE, self.take()).await;
        place.unwrap_or_else(|_| Err(busy("no other encrypted connection has ended")))
    }

    /// Waits until nobody else does a handshake, but not for long.
    pub(super) async fn turn(&self) -> Result<Turn<'_>> {
        match with_timeout(TURN, self.handshakes.acquire(1)).await {
            Ok(turn) => turn.map_err(|_| too_many()),
            Err(_) => Err(busy("another TLS handshake takes too long")),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}

fn too_many() -> Error {
    busy("too many others wait to connect")
}

fn busy(why: &str) -> Error {
    Error::new(ErrorKind::Busy, "connect").with_detail(why)
}
