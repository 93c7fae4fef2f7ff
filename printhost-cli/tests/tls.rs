//! Encrypted connections: whom the program believes.

mod common;

use std::{net::SocketAddr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{Scratch, gcode, run, run_with, simulator};
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

/// A configuration with that printer as `left`.
async fn named(scratch: &Scratch, peer: &Encrypted, more: &[&str]) -> std::path::PathBuf {
    let config = scratch.path().join("config.toml");
    let ran = run_with(&config, "", &[&["config", "add", "left", &peer.url], more].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    config
}

#[tokio::test]
async fn key_is_shown_with_its_name_and_kept_for_that_printer_only_when_told() {
    let (peer, other, scratch) = (Encrypted::start().await, Encrypted::start().await, Scratch::new());
    let config = named(&scratch, &peer, &[]).await;
    let before = std::fs::read_to_string(&config).expect("it exists");

    let url = peer.url.as_str();
    let address = url.split_once("://").expect("a scheme").1;
    for whom in ["left", url, address, &other.url] {
        let ran = run_with(&config, "", &["trust", whom]).await;
        assert_eq!(ran.code, Some(0), "{whom}: {}{}", ran.stdout, ran.stderr);
        let pin = if whom == other.url { &other.pin } else { &peer.pin };
        let shown = ran.stdout.split_whitespace().find(|word| word.starts_with("sha256//")).expect("a key");
        assert_eq!(hex(shown), *pin, "{whom}");
        assert!(ran.stdout.contains("rcgen self signed cert"), "{}", ran.stdout);
        assert_eq!(std::fs::read_to_string(&config).expect("it exists"), before, "{whom}");
    }
    // Somebody else's key is kept for nobody.
    let ran = run_with(&config, "", &["trust", &other.url, "--yes"]).await;
    assert_eq!((ran.code, std::fs::read_to_string(&config).expect("it exists")), (Some(0), before));

    let told = run_with(&config, "", &["trust", "left", "--yes", "--json"]).await.json();
    assert_eq!((&told[0]["compared"], &told[1]["event"]), (&"nothing".into(), &"pin_kept".into()));
    let key = peer.sim.api_key();
    run_with(&config, &format!("{key}\n"), &["config", "set-key", "left"]).await;
    let ran = run_with(&config, "", &["status", "left"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told = run_with(&config, "", &["trust", "left", "--json"]).await.json();
    assert_eq!((told.len(), &told[0]["compared"]), (1, &"same".into()));
}

#[tokio::test]
async fn another_key_than_the_kept_one_is_told_loudly_and_replaces_it_only_when_told() {
    let (peer, scratch) = (Encrypted::start().await, Scratch::new());
    let config = named(&scratch, &peer, &["--pin", &"a5".repeat(32)]).await;
    let before = std::fs::read_to_string(&config).expect("it exists");
    for args in [&["trust", "left"][..], &["trust", "left", "--yes"]] {
        let ran = run_with(&config, "", args).await;
        assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stdout.contains("CHANGED") && ran.stderr.contains("not the pinned key"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("--replace"), "{}", ran.stderr);
        assert_eq!(std::fs::read_to_string(&config).expect("it exists"), before);
    }
    let told = run_with(&config, "", &["trust", "left", "--yes", "--json"]).await.json();
    assert_eq!((&told[0]["compared"], &told[1]["error"]["kind"]), (&"other".into(), &"pin_mismatch".into()));

    // Nor when the user knows of a third one.
    let third = "5a".repeat(32);
    let ran = run_with(&config, "", &["trust", "left", "--yes", "--replace", "--pin", &third]).await;
    assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(std::fs::read_to_string(&config).expect("it exists"), before);

    let ran = run_with(&config, "", &["trust", "left", "--yes", "--replace"]).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let told = run_with(&config, "", &["trust", "left", "--json"]).await.json();
    assert_eq!(told[0]["compared"], "same");
    assert!(peer.sim.requests().is_empty());
}

#[tokio::test]
async fn believed_authority_gives_way_to_a_key_only_when_told() {
    let (peer, scratch) = (Encrypted::start().await, Scratch::new());
    let ca = scratch.file("ca.pem", peer.pem.as_bytes());
    let config = named(&scratch, &peer, &["--ca", &ca]).await;
    let trusts =
        async || run_with(&config, "", &["config", "list", "--json"]).await.json()[0]["trust"].clone();
    let ran = run_with(&config, "", &["trust", "left", "--yes"]).await;
    assert_eq!((ran.code, trusts().await), (Some(0), "ca".into()), "{}", ran.stderr);
    let ran = run_with(&config, "", &["trust", "left", "--yes", "--replace"]).await;
    assert_eq!((ran.code, trusts().await), (Some(0), "pin".into()), "{}", ran.stderr);
}

#[tokio::test]
async fn where_nothing_is_encrypted_there_is_no_key_to_trust() {
    let sim = simulator().await;
    let plain = run("", &["trust", &sim.url()]).await;
    assert_eq!(plain.code, Some(2), "{}", plain.stderr);
    let address = format!("127.0.0.1:{}", sim.addr().port());
    let ran = run("", &["trust", &address]).await;
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
}

/// A pin as curl has it, in hex.
fn hex(pin: &str) -> String {
    let bytes = STANDARD.decode(pin.strip_prefix("sha256//").expect("a pin")).expect("base64");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
