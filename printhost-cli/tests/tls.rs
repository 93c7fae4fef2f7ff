//! Encrypted connections: whom the program believes.

mod common;

use std::{net::SocketAddr, sync::Arc};

use common::{Scratch, gcode, run, simulator};
use printhost_sim::OctoPrintSim;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// A TLS proxy before a simulator, as a reverse proxy before an OctoPrint.
struct Encrypted {
    sim: OctoPrintSim,
    url: String,
    pem: String,
    pin: String,
}

impl Encrypted {
    async fn start() -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        let pin = Sha256::digest(key.subject_public_key_info());
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .expect("a usable certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let sim = simulator().await;
        tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), sim.addr()));
        Self {
            sim,
            url: format!("octoprint+https://localhost:{port}"),
            pem: certificate.pem(),
            pin: pin.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, to: SocketAddr) {
    while let Ok((client, _)) = listener.accept().await {
        let tls = tls.clone();
        tokio::spawn(async move {
            let mut client = tls.accept(client).await?;
            let mut server = TcpStream::connect(to).await?;
            copy_bidirectional(&mut client, &mut server).await
        });
    }
}

#[tokio::test]
async fn unknown_certificate_is_refused_before_the_key_is_sent_and_says_what_to_do() {
    let peer = Encrypted::start().await;
    let other = Encrypted::start().await;
    for (trust, advice) in [(&[][..], "--ca"), (&["--pin", &other.pin], "printhost trust")] {
        let ran = run(peer.sim.api_key(), &[&["status", &peer.url], trust].concat()).await;
        assert_eq!(ran.code, Some(3), "{trust:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(advice) && ran.stderr.contains("--pin"), "{}", ran.stderr);
    }
    assert!(peer.sim.requests().is_empty());
}

#[tokio::test]
async fn given_authority_or_pinned_key_is_believed_by_both_clients() {
    let (peer, scratch) = (Encrypted::start().await, Scratch::new());
    let ca = scratch.file("ca.pem", peer.pem.as_bytes());
    let file = scratch.file("part.gcode", &gcode(300));
    for client in ["hyper", "portable"] {
        for trust in [["--pin", &peer.pin], ["--ca", &ca]] {
            let args = ["print", &file, &peer.url, "--overwrite", "--client", client];
            let ran = run(peer.sim.api_key(), &[&args[..], &trust].concat()).await;
            assert_eq!(ran.code, Some(0), "{trust:?}: {}{}", ran.stdout, ran.stderr);
        }
    }
}
