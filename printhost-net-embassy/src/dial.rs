use core::{net::Ipv4Addr, time::Duration};

use embassy_net::{IpAddress, dns::DnsQueryType};
use embassy_time::{Instant, Timer, with_timeout};
use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Clock, Dial, Entropy, Http1, Limits, Origin, Parts, Pressure, Scheme};

use crate::{EmbassyConn, Sockets};

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
    Parts::new(EmbassyDial { sockets }, Http1::DEVICE, EmbassyClock::new(), entropy, Limits::DEVICE)
}

/// Opens connections on [`Sockets`]: a handle, with the lifetime in its type.
#[derive(Clone, Copy, Debug)]
pub struct EmbassyDial<'h, 'd, const N: usize> {
    sockets: &'h Sockets<'d, N>,
}

impl<'h, 'd, const N: usize> Dial for EmbassyDial<'h, 'd, N> {
    type Conn = EmbassyConn<'h, 'd, N>;

    async fn dial(&self, to: &Origin) -> Result<Self::Conn> {
        if to.scheme != Scheme::Http {
            return Err(Error::unsupported("connect").with_detail("this network has no TLS yet"));
        }
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

    fn most(&self) -> usize {
        N
    }

    fn pressure(&self) -> Pressure {
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
