//! A control connection: lines in, replies out.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::super::shared::Shared;
use super::super::store::parent;
use super::listing;

const USER: &str = "bblp";
/// No command is longer.
const LONGEST_LINE: usize = 4096;

/// Ends a session.
pub(super) struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) tls: TlsStream<TcpStream>,
    line: Vec<u8>,
    user: String,
    entered: bool,
    /// Data channels are to be encrypted.
    pub(super) protected: bool,
    pub(super) folder: String,
    pub(super) passive: Option<TcpListener>,
    rename: Option<String>,
    /// A command came in pieces.
    confused: bool,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, tls: TlsStream<TcpStream>) -> Self {
        Self {
            shared,
            tls,
            line: Vec::new(),
            user: String::new(),
            entered: false,
            protected: false,
            folder: String::new(),
            passive: None,
            rename: None,
            confused: false,
        }
    }

    pub(super) async fn run(mut self) -> Result<(), Over> {
        let banner = self.shared.config.ftps.banner.clone();
        self.reply(220, &banner).await?;
        let idle = self.shared.config.ftps.idle;
        loop {
            self.shared.hears().await;
            let Ok(record) = timeout(idle, self.record()).await else { return Ok(()) };
            let record = record?;
            if record.is_empty() {
                return Ok(());
            }
            if self.shared.config.ftps.command_per_record && (self.confused || !record.ends_with(b"\r\n")) {
                self.be_confused(&record).await?;
                continue;
            }
            self.line.extend_from_slice(&record);
            while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.line.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
                self.command(&line).await?;
            }
            if self.line.len() > LONGEST_LINE {
                return Err(Over);
            }
        }
    }

    /// What one TLS record held; nothing at the end.
    async fn record(&mut self) -> io::Result<Vec<u8>> {
        let record = self.tls.fill_buf().await?.to_vec();
        self.tls.consume(record.len());
        Ok(record)
    }

    /// Waits for a question about files, and answers it.
    pub(super) async fn answer(&mut self) -> Result<(), Over> {
        let record = self.record().await?;
        let line = String::from_utf8_lossy(&record);
        let (name, argument) = line.trim_end().split_once(' ').ok_or(Over)?;
        Ok(self.about_files(name, argument).await?)
    }

    /// Waits until the client is gone.
    pub(super) async fn hung_up(&mut self) {
        while self.record().await.is_ok_and(|record| !record.is_empty()) {}
    }

    async fn be_confused(&mut self, record: &[u8]) -> io::Result<()> {
        let first = !std::mem::replace(&mut self.confused, true);
        if first && record.starts_with(b"PASS") {
            return self.reply(332, "Need account for login.").await;
        }
        self.reply(502, "Command not implemented.").await
    }

    pub(super) async fn reply(&mut self, code: u16, text: &str) -> io::Result<()> {
        self.tls.write_all(format!("{code} {text}\r\n").as_bytes()).await?;
        self.tls.flush().await
    }

    async fn command(&mut self, line: &str) -> Result<(), Over> {
        let (name, argument) = line.split_once(' ').unwrap_or((line, ""));
        let name = name.to_ascii_uppercase();
        match name.as_str() {
            "USER" => {
                argument.clone_into(&mut self.user);
                self.entered = false;
                return Ok(self.reply(331, "Please specify the password.").await?);
            }
            "PASS" => {
                self.entered = self.user == USER && argument == self.shared.config.access_code;
                let (code, text) =
                    if self.entered { (230, "Login successful.") } else { (530, "Login incorrect.") };
                return Ok(self.reply(code, text).await?);
            }
            "QUIT" => {
                self.reply(221, "Goodbye.").await?;
                let _ = self.tls.shutdown().await;
                return Err(Over);
            }
            "PBSZ" => return Ok(self.reply(200, "PBSZ set to 0.").await?),
            "PROT" => {
                self.protected = argument.eq_ignore_ascii_case("P");
                return Ok(self.reply(200, "PROT now set.").await?);
            }
            _ if !self.entered => return Ok(self.reply(530, "Please login with USER and PASS.").await?),
            _ => {}
        }
        if matches!(name.as_str(), "STOR" | "DELE" | "MKD" | "RMD" | "RNTO") {
            self.shared.lock().changes += 1;
        }
        let renames = self.rename.take();
        match name.as_str() {
            "TYPE" => self.reply(200, "Switching mode.").await?,
            "NOOP" => self.reply(200, "NOOP ok.").await?,
            "SYST" => self.reply(215, "UNIX Type: L8").await?,
            "PWD" => {
                let folder = format!("\"/{}\" is the current directory", self.folder);
                self.reply(257, &folder).await?;
            }
            "PASV" => self.passive(false).await?,
            "EPSV" if self.shared.config.ftps.epsv => self.passive(true).await?,
            "LIST" | "NLST" => self.list(argument, name == "NLST").await?,
            "RETR" => self.retrieve(argument).await?,
            "STOR" => self.store(argument).await?,
            "RNTO" if self.shared.config.ftps.changes_folders => {
                let to = self.path(argument);
                let done = renames.is_some_and(|from| self.shared.lock().store.rename(&from, &to));
                self.done(done, 250, "Rename successful.").await?;
            }
            "RNFR" if self.shared.config.ftps.changes_folders => {
                let path = self.path(argument);
                let known = self.has_card() && self.shared.lock().store.file(&path).is_some();
                self.rename = known.then_some(path);
                self.done(known, 350, "Ready for RNTO.").await?;
            }
            _ => self.about_files(&name, argument).await?,
        }
        Ok(())
    }

    async fn about_files(&mut self, name: &str, argument: &str) -> io::Result<()> {
        let path = if name == "CDUP" { parent(&self.folder).to_owned() } else { self.path(argument) };
        let changes_folders = self.shared.config.ftps.changes_folders;
        let has_card = self.has_card();
        let shared = Arc::clone(&self.shared);
        match name {
            "CWD" | "CDUP" => {
                let known = has_card && shared.lock().store.is_folder(&path);
                if known {
                    self.folder = path;
                }
                self.done(known, 250, "Directory successfully changed.").await
            }
            "SIZE" => {
                let size = shared.lock().store.file(&path).filter(|_| has_card).map(|file| file.size);
                match size {
                    Some(size) => self.reply(213, &size.to_string()).await,
                    None => self.reply(550, "Could not get file size.").await,
                }
            }
            "MDTM" if changes_folders => {
                let changed = shared.lock().store.file(&path).filter(|_| has_card).map(|file| file.changed);
                match changed {
                    Some(changed) => self.reply(213, &listing::stamp(changed)).await,
                    None => self.reply(550, "Could not get file modification time.").await,
                }
            }
            "DELE" => {
                let done = has_card && shared.lock().store.delete(&path);
                self.done(done, 250, "Delete operation successful.").await
            }
            "MKD" if changes_folders => {
                let done = has_card && shared.lock().store.make_folder(&path);
                self.done(done, 257, &format!("\"/{path}\" created")).await
            }
            "RMD" if changes_folders => {
                let done = has_card && shared.lock().store.remove_folder(&path);
                self.done(done, 250, "Remove directory operation successful.").await
            }
            "AVBL" => {
                let free = {
                    let inner = shared.lock();
                    inner.config.room.saturating_sub(inner.store.used_without(""))
                };
                self.reply(213, &free.to_string()).await
            }
            // Among them FEAT, MLSD, REST and STAT, which clients ask for.
            _ => self.reply(502, "Command not implemented.").await,
        }
    }

    async fn done(&mut self, done: bool, code: u16, text: &str) -> io::Result<()> {
        if done {
            return self.reply(code, text).await;
        }
        self.reply(550, "Operation failed.").await
    }

    async fn passive(&mut self, extended: bool) -> io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        self.passive = Some(listener);
        if extended {
            return self.reply(229, &format!("Entering Extended Passive Mode (|||{port}|)")).await;
        }
        let [a, b, c, d] = self.shared.config.ftps.passive_address.octets();
        let [high, low] = port.to_be_bytes();
        self.reply(227, &format!("Entering Passive Mode ({a},{b},{c},{d},{high},{low}).")).await
    }

    pub(super) fn has_card(&self) -> bool {
        self.shared.lock().config.card
    }

    /// The path that an argument names, without a slash at either end.
    pub(super) fn path(&self, argument: &str) -> String {
        let mut parts: Vec<&str> = Vec::new();
        let start = if argument.starts_with('/') { "" } else { &self.folder };
        for part in start.split('/').chain(argument.split('/')) {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        parts.join("/")
    }
}
