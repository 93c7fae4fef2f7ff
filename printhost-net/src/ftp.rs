//! The FTP client, with TLS from the first byte (implicit FTPS) or without: one control connection, one transfer at a time.
//!
//! Made for servers that are small or strict. A command is one write. Passive mode only, and the address in the answer is
//! ignored. A data connection is encrypted after the server has announced the transfer, and offers the TLS session of the
//! control connection, which some servers demand and others refuse. Nothing is believed to be stored because the
//! connection ended well: the server says so (226), or has a file of the right size.
//!
//! **FTP cannot tell an upload that was broken off from one that is complete**: both end with the end of a connection. An
//! upload that is given up, by an error or because its future is dropped, ends with a reset; what the server makes of that
//! is its own affair, and most keep what they have got. [`Ftp::store`] deletes it where it can; when the future is dropped
//! it cannot. So nothing should be stored under a name that somebody may start: [`Ftp::replace`] stores under another name
//! and renames.

mod control;
mod data;
mod refusal;
mod store;

use core::{fmt, time::Duration};

use printhost_core::{Error, ErrorKind, RemotePath, Result, Secret};

pub use crate::proto::ftp::{Entry, EntryKind, Modified};
use crate::{
    Dial, Net, Origin, Scheme,
    proto::ftp::{Command, MAX_ARGUMENT, MAX_LINE, MAX_TEXT, Reply},
};
use control::Control;
pub use data::Listed;
pub use refusal::SESSION_REQUIRED;
pub use store::{PARTIAL, Proof, Staged, Stored};

/// Whether data connections are encrypted, where the control connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataChannel {
    /// Always.
    #[default]
    Encrypted,
    /// If it can be: when the server refuses to, or a handshake fails or hangs, once more without. **Whoever is between us
    /// and the server can bring that about**, and then read and change files, though neither names nor passwords. Never
    /// after a certificate that is not trusted, nor for want of memory or of a turn on our side.
    EncryptedIfPossible,
    /// Never.
    Clear,
}

/// What differs between servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Whether data connections are encrypted.
    pub data: DataChannel,
    /// How long the server may take for its word that it has stored a file, after it has got everything.
    pub confirm: Duration,
    /// How long the TLS handshake of a data connection may take.
    pub handshake: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: DataChannel::Encrypted,
            confirm: Duration::from_secs(120),
            handshake: Duration::from_secs(10),
        }
    }
}

/// The heap that a client takes at most, in bytes, without its two connections ([`Dial::memory`]): the control connection
/// for as long as it lives, and a data connection, plain or as encrypted as the control connection. No path, user or
/// password has more than `longest` bytes. Beside it, a file on its way has [`Limits::chunk`](crate::Limits::chunk) bytes,
/// and a listing [`LISTING`].
pub const fn memory(longest: usize) -> usize {
    // With what is added to a path: its root, and the end of a file that is not whole.
    let argument = longest + PARTIAL.len() + 1;
    let argument = if argument < MAX_ARGUMENT { argument } else { MAX_ARGUMENT };
    control::INBOX + 4 * MAX_TEXT + 2 * (argument + 8) + 3 * argument
}

/// The heap that a listing takes at most while it is read, in bytes, beside [`memory`] and what is made of its entries.
pub const LISTING: usize = data::PIECE + MAX_LINE;

/// A logged in client.
///
/// Paths are from the server's root, as [`RemotePath`] wants them; `""` is the root itself where a folder is meant. After
/// an error of the connection, or a call whose future was dropped, every call is [`ErrorKind::Disconnected`]: connect
/// again. A refusal leaves the client usable.
pub struct Ftp<'n, N: Net> {
    net: &'n N,
    origin: Origin,
    user: &'n str,
    password: &'n Secret,
    settings: Settings,
    /// Data connections are plain from here on.
    is_clear: bool,
    /// They are plain after a handshake has failed, and no transfer has shown yet that this helps.
    is_doubtful: bool,
    control: Option<Control<<N::Dial as Dial>::Conn>>,
    last: Option<u16>,
}

impl<N: Net> fmt::Debug for Ftp<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ftp").field("origin", &self.origin).field("is_clear", &self.is_clear).finish()
    }
}

impl<'n, N: Net> Ftp<'n, N> {
    /// Connects and logs in. An encrypted origin is spoken TLS with from the first byte.
    ///
    /// Errors: those of [`Dial::dial`]; [`ErrorKind::Unauthorized`] when the user or the password is refused;
    /// [`ErrorKind::Busy`] when the server has no place for another client.
    pub async fn connect(
        net: &'n N,
        origin: Origin,
        user: &'n str,
        password: &'n Secret,
        settings: Settings,
    ) -> Result<Self> {
        let is_clear = origin.scheme == Scheme::Http || settings.data == DataChannel::Clear;
        let mut ftp = Self {
            net,
            origin,
            user,
            password,
            settings,
            is_clear,
            is_doubtful: false,
            control: None,
            last: None,
        };
        ftp.open("connect").await?;
        Ok(ftp)
    }

    /// Whether data connections are plain: also after [`DataChannel::EncryptedIfPossible`] has found out that they must be,
    /// which is worth keeping for the next time. That a handshake has failed shows nothing: a plain transfer has succeeded
    /// then, or the server has refused to encrypt.
    pub const fn is_clear(&self) -> bool {
        self.is_clear && !self.is_doubtful
    }

    /// The code of the last reply, for what an error does not tell.
    pub const fn last_code(&self) -> Option<u16> {
        self.last
    }

    /// The size of a file. [`ErrorKind::NotFound`] also for a folder.
    pub async fn size(&mut self, path: &str) -> Result<u64> {
        let path = absolute("size", path)?;
        self.size_of("size", &path).await
    }

    /// Deletes a file.
    pub async fn delete(&mut self, path: &str) -> Result<()> {
        let path = absolute("delete", path)?;
        self.done("delete", Command::Dele(&path)).await
    }

    /// Makes a folder. [`ErrorKind::Conflict`] when the server does not, for instance since there is one already.
    pub async fn make_dir(&mut self, path: &str) -> Result<()> {
        let path = absolute("make folder", path)?;
        self.done("make folder", Command::Mkd(&path)).await
    }

    /// Removes an empty folder.
    pub async fn remove_dir(&mut self, path: &str) -> Result<()> {
        let path = absolute("delete", path)?;
        self.done("delete", Command::Rmd(&path)).await
    }

    /// Renames a file; whether another one of the new name is replaced or in the way is the server's choice.
    /// [`ErrorKind::Unsupported`] where the server cannot; [`ErrorKind::Unconfirmed`] when its answer was lost.
    pub async fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (absolute("rename", from)?, absolute("rename", to)?);
        self.rename_absolute(&from, &to).await
    }

    /// Says goodbye, and waits for the answer a moment. Dropping the client does no harm either.
    pub async fn quit(mut self) {
        if let Some(mut control) = self.control.take() {
            let clock = self.net.parts().clock();
            let bye = control.ask(self.net, "quit", Command::Quit);
            let _ = printhost_core::within(clock, Duration::from_secs(1), "quit", bye).await;
        }
    }

    async fn rename_absolute(&mut self, from: &str, to: &str) -> Result<()> {
        let reply = self.ask("rename", Command::Rnfr(from)).await?;
        if reply.code != 350 {
            return Err(self.refused("rename", &reply));
        }
        match self.ask("rename", Command::Rnto(to)).await {
            Ok(reply) if reply.is_done() => Ok(()),
            Ok(reply) => Err(self.refused("rename", &reply)),
            Err(error) if error.kind() == ErrorKind::InvalidInput => Err(error),
            Err(error) => Err(error.unconfirmed()),
        }
    }

    async fn size_of(&mut self, operation: &'static str, path: &str) -> Result<u64> {
        let reply = self.ask(operation, Command::Size(path)).await?;
        if reply.code != 213 {
            return Err(self.refused(operation, &reply));
        }
        reply
            .size()
            .ok_or_else(|| Error::new(ErrorKind::Protocol, operation).with_detail("a size that is no number"))
    }

    async fn done(&mut self, operation: &'static str, command: Command<'_>) -> Result<()> {
        let reply = self.ask(operation, command).await?;
        if reply.is_done() { Ok(()) } else { Err(self.refused(operation, &reply)) }
    }

    /// A command and its reply. Without one the control connection is given up.
    async fn ask(&mut self, operation: &'static str, command: Command<'_>) -> Result<Reply> {
        // Before the connection is touched: what cannot be sent does not cost it.
        command.encode(operation)?;
        let mut control = self.take_control(operation)?;
        let reply = control.ask(self.net, operation, command).await?;
        self.keep(control, &reply);
        Ok(reply)
    }

    fn take_control(&mut self, operation: &'static str) -> Result<Control<<N::Dial as Dial>::Conn>> {
        self.control.take().ok_or_else(|| {
            Error::new(ErrorKind::Disconnected, operation).with_detail("the connection was given up")
        })
    }

    /// Keeps the control connection after a reply, unless the server closes it.
    fn keep(&mut self, control: Control<<N::Dial as Dial>::Conn>, reply: &Reply) {
        self.last = Some(reply.code);
        // Said of nothing but transfers.
        self.is_doubtful &= reply.code != 226;
        self.control = (reply.code != 421).then_some(control);
    }

    fn refused(&self, operation: &'static str, reply: &Reply) -> Error {
        refusal::error(operation, reply, self.password)
    }

    /// A fresh control connection, logged in.
    async fn open(&mut self, operation: &'static str) -> Result<()> {
        self.control = None;
        let net = self.net;
        let conn = net.parts().dial(&self.origin).await.map_err(|e| e.in_operation(operation))?;
        let mut control = Control::new(conn);
        let greeting = control.reply(net, operation).await?;
        self.last = Some(greeting.code);
        if !greeting.is_done() {
            return Err(refusal::at_login(operation, &greeting, self.password));
        }
        let mut reply = control.ask(net, operation, Command::User(self.user)).await?;
        if reply.code == 331 {
            reply = control.ask(net, operation, Command::Pass(self.password.expose())).await?;
        }
        self.last = Some(reply.code);
        if !reply.is_done() {
            return Err(refusal::at_login(operation, &reply, self.password));
        }
        if self.origin.scheme == Scheme::Https {
            self.protect(&mut control, operation).await?;
        }
        let reply = control.ask(net, operation, Command::TypeImage).await?;
        self.last = Some(reply.code);
        if !reply.is_done() {
            return Err(self.refused(operation, &reply));
        }
        self.control = Some(control);
        Ok(())
    }

    /// Tells the server whether data connections are encrypted.
    async fn protect(
        &mut self,
        control: &mut Control<<N::Dial as Dial>::Conn>,
        operation: &'static str,
    ) -> Result<()> {
        // What matters is the answer to PROT.
        control.ask(self.net, operation, Command::Pbsz).await?;
        if !self.is_clear {
            let reply = control.ask(self.net, operation, Command::ProtPrivate).await?;
            self.last = Some(reply.code);
            if reply.is_done() {
                return Ok(());
            }
            if self.settings.data != DataChannel::EncryptedIfPossible || reply.code == 421 {
                return Err(self.refused(operation, &reply));
            }
            self.is_clear = true;
        }
        let reply = control.ask(self.net, operation, Command::ProtClear).await?;
        self.last = Some(reply.code);
        match reply.code {
            200..300 => Ok(()),
            // A server that does not know the command does not encrypt (RFC 4217, 9).
            500 | 502 => Ok(()),
            _ => Err(self.refused(operation, &reply)),
        }
    }
}

/// A path as it is sent.
fn absolute(operation: &'static str, path: &str) -> Result<alloc::string::String> {
    let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?;
    Ok(alloc::format!("/{}", path.as_str()))
}
