//! Uploads.

use alloc::{string::String, vec};
use core::{
    pin::{Pin, pin},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use embassy_futures::select::{Either, select};
use embedded_io_async::Read;
use printhost_core::{Clock, Error, ErrorKind, Result, within};

use super::{
    Ftp, absolute,
    control::{Control, Replies, broke, send},
    data::{Failed, Transfer},
};
use crate::{
    Conn, Net,
    proto::ftp::{Command, Reply},
};

/// What [`Ftp::replace`] adds to a name until the file is whole.
pub const PARTIAL: &str = ".part";
/// How long the server may take to say why it takes no more.
const EXPLAIN: Duration = Duration::from_secs(10);

/// How often the size of a file is asked that the server may still be writing, and how long is waited in between.
const LOOKS: u32 = 12;
const PAUSE: Duration = Duration::from_secs(10);

/// By what an upload is known to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proof {
    /// The server said so, and the size is right if it tells sizes.
    Reply,
    /// The server did not say so, or said that something went wrong at the end; but the file has the right size, which it
    /// did not have before.
    Size,
}

/// An upload that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// How that is known.
    pub proof: Proof,
    /// It was stored under another name first.
    pub renamed: bool,
}

/// A file that is complete, maybe under another name than it will have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Staged {
    /// What it is called now.
    pub name: String,
    /// How it is known to be complete.
    pub proof: Proof,
    /// It has another name until it is published.
    pub is_partial: bool,
    /// Its length.
    pub len: u64,
}

impl<N: Net> Ftp<'_, N> {
    /// Stores exactly `len` bytes of `body` as `path`, replacing a file of that name from the first byte on.
    ///
    /// - Success is the server's word that it has stored the file, with the right size if it tells sizes; or the right size
    ///   alone when that word was lost, came late or spoke of an error after everything was sent ([`Proof`]).
    /// - There is no total deadline: an error comes when nothing moves for [`Limits::stall`](crate::Limits::stall).
    /// - [`ErrorKind::Source`] when `body` fails or ends early; [`ErrorKind::Corrupted`] when the file has another size;
    ///   [`ErrorKind::StorageFull`], [`ErrorKind::Conflict`] (a name that it does not take, or no card) and others as the
    ///   server says. On these, and when the connection breaks on the way, what was stored is deleted if the server can
    ///   still be reached; the error's detail says so if it was not.
    /// - [`ErrorKind::Unconfirmed`] when everything was sent and neither the server's word nor the size tells what became of
    ///   it.
    /// - When the future is dropped the connection is reset, and what the server keeps of the file stays under `path`.
    pub async fn store<R: Read + ?Sized>(&mut self, path: &str, body: &mut R, len: u64) -> Result<Stored> {
        let path = absolute("upload", path)?;
        let proof = self.store_absolute(&path, body, len).await?;
        Ok(Stored { proof, renamed: false })
    }

    /// As [`Ftp::store`], but so that nothing partial stands under `path` as far as the server allows it.
    ///
    /// Where the server renames, the file is stored as `path` with [`PARTIAL`] behind it, and gets its name, in the place of
    /// an older file, once it is complete; what an upload leaves that was broken off has the other name, and the next one
    /// replaces it. Elsewhere the older file is deleted first, so that what stands under `path` is never a mixture, and
    /// never the older file when this one was meant.
    pub async fn replace<R: Read + ?Sized>(&mut self, path: &str, body: &mut R, len: u64) -> Result<Stored> {
        self.put(path, body, len, true).await
    }

    /// As [`Ftp::replace`], but never in the place of another file: [`ErrorKind::Exists`] when there is one of this name by
    /// the time at which the upload is complete. Where the server does not rename, what comes after the upload has begun
    /// goes unnoticed. Whether there is one before is for the caller to ask.
    pub async fn create<R: Read + ?Sized>(&mut self, path: &str, body: &mut R, len: u64) -> Result<Stored> {
        self.put(path, body, len, false).await
    }

    async fn put<R: Read + ?Sized>(
        &mut self,
        path: &str,
        body: &mut R,
        len: u64,
        replaces: bool,
    ) -> Result<Stored> {
        let staged = self.stage(path, body, len, replaces).await?;
        self.publish(path, &staged, replaces).await?;
        Ok(Stored { proof: staged.proof, renamed: staged.is_partial })
    }

    /// The first half of [`Ftp::replace`] or [`Ftp::create`]: stores as `path` with [`PARTIAL`] behind it where the server
    /// renames, so that what is there can be looked at before [`Ftp::publish`] gives it its name; and elsewhere under its
    /// name, in place of the older file if it `replaces` one.
    pub async fn stage<R: Read + ?Sized>(
        &mut self,
        path: &str,
        body: &mut R,
        len: u64,
        replaces: bool,
    ) -> Result<Staged> {
        let operation = "upload";
        let absolute_path = absolute(operation, path)?;
        let name = String::from(path) + PARTIAL;
        let partial = absolute(operation, &name)?;
        if self.makes_room(operation, &partial).await? {
            let proof = self.store_absolute(&partial, body, len).await?;
            return Ok(Staged { name, proof, is_partial: true, len });
        }
        if replaces {
            self.delete_if_there(operation, &absolute_path).await?;
        }
        let proof = self.store_absolute(&absolute_path, body, len).await?;
        Ok(Staged { name: path.into(), proof, is_partial: false, len })
    }

    /// The second half: gives the file its name. Another one of this name is [`ErrorKind::Exists`], or is replaced: by the
    /// server, or deleted first where it is there and the server will not rename over it.
    ///
    /// Its size is looked at before and afterwards, where the server tells sizes: two that store files of the same name at once
    /// have the same other name for them. [`ErrorKind::Conflict`] then, and nothing is deleted, since it is not ours.
    ///
    /// On another error, a file that was to replace none is deleted again. One that was to replace another stays under its other
    /// name, whole, as the error's detail says; and so does the older one, unless the detail says that it is deleted.
    pub async fn publish(&mut self, path: &str, staged: &Staged, replaces: bool) -> Result<()> {
        let operation = "upload";
        if !staged.is_partial {
            return Ok(());
        }
        let (partial, path) = (absolute(operation, &staged.name)?, absolute(operation, path)?);
        self.is_ours(&partial, staged.len).await?;
        if !replaces {
            let free = match self.is_taken(operation, &path).await {
                Ok(false) => Ok(()),
                Ok(true) => {
                    Err(Error::new(ErrorKind::Exists, operation).with_detail("it was stored meanwhile"))
                }
                Err(error) => Err(error),
            };
            if let Err(error) = free {
                return Err(self.discard(&partial, error).await);
            }
        }
        let error = match self.rename_absolute(&partial, &path).await {
            Ok(()) => return self.is_ours(&path, staged.len).await,
            Err(error) => error.in_operation(operation),
        };
        if matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Unconfirmed) {
            return Err(error.unconfirmed());
        }
        if !replaces {
            return Err(self.discard(&partial, error).await);
        }
        // Some do not rename over a file, and say so in the words for a file that they do not touch.
        let may_be_in_the_way = matches!(self.last, Some(550 | 553));
        if !self.is_there(operation, &partial).await? {
            return Err(error);
        }
        if !may_be_in_the_way || !self.is_there(operation, &path).await? {
            return Err(whole(error, "", &partial));
        }
        self.delete_if_there(operation, &path).await.map_err(|e| whole(e, "", &partial))?;
        self.rename_absolute(&partial, &path)
            .await
            .map_err(|e| whole(e.in_operation(operation), "the older file is deleted; ", &partial))?;
        self.is_ours(&path, staged.len).await
    }

    /// Deletes what was staged and is not wanted any more; the error says so if that did not work.
    pub async fn abandon(&mut self, staged: &Staged, error: Error) -> Error {
        match absolute("upload", &staged.name) {
            Ok(path) => self.discard(&path, error).await,
            Err(_) => error,
        }
    }

    /// Whether there is anything of this name. A refusal to tell the size does not say that there is nothing.
    async fn is_taken(&mut self, operation: &'static str, path: &str) -> Result<bool> {
        match self.size_of(operation, path).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) if self.control.is_none() => Err(error),
            Err(_) => self.is_there(operation, path).await,
        }
    }

    /// Whether a file that was stored has its length still, as far as the server tells.
    async fn is_ours(&mut self, path: &str, len: u64) -> Result<()> {
        match self.size_of("upload", path).await {
            Ok(size) if size != len => {
                Err(Error::new(ErrorKind::Conflict, "upload").with_detail(format_args!(
                    "{} has {size} bytes instead of {len}: somebody else stores a file of this name",
                    &path[1..]
                )))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is such a file, as a server says that may not tell sizes.
    async fn is_there(&mut self, operation: &'static str, path: &str) -> Result<bool> {
        Ok(self.ask(operation, Command::Rnfr(path)).await?.code == 350)
    }

    /// Deletes what an earlier upload may have left, and says whether the server can rename: to a command that it does not
    /// know it says so, whether there is a file or not.
    async fn makes_room(&mut self, operation: &'static str, partial: &str) -> Result<bool> {
        let reply = self.ask(operation, Command::Rnfr(partial)).await?;
        match reply.code {
            350 => self.delete_if_there(operation, partial).await.map(|()| true),
            421 => Err(self.refused(operation, &reply)),
            500 | 502 | 504 => Ok(false),
            _ => Ok(true),
        }
    }

    async fn delete_if_there(&mut self, operation: &'static str, path: &str) -> Result<()> {
        match self.done(operation, Command::Dele(path)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    async fn store_absolute<R: Read + ?Sized>(
        &mut self,
        path: &str,
        body: &mut R,
        len: u64,
    ) -> Result<Proof> {
        let operation = "upload";
        // A size that the file has already proves nothing afterwards.
        let before = match self.size_of(operation, path).await {
            Ok(size) => Some(size),
            Err(error) if self.control.is_none() => return Err(error),
            Err(_) => None,
        };
        let begun = match self.transfer(operation, None, Command::Stor(path)).await {
            Ok(Transfer::Open(control, data)) => Ok((control, data)),
            Ok(Transfer::Done) => Err(too_early()),
            Err(Failed::Otherwise(error)) => return Err(error),
            Err(failed) => Err(failed.error()),
        };
        let (mut control, data) = match begun {
            Ok(both) => both,
            // Servers make the file, or empty it, before they say that it begins.
            Err(error) => return Err(self.discard(path, error).await),
        };
        let upload = Upload { net: self.net, path, confirm: self.settings.confirm };
        // Whether the server may still be writing, for all that is known.
        let mut goes_on = false;
        let (error, is_whole) = match upload.run(&mut control, data, body, len).await {
            Sent::Replied { reply, is_whole, size } => {
                self.keep(control, &reply);
                if reply.is_done() && is_whole {
                    return self.check(path, size, len).await;
                }
                if is_whole && let Some(size) = size {
                    return self.judge(path, size, len, before).await;
                }
                let error = match reply.is_done() {
                    true => too_early(),
                    false => self.refused(operation, &reply),
                };
                // What speaks of the connection, after everything was sent; and nothing of the storage.
                (error, is_whole && matches!(reply.code, 421 | 425 | 426 | 451))
            }
            Sent::Sized(size) => {
                // The word may still come, and would be taken for the answer to the next question.
                drop(control);
                if size == Some(len) {
                    let proof = self.judge(path, size, len, before).await?;
                    // The file is whole, with a connection for what comes next or without one.
                    let _ = self.open(operation).await;
                    return Ok(proof);
                }
                goes_on = true;
                (Error::new(ErrorKind::Timeout, operation).with_detail("the server does not end"), true)
            }
            Sent::Lost { error, is_whole } => {
                // Before another one is opened: some servers have one place only.
                drop(control);
                goes_on = is_whole;
                (error, is_whole)
            }
            Sent::Broken { error, reply } => {
                self.keep(control, &reply);
                (error, false)
            }
        };
        if is_whole {
            let size = match goes_on {
                true => self.final_size(path, len).await,
                false => self.size_again(path).await,
            };
            return match size {
                Ok(size) => self.judge(path, Some(size), len, before).await,
                Err(e) if e.kind() == ErrorKind::NotFound => self.judge(path, None, len, before).await,
                Err(_) => Err(error.unconfirmed()),
            };
        }
        Err(self.discard(path, error).await)
    }

    /// The server calls the file stored. What lies between may have ended the connection early, in a way that it could not
    /// tell from the end of the file; so it is asked for the size too.
    async fn check(&mut self, path: &str, size: Option<Option<u64>>, len: u64) -> Result<Proof> {
        let size = match size {
            Some(size) => size,
            None => match self.size_again(path).await {
                Ok(size) => Some(size),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                // It does not tell sizes.
                Err(_) if self.control.is_some() => return Ok(Proof::Reply),
                Err(error) => return Err(error.unconfirmed()),
            },
        };
        if size == Some(len) { Ok(Proof::Reply) } else { self.judge(path, size, len, None).await }
    }

    /// Everything was sent, and the file has this size, or is not there.
    async fn judge(&mut self, path: &str, size: Option<u64>, len: u64, before: Option<u64>) -> Result<Proof> {
        let error = Error::new(ErrorKind::Corrupted, "upload");
        match size {
            Some(size) if size == len && before == Some(len) => {
                Err(error.with_detail("the size is right, but it was so before").unconfirmed())
            }
            Some(size) if size == len => {
                self.is_doubtful = false;
                Ok(Proof::Size)
            }
            Some(size) => {
                let error = error.with_detail(format_args!("{size} bytes were stored of {len}"));
                Err(self.discard(path, error).await)
            }
            None => Err(error.with_detail("the server did not keep the file")),
        }
    }

    /// The size, over a new connection where the old one is lost.
    async fn size_again(&mut self, path: &str) -> Result<u64> {
        if self.control.is_some() {
            match self.size_of("upload", path).await {
                Err(_) if self.control.is_none() => {}
                known => return known,
            }
        }
        self.open("upload").await?;
        self.size_of("upload", path).await
    }

    /// The size once it is right, or stays the same. Who has one place only may still be busy with the connection before.
    async fn final_size(&mut self, path: &str, len: u64) -> Result<u64> {
        let mut before = None;
        let mut looks = 1;
        loop {
            let size = self.size_again(path).await;
            let is_final = match &size {
                Ok(size) => *size == len || before == Some(Ok(*size)),
                Err(error) if error.kind() == ErrorKind::Busy => false,
                Err(error) => before == Some(Err(error.kind())) || error.kind() != ErrorKind::NotFound,
            };
            if is_final || looks == LOOKS {
                return size;
            }
            before = Some(size.map_err(|error| error.kind()));
            looks += 1;
            self.net.parts().clock().sleep(PAUSE).await;
        }
    }

    /// Deletes what is no whole file, over a new connection where the old one is lost, and tells in the error if that did
    /// not work.
    async fn discard(&mut self, path: &str, error: Error) -> Error {
        let deleted = async {
            if self.control.is_some() {
                match self.delete_if_there("upload", path).await {
                    Err(_) if self.control.is_none() => {}
                    known => return known,
                }
            }
            self.open("upload").await?;
            self.delete_if_there("upload", path).await
        };
        match deleted.await {
            Ok(()) => error,
            Err(_) => {
                let why = String::from(error.detail().unwrap_or("it failed"));
                error.with_detail(format_args!("a part of the file is left there; {why}"))
            }
        }
    }
}

/// The file is there, and not under its name.
fn whole(error: Error, what: &str, partial: &str) -> Error {
    let why = String::from(error.detail().unwrap_or("it failed"));
    error.with_detail(format_args!("{what}the new file is whole as {}: {why}", &partial[1..]))
}

/// What came of sending a file.
enum Sent {
    /// The server's word, and whether everything was sent by then; and the size, if that was asked for meanwhile: `None` in
    /// it when the file is not there.
    Replied { reply: Reply, is_whole: bool, size: Option<Option<u64>> },
    /// Everything was sent, and instead of the server's word there is the size.
    Sized(Option<u64>),
    /// There is no control connection any more.
    Lost { error: Error, is_whole: bool },
    /// Given up on our side, of which the server said something.
    Broken { error: Error, reply: Reply },
}

enum Heard {
    /// The server's word.
    Word(Reply),
    /// A reply after the question for the size was sent.
    AfterQuestion(Reply),
    /// The source failed, and what the server made of that.
    Broken(Error, Reply),
    Nothing(Error),
}

struct Upload<'a, N> {
    net: &'a N,
    path: &'a str,
    confirm: Duration,
}

impl<N: Net> Upload<'_, N> {
    async fn run<C: Conn, R: Read + ?Sized>(
        &self,
        control: &mut Control<C>,
        data: C,
        body: &mut R,
        len: u64,
    ) -> Sent {
        let (mut writer, mut reader, replies) = match control.split().await {
            Ok(halves) => halves,
            Err(error) => return Sent::Lost { error, is_whole: false },
        };
        let is_whole = AtomicBool::new(false);
        let heard = {
            // Pinned, since a read must not be broken off as long as the connection is to be used.
            let word = pin!(replies.next(&mut reader));
            self.send(word, &mut writer, data, body, len, &is_whole).await
        };
        let is_whole = is_whole.load(Relaxed);
        match heard {
            Heard::Word(reply) => Sent::Replied { reply, is_whole, size: None },
            Heard::AfterQuestion(reply) => self.sized(reply, replies, &mut reader).await,
            Heard::Broken(error, reply) => Sent::Broken { error, reply },
            Heard::Nothing(error) => Sent::Lost { error: error.in_operation("upload"), is_whole },
        }
    }

    async fn send<C: Conn, R: Read + ?Sized>(
        &self,
        mut word: Pin<&mut impl Future<Output = Result<Reply>>>,
        writer: &mut C::Writer<'_>,
        mut data: C,
        body: &mut R,
        len: u64,
        is_whole: &AtomicBool,
    ) -> Heard {
        let sent = {
            let pump = pin!(self.pump(&mut data, body, len, is_whole));
            select(word.as_mut(), pump).await
        };
        let limit = match sent {
            Either::First(word) => return word.map_or_else(Heard::Nothing, Heard::Word),
            Either::Second(Ok(())) => self.confirm,
            Either::Second(Err(error)) if error.kind() == ErrorKind::Source => {
                // Broken off, so that the server does not take it for everything.
                drop(data);
                return match self.wait(word, EXPLAIN).await {
                    Either::First(Ok(reply)) => Heard::Broken(error, reply),
                    _ => Heard::Nothing(error),
                };
            }
            // It may have said why it takes no more.
            Either::Second(Err(error)) => {
                return match self.wait(word, EXPLAIN).await {
                    Either::First(Ok(reply)) if !reply.is_done() => Heard::Word(reply),
                    _ => Heard::Nothing(error),
                };
            }
        };
        if let Either::First(word) = self.wait(word.as_mut(), limit).await {
            return word.map_or_else(Heard::Nothing, Heard::Word);
        }
        // The question waits behind whatever the server still does with the file.
        if let Err(error) = send(self.net, "upload", writer, Command::Size(self.path)).await {
            return Heard::Nothing(error);
        }
        match self.wait(word, self.net.parts().limits().answer).await {
            Either::First(word) => word.map_or_else(Heard::Nothing, Heard::AfterQuestion),
            Either::Second(()) => Heard::Nothing(self.silent()),
        }
    }

    /// The first reply after the question for the size was sent: its answer, or the late word before it.
    async fn sized(&self, reply: Reply, replies: &mut Replies, reader: &mut impl Read) -> Sent {
        let size_in = |reply: &Reply| match reply.code {
            213 => reply.size().map(Some),
            550 => Some(None),
            _ => None,
        };
        if reply.code == 213 {
            return match reply.size() {
                Some(size) => Sent::Sized(Some(size)),
                None => Sent::Lost { error: self.silent(), is_whole: true },
            };
        }
        let limit = self.net.parts().limits().answer;
        match self.wait(pin!(replies.next(reader)), limit).await {
            Either::First(Ok(second)) => Sent::Replied { size: size_in(&second), reply, is_whole: true },
            // What is to come would be taken for the answer to the next question.
            _ => Sent::Lost { error: self.silent(), is_whole: true },
        }
    }

    async fn wait<T>(&self, work: impl Future<Output = T>, limit: Duration) -> Either<T, ()> {
        select(work, self.net.parts().clock().sleep(limit)).await
    }

    fn silent(&self) -> Error {
        Error::new(ErrorKind::Timeout, "upload").with_detail(format_args!(
            "the server has everything and says nothing for {} s",
            self.confirm.as_secs()
        ))
    }

    /// Sends the file and its end.
    async fn pump<C: Conn, R: Read + ?Sized>(
        &self,
        data: &mut C,
        body: &mut R,
        len: u64,
        is_whole: &AtomicBool,
    ) -> Result<()> {
        let chunk = self.net.parts().limits().chunk;
        let mut piece = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(chunk)];
        let mut left = len;
        while left > 0 {
            let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let mut filled = 0;
            // A slow source must not fill the whole piece first: until then nothing would move.
            while filled < most && filled <= 1024 {
                let read = body.read(&mut piece[filled..most]);
                let n = self.moving(async { read.await.map_err(source_failed) }).await?;
                if n == 0 {
                    return Err(Error::new(ErrorKind::Source, "upload")
                        .with_detail(format_args!("it ended {} bytes early", left - filled as u64)));
                }
                filled += n;
            }
            let mut rest = &piece[..filled];
            while !rest.is_empty() {
                let written = self.moving(async { data.write(rest).await.map_err(broke) }).await?;
                if written == 0 {
                    return Err(Error::new(ErrorKind::Disconnected, "upload")
                        .with_detail("the data connection takes no more"));
                }
                rest = &rest[written..];
            }
            left -= filled as u64;
        }
        self.moving(async { data.flush().await.map_err(broke) }).await?;
        is_whole.store(true, Relaxed);
        // Best effort: with everything there, what became of the end is for the server to say.
        let _ = self.moving(async { data.finish().await.map_err(broke) }).await;
        Ok(())
    }

    async fn moving<T>(&self, step: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.net.parts().limits().stall;
        within(self.net.parts().clock(), limit, "upload", step).await.map_err(|error| match error.kind() {
            ErrorKind::Timeout => error.with_detail(format_args!("nothing moves for {} s", limit.as_secs())),
            _ => error.in_operation("upload"),
        })
    }
}

fn too_early() -> Error {
    Error::new(ErrorKind::Protocol, "upload")
        .with_detail("the server calls the file stored before it was sent")
}

fn source_failed<E: core::error::Error>(error: E) -> Error {
    Error::new(ErrorKind::Source, "upload").with_detail(error)
}
