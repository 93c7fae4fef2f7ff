//! TLS in front of a simulated printer, with a certificate that can change.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use printhost::{
    Trust,
    net::HttpBackend,
    net_tokio::{TokioConn, TokioDial, TokioParts},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData as _};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// A network that can encrypt.
pub(crate) fn net<H: HttpBackend<TokioConn>>(http: H) -> TokioParts<H> {
    super::harness::net(TokioDial::with_tls(Arc::new(ring::default_provider())), http)
}

/// A certificate authority of one's own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn der(&self) -> Trust {
        Trust::Ca(self.0.der().to_vec())
    }

    pub(crate) fn pem(&self) -> Trust {
        Trust::Ca(self.0.pem().into_bytes())
    }

    /// A certificate for 127.0.0.1 with a new key.
    pub(crate) fn issue(&self) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().der().clone();
        let pin = Trust::PinnedKey(Sha256::digest(key.subject_public_key_info()).into());
        Identity { certificate, key: key.serialize_der(), pin }
    }
}

/// A certificate and its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    /// Believes this key and no other.
    pub(crate) pin: Trust,
}

impl Identity {
    fn acceptor(&self) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![self.certificate.clone()],
                PrivatePkcs8KeyDer::from(self.key.clone()).into(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Decrypts what comes, and passes it on.
pub(crate) struct TlsFront {
    pub(crate) port: u16,
    acceptor: Arc<Mutex<TlsAcceptor>>,
    _tasks: JoinSet<()>,
}

impl TlsFront {
    pub(crate) async fn start(identity: &Identity, behind: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = Arc::new(Mutex::new(identity.acceptor()));
        let current = acceptor.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = current.lock().unwrap().clone();
                connections.spawn(async move {
                    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                    let mut server = TcpStream::connect(behind).await.unwrap();
                    let _ = copy_bidirectional(&mut tls, &mut server).await;
                });
            }
        });
        Self { port, acceptor, _tasks: tasks }
    }

    /// Shows another certificate from now on.
    pub(crate) fn present(&self, identity: &Identity) {
        *self.acceptor.lock().unwrap() = identity.acceptor();
    }
}
