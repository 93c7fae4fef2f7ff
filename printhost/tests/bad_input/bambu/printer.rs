//! A scripted Bambu Lab printer: MQTT and FTP behind TLS, written out by hand. No codec of ours is involved.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use printhost::Trust;
use rcgen::{CertifiedKey, KeyPair, PublicKeyData};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{
    super::harness::Scene,
    words::{healthy_mqtt, next_packet},
};

/// What the printer does, in order.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Says this.
    Say(Cow<'static, [u8]>),
    /// Says this so many times, or until nobody listens any more.
    Repeat(Cow<'static, [u8]>, u64),
    /// Says this again and again, so long after one another.
    Trickle(&'static [u8], Duration),
    /// Goes on when it is told to.
    Wait(Arc<Notify>),
    /// Says nothing more and reads nothing more.
    Hold,
    /// Ends the connection, without an end of TLS.
    Close,
    /// Resets the connection.
    Reset,
    /// Takes the data connection.
    Accept,
    /// Does the printer's part of the handshake there.
    Encrypt,
    /// Somebody else does it.
    EncryptAsAnother,
    /// Says this there, so many times, or until nobody listens any more.
    Send(Cow<'static, [u8]>, u64),
    /// Says this there, so many bytes at a time and so long after one another, or until nobody listens any more.
    Drip(Cow<'static, [u8]>, usize, Duration),
    /// Reads there to the end, and keeps so many bytes as the file that is named, if not all.
    Receive(Option<u64>),
    /// Ends the data connection.
    End,
}

/// All steps of one answer.
pub(crate) type Answer = Vec<Step>;

/// Says this.
pub(crate) fn say(bytes: impl Into<Cow<'static, [u8]>>) -> Answer {
    vec![Step::Say(bytes.into())]
}

/// A reply of FTP, without its line break.
pub(crate) fn reply(text: &str) -> Answer {
    say(format!("{text}\r\n").into_bytes())
}

/// A transfer that goes well but for what happens in its middle.
pub(crate) fn transfer(middle: impl IntoIterator<Item = Step>, word: &str) -> Answer {
    let mut steps = reply("150 it begins");
    steps.extend([Step::Accept, Step::Encrypt]);
    steps.extend(middle);
    steps.push(Step::End);
    steps.extend(reply(word));
    steps
}

/// What the printer is told.
pub(crate) struct Told {
    /// `CONNECT`, `SUBSCRIBE`, `PING`, `ORDER print.pause`; `FTP ` and a command, `FTP` when somebody has come.
    pub(crate) line: String,
    /// The packet's identifier.
    pub(crate) id: u16,
    /// An order's own number.
    pub(crate) number: String,
    /// Where a data connection is expected.
    pub(crate) data: u16,
}

impl Told {
    pub(crate) fn is(&self, begin: &str) -> bool {
        self.line.starts_with(begin)
    }

    /// Whether it is this command, with whatever argument; `FTP` is that somebody has come.
    pub(crate) fn is_command(&self, command: &str) -> bool {
        let rest = self.line.strip_prefix(command);
        rest.is_some_and(|rest| rest.is_empty() || (command != "FTP" && rest.starts_with(' ')))
    }
}

type Script = dyn Fn(&Told) -> Option<Answer> + Send + Sync;
type Line = TlsStream<TcpStream>;

/// The printer; it ends when dropped.
pub(crate) struct Printer {
    pub(crate) mqtt: u16,
    pub(crate) ftps: u16,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    script: Box<Script>,
    scene: Scene,
    heard: Mutex<Vec<String>>,
    files: Mutex<BTreeMap<String, u64>>,
}

/// Lets virtual time pass in small steps, each after everything that was on its way has come. The runtime itself takes what
/// comes on a socket for nothing to do, and skips to the next timer.
pub(crate) async fn virtual_time() {
    loop {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Duration::from_millis(50)).await;
    }
}

/// What a printer shows, made once.
static IDENTITY: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(identity);
static ANOTHER: LazyLock<CertifiedKey<KeyPair>> = LazyLock::new(identity);

fn identity() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["printer".to_owned()]).unwrap()
}

/// The key of every printer here.
pub(crate) fn trust() -> Trust {
    Trust::PinnedKey(Sha256::digest(IDENTITY.signing_key.subject_public_key_info()).into())
}

fn acceptor(identity: &CertifiedKey<KeyPair>) -> TlsAcceptor {
    let key = PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key.into())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

impl Printer {
    /// Does as the script says, and where it says nothing as it should. It has one file, `x.gcode`, of four bytes.
    pub(crate) async fn start(
        scene: Scene,
        script: impl Fn(&Told) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        Self::showing(&IDENTITY, scene, script).await
    }

    /// As [`Printer::start`], with another key than that which is believed.
    pub(crate) async fn of_another_key() -> Self {
        Self::showing(&ANOTHER, Scene::Idle, |_| None).await
    }

    async fn showing(
        identity: &CertifiedKey<KeyPair>,
        scene: Scene,
        script: impl Fn(&Told) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            script: Box::new(script),
            scene,
            heard: Mutex::new(Vec::with_capacity(256)),
            files: Mutex::new([("/x.gcode".to_owned(), 4)].into()),
        });
        let (mqtt, ftps) = (
            TcpListener::bind(("127.0.0.1", 0)).await.unwrap(),
            TcpListener::bind(("127.0.0.1", 0)).await.unwrap(),
        );
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let (mqtt_port, ftps_port) = (port(&mqtt), port(&ftps));
        let mut tasks = JoinSet::new();
        tasks.spawn(virtual_time());
        for (listener, is_mqtt) in [(mqtt, true), (ftps, false)] {
            let (shared, acceptor) = (shared.clone(), acceptor(identity));
            tasks.spawn(async move {
                let mut lines = JoinSet::new();
                while let Ok((tcp, _)) = listener.accept().await {
                    // Virtual time would run while a small packet waits for the one before it to be acknowledged.
                    tcp.set_nodelay(true).unwrap();
                    let (shared, acceptor) = (shared.clone(), acceptor.clone());
                    lines.spawn(async move {
                        let Ok(line) = acceptor.accept(tcp).await else { return };
                        let talk = Talk {
                            line,
                            acceptor,
                            shared,
                            data: None,
                            passive: None,
                            renames: String::new(),
                        };
                        match is_mqtt {
                            true => talk.mqtt().await,
                            false => talk.ftp().await,
                        }
                    });
                }
            });
        }
        Self { mqtt: mqtt_port, ftps: ftps_port, shared, _tasks: tasks }
    }

    /// What it was told so far.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// How often it was told something that begins so.
    pub(crate) fn times(&self, begin: &str) -> usize {
        self.heard().iter().filter(|line| line.starts_with(begin)).count()
    }

    /// The size of a file.
    pub(crate) fn file(&self, path: &str) -> Option<u64> {
        self.shared.files.lock().unwrap().get(path).copied()
    }
}

/// One connection.
struct Talk {
    line: Line,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    data: Option<Data>,
    passive: Option<TcpListener>,
    renames: String,
}

enum Data {
    Plain(TcpStream),
    Encrypted(Box<Line>),
}

impl Talk {
    async fn mqtt(mut self) {
        let mut inbox = Vec::new();
        while let Some(told) = next_packet(&mut self.line, &mut inbox).await {
            self.shared.heard.lock().unwrap().push(told.line.clone());
            let steps = (self.shared.script)(&told).unwrap_or_else(|| healthy_mqtt(&told, self.shared.scene));
            if !self.all(steps, "").await {
                return;
            }
        }
    }

    async fn ftp(mut self) {
        let mut inbox = Vec::new();
        let mut command = String::new();
        loop {
            let line = format!("FTP {command}").trim_end().to_owned();
            self.shared.heard.lock().unwrap().push(line.clone());
            if command == "PASV" {
                self.passive = Some(TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
            }
            let data = self.passive.as_ref().map_or(0, |listener| listener.local_addr().unwrap().port());
            let told = Told { line, id: 0, number: String::new(), data };
            let path = command.split_once(' ').map_or("", |(_, path)| path).to_owned();
            let steps = match (self.shared.script)(&told) {
                Some(steps) => steps,
                None => self.healthy_ftp(&command, &path, data),
            };
            if !self.all(steps, &path).await || command == "QUIT" {
                return;
            }
            let end = loop {
                if let Some(at) = inbox.windows(2).position(|w| w == b"\r\n") {
                    break at;
                }
                if !matches!(self.line.read_buf(&mut inbox).await, Ok(n) if n > 0) {
                    return;
                }
            };
            command = String::from_utf8(inbox.drain(..end + 2).collect()).unwrap().trim_end().to_owned();
        }
    }

    fn healthy_ftp(&mut self, command: &str, path: &str, data: u16) -> Answer {
        let mut files = self.shared.files.lock().unwrap();
        match command.split(' ').next().unwrap() {
            "" => reply("220 ready"),
            "USER" => reply("331 password"),
            "PASS" => reply("230 in"),
            "CWD" => reply("250 ok"),
            "PASV" => reply(&format!("227 here (127,0,0,1,{},{})", data >> 8, data & 0xff)),
            "SIZE" => match files.get(path) {
                Some(size) => reply(&format!("213 {size}")),
                None => reply("550 no such file"),
            },
            "DELE" => match files.remove(path) {
                Some(_) => reply("250 gone"),
                None => reply("550 no such file"),
            },
            "RNFR" if files.contains_key(path) => {
                self.renames = path.into();
                reply("350 and then")
            }
            "RNFR" => reply("550 no such file"),
            "RNTO" => {
                let size = files.remove(&self.renames).unwrap();
                files.insert(path.into(), size);
                reply("250 renamed")
            }
            "LIST" => {
                let entry = |(path, size): (&String, &u64)| {
                    format!("-rw-rw-rw-   1 root  root  {size} Jan 01 00:00 {}\r\n", &path[1..])
                };
                let listing: String = files.iter().map(entry).collect();
                transfer([Step::Send(listing.into_bytes().into(), 1)], "226 all")
            }
            "RETR" => {
                transfer([Step::Send(b"X".into(), files.get(path).copied().unwrap_or_default())], "226 all")
            }
            "STOR" => transfer([Step::Receive(None)], "226 stored"),
            "EPSV" => reply("502 no"),
            "QUIT" => reply("221 bye"),
            _ => reply("200 ok"),
        }
    }

    /// False when the connection is over.
    async fn all(&mut self, steps: Answer, path: &str) -> bool {
        for step in steps {
            if !self.step(step, path).await {
                return false;
            }
        }
        true
    }

    async fn step(&mut self, step: Step, path: &str) -> bool {
        match step {
            Step::Say(bytes) => self.line.write_all(&bytes).await.is_ok() && self.line.flush().await.is_ok(),
            Step::Repeat(bytes, times) => {
                for _ in 0..times {
                    if self.line.write_all(&bytes).await.is_err() {
                        return false;
                    }
                }
                self.line.flush().await.is_ok()
            }
            Step::Trickle(bytes, pause) => {
                while self.line.write_all(bytes).await.is_ok() && self.line.flush().await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
                false
            }
            Step::Wait(notify) => {
                notify.notified().await;
                true
            }
            Step::Hold => {
                // Longer than any limit, in virtual time; the runtime ends it.
                tokio::time::sleep(Duration::from_secs(1 << 20)).await;
                false
            }
            Step::Close => false,
            Step::Reset => {
                self.line.get_ref().0.set_zero_linger().unwrap();
                false
            }
            Step::Accept => {
                let tcp = self.passive.as_ref().unwrap().accept().await.unwrap().0;
                tcp.set_nodelay(true).unwrap();
                self.data = Some(Data::Plain(tcp));
                true
            }
            Step::Encrypt => {
                let Some(Data::Plain(tcp)) = self.data.take() else { panic!("nothing to encrypt") };
                let Ok(line) = self.acceptor.accept(tcp).await else { return true };
                self.data = Some(Data::Encrypted(Box::new(line)));
                true
            }
            Step::EncryptAsAnother => {
                let Some(Data::Plain(tcp)) = self.data.take() else { panic!("nothing to encrypt") };
                let _ = acceptor(&ANOTHER).accept(tcp).await;
                true
            }
            Step::Send(bytes, times) => {
                for _ in 0..times {
                    if !self.send(&bytes).await {
                        break;
                    }
                }
                true
            }
            Step::Drip(bytes, piece, pause) => {
                for piece in bytes.chunks(piece) {
                    if !self.send(piece).await {
                        break;
                    }
                    tokio::time::sleep(pause).await;
                }
                true
            }
            Step::Receive(most) => {
                let mut got = 0;
                let mut piece = [0; 4096];
                if let Some(Data::Encrypted(line)) = &mut self.data {
                    while let Ok(n @ 1..) = line.read(&mut piece).await {
                        got += n as u64;
                    }
                }
                self.shared.files.lock().unwrap().insert(path.into(), most.unwrap_or(got).min(got));
                true
            }
            Step::End => {
                if let Some(Data::Encrypted(mut line)) = self.data.take() {
                    let _ = line.shutdown().await;
                }
                true
            }
        }
    }

    /// Says something on the data connection; false when nobody listens there.
    async fn send(&mut self, bytes: &[u8]) -> bool {
        match &mut self.data {
            Some(Data::Encrypted(line)) => line.write_all(bytes).await.is_ok() && line.flush().await.is_ok(),
            Some(Data::Plain(tcp)) => tcp.write_all(bytes).await.is_ok(),
            None => false,
        }
    }
}
