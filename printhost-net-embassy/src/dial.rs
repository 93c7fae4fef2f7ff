#[cfg(feature = "tls-core")]
use alloc::boxed::Box;
use core::{net::Ipv4Addr, time::Duration};

use embassy_net::{IpAddress, dns::DnsQueryType};
use embassy_time::{Instant, Timer, with_timeout};
use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Clock, Dial, Entropy, Http1, Limits, Origin, Parts, Pressure, Scheme};

#[cfg(feature = "tls-core")]
use crate::Tls;
use crate::{EmbassyConn, Sockets, conn::Layer, sockets::Lent};

/// How long sent bytes may stay unacknowledged, or an idle peer silent, before the connection is dead.
const DEAD: embassy_time::Duration = embassy_time::Duration::from_secs(30);
/// How often an idle peer is asked for a sign of life.
const KEEP_ALIVE: embassy_time::Duration = embassy_time::Duration::from_secs(10);

/// How long the reset of a former connection may take; it only takes long when its peer cannot be reached.
const RESET: embassy_time::Duration = embassy_time::Duration::from_millis(500);

/// A network of `N` sockets.
pub type EmbassyNet<'h, 'd, const N: usize, E> = Parts<EmbassyDial<'h, 'd, N>, Http1, EmbassyClock, E>;

/// Puts a network together. Drivers share it by reference.
pub const fn embassy_net<'h, 'd, const N: usize, E: Entropy>(
    sockets: &'h Sockets<'d, N>,
    entropy: E,
) -> EmbassyNet<'h, 'd, N, E> {
    let dial = EmbassyDial {
        sockets,
        #[cfg(feature = "tls-core")]
        tls: None,
    };
    Parts::new(dial, Http1::DEVICE, EmbassyClock::new(), entropy, Limits::DEVICE)
}

/// Puts a network together that also opens encrypted connections.
#[cfg(feature = "tls-core")]
pub const fn embassy_net_with_tls<'h, 'd, const N: usize, E: Entropy>(
    sockets: &'h Sockets<'d, N>,
    tls: &'h Tls,
    entropy: E,
) -> EmbassyNet<'h, 'd, N, E> {
    let dial = EmbassyDial { sockets, tls: Some(tls) };
    Parts::new(dial, Http1::DEVICE, EmbassyClock::new(), entropy, Limits::DEVICE)
}

/// Opens connections on [`Sockets`]: a handle, with the lifetime in its type.
#[derive(Clone, Copy, Debug)]
pub struct EmbassyDial<'h, 'd, const N: usize> {
    sockets: &'h Sockets<'d, N>,
    #[cfg(feature = "tls-core")]
    tls: Option<&'h Tls>,
}

impl<'h, 'd, const N: usize> EmbassyDial<'h, 'd, N> {
    /// Connects, does a TLS handshake with whoever answers, and returns the SHA-256 of their public key, as
    /// [`Trust::PinnedKey`] takes it: for trust on first use, by someone who can compare. Whom `to` trusts does not
    /// matter; nothing is sent but the handshake, and nothing is kept. It waits as long as they do: run it
    /// [`within`](printhost_core::within) a time.
    ///
    /// [`Trust::PinnedKey`]: printhost_net::Trust::PinnedKey
    #[cfg(feature = "tls-core")]
    pub async fn peer_key(&self, to: &Origin) -> Result<[u8; 32]> {
        self.tls()?.peer_key(to, async || self.connect(to).await).await
    }

    #[cfg(feature = "tls-core")]
    fn tls(&self) -> Result<&'h Tls> {
        self.tls.ok_or_else(|| Error::unsupported("connect").with_detail("this network was made without TLS"))
    }

    /// A plain connection.
    async fn connect(&self, to: &Origin) -> Result<Lent<'h, 'd, N>> {
        let dialling = self.sockets.dialling();
        let unreachable = |why: &str| Error::new(ErrorKind::Unreachable, "connect").with_detail(why);
        let address: IpAddress = match to.host.parse::<Ipv4Addr>() {
            Ok(address) => address.into(),
            Err(_) => {
                let found = self.sockets.stack.dns_query(&to.host, DnsQueryType::A).await;
                let found = found.map_err(|_| unreachable("the name cannot be resolved"))?;
                *found.first().ok_or_else(|| unreachable("the name has no address"))?
            }
        };
        // From here on, dropping gives the socket back.
        let mut conn = self.sockets.borrow().await;
        drop(dialling);
        let socket = conn.socket();
        // Its last connection was reset when it was dropped; connecting before that is sent would make the stack
        // forget it, and leave a ghost on the other side.
        let _ = with_timeout(RESET, socket.flush()).await;
        socket.set_timeout(Some(DEAD));
        socket.set_keep_alive(Some(KEEP_ALIVE));
        // Whole pieces are written at a time; waiting for more would only delay the last one.
        socket.set_nagle_enabled(false);
        socket.connect((address, to.port)).await.map_err(|_| unreachable("the connection was refused"))?;
        Ok(conn)
    }
}

impl<'h, 'd, const N: usize> Dial for EmbassyDial<'h, 'd, N> {
    type Conn = EmbassyConn<'h, 'd, N>;

    async fn dial(&self, to: &Origin) -> Result<Self::Conn> {
        match to.scheme {
            Scheme::Http => Ok(EmbassyConn(Layer::Plain(self.connect(to).await?))),
            #[cfg(feature = "tls-core")]
            Scheme::Https => {
                // Boxed: the state of a handshake would be part of every future that may dial.
                let conn = Box::pin(self.tls()?.dial(to, async || self.connect(to).await));
                Ok(EmbassyConn(Layer::Tls(Box::new(conn.await?))))
            }
            _ => Err(Error::unsupported("connect").with_detail("this network was made without TLS")),
        }
    }

    #[cfg(feature = "tls-core")]
    async fn secure(&self, conn: Self::Conn, to: &Origin) -> Result<Self::Conn> {
        let Layer::Plain(conn) = conn.0 else {
            return Err(Error::new(ErrorKind::InvalidInput, "connect").with_detail("it is encrypted already"));
        };
        let conn = Box::pin(self.tls()?.secure(to, conn)).await?;
        Ok(EmbassyConn(Layer::Tls(Box::new(conn))))
    }

    #[cfg(feature = "tls-core")]
    fn secure_waits(&self) -> Duration {
        crate::tls::WAITS
    }

    #[cfg(feature = "tls-core")]
    fn memory(&self, to: &Origin) -> usize {
        match to.scheme {
            Scheme::Https => Tls::memory(to.versions),
            _ => 0,
        }
    }

    #[cfg(feature = "tls-core")]
    fn opening_memory(&self, to: &Origin) -> usize {
        match to.scheme {
            Scheme::Https => Tls::opening_memory(&to.trust, to.versions),
            _ => 0,
        }
    }

    /// The largest, as far as there are sockets for them, and [`Tls::limited`] allows it.
    #[cfg(feature = "tls-core")]
    fn memory_together(&self, connections: &mut [usize]) -> usize {
        let Some(tls) = self.tls else { return 0 };
        connections.sort_unstable();
        let open: usize = connections.iter().rev().take(tls.most().min(N)).sum();
        if open > 0 { open + Tls::BESIDE } else { 0 }
    }

    fn pressure(&self, to: &Origin) -> Pressure {
        let _ = to;
        #[cfg(feature = "tls-core")]
        if let (Scheme::Https, Some(tls)) = (to.scheme, self.tls) {
            return self.sockets.pressure().max(tls.pressure());
        }
        self.sockets.pressure()
    }
}

/// embassy-time's clock.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct EmbassyClock;

impl EmbassyClock {
    /// The one clock there is.
    pub const fn new() -> Self {
        Self
    }
}

impl Clock for EmbassyClock {
    fn now(&self) -> Duration {
        Duration::from_micros(Instant::now().as_micros())
    }

    async fn sleep(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Timer::after(embassy_time::Duration::from_micros(micros)).await;
    }
}
