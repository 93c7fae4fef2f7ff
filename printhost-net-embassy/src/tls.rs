//! TLS on the network's connections: mbedTLS, driven by `engine`; everything else here is safe code above it.

mod conn;
mod engine;
mod failure;
mod places;
mod sessions;
#[cfg(test)]
mod tests;

use core::{fmt, time::Duration};

use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Conn, Origin, Pressure, TlsVersions, Trust};
use rand_core::CryptoRng;

pub(crate) use conn::{TlsConn, TlsReader, TlsWriter};
use engine::{Engine, Expected, Saved, Verify};
pub(crate) use failure::TlsError;
pub use failure::{Date, TlsFailure};
pub(crate) use places::WAITS;
use places::{Place, Places};
use sessions::{Key, Sessions};

/// TLS 1.2 and 1.3, and the sessions that can be resumed. One per program, for all its networks. Handshakes are done one
/// at a time, since each takes more memory than the connection that comes of it.
///
/// **Dates of certificates are not checked** unless [`Tls::with_time`] tells the day, which a chip does not know by itself.
/// Everything else is, as [`Trust`] says; [`Trust::PublicRoots`] is refused, since a chip has no list of them.
pub struct Tls {
    sessions: Sessions,
    places: Places,
    time: fn() -> Option<Duration>,
    /// Holds the source of random numbers.
    _library: mbedtls_rs::Tls<'static>,
}

impl Tls {
    /// Starts mbedTLS with a source of random numbers.
    ///
    /// Everything TLS promises hangs on `random`: it must be unpredictable, such as a hardware generator. It is
    /// called in a critical section. [`ErrorKind::Busy`] when mbedTLS is in use already.
    pub fn new(random: &'static mut (dyn CryptoRng + Send)) -> Result<Self> {
        let library = mbedtls_rs::Tls::new(random)
            .map_err(|_| Error::new(ErrorKind::Busy, "connect").with_detail("TLS is in use already"))?;
        engine::start()?;
        let places = Places::new(usize::MAX);
        Ok(Self { sessions: Sessions::default(), places, time: || None, _library: library })
    }

    /// Opens no more than so many connections at once. A dial beyond that waits, and idle connections are given up for
    /// it, as when sockets are short. A printer needs two: one for what it pushes, and one for requests. Declared is
    /// then the memory of no more. 0 counts as 1.
    pub fn limited(mut self, most: usize) -> Self {
        self.places = Places::new(most.max(1));
        self
    }

    /// Asks `time` for the time since 1970 with every handshake, and refuses certificates whose dates do not allow it: the
    /// host's, those above it, and the authority's. `None` is a day that is not known (yet): dates are then not checked.
    /// Whoever can set that time, as an SNTP server can, can have an old certificate believed; nothing else.
    pub fn with_time(mut self, time: fn() -> Option<Duration>) -> Self {
        self.time = time;
        self
    }

    pub(crate) const fn most(&self) -> usize {
        self.places.most
    }

    pub(crate) fn pressure(&self) -> Pressure {
        self.places.pressure()
    }

    /// Forgets the sessions, so that all connections from here on begin with a full handshake.
    pub fn forget_sessions(&self) {
        self.sessions.clear();
    }

    /// The heap that an open connection takes at most, in bytes: the records in and out that mbedTLS was built with, and
    /// beside them what was measured with the features `tls` and `tls-slim`, with a tenth to spare; of 1.2 alone, where
    /// everything has a size of its own, with 1 %. Less is known of what a server can make mbedTLS take than of
    /// all else that is declared.
    pub fn memory(versions: TlsVersions) -> usize {
        let state = match (cfg!(feature = "tls"), versions) {
            (false, TlsVersions::Only12) => 27 << 8,
            (false, _) => 37 << 8,
            (true, _) => 13 << 10,
        };
        engine::RECORDS + state
    }

    /// The heap that a handshake takes at most beside that and [`Tls::BESIDE`], in bytes: the authorities as they are read;
    /// and of 1.2 alone, whose connections have less to spare, what is not spared there. One handshake is done at a time,
    /// and nothing of this is left when it is over.
    pub fn opening_memory(trust: &Trust, versions: TlsVersions) -> usize {
        let authorities = match trust {
            Trust::Ca(authorities) => engine::read_memory(authorities),
            Trust::Device { authorities, name } => engine::read_memory(authorities) + name.len() + 1,
            _ => 0,
        };
        match (cfg!(feature = "tls"), versions) {
            (false, TlsVersions::Only12) => authorities + (13 << 8),
            _ => authorities,
        }
    }

    /// What is taken beside the connections, however many there are: the handshake that one of them does, measured with a
    /// server that shows two certificates, its future counted; and the sessions that are kept.
    pub const BESIDE: usize = {
        let handshake = if cfg!(feature = "tls") { 20 << 10 } else { 27 << 8 };
        handshake + sessions::MOST
    };

    /// Opens an encrypted connection to `to` on what `connect` opens, resuming a session when there is one.
    pub(crate) async fn dial<T: Conn>(
        &self,
        to: &Origin,
        connect: impl AsyncFn() -> Result<T>,
    ) -> Result<TlsConn<'_, T>> {
        let expected = self.expected(to)?;
        let key = sessions::key(to)?;
        let place = self.places.take().await?;
        // Connected first: a dial that waits for a socket holds none of an engine's memory.
        let transport = connect().await?;
        let turn = self.places.turn().await?;
        let saved = self.sessions.get(&key);
        let mut conn = match self.handshake(&expected, key, saved.as_ref(), transport).await {
            // A server that has changed since may not even understand the wish to resume.
            Err(failed) if saved.is_some() && !is_settled(&failed) => {
                self.handshake(&expected, key, None, connect().await?).await
            }
            tried => tried,
        }
        .map_err(refused)?;
        drop(turn);
        conn.keep_place(place);
        Ok(conn)
    }

    /// Encrypts an open connection as [`Tls::dial`] does it for `to`. There is no second try: when the wish to resume a
    /// session may be why it failed, the session is forgotten.
    pub(crate) async fn secure<T: Conn>(&self, to: &Origin, transport: T) -> Result<TlsConn<'_, T>> {
        let expected = self.expected(to)?;
        let key = sessions::key(to)?;
        let place = self.places.take_soon().await?;
        let _turn = self.places.turn().await?;
        let saved = self.sessions.get(&key);
        let mut conn = self.handshake(&expected, key, saved.as_ref(), transport).await.map_err(refused)?;
        conn.keep_place(place);
        Ok(conn)
    }

    /// One handshake. Sessions are kept if the peer is the one expected, and forgotten if it fails.
    async fn handshake<T: Conn>(
        &self,
        expected: &Expected<'_>,
        key: Key,
        saved: Option<&Saved>,
        transport: T,
    ) -> Result<TlsConn<'_, T>, TlsError<T::Error>> {
        let tried = async {
            let conn = TlsConn::handshake(Engine::new(expected, saved)?, transport).await?;
            match expected.verify {
                Verify::Key(pin) if conn.peer_key()? != *pin => {
                    let _ = conn.close().await;
                    Err(TlsFailure::PinMismatch.into())
                }
                _ => Ok(conn),
            }
        };
        match tried.await {
            Ok(mut conn) => {
                conn.keep_sessions(&self.sessions, key);
                Ok(conn)
            }
            Err(failed) => {
                if !matches!(failed, TlsError::Tls(TlsFailure::OutOfMemory)) {
                    self.sessions.forget(&key);
                }
                Err(failed)
            }
        }
    }

    fn expected<'o>(&self, to: &'o Origin) -> Result<Expected<'o>> {
        let verify = match &to.trust {
            Trust::Ca(authorities) => Verify::Host { authorities },
            Trust::Device { name, .. } if name.is_empty() => return Err(TlsFailure::Name.into()),
            Trust::Device { authorities, .. } => Verify::Device { authorities },
            Trust::PinnedKey(hash) => Verify::Key(hash),
            Trust::PublicRoots => {
                return Err(Error::unsupported("connect").with_detail(
                    "TLS: this device knows no public authorities; give the host's CA, or pin its key",
                ));
            }
            _ => return Err(Error::unsupported("connect")),
        };
        Ok(Expected { verify, ..self.anyone(to) })
    }

    fn anyone<'o>(&self, to: &'o Origin) -> Expected<'o> {
        Expected {
            name: to.peer_name(),
            verify: Verify::Nothing,
            only_12: to.versions == TlsVersions::Only12,
            time: (self.time)(),
        }
    }

    /// The key of whoever answers, after a handshake and nothing more.
    pub(crate) async fn peer_key<T: Conn>(
        &self,
        to: &Origin,
        connect: impl AsyncFn() -> Result<T>,
    ) -> Result<[u8; 32]> {
        let _place = self.places.take().await?;
        let transport = connect().await?;
        let _turn = self.places.turn().await?;
        let engine = Engine::new(&self.anyone(to), None)?;
        let conn = TlsConn::handshake(engine, transport).await.map_err(refused)?;
        let key = conn.peer_key()?;
        let _ = conn.close().await;
        Ok(key)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("sessions", &self.sessions).finish()
    }
}

/// Whether a full handshake would end in the same way.
fn is_settled<E>(error: &TlsError<E>) -> bool {
    matches!(error, TlsError::Tls(failure) if failure.is_settled())
}

fn refused<E: fmt::Display>(error: TlsError<E>) -> Error {
    match error {
        TlsError::Tls(failure) => failure.into(),
        TlsError::Transport(error) => {
            Error::new(ErrorKind::Unreachable, "connect").with_detail(format_args!("TLS: {error}"))
        }
    }
}
