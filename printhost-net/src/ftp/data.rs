//! Data connections, listings and downloads.

use alloc::vec;
use core::time::Duration;

use embedded_io_async::{Read, Write};
use printhost_core::{Error, ErrorKind, Result, within};

use super::{DataChannel, Ftp, absolute, control::Control};
use crate::{
    Conn, Dial, Net, Origin,
    pace::Pace,
    proto::ftp::{Command, Entry, Listing, Reply},
};

/// More lines than this are no listing of a printer's folder.
const MAX_LINES: u32 = 100_000;
/// Nor are more bytes than this.
const MAX_LISTING: usize = 16 << 20;
/// How long the server may take to say what became of a transfer that was broken off.
const SETTLE: Duration = Duration::from_secs(10);
/// How much of a listing is read at a time.
pub(super) const PIECE: usize = 1024;

/// How a listing went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// How many lines were passed over: other formats, and names that lead out of the folder or that cannot be sent back.
    pub skipped: u32,
    /// There is more, which was not wanted.
    pub stopped: bool,
}

type ConnOf<N> = <<N as Net>::Dial as Dial>::Conn;

/// What came of asking for a transfer.
pub(super) enum Transfer<C> {
    /// It may begin.
    Open(Control<C>, C),
    /// It was over before it began.
    Done,
}

impl<N: Net> Ftp<'_, N> {
    /// Hands over what is in a folder (`""` is the root), in the server's order, until `take` says that it is enough.
    ///
    /// Names are the server's, and each is the name of one entry of the folder, of at most 255 bytes, without control
    /// characters, `/` and `\`; others are passed over and counted. A listing that is cut short where the network can do
    /// that unnoticed is not noticed here either: small servers do not end TLS properly. It must come at the pace of
    /// [`Response::read_steadily`](crate::http::Response::read_steadily).
    pub async fn list(
        &mut self,
        folder: &str,
        mut take: impl FnMut(Entry) -> Result<bool>,
    ) -> Result<Listed> {
        let operation = "list";
        let path = match folder {
            "" => "/".into(),
            folder => absolute(operation, folder)?,
        };
        let Transfer::Open(control, mut data) =
            self.transfer(operation, Some(&path), Command::List).await.map_err(Failed::error)?
        else {
            return Ok(Listed::default());
        };
        let mut listing = Listing::new();
        let mut left = MAX_LISTING;
        let mut is_cut = false;
        let mut piece = vec![0; PIECE];
        let mut pace = Pace::steady(self.net.parts().limits().stall);
        let result = loop {
            match self.piece(operation, &mut pace, &mut data, &mut piece).await {
                Ok(0) => break Ok(true),
                Ok(n) => match feed(&mut listing, &piece[..n], &mut take) {
                    Ok(true) if listing.lines() > MAX_LINES || n > left => {
                        break Err(Error::new(ErrorKind::TooLarge, operation)
                            .with_detail("a folder of more lines than any printer has"));
                    }
                    Ok(true) => left -= n,
                    enough => break enough,
                },
                // The server's word decides whether that was all.
                Err(error) if error.kind() == ErrorKind::Disconnected => {
                    is_cut = true;
                    break Ok(true);
                }
                Err(error) => return Err(error),
            }
        };
        drop(data);
        match result {
            Ok(true) => {
                self.end(operation, control).await?;
                // A line without an end may be half of one: nobody's entry where the connection broke, and elsewhere only
                // one if the server calls this all.
                let last = listing.finish();
                let skipped = listing.skipped() + u32::from(is_cut && last.is_some());
                let goes_on = last.filter(|_| !is_cut).map_or(Ok(true), take)?;
                Ok(Listed { skipped, stopped: !goes_on })
            }
            Ok(false) => {
                self.settle(operation, control).await;
                Ok(Listed { skipped: listing.skipped(), stopped: true })
            }
            Err(error) => {
                self.settle(operation, control).await;
                Err(error)
            }
        }
    }

    /// Gets a file and returns its length. Nothing but the size that the server told before is a success, and with the first
    /// byte beyond it the download ends ([`ErrorKind::Corrupted`]); of a server that tells none, only what TLS or the server's
    /// word shows to be complete, however much that is.
    pub async fn retrieve(&mut self, path: &str, sink: &mut (impl Write + ?Sized)) -> Result<u64> {
        let operation = "download";
        let path = absolute(operation, path)?;
        let size = match self.size_of(operation, &path).await {
            Ok(size) => Some(size),
            Err(error) if error.kind() == ErrorKind::Unsupported => None,
            Err(error) => return Err(error),
        };
        let Transfer::Open(control, mut data) =
            self.transfer(operation, None, Command::Retr(&path)).await.map_err(Failed::error)?
        else {
            return short(operation, 0, size);
        };
        let mut piece = vec![0; self.net.parts().limits().chunk];
        let mut got = 0;
        let is_cut = loop {
            match self.piece(operation, &mut { Pace::ANY }, &mut data, &mut piece).await {
                Ok(0) => break false,
                Ok(n) => {
                    got += n as u64;
                    if let Some(size) = size.filter(|size| got > *size) {
                        drop(data);
                        self.settle(operation, control).await;
                        return Err(Error::new(ErrorKind::Corrupted, operation)
                            .with_detail(format_args!("more came than the file's {size} bytes")));
                    }
                    if let Err(error) = sink.write_all(&piece[..n]).await {
                        drop(data);
                        self.settle(operation, control).await;
                        return Err(Error::new(ErrorKind::Sink, operation).with_detail(error));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Disconnected => break true,
                Err(error) => return Err(error),
            }
        };
        drop(data);
        self.end(operation, control).await?;
        if is_cut && size.is_none() {
            return Err(cut(operation));
        }
        short(operation, got, size)?;
        sink.flush().await.map_err(|e| Error::new(ErrorKind::Sink, operation).with_detail(e))?;
        Ok(got)
    }

    /// Connects for a transfer, in a folder or wherever, asks for it, and encrypts the connection once the server has said
    /// that it begins.
    pub(super) async fn transfer(
        &mut self,
        operation: &'static str,
        folder: Option<&str>,
        command: Command<'_>,
    ) -> Result<Transfer<ConnOf<N>>, Failed> {
        match self.try_transfer(operation, folder, command).await {
            Err(Failed::Encrypting(_)) if self.settings.data == DataChannel::EncryptedIfPossible => {
                // The server may still be busy with the handshake: a new connection is in nobody's way.
                (self.is_clear, self.is_doubtful) = (true, true);
                self.open(operation).await.map_err(Failed::Begun)?;
                match self.try_transfer(operation, folder, command).await {
                    Err(Failed::Otherwise(error)) => Err(Failed::Begun(error)),
                    tried => tried,
                }
            }
            tried => tried,
        }
    }

    async fn try_transfer(
        &mut self,
        operation: &'static str,
        folder: Option<&str>,
        command: Command<'_>,
    ) -> Result<Transfer<ConnOf<N>>, Failed> {
        let net = self.net;
        // Before anything is touched: what cannot be sent does not cost it.
        command.encode(operation)?;
        // Not as an argument of LIST, where blanks, stars and a leading - have meanings of their own.
        if let Some(folder) = folder {
            self.done(operation, Command::Cwd(folder)).await?;
        }
        let port = self.passive(operation).await?;
        let mut control = self.take_control(operation)?;
        // Not by the name again: it may lead to another machine, and anybody may answer mDNS.
        let host = control.host().unwrap_or_else(|| self.origin.host.clone());
        let data = net.parts().dial(&Origin::http(host, port)).await;
        let mut data = match data {
            Ok(data) => data,
            Err(error) => {
                // Nothing was asked for yet.
                self.control = Some(control);
                return Err(error.in_operation(operation).into());
            }
        };
        if matches!(command, Command::Stor(_)) {
            data.begin_whole();
        }
        let reply = control.announced(net, operation, command).await.map_err(Failed::Begun)?;
        if !reply.is_preliminary() {
            self.keep(control, &reply);
            return if reply.is_done() {
                Ok(Transfer::Done)
            } else {
                Err(self.refused(operation, &reply).into())
            };
        }
        self.last = Some(reply.code);
        if self.is_clear {
            return Ok(Transfer::Open(control, data));
        }
        let handshake = net.parts().dialer().secure(data, &self.origin);
        let limit = self.settings.handshake + net.parts().dialer().secure_waits();
        match within(net.parts().clock(), limit, operation, handshake).await {
            Ok(data) => Ok(Transfer::Open(control, data)),
            Err(error) => Err(self.not_encrypted(operation, control, error).await),
        }
    }

    /// A port to connect to. The client stays usable when there is none.
    async fn passive(&mut self, operation: &'static str) -> Result<u16> {
        let is_ipv6 = self.origin.host.contains(':');
        let order = if is_ipv6 { [Command::Epsv, Command::Pasv] } else { [Command::Pasv, Command::Epsv] };
        let mut refused = None;
        for command in order {
            let reply = self.ask(operation, command).await?;
            let port = match reply.code {
                227 => reply.passive_port(),
                229 => reply.extended_port(),
                500.. => {
                    // The first answer is that to the question which should have worked.
                    refused.get_or_insert(reply);
                    continue;
                }
                _ => return Err(self.refused(operation, &reply)),
            };
            return port.ok_or_else(|| {
                Error::new(ErrorKind::Protocol, operation).with_detail("no port for a data connection")
            });
        }
        Err(match refused {
            Some(reply) => Error::unsupported(operation).with_detail(format_args!(
                "{} {}",
                reply.code,
                super::refusal::words(&reply, self.password)
            )),
            None => Error::unsupported(operation),
        })
    }

    /// Why a data connection could not be encrypted: the server may say so.
    async fn not_encrypted(
        &mut self,
        operation: &'static str,
        mut control: Control<ConnOf<N>>,
        error: Error,
    ) -> Failed {
        let error = error.in_operation(operation);
        match error.kind() {
            ErrorKind::Protocol | ErrorKind::Unreachable | ErrorKind::Disconnected => {}
            ErrorKind::Timeout => {
                let limit = self.settings.handshake.as_secs();
                return Failed::Encrypting(error.with_detail(format_args!(
                    "the TLS handshake of the data connection takes over {limit} s"
                )));
            }
            // Whom we do not believe, and what lies on our side: no turn, no memory.
            _ => return Failed::Begun(error),
        }
        let clock = self.net.parts().clock();
        let Ok(reply) = within(clock, SETTLE, operation, control.reply(self.net, operation)).await else {
            return Failed::Encrypting(error);
        };
        self.keep(control, &reply);
        match reply.code {
            // Of the session, of the file, of the storage, or a farewell.
            522 | 421 | 450..=452 | 550..=559 => Failed::Begun(self.refused(operation, &reply)),
            _ => Failed::Encrypting(error),
        }
    }

    /// The next bytes of a data connection; 0 at its end. A connection that breaks is [`ErrorKind::Disconnected`].
    async fn piece(
        &mut self,
        operation: &'static str,
        pace: &mut Pace,
        data: &mut ConnOf<N>,
        into: &mut [u8],
    ) -> Result<usize> {
        let parts = self.net.parts();
        let read = async || data.read(into).await.map_err(super::control::broke);
        let read = pace.read(parts.clock(), parts.limits().stall, operation, read).await;
        read.map_err(|error| error.in_operation(operation))
    }

    /// The server's word at the end of a transfer.
    async fn end(&mut self, operation: &'static str, mut control: Control<ConnOf<N>>) -> Result<()> {
        let reply = control.reply(self.net, operation).await?;
        self.keep(control, &reply);
        if reply.is_done() { Ok(()) } else { Err(self.refused(operation, &reply)) }
    }

    /// Waits a moment for the server's word about a transfer that was broken off, without which the control connection is
    /// given up.
    pub(super) async fn settle(
        &mut self,
        operation: &'static str,
        mut control: Control<ConnOf<N>>,
    ) -> Option<Reply> {
        let clock = self.net.parts().clock();
        let reply = within(clock, SETTLE, operation, control.reply(self.net, operation)).await.ok()?;
        self.keep(control, &reply);
        Some(reply)
    }
}

/// Why there is no transfer.
pub(super) enum Failed {
    /// The data connection cannot be encrypted, after the server has said that the transfer begins.
    Encrypting(Error),
    /// The server has said that it begins, or may have.
    Begun(Error),
    Otherwise(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Otherwise(error)
    }
}

impl Failed {
    pub(super) fn error(self) -> Error {
        let (Self::Encrypting(error) | Self::Begun(error) | Self::Otherwise(error)) = self;
        error
    }
}

fn feed(listing: &mut Listing, bytes: &[u8], take: &mut impl FnMut(Entry) -> Result<bool>) -> Result<bool> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (used, entry) = listing.decode(rest);
        rest = &rest[used..];
        if let Some(entry) = entry
            && !take(entry)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn short(operation: &'static str, got: u64, size: Option<u64>) -> Result<u64> {
    match size {
        Some(size) if size != got => Err(Error::new(ErrorKind::Disconnected, operation)
            .with_detail(format_args!("{got} bytes came of {size}"))),
        _ => Ok(got),
    }
}

fn cut(operation: &'static str) -> Error {
    Error::new(ErrorKind::Disconnected, operation)
        .with_detail("the data connection broke, and the server does not tell the file's size")
}
