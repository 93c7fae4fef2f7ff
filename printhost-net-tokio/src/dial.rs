use std::{io, sync::Arc, time::Duration};

use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Dial, Origin, Scheme};
use rustls::{crypto::CryptoProvider, pki_types::ServerName};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use crate::{TokioConn, stream::Stream, tls::Tls};

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
}

impl Dial for TokioDial {
    type Conn = TokioConn;

    async fn dial(&self, to: &Origin) -> Result<TokioConn> {
        let unreachable = |e: io::Error| {
            Error::new(ErrorKind::Unreachable, "connect").with_detail(format_args!("{to}: {e}"))
        };
        let tcp = TcpStream::connect((to.host.as_str(), to.port)).await.map_err(unreachable)?;
        tune(&tcp).map_err(unreachable)?;
        let conn = TokioConn(Stream::Plain(tcp));
        match to.scheme {
            Scheme::Http => Ok(conn),
            Scheme::Https => self.secure(conn, to).await,
            _ => Err(Error::unsupported("connect")),
        }
    }

    async fn secure(&self, conn: TokioConn, to: &Origin) -> Result<TokioConn> {
        let tls = self
            .tls
            .as_ref()
            .ok_or_else(|| Error::unsupported("connect").with_detail("this network was made without TLS"))?;
        let Stream::Plain(tcp) = conn.0 else {
            return Err(Error::new(ErrorKind::InvalidInput, "connect").with_detail("it is encrypted already"));
        };
        let name = ServerName::try_from(to.host.clone()).map_err(|_| {
            Error::new(ErrorKind::InvalidInput, "connect").with_detail("the host name is not valid for TLS")
        })?;
        // Boxed: the state of a handshake is large, and would be part of every future that may dial.
        let handshake = Box::pin(tls.connector(to)?.connect(name, tcp));
        let stream = handshake.await.map_err(refused)?;
        Ok(TokioConn(Stream::Tls(Box::new(stream))))
    }
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

fn refused(error: io::Error) -> Error {
    let kind = match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => ErrorKind::Untrusted,
        // It answers, but not with TLS as we know it.
        Some(_) => ErrorKind::Protocol,
        None => ErrorKind::Unreachable,
    };
    Error::new(kind, "connect").with_detail(format_args!("TLS: {error}"))
}
