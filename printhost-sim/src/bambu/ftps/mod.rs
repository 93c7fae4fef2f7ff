//! The FTPS server: implicit TLS, passive connections, one session after the other.

mod data;
mod listing;
mod session;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::shared::Shared;
use session::Session;

/// For how long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => shared.spawn(serve(Arc::clone(&shared), stream)),
            // Out of file descriptors, most likely: the next attempt must not be at once.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    shared.hears().await;
    let acceptor = TlsAcceptor::from(Arc::clone(&shared.ftps_tls));
    if let Ok(Ok(tls)) = timeout(HANDSHAKE, acceptor.accept(stream)).await {
        // A client that hangs up early is no concern of the server.
        let _ = Session::new(shared, tls).run().await;
    }
}
