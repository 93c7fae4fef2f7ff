use std::{io, sync::Arc, time::Duration};

use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Dial, Origin, Scheme};
use rustls::crypto::CryptoProvider;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use crate::{
    TokioConn,
    stream::Stream,
    tls::{PeerKey, Tls, refused, server_name},
};

/// How long sent bytes may stay unacknowledged before the kernel calls the peer dead.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Opens TCP connections with the system's resolver, and TLS on them.
#[derive(Debug)]
pub struct TokioDial {
    tls: Option<Tls>,
}

impl TokioDial {
    /// Plain connections only; `https` is [`ErrorKind::Unsupported`].
    pub const fn plain() -> Self {
        Self { tls: None }
    }

    /// Plain and TLS connections, with the caller's crypto.
    pub fn with_tls(provider: Arc<CryptoProvider>) -> Self {
        Self { tls: Some(Tls::new(provider)) }
    }

    /// Connects, does a TLS handshake with whoever answers, and tells whose key they have proved to have: for trust on
    /// first use, by someone who can compare. Whom `to` trusts does not matter; nothing is sent but the handshake, and
    /// nothing is kept. It waits as long as they do: run it [`within`](printhost_core::within) a time.
    pub async fn peer_key(&self, to: &Origin) -> Result<PeerKey> {
        let connector = self.tls()?.to_anyone(to.versions)?;
        let handshake = Box::pin(connector.connect(server_name(to)?, connect(to).await?));
        let stream = handshake.await.map_err(refused)?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        PeerKey::of(certificate.ok_or_else(|| {
            Error::new(ErrorKind::Protocol, "connect").with_detail("TLS: the host has shown no certificate")
        })?)
    }

    fn tls(&self) -> Result<&Tls> {
        let plain = || Error::unsupported("connect").with_detail("this network was made without TLS");
        self.tls.as_ref().ok_or_else(plain)
    }
}

impl Dial for TokioDial {
    type Conn = TokioConn;

    async fn dial(&self, to: &Origin) -> Result<TokioConn> {
        // Boxed as well: the compiler counts how deep futures are nested.
        let conn = TokioConn(Stream::Plain(Box::pin(connect(to)).await?));
        match to.scheme {
            Scheme::Http => Ok(conn),
            Scheme::Https => self.secure(conn, to).await,
            _ => Err(Error::unsupported("connect")),
        }
    }

    async fn secure(&self, conn: TokioConn, to: &Origin) -> Result<TokioConn> {
        let tls = self.tls()?;
        let Stream::Plain(tcp) = conn.0 else {
            return Err(Error::new(ErrorKind::InvalidInput, "connect").with_detail("it is encrypted already"));
        };
        // Boxed: the state of a handshake is large, and would be part of every future that may dial.
        let handshake = Box::pin(tls.connector(to)?.connect(server_name(to)?, tcp));
        let stream = handshake.await.map_err(refused)?;
        Ok(TokioConn(Stream::Tls(Box::new(stream))))
    }
}

async fn connect(to: &Origin) -> Result<TcpStream> {
    let connect = async {
        let tcp = TcpStream::connect((to.host.as_str(), to.port)).await?;
        tune(&tcp).map(|()| tcp)
    };
    let unreachable =
        |e: io::Error| Error::new(ErrorKind::Unreachable, "connect").with_detail(format_args!("{to}: {e}"));
    connect.await.map_err(unreachable)
}

/// Small requests go out at once, and a dead peer is noticed even where no timer of ours runs.
fn tune(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(tcp);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(Duration::from_secs(20)).with_interval(Duration::from_secs(5)),
    )?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(())
}
