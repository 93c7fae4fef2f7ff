//! A reader of one type in the place of any other, so that what reads it exists once.

use alloc::{boxed::Box, vec::Vec};
use core::{
    cell::RefCell,
    convert::Infallible,
    fmt,
    future::poll_fn,
    mem,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};
use embedded_io_async::{ErrorType, Read};

use crate::{Error, ErrorKind};

/// Hands on what a reader of any type reads, piece by piece, in one future and without spawning.
///
/// Code that is generic over a reader is compiled anew for each type of one, with all that it calls: in a driver that is an
/// upload, the largest thing it does. So a driver reads a [`PipeReader`], which is always the same type, and beside it
/// [`Pipe::carry`] reads the caller's reader. A `dyn` reader would not do: nobody could know whether the upload's future
/// is `Send`, and each of its reads would be allocated. This future is `Send` where the reader is.
///
/// Nothing is read before it is waited for, and no more than is wanted then. What is read goes straight into a buffer that
/// is lent for it ([`PollRead::poll_lend`]); who reads into a slice has it copied there from a buffer of the pipe's own.
pub struct Pipe {
    piece: usize,
    slot: Mutex<CriticalSectionRawMutex, RefCell<Slot>>,
}

/// What lies between both ends.
#[derive(Default)]
struct Slot {
    wanted: Option<Lent>,
    given: Option<Result<Lent, SourceError>>,
    waiting: Option<Waker>,
}

/// A buffer on its way: `bytes[at..at + len]` is to be read, or was.
struct Lent {
    bytes: Vec<u8>,
    at: usize,
    len: usize,
}

impl Pipe {
    /// Its own buffer has at most so many bytes, and is there only if it is needed.
    pub fn new(piece: usize) -> Self {
        Self { piece: piece.max(1), slot: Mutex::new(RefCell::new(Slot::default())) }
    }

    /// The end that is read. There should be one.
    pub const fn reader(&self) -> PipeReader<'_> {
        PipeReader { pipe: self, asked: false, bytes: Vec::new(), at: 0, end: 0 }
    }

    /// Does `work`, and reads `from` whenever it waits for [`Pipe::reader`].
    pub async fn carry<T>(
        &self,
        from: &mut (impl Read + ?Sized),
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> T {
        let mut fill = pin!(self.fill(from));
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(done) = work.as_mut().poll(cx) {
                    return Poll::Ready(done);
                }
                let was_given = self.with(|slot| slot.given.is_some());
                let Poll::Pending = fill.as_mut().poll(cx);
                if was_given || self.with(|slot| slot.given.is_none()) {
                    return Poll::Pending;
                }
                // The work is polled again at once; a part of it may want to be woken by its own waker.
                if let Some(waiting) = self.with(|slot| slot.waiting.take())
                    && !waiting.will_wake(cx.waker())
                {
                    waiting.wake();
                }
            }
        })
        .await
    }

    async fn fill(&self, from: &mut (impl Read + ?Sized)) -> Infallible {
        loop {
            let wanted = poll_fn(|_| match self.with(|slot| slot.wanted.take()) {
                Some(lent) => Poll::Ready(lent),
                None => Poll::Pending,
            });
            let Lent { mut bytes, at, len } = wanted.await;
            let given = from.read(&mut bytes[at..at + len]).await.map_err(SourceError::new);
            self.with(|slot| slot.given = Some(given.map(|len| Lent { bytes, at, len })));
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Slot) -> T) -> T {
        self.slot.lock(|slot| act(&mut slot.borrow_mut()))
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("piece", &self.piece).finish_non_exhaustive()
    }
}

/// The end of a [`Pipe`] that is read. A read that is dropped loses nothing but a buffer that was lent for it.
pub struct PipeReader<'p> {
    pipe: &'p Pipe,
    /// Something is wanted, and was not given yet.
    asked: bool,
    /// `bytes[at..end]` is to be read.
    bytes: Vec<u8>,
    at: usize,
    end: usize,
}

impl PipeReader<'_> {
    fn ask(&mut self, cx: &Context<'_>, lent: Lent) {
        self.asked = true;
        let waiting = Some(cx.waker().clone());
        self.pipe.with(|slot| (slot.wanted, slot.waiting) = (Some(lent), waiting));
    }

    /// What was asked for.
    fn poll_given(&mut self, cx: &Context<'_>) -> Poll<Result<(), SourceError>> {
        let given = self.pipe.with(|slot| {
            if slot.given.is_none() {
                slot.waiting = Some(cx.waker().clone());
            }
            slot.given.take()
        });
        let Some(given) = given else { return Poll::Pending };
        self.asked = false;
        let Lent { bytes, at, len } = given?;
        (self.bytes, self.at, self.end) = (bytes, at, at + len);
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, buf: &mut [u8]) -> usize {
        let n = buf.len().min(self.end - self.at);
        buf[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        n
    }
}

impl ErrorType for PipeReader<'_> {
    type Error = SourceError;
}

impl Read for PipeReader<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, SourceError> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }
}

/// What can be read without a future, and so behind `dyn`: a [`PipeReader`] and what is around it.
pub trait PollRead {
    /// As [`Read::read`]: 0 is the end. Nothing is kept of the buffer until the next call.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, SourceError>>;

    /// As [`PollRead::poll_read`] into `buf[at..at + len]`, but without a copy: until this is ready, the buffer may be gone
    /// and nothing be left in its place. On an error it is gone for good.
    fn poll_lend(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
        at: usize,
        len: usize,
    ) -> Poll<Result<usize, SourceError>>;
}

impl PollRead for PipeReader<'_> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, SourceError>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.at == self.end {
            if !self.asked {
                let (mut bytes, len) = (mem::take(&mut self.bytes), buf.len().min(self.pipe.piece));
                if bytes.len() < len {
                    bytes.reserve_exact(len - bytes.len());
                    bytes.resize(len, 0);
                }
                self.ask(cx, Lent { bytes, at: 0, len });
                return Poll::Pending;
            }
            ready!(self.poll_given(cx))?;
        }
        Poll::Ready(Ok(self.take(buf)))
    }

    fn poll_lend(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
        at: usize,
        len: usize,
    ) -> Poll<Result<usize, SourceError>> {
        if len == 0 {
            return Poll::Ready(Ok(0));
        }
        if self.at == self.end {
            if !self.asked {
                self.ask(cx, Lent { bytes: mem::take(buf), at, len });
                return Poll::Pending;
            }
            // Else it was another read that has been dropped.
            let is_ours = buf.is_empty();
            ready!(self.poll_given(cx))?;
            if is_ours {
                *buf = mem::take(&mut self.bytes);
                let n = self.end - self.at;
                self.at = self.end;
                return Poll::Ready(Ok(n));
            }
        }
        Poll::Ready(Ok(self.take(&mut buf[at..at + len])))
    }
}

impl<R: PollRead + ?Sized> PollRead for &mut R {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, SourceError>> {
        R::poll_read(self, cx, buf)
    }

    fn poll_lend(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
        at: usize,
        len: usize,
    ) -> Poll<Result<usize, SourceError>> {
        R::poll_lend(self, cx, buf, at, len)
    }
}

impl fmt::Debug for dyn PollRead + Send + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PollRead")
    }
}

impl ErrorType for dyn PollRead + Send + '_ {
    type Error = SourceError;
}

impl Read for dyn PollRead + Send + '_ {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, SourceError> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }
}

impl fmt::Debug for PipeReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeReader").field("unread", &(self.end - self.at)).finish_non_exhaustive()
    }
}

/// Why a reader behind a [`Pipe`] failed, in its own words, as far as an [`Error`] takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError(Box<str>);

impl SourceError {
    fn new(error: impl fmt::Display) -> Self {
        let error = Error::new(ErrorKind::Source, "upload").with_detail(error);
        Self(error.detail().unwrap_or_default().into())
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for SourceError {}

impl embedded_io_async::Error for SourceError {
    fn kind(&self) -> embedded_io_async::ErrorKind {
        embedded_io_async::ErrorKind::Other
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use embassy_futures::{block_on, join::join, yield_now};

    use super::*;

    /// Yields before every read, and fails or ends after the text.
    struct Slow<'a> {
        text: &'a [u8],
        fails: bool,
        most: usize,
    }

    impl ErrorType for Slow<'_> {
        type Error = Error;
    }

    impl Read for Slow<'_> {
        async fn read(&mut self, buf: &mut [u8]) -> crate::Result<usize> {
            yield_now().await;
            self.most = self.most.max(buf.len());
            if self.text.is_empty() && self.fails {
                return Err(Error::new(ErrorKind::Disconnected, "fetch").with_detail("gone"));
            }
            self.text.read(buf).await.map_err(|never| match never {})
        }
    }

    async fn all(mut from: impl Read<Error = SourceError>, step: usize) -> Result<Vec<u8>, SourceError> {
        let (mut all, mut buf) = (Vec::new(), vec![0; step]);
        loop {
            match from.read(&mut buf).await? {
                0 => return Ok(all),
                n => all.extend_from_slice(&buf[..n]),
            }
        }
    }

    #[test]
    fn bytes_arrive_as_they_are_and_no_more_is_read_than_was_wanted() {
        for (piece, step) in [(1, 1), (1, 7), (3, 64), (64, 3), (64, 64), (0, 5)] {
            let text: Vec<u8> = (0..200).collect();
            let mut slow = Slow { text: &text, fails: false, most: 0 };
            let pipe = Pipe::new(piece);
            let got = block_on(pipe.carry(&mut slow, pin!(all(pipe.reader(), step))));
            assert_eq!(got.as_deref(), Ok(&text[..]), "{piece} {step}");
            assert_eq!(slow.most, piece.max(1).min(step), "{piece} {step}");
            let pipe = Pipe::new(piece);
            let got = block_on(pipe.carry(&mut &text[..], pin!(all(pipe.reader(), step))));
            assert_eq!(got.as_deref(), Ok(&text[..]), "{piece} {step}");
        }
    }

    #[test]
    fn nothing_is_read_for_work_that_wants_nothing() {
        let mut slow = Slow { text: b"abc", fails: false, most: 0 };
        let pipe = Pipe::new(8);
        assert_eq!(block_on(pipe.carry(&mut slow, pin!(async { 7 }))), 7);
        assert_eq!((slow.most, slow.text), (0, &b"abc"[..]));
    }

    #[test]
    fn failure_comes_after_the_bytes_before_it_and_in_its_own_words() {
        let mut slow = Slow { text: b"abcd", fails: true, most: 0 };
        let pipe = Pipe::new(8);
        let error = block_on(pipe.carry(&mut slow, pin!(all(pipe.reader(), 3)))).unwrap_err();
        assert_eq!(error.to_string(), "fetch: connection lost: gone");
        assert!(slow.text.is_empty());
    }

    #[test]
    fn read_that_is_dropped_loses_nothing() {
        let mut slow = Slow { text: b"abcdef", fails: false, most: 0 };
        let pipe = Pipe::new(4);
        let work = async {
            let mut reader = pipe.reader();
            {
                let mut buf = [0; 4];
                let mut read = pin!(reader.read(&mut buf));
                assert!(poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx).is_pending())).await);
            }
            yield_now().await;
            all(reader, 2).await
        };
        assert_eq!(block_on(pipe.carry(&mut slow, pin!(work))).as_deref(), Ok(&b"abcdef"[..]));
    }

    #[test]
    fn lent_buffer_is_filled_and_comes_back() {
        let mut slow = Slow { text: b"abcdef", fails: false, most: 0 };
        let pipe = Pipe::new(1);
        let work = async {
            let (mut reader, mut all) = (pipe.reader(), Vec::new());
            // One that is dropped.
            let mut lost = vec![0; 4];
            assert!(poll_fn(|cx| Poll::Ready(reader.poll_lend(cx, &mut lost, 1, 2).is_pending())).await);
            yield_now().await;
            loop {
                let mut buf = vec![0; 4];
                let n = poll_fn(|cx| reader.poll_lend(cx, &mut buf, 1, 2)).await.unwrap();
                assert_eq!(buf.len(), 4);
                match n {
                    0 => return all,
                    n => all.extend_from_slice(&buf[1..1 + n]),
                }
            }
        };
        assert_eq!(block_on(pipe.carry(&mut slow, pin!(work))), b"abcdef");
        assert_eq!(slow.most, 2);
    }

    #[test]
    fn work_may_do_something_else_meanwhile() {
        let mut slow = Slow { text: b"abcdef", fails: false, most: 0 };
        let pipe = Pipe::new(4);
        let work = join(all(pipe.reader(), 2), async {
            for _ in 0..20 {
                yield_now().await;
            }
        });
        assert_eq!(block_on(pipe.carry(&mut slow, pin!(work))).0.as_deref(), Ok(&b"abcdef"[..]));
    }
}
