use core::{cell::RefCell, fmt, time::Duration};

use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};
use printhost_core::{Clock, Entropy, Error, ErrorKind, Result, within};

use crate::{Dial, HttpBackend, Origin, Pressure, pool::Pool};

/// Sizes and times. All memory a connection takes is bounded by these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connecting, TLS included.
    pub dial: Duration,
    /// The longest time without a byte moving, while a request is sent or an answer is read. For an answer that is parsed,
    /// also how much longer is waited in all than its bytes take at a kilobyte per second.
    pub stall: Duration,
    /// How long a host may think between the end of a request and the begin of its answer; and as long again to the end of
    /// the answer's head.
    pub answer: Duration,
    /// The largest JSON answer that is read into memory, in bytes.
    pub json: usize,
    /// The largest websocket message that is read into memory; larger ones are skipped, in bytes.
    pub message: usize,
    /// How much of a download is held at a time, and of an upload by FTP, in bytes.
    pub chunk: usize,
    /// How many idle connections are kept in all.
    pub idle: usize,
}

impl Limits {
    /// For a microcontroller.
    pub const DEVICE: Self = Self {
        dial: Duration::from_secs(10),
        stall: Duration::from_secs(30),
        answer: Duration::from_secs(60),
        json: 16 << 10,
        message: 4 << 10,
        chunk: 2 << 10,
        idle: 4,
    };

    /// For a computer.
    pub const HOST: Self =
        Self { json: 4 << 20, message: 1 << 20, chunk: 128 << 10, idle: 256, ..Self::DEVICE };
}

/// Everything a platform provides, and the idle connections that all drivers on it share.
///
/// Give every driver a reference to one of these: connections are pooled here, so that one printer's idle
/// connection is given up when another's dial needs the socket.
pub struct Parts<D: Dial, H: HttpBackend<D::Conn>, C, E> {
    pub(crate) dial: D,
    pub(crate) http: H,
    pub(crate) clock: C,
    pub(crate) entropy: E,
    pub(crate) limits: Limits,
    pub(crate) pool: Mutex<CriticalSectionRawMutex, RefCell<Pool<H::Conn>>>,
}

impl<D: Dial, H: HttpBackend<D::Conn>, C: Clock, E: Entropy> Parts<D, H, C, E> {
    /// Bundles a platform.
    pub const fn new(dial: D, http: H, clock: C, entropy: E, limits: Limits) -> Self {
        Self { dial, http, clock, entropy, limits, pool: Mutex::new(RefCell::new(Pool::new(limits.idle))) }
    }

    /// The same parts with other sizes and times.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self::new(self.dial, self.http, self.clock, self.entropy, limits)
    }

    /// The dialer. To open a connection use [`Parts::dial`], which gives up idle ones when sockets are short.
    pub const fn dialer(&self) -> &D {
        &self.dial
    }

    /// The clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// Unpredictable bytes.
    pub const fn entropy(&self) -> &E {
        &self.entropy
    }

    /// Sizes and times.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Opens a connection, giving up the longest idle ones while there is no free socket.
    ///
    /// [`ErrorKind::Busy`] when all sockets stay in use for [`Limits::dial`].
    pub async fn dial(&self, to: &Origin) -> Result<D::Conn> {
        while self.dial.pressure(to) != Pressure::Free {
            let Some(oldest) = self.with_pool(Pool::take_oldest) else { break };
            drop(oldest);
        }
        let dialled = within(&self.clock, self.limits.dial, "connect", self.dial.dial(to)).await;
        dialled.map_err(|error| match (error.kind(), self.dial.pressure(to)) {
            (ErrorKind::Timeout, Pressure::Free) => Error::new(ErrorKind::Unreachable, "connect")
                .with_detail(format_args!("{to} does not answer within {} s", self.limits.dial.as_secs())),
            (ErrorKind::Timeout, _) => {
                Error::new(ErrorKind::Busy, "connect").with_detail("all sockets are in use")
            }
            _ => error,
        })
    }

    /// Closes all idle connections.
    pub fn close_idle(&self) {
        while self.with_pool(Pool::take_oldest).is_some() {}
        self.with_pool(Pool::shrink);
    }

    /// Connections must be dropped outside of this, never inside: closing one may take the critical section.
    pub(crate) fn with_pool<T>(&self, act: impl FnOnce(&mut Pool<H::Conn>) -> T) -> T {
        self.pool.lock(|pool| act(&mut pool.borrow_mut()))
    }
}

impl<D: Dial, H: HttpBackend<D::Conn>, C, E> fmt::Debug for Parts<D, H, C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The network a driver is written against: a name for one choice of [`Parts`], or a handle to them.
pub trait Net {
    /// Opens connections.
    type Dial: Dial;
    /// Speaks HTTP on them.
    type Http: HttpBackend<<Self::Dial as Dial>::Conn>;
    /// Tells the time.
    type Clock: Clock;
    /// Gives unpredictable bytes.
    type Entropy: Entropy;

    /// The parts.
    fn parts(&self) -> &Parts<Self::Dial, Self::Http, Self::Clock, Self::Entropy>;
}

impl<D: Dial, H: HttpBackend<D::Conn>, C: Clock, E: Entropy> Net for Parts<D, H, C, E> {
    type Dial = D;
    type Http = H;
    type Clock = C;
    type Entropy = E;

    fn parts(&self) -> &Parts<D, H, C, E> {
        self
    }
}

impl<N: Net> Net for &N {
    type Dial = N::Dial;
    type Http = N::Http;
    type Clock = N::Clock;
    type Entropy = N::Entropy;

    fn parts(&self) -> &Parts<N::Dial, N::Http, N::Clock, N::Entropy> {
        N::parts(self)
    }
}
