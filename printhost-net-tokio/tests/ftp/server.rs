//! A server that shares no code with the client.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use printhost_core::Secret;
use printhost_net::{
    Origin, Trust,
    ftp::{Ftp, Settings},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream, DuplexStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::network::{Event, Lines, Net};

pub(crate) const PORT: u16 = 990;
pub(crate) const USER: &str = "bblp";
pub(crate) const PASSWORD: &str = "12345678";

/// What the server says at the end of an upload, and how long after.
pub(crate) type Word = (Duration, &'static str);

#[derive(Clone)]
pub(crate) struct Rules {
    /// Instead of its usual answer, to a command that begins so. Empty: nothing.
    pub(crate) says: Vec<(&'static str, &'static str)>,
    /// Where it claims to be, in 227.
    pub(crate) passive: &'static str,
    pub(crate) listing: Vec<u8>,
    pub(crate) word: Word,
    /// How many bytes it keeps of an upload.
    pub(crate) keeps: usize,
    /// Reads so many bytes of an upload, then speaks its word and no more.
    pub(crate) stops_after: Option<usize>,
    /// Does no handshake on data connections.
    pub(crate) hangs: bool,
    /// What it says of a data connection on which there was no handshake.
    pub(crate) unencrypted: &'static str,
    /// What it says when a transfer begins.
    pub(crate) mark: &'static str,
    /// How many bytes it sends beyond the end of a file.
    pub(crate) surplus: usize,
    /// Answers questions for sizes while its word is still to come.
    pub(crate) chats: bool,
    /// An upload is all there only so long after its end.
    pub(crate) lags: Duration,
    /// What it has under the new name after a rename, if it is not what was renamed.
    pub(crate) swaps: Option<&'static [u8]>,
    /// Leaves after the word instead of going on; without a word, at once.
    pub(crate) leaves: bool,
    pub(crate) clear: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            says: Vec::new(),
            passive: "227 Entering Passive Mode (0,0,0,0,7,228).",
            listing: Vec::new(),
            word: (Duration::ZERO, "226 Transfer complete."),
            keeps: usize::MAX,
            stops_after: None,
            hangs: false,
            unencrypted: "425 no handshake",
            mark: "150 Ok to send data.",
            surplus: 0,
            chats: false,
            lags: Duration::ZERO,
            swaps: None,
            leaves: false,
            clear: false,
        }
    }
}

/// The port of [`Rules::passive`].
pub(crate) const DATA: u16 = 7 << 8 | 228;

type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

pub(crate) struct Server {
    pub(crate) lines: Lines,
    pub(crate) files: Files,
    secret: Secret,
    net: Net,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) fn start(rules: Rules) -> Self {
        let (lines, files) = (Lines::default(), Files::default());
        let mut control = lines.listen(PORT);
        let mut data = lines.listen(DATA);
        let (noted, kept) = (lines.clone(), files.clone());
        let task = tokio::spawn(async move {
            while let Some(stream) = control.recv().await {
                let session = Session {
                    stream: BufStream::new(stream),
                    rules: rules.clone(),
                    lines: noted.clone(),
                    files: kept.clone(),
                    is_clear: rules.clear,
                    renames: None,
                };
                session.run(&mut data).await;
            }
        });
        let net = lines.net();
        Self { lines, files, secret: Secret::new(PASSWORD), net, task }
    }

    pub(crate) async fn connect(&self) -> printhost_core::Result<Ftp<'_, Net>> {
        self.connect_with(Settings::default()).await
    }

    pub(crate) async fn connect_with(&self, settings: Settings) -> printhost_core::Result<Ftp<'_, Net>> {
        let origin = Origin::tls("printer.local", PORT, Trust::PinnedKey([7; 32]));
        Ftp::connect(&self.net, origin, USER, &self.secret, settings).await
    }

    pub(crate) fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.files.lock().unwrap().get(path).cloned()
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        self.files.lock().unwrap().insert(path.into(), bytes.into());
    }

    /// The commands after the login.
    pub(crate) fn commands(&self) -> Vec<String> {
        let mut commands = self.lines.commands();
        let login = ["USER bblp", "PASS 12345678", "PBSZ 0", "PROT P", "TYPE I"];
        assert_eq!(commands.drain(..login.len()).collect::<Vec<_>>(), login);
        commands
    }
}

struct Session {
    stream: BufStream<DuplexStream>,
    rules: Rules,
    lines: Lines,
    files: Files,
    is_clear: bool,
    renames: Option<String>,
}

type Data = tokio::sync::mpsc::UnboundedReceiver<DuplexStream>;

impl Session {
    async fn say(&mut self, text: &str) {
        self.lines.note(Event::Said(text.into()));
        let _ = self.stream.write_all(format!("{text}\r\n").as_bytes()).await;
        let _ = self.stream.flush().await;
    }

    async fn run(mut self, data: &mut Data) {
        self.answer("", "220 ready").await;
        let mut line = String::new();
        while matches!(self.stream.read_line(&mut line).await, Ok(1..)) {
            let command = line.trim_end().to_owned();
            line.clear();
            if !self.command(&command, data).await {
                return;
            }
        }
    }

    /// What the rules say, or this.
    async fn answer(&mut self, command: &str, usual: &str) {
        let told = self.rules.says.iter().find(|(begin, _)| match command {
            "" => begin.is_empty(),
            _ => !begin.is_empty() && command.starts_with(begin),
        });
        let told = told.map_or(usual, |(_, says)| *says);
        if !told.is_empty() {
            let told = told.to_owned();
            self.say(&told).await;
        }
    }

    /// False when it leaves.
    async fn command(&mut self, command: &str, data: &mut Data) -> bool {
        let (verb, path) = command.split_once(' ').unwrap_or((command, ""));
        let is_told =
            self.rules.says.iter().any(|(begin, _)| !begin.is_empty() && command.starts_with(begin));
        let there = self.files.lock().unwrap().get(path).cloned();
        let usual = match verb {
            _ if is_told => String::new(),
            "USER" => "331 password".into(),
            "PASS" if path == PASSWORD => "230 in".into(),
            "PASS" => "530 Login incorrect.".into(),
            "PBSZ" | "TYPE" => "200 ok".into(),
            "CWD" => "250 ok".into(),
            "PROT" => {
                self.is_clear = path == "C";
                "200 ok".into()
            }
            "PASV" => {
                while data.try_recv().is_ok() {}
                self.rules.passive.into()
            }
            "SIZE" => {
                there.map_or("550 Could not get file size.".into(), |file| format!("213 {}", file.len()))
            }
            "DELE" => match self.files.lock().unwrap().remove(path) {
                Some(_) => "250 gone".into(),
                None => "550 Delete operation failed.".into(),
            },
            "RNFR" => match there {
                Some(_) => {
                    self.renames = Some(path.into());
                    "350 ready".into()
                }
                None => "550 RNFR command failed.".into(),
            },
            "RNTO" => {
                let mut files = self.files.lock().unwrap();
                let from = self.renames.take().unwrap_or_default();
                let file = files.remove(&from).unwrap_or_default();
                let file = self.rules.swaps.map_or(file, Vec::from);
                files.insert(path.into(), file);
                "250 renamed".into()
            }
            "LIST" | "RETR" | "STOR" => return self.transfer(verb, path, data).await,
            "QUIT" => "221 bye".into(),
            _ => "502 Command not implemented.".into(),
        };
        self.answer(command, &usual).await;
        true
    }

    async fn transfer(&mut self, verb: &str, path: &str, data: &mut Data) -> bool {
        let Some(mut conn) = data.recv().await else { return false };
        // Nobody encrypts before the server has spoken.
        let early = timeout(Duration::from_millis(100), conn.read_u8()).await;
        assert!(early.is_err(), "something came before 150");
        if verb == "STOR" {
            self.files.lock().unwrap().insert(path.into(), Vec::new());
        }
        let mark = self.rules.mark;
        self.say(mark).await;
        if !self.is_clear {
            if self.rules.hangs {
                // Until the client leaves.
                let _ = self.stream.read_line(&mut String::new()).await;
                return false;
            }
            if conn.read_u8().await.is_err() || conn.write_u8(b'H').await.is_err() {
                let why = self.rules.unencrypted;
                self.say(why).await;
                return true;
            }
        }
        match verb {
            "STOR" => {
                let mut got = Vec::new();
                match self.rules.stops_after {
                    Some(most) => {
                        got.resize(most, 0);
                        let _ = conn.read_exact(&mut got).await;
                    }
                    None => drop(conn.read_to_end(&mut got).await),
                }
                got.truncate(self.rules.keeps);
                let (lags, files, path) = (self.rules.lags, self.files.clone(), path.to_owned());
                let part = got[..got.len() / 2].to_vec();
                if lags.is_zero() {
                    files.lock().unwrap().insert(path, got);
                } else {
                    files.lock().unwrap().insert(path.clone(), part);
                    tokio::spawn(async move {
                        sleep(lags).await;
                        // Not what was deleted meanwhile.
                        files.lock().unwrap().entry(path).and_modify(|file| *file = got);
                    });
                }
            }
            "RETR" => {
                let file = self.files.lock().unwrap().get(path).cloned().unwrap_or_default();
                let most = file.len().min(self.rules.keeps);
                let _ = conn.write_all(&file[..most]).await;
                let _ = conn.write_all(&vec![b'+'; self.rules.surplus]).await;
                drop(conn);
            }
            _ => {
                let listing = std::mem::take(&mut self.rules.listing);
                let _ = conn.write_all(&listing).await;
                drop(conn);
            }
        }
        let (after, word) = self.rules.word;
        if !word.is_empty() {
            if self.rules.chats {
                let chat = self.chat();
                if let Ok(()) = timeout(after, chat).await {
                    return false;
                }
            } else {
                sleep(after).await;
            }
            self.say(word).await;
        }
        !self.rules.leaves
    }

    /// Until the client leaves.
    async fn chat(&mut self) {
        let mut line = String::new();
        while matches!(self.stream.read_line(&mut line).await, Ok(1..)) {
            let path = line.trim_end().strip_prefix("SIZE ").expect("a question for a size");
            let len = self.files.lock().unwrap().get(path).map_or(0, Vec::len);
            self.say(&format!("213 {len}")).await;
            line.clear();
        }
    }
}
