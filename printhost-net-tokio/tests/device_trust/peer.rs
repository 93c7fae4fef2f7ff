//! A TLS server that shows any certificate with any key, and counts what it is told once it is believed.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use printhost_core::Result;
use printhost_net::{Dial as _, Origin, TlsVersions, Trust};
use printhost_net_tokio::{TokioConn, TokioDial};
use rustls::{
    HandshakeKind, ServerConfig, SignatureAlgorithm, SignatureScheme,
    crypto::ring,
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, Signer, SigningKey},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::certificates::Identity;

/// A connection that the client has taken for good: whether a session was resumed, and under which name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) resumed: bool,
    pub(crate) name: Option<String>,
}

pub(crate) struct Peer {
    pub(crate) ports: Vec<u16>,
    told: Arc<AtomicUsize>,
    ended: mpsc::UnboundedReceiver<Option<Seen>>,
    _tasks: JoinSet<()>,
}

impl Peer {
    /// Listens at one port.
    pub(crate) async fn start(identity: Identity) -> Self {
        Self::signing(identity, 1, |key| key).await
    }

    /// Listens at so many, and signs as `change` has it.
    pub(crate) async fn signing(
        identity: Identity,
        ports: usize,
        change: impl FnOnce(Arc<dyn SigningKey>) -> Arc<dyn SigningKey>,
    ) -> Self {
        let key = ring::sign::any_supported_type(&identity.key).unwrap();
        let shown = Shown(Arc::new(CertifiedKey::new(identity.chain, change(key))));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (told, mut tasks) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
        let (end, ended) = mpsc::unbounded_channel();
        let mut listening = Vec::new();
        for _ in 0..ports {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            listening.push(listener.local_addr().unwrap().port());
            tasks.spawn(serve(listener, acceptor.clone(), told.clone(), end.clone()));
        }
        Self { ports: listening, told, ended, _tasks: tasks }
    }

    /// Connects and says something; what the peer made of the connection.
    pub(crate) async fn try_with(&mut self, dial: &TokioDial, to: &Origin) -> Result<Seen> {
        self.judge(talk(dial.dial(to).await).await).await
    }

    /// Connects to a port, encrypts that as for another, and says something.
    pub(crate) async fn secure_with(&mut self, dial: &TokioDial, port: u16, to: &Origin) -> Result<Seen> {
        let conn = dial.dial(&Origin::http("127.0.0.1", port)).await?;
        self.judge(talk(dial.secure(conn, to).await).await).await
    }

    async fn judge(&mut self, talked: Result<()>) -> Result<Seen> {
        let seen = self.ended.recv().await.unwrap();
        match talked {
            Ok(()) => Ok(seen.unwrap()),
            Err(error) => {
                assert_eq!(self.told.load(SeqCst), 0, "something was sent to a stranger: {error}");
                Err(error)
            }
        }
    }

    pub(crate) fn origin(&self, trust: &Trust, versions: TlsVersions) -> Origin {
        Origin::tls("127.0.0.1", self.ports[0], trust.clone()).with_versions(versions)
    }
}

pub(crate) fn dial() -> TokioDial {
    TokioDial::with_tls(Arc::new(ring::default_provider()))
}

async fn talk(conn: Result<TokioConn>) -> Result<()> {
    let mut conn = conn?;
    conn.write_all(b"M105\n").await.unwrap();
    let mut answer = [0; 3];
    conn.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"ok\n");
    conn.shutdown().await.unwrap();
    Ok(())
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    told: Arc<AtomicUsize>,
    end: mpsc::UnboundedSender<Option<Seen>>,
) {
    while let Ok((tcp, _)) = listener.accept().await {
        let mut seen = None;
        if let Ok(mut tls) = acceptor.accept(tcp).await {
            let resumed = tls.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            let name = tls.get_ref().1.server_name().map(str::to_owned);
            let mut heard = [0; 5];
            while let Ok(n @ 1..) = tls.read(&mut heard).await {
                told.fetch_add(n, SeqCst);
                let _ = tls.write_all(b"ok\n").await;
                seen = Some(Seen { resumed, name: name.clone() });
            }
        }
        let _ = end.send(seen);
    }
}

#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// Signs as ever, and says that it has signed by another scheme; offered or not.
#[derive(Debug)]
pub(crate) struct Claiming {
    pub(crate) key: Arc<dyn SigningKey>,
    pub(crate) scheme: SignatureScheme,
}

impl SigningKey for Claiming {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(Claim { signer: self.key.choose_scheme(offered)?, scheme: self.scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.key.algorithm()
    }
}

#[derive(Debug)]
struct Claim {
    signer: Box<dyn Signer>,
    scheme: SignatureScheme,
}

impl Signer for Claim {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.signer.sign(message)
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
