//! TLS on the network's connections: mbedTLS, driven by `engine`; everything else here is safe code above it.

mod conn;
mod engine;
mod failure;
mod places;
mod sessions;

use core::fmt;

use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Conn, Origin, Pressure, Trust};
use rand_core::CryptoRng;

pub(crate) use conn::{TlsConn, TlsReader, TlsWriter};
use engine::{Engine, Verify};
pub(crate) use failure::TlsError;
pub use failure::TlsFailure;
use places::{Place, Places};
use sessions::Sessions;

/// TLS 1.2 and 1.3, and the sessions that can be resumed. One per program, for all its networks. Handshakes are done one
/// at a time, since each takes more memory than the connection that comes of it.
///
/// **Dates of certificates are not checked**: a chip does not know the day. Everything else is, as [`Trust`] says;
/// [`Trust::PublicRoots`] is refused, since a chip has no list of them.
pub struct Tls {
    sessions: Sessions,
    places: Places,
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
        Ok(Self { sessions: Sessions::default(), places: Places::new(usize::MAX), _library: library })
    }

    /// Opens no more than so many connections at once. A dial beyond that waits, and idle connections are given up for
    /// it, as when sockets are short. A printer needs two: one for what it pushes, and one for requests. Declared is
    /// then the memory of no more. 0 counts as 1.
    pub fn limited(mut self, most: usize) -> Self {
        self.places = Places::new(most.max(1));
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
    /// beside them what was measured with the features `tls` and `tls-slim`, with a fifth to spare. Less is known of what
    /// a server can make mbedTLS take than of all else that is declared.
    pub fn memory(trust: &Trust) -> usize {
        const STATE: usize = if cfg!(feature = "tls") { 13 << 10 } else { 10 << 10 };
        let authorities = match trust {
            Trust::Ca(bytes) => 3 * bytes.len(), // as given, and as read
            _ => 0,
        };
        engine::RECORDS + STATE + authorities
    }

    /// What is taken beside the connections, however many there are: the handshake that one of them does, measured, with
    /// half as much to spare; and the sessions that are kept.
    pub const BESIDE: usize = {
        let handshake = if cfg!(feature = "tls") { 20 << 10 } else { 6 << 10 };
        handshake + sessions::MOST
    };

    /// Opens an encrypted connection to `to` on what `connect` opens, resuming a session when there is one.
    pub(crate) async fn dial<T: Conn>(
        &self,
        to: &Origin,
        connect: impl AsyncFn() -> Result<T>,
    ) -> Result<TlsConn<'_, T>> {
        let (verify, pin) = match &to.trust {
            Trust::Ca(bytes) => (Verify::Authorities(bytes), None),
            Trust::PinnedKey(hash) => (Verify::Nothing, Some(hash)),
            Trust::PublicRoots => {
                return Err(Error::unsupported("connect").with_detail(
                    "TLS: this device knows no public authorities; give the host's CA, or pin its key",
                ));
            }
            _ => return Err(Error::unsupported("connect")),
        };
        let key = sessions::key(to)?;
        let place = self.places.take().await?;
        // Connected first: a dial that waits for a socket holds none of an engine's memory.
        let transport = connect().await?;
        let turn = self.places.turn().await?;
        let saved = self.sessions.get(&key);
        let first = Engine::new(&to.host, verify, saved.as_ref())?;
        let mut conn = match TlsConn::handshake(first, transport).await {
            Ok(conn) => conn,
            // A server that has changed since may not even understand the wish to resume.
            Err(failed) if saved.is_some() && !is_settled(&failed) => {
                self.sessions.forget(&key);
                let transport = connect().await?;
                let again = Engine::new(&to.host, verify, None)?;
                TlsConn::handshake(again, transport).await.map_err(refused)?
            }
            Err(failed) => return Err(refused(failed)),
        };
        if pin.is_some_and(|pin| conn.peer_key() != Ok(*pin)) {
            self.sessions.forget(&key);
            let _ = conn.close().await;
            return Err(TlsFailure::Untrusted(
                "the host's key is not the pinned one; if it was changed on purpose, pin the new one",
            )
            .into());
        }
        drop(turn);
        conn.keep_sessions(&self.sessions, key);
        conn.keep_place(place);
        Ok(conn)
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
        let engine = Engine::new(&to.host, Verify::Nothing, None)?;
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
    matches!(error, TlsError::Tls(TlsFailure::OutOfMemory | TlsFailure::Untrusted(_)))
}

fn refused<E: fmt::Display>(error: TlsError<E>) -> Error {
    match error {
        TlsError::Tls(failure) => failure.into(),
        TlsError::Transport(error) => {
            Error::new(ErrorKind::Unreachable, "connect").with_detail(format_args!("TLS: {error}"))
        }
    }
}
