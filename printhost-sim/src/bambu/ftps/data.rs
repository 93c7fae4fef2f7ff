//! Data channels: connected first, encrypted after the reply that announces the transfer.

use std::sync::Arc;
use std::time::Duration;

use rustls::HandshakeKind;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::super::quirks::BambuSessions;
use super::session::Session;

/// For how long a client may leave a passive port alone, or a handshake unfinished.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection for one file or listing.
pub(super) trait Channel: AsyncRead + AsyncWrite + Send + Unpin {
    /// Makes the connection end with a TCP RST.
    fn will_reset(&self);
}

impl Channel for TcpStream {
    fn will_reset(&self) {
        // Fails only on a connection that is gone already.
        let _ = self.set_zero_linger();
    }
}

impl Channel for tokio_rustls::server::TlsStream<TcpStream> {
    fn will_reset(&self) {
        let _ = self.get_ref().0.set_zero_linger();
    }
}

/// A reply that ends the attempt.
pub(super) type Refusal = (u16, &'static str);

impl Session {
    /// The connection that the client makes to the passive port.
    pub(super) async fn connected(&mut self) -> Result<TcpStream, Refusal> {
        let Some(listener) = self.passive.take() else { return Err((425, "Use PORT or PASV first.")) };
        match timeout(PATIENCE, listener.accept()).await {
            Ok(Ok((stream, _))) => {
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
            _ => Err((425, "Failed to establish connection.")),
        }
    }

    /// Encrypts it, if that was agreed.
    pub(super) async fn secured(&mut self, mut stream: TcpStream) -> Result<Box<dyn Channel>, Refusal> {
        if !self.protected {
            return Ok(Box::new(stream));
        }
        let rules = &self.shared.config.ftps;
        if rules.clear_data_only {
            // What comes is read, and never answered.
            let mut scrap = [0; 4096];
            while stream.read(&mut scrap).await.is_ok_and(|read| read > 0) {}
            return Err((426, "Failure reading network stream."));
        }
        let acceptor = TlsAcceptor::from(Arc::clone(&self.shared.ftps_tls));
        let Ok(Ok(tls)) = timeout(PATIENCE, acceptor.accept(stream)).await else {
            return Err((425, "SSL connection failed."));
        };
        let resumed = tls.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        if resumed {
            self.shared.lock().transfers.resumed += 1;
        } else if rules.sessions == BambuSessions::Required {
            return Err((522, "SSL connection failed: session reuse required"));
        }
        Ok(Box::new(tls))
    }
}
