use std::sync::Arc;

use printhost::{
    AnyHost, ErrorKind, HyperNet, PrinterUrl, Retry, Trust,
    net::{Http1, Net},
    net_tokio::{Hyper, PortableNet, TokioDial},
};
use rcgen::{CertifiedKey, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{
    harness::{Call, KEY, alone, decent, is_kind, limits},
    server::{Heard, Server, Step, json, say, talk},
};

fn hyper() -> HyperNet {
    let dial = TokioDial::with_tls(Arc::new(ring::default_provider()));
    HyperNet::build(dial, Hyper::default(), limits())
}

fn portable() -> PortableNet {
    let dial = TokioDial::with_tls(Arc::new(ring::default_provider()));
    PortableNet::build(dial, Http1::HOST, limits())
}

macro_rules! over_both_encrypted {
    ($($claim:ident),* $(,)?) => {
        mod over_hyper {
            $(#[tokio::test]
            async fn $claim() {
                let _alone = super::alone().await;
                super::$claim(super::hyper()).await;
            })*
        }
        mod over_the_portable_client {
            $(#[tokio::test]
            async fn $claim() {
                let _alone = super::alone().await;
                super::$claim(super::portable()).await;
            })*
        }
    };
}

over_both_encrypted!(
    trust_in_nothing_is_told,
    plain_host_behind_an_encrypted_address_is_told,
    encrypted_host_behind_a_plain_address_is_told,
    refusal_that_comes_before_the_body_is_sent_gets_through_encryption,
    encryption_that_breaks_off_is_unreachable,
);

/// A self-signed certificate for this machine.
fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

/// An OctoPrint behind TLS; refuses uploads at once.
async fn serve(certificate: &CertifiedKey<KeyPair>) -> u16 {
    let key = PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let (mut reader, mut writer) = tokio::io::split(tls);
                let script = |heard: &Heard<'_>| {
                    let refusal = "HTTP/1.1 413 X\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n\
                                   {\"error\":\"too large!\"}";
                    heard
                        .is("POST /api/files/local ")
                        .then(|| vec![Step::Say(refusal.as_bytes().into()), Step::Close])
                };
                talk(&mut reader, &mut writer, Vec::new(), &script, &Default::default()).await;
            });
        }
    });
    port
}

fn at<N: Net>(net: N, scheme: &str, port: u16, trust: Trust) -> AnyHost<N> {
    let url: PrinterUrl = format!("{scheme}://127.0.0.1:{port}").parse().unwrap();
    AnyHost::new(net, &url.with_trust(trust), KEY)
}

/// What may be given to believe in, and is no certificate. What is one: `tests/requirements/trust.rs`.
async fn trust_in_nothing_is_told<N: Net + Clone>(net: N) {
    let port = serve(&certificate()).await;
    for (name, bytes) in [
        ("no certificate", b"-----BEGIN NOTHING-----".to_vec()),
        ("garbage", vec![0xff; 99]),
        ("nothing", Vec::new()),
    ] {
        for call in [Call::Connect, Call::Status, Call::Pause] {
            let host = at(net.clone(), "octoprint+https", port, Trust::Ca(bytes.clone()));
            let error = call.make(&host).await.unwrap_err();
            is_kind(name, &error, ErrorKind::InvalidInput);
            decent(name, &error);
            assert_eq!((error.retry(), error.operation()), (Retry::Never, call.operation()), "{name}");
        }
    }
}

async fn plain_host_behind_an_encrypted_address_is_told<N: Net>(net: N) {
    let server = Server::greeting(say(b"".as_slice()), |_| None).await;
    // A plain web server answers what it takes for a request with 400.
    let speaking = Server::greeting(say(b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice()), |_| None).await;
    drop(server);
    let error =
        Call::Upload.make(&at(net, "octoprint+https", speaking.port, Trust::PublicRoots)).await.unwrap_err();
    is_kind("plain host", &error, ErrorKind::Protocol);
    decent("plain host", &error);
    assert!(error.detail().unwrap().contains("TLS"), "{error}");
}

async fn encrypted_host_behind_a_plain_address_is_told<N: Net>(net: N) {
    let port = serve(&certificate()).await;
    let error = Call::Upload.make(&at(net, "octoprint", port, Trust::PublicRoots)).await.unwrap_err();
    is_kind("encrypted host", &error, ErrorKind::Protocol);
    decent("encrypted host", &error);
}

async fn refusal_that_comes_before_the_body_is_sent_gets_through_encryption<N: Net + Clone>(net: N) {
    use printhost::{PrintHost, Upload};
    let own = certificate();
    let port = serve(&own).await;
    let content = vec![b'x'; 8 << 20];
    for _ in 0..20 {
        let host = at(net.clone(), "octoprint+https", port, Trust::Ca(own.cert.der().to_vec()));
        let mut body = &content[..];
        let upload = Upload::new("x.gcode", content.len() as u64, &mut body).replacing();
        let error = host.upload(upload).await.unwrap_err();
        is_kind("early", &error, ErrorKind::TooLarge);
        assert_eq!(error.http_status(), Some(413));
    }
}

async fn encryption_that_breaks_off_is_unreachable<N: Net + Clone>(net: N) {
    for end in [Step::Close, Step::Reset] {
        let server = Server::greeting(vec![end], |_| Some(json(200, "{}"))).await;
        let host = at(net.clone(), "octoprint+https", server.port, Trust::PublicRoots);
        let error = Call::Connect.make(&host).await.unwrap_err();
        is_kind("broken off", &error, ErrorKind::Unreachable);
        decent("broken off", &error);
    }
}
