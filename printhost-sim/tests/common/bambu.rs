//! Clients for the simulated Bambu Lab printer, as small as they can be.
#![allow(dead_code, reason = "not every test needs everything")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use mqttbytes::QoS;
use mqttbytes::v4::{self, Connect, ConnectReturnCode, Login, Packet, PingReq, Publish, Subscribe};
use printhost_sim::{BambuConfig, BambuModel, BambuSim};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Longer than anything takes that comes at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough to say that nothing comes.
pub(crate) const SILENCE: Duration = Duration::from_millis(400);

pub(crate) fn config(model: BambuModel) -> BambuConfig {
    BambuConfig::new(model).time_scale(50.0).report_every(Duration::from_millis(50))
}

pub(crate) async fn start(config: BambuConfig) -> BambuSim {
    BambuSim::start(config).await.expect("ports are free")
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(PATIENCE, wait).await.is_ok(), "never {what}");
}

/// Believes every certificate: who signed it is curl's to judge.
#[derive(Debug)]
struct Believing(CryptoProvider);

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // rustls reads no certificate of version 1.
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What a client knows of TLS, with the sessions it remembers.
pub(crate) fn tls() -> TlsConnector {
    let provider = ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Believing(provider)))
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

pub(crate) async fn dial(tls: &TlsConnector, addr: SocketAddr) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(addr).await.expect("the simulator listens");
    let name = ServerName::try_from("printer.test").expect("a name");
    tls.connect(name, stream).await.expect("a handshake")
}

/// A connection to the broker.
pub(crate) struct Mqtt {
    stream: TlsStream<TcpStream>,
    buffer: BytesMut,
    request: String,
}

impl Mqtt {
    /// Logs in, with an empty client id.
    pub(crate) async fn connect(sim: &BambuSim) -> Self {
        let (client, code) = Self::login(sim, sim.access_code()).await;
        assert_eq!(code, Some(ConnectReturnCode::Success));
        client
    }

    /// Tries to; the code is none when the connection ends without an answer.
    pub(crate) async fn login(sim: &BambuSim, code: &str) -> (Self, Option<ConnectReturnCode>) {
        Self::login_for(sim, code, 30).await
    }

    /// With a keep-alive of so many seconds.
    pub(crate) async fn login_for(
        sim: &BambuSim,
        code: &str,
        keep_alive: u16,
    ) -> (Self, Option<ConnectReturnCode>) {
        let stream = dial(&tls(), sim.mqtt_addr()).await;
        let request = format!("device/{}/request", sim.serial());
        let mut client = Self { stream, buffer: BytesMut::new(), request };
        let mut connect = Connect::new("");
        connect.keep_alive = keep_alive;
        connect.clean_session = true;
        connect.login = Some(Login::new("bblp", code));
        client.send(|out| connect.write(out)).await;
        let answer = client.next().await;
        match answer {
            Some(Packet::ConnAck(ack)) => (client, Some(ack.code)),
            None => (client, None),
            other => panic!("{other:?} instead of a CONNACK"),
        }
    }

    /// Logs in and hears reports.
    pub(crate) async fn listen(sim: &BambuSim) -> Self {
        let mut client = Self::connect(sim).await;
        let topic = format!("device/{}/report", sim.serial());
        assert!(client.subscribe(&topic).await);
        client
    }

    /// False when the connection ends instead.
    pub(crate) async fn subscribe(&mut self, topic: &str) -> bool {
        let mut subscribe = Subscribe::new(topic, QoS::AtMostOnce);
        subscribe.pkid = 7;
        self.send(|out| subscribe.write(out)).await;
        loop {
            match self.next().await {
                Some(Packet::SubAck(ack)) => return ack.pkid == 7,
                Some(Packet::Publish(_)) => {}
                None => return false,
                other => panic!("{other:?} instead of a SUBACK"),
            }
        }
    }

    /// Publishes with QoS 0.
    pub(crate) async fn ask(&mut self, message: Value) {
        let publish = Publish::new(&*self.request, QoS::AtMostOnce, message.to_string());
        self.send(|out| publish.write(out)).await;
    }

    /// Publishes with QoS 1, and gives nothing.
    pub(crate) async fn ask_confirmed(&mut self, message: Value, number: u16) {
        let mut publish = Publish::new(&*self.request, QoS::AtLeastOnce, message.to_string());
        publish.pkid = number;
        self.send(|out| publish.write(out)).await;
    }

    /// The answer to a command of `print`.
    pub(crate) async fn command(&mut self, mut fields: Value) -> Value {
        fields["sequence_id"] = json!("30077");
        self.ask(json!({ "print": fields })).await;
        self.report(|report| report["print"]["sequence_id"] == "30077").await
    }

    /// Everything, as the printer tells it.
    pub(crate) async fn everything(&mut self) -> Value {
        self.ask(json!({ "pushing": { "command": "pushall", "sequence_id": "1" } })).await;
        self.report(|report| report["print"]["ams"]["ams"].is_array()).await["print"].take()
    }

    /// The next message that is so; those before it are gone.
    pub(crate) async fn report(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let payload = self.payload().await.expect("the connection is open");
            let message: Value = serde_json::from_slice(&payload).expect("JSON");
            if is_so(&message) {
                return message;
            }
        }
    }

    /// The next payload; none when the connection ends.
    pub(crate) async fn payload(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Packet::Publish(publish) = self.next().await? {
                return Some(publish.payload.to_vec());
            }
        }
    }

    pub(crate) async fn ping(&mut self) {
        self.send(|out| PingReq.write(out)).await;
    }

    /// The next packet; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Packet> {
        timeout(PATIENCE, self.read()).await.expect("a packet in time")
    }

    /// Whether nothing comes for a while.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        timeout(SILENCE, self.read()).await.is_err()
    }

    async fn read(&mut self) -> Option<Packet> {
        loop {
            match v4::read(&mut self.buffer, 64 << 20) {
                Ok(packet) => return Some(packet),
                Err(mqttbytes::Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    async fn send(&mut self, write: impl FnOnce(&mut BytesMut) -> Result<usize, mqttbytes::Error>) {
        let mut out = BytesMut::new();
        write(&mut out).expect("a packet");
        // Who has been dropped sees it when it reads.
        let _ = self.stream.write_all(&out).await;
        let _ = self.stream.flush().await;
    }
}

/// A control connection to the FTPS server.
pub(crate) struct Ftps {
    tls: TlsConnector,
    stream: TlsStream<TcpStream>,
    heard: Vec<u8>,
}

impl Ftps {
    pub(crate) async fn connect(sim: &BambuSim) -> Self {
        let tls = tls();
        let stream = dial(&tls, sim.ftps_addr()).await;
        let mut client = Self { tls, stream, heard: Vec::new() };
        assert_eq!(client.reply().await.0, 220);
        client
    }

    /// Logs in, with encrypted data channels.
    pub(crate) async fn login(sim: &BambuSim) -> Self {
        let mut client = Self::connect(sim).await;
        let pass = format!("PASS {}", sim.access_code());
        for (command, code) in
            [("USER bblp", 331), (&*pass, 230), ("PBSZ 0", 200), ("PROT P", 200), ("TYPE I", 200)]
        {
            assert_eq!(client.command(command).await.0, code, "{command}");
        }
        client
    }

    /// Sends bytes as they are, in one record.
    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("the connection is open");
        self.stream.flush().await.expect("the connection is open");
    }

    pub(crate) async fn command(&mut self, command: &str) -> (u16, String) {
        self.send(&format!("{command}\r\n")).await;
        self.reply().await
    }

    pub(crate) async fn reply(&mut self) -> (u16, String) {
        self.next_reply().await.expect("a reply")
    }

    /// None when the connection ends.
    pub(crate) async fn next_reply(&mut self) -> Option<(u16, String)> {
        let read = async {
            loop {
                if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = self.heard.drain(..=end).collect();
                    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                    return Some((line[..3].parse().expect("a code"), line[4..].to_owned()));
                }
                if self.stream.read_buf(&mut self.heard).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
        };
        timeout(PATIENCE, read).await.expect("a reply in time")
    }

    /// Connects a data channel, not yet encrypted.
    pub(crate) async fn passive(&mut self) -> TcpStream {
        let (code, text) = self.command("PASV").await;
        assert_eq!(code, 227);
        let numbers = text.split(['(', ')']).nth(1).expect("an address");
        let numbers: Vec<u16> = numbers.split(',').filter_map(|number| number.parse().ok()).collect();
        let port = numbers[4] << 8 | numbers[5];
        TcpStream::connect(("127.0.0.1", port)).await.expect("a data channel")
    }

    /// Encrypts it.
    pub(crate) async fn secured(&self, stream: TcpStream) -> TlsStream<TcpStream> {
        let name = ServerName::try_from("printer.test").expect("a name");
        timeout(PATIENCE, self.tls.connect(name, stream)).await.expect("in time").expect("a handshake")
    }

    /// Uploads, and gives the reply that ends it.
    pub(crate) async fn put(&mut self, path: &str, content: &[u8]) -> Option<(u16, String)> {
        let stream = self.passive().await;
        let (code, text) = self.command(&format!("STOR {path}")).await;
        if code != 150 {
            return Some((code, text));
        }
        let mut data = self.secured(stream).await;
        // It may be cut.
        let _ = data.write_all(content).await;
        let _ = data.flush().await;
        drop(data);
        self.next_reply().await
    }
}

/// Runs curl; what it says, and whether it was content.
pub(crate) async fn curl(args: &[&str]) -> (bool, String) {
    let output = Command::new("curl").args(["-sS", "--max-time", "20"]).args(args).output().await;
    let output = output.expect("curl is installed");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A file with this content, for curl.
pub(crate) fn scratch(name: &str, content: &[u8]) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("printhost-sim-{}-{name}", std::process::id()));
    std::fs::write(&path, content).expect("a temporary file");
    path
}
