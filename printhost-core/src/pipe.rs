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
/// Nothing is read before it is waited for, and no more than is wanted then. One buffer serves all pieces.
pub struct Pipe {
    piece: usize,
    slot: Mutex<CriticalSectionRawMutex, RefCell<Slot>>,
}

/// What lies between both ends.
#[derive(Default)]
struct Slot {
    /// So many bytes are wanted, until they are being read.
    wanted: usize,
    /// What was read, and how much of it counts; nothing at the end.
    given: Option<Result<(Vec<u8>, usize), SourceError>>,
    /// The buffer, when there is nothing in it.
    spare: Vec<u8>,
    waiting: Option<Waker>,
}

impl Pipe {
    /// For pieces of at most so many bytes, which is the heap that it takes.
    pub fn new(piece: usize) -> Self {
        Self { piece: piece.max(1), slot: Mutex::new(RefCell::new(Slot::default())) }
    }

    /// The end that is read.
    pub const fn reader(&self) -> PipeReader<'_> {
        PipeReader { pipe: self, bytes: Vec::new(), at: 0, end: 0 }
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
            let wanted = poll_fn(|_| match self.with(|slot| mem::take(&mut slot.wanted)) {
                0 => Poll::Pending,
                wanted => Poll::Ready(wanted.min(self.piece)),
            });
            let wanted = wanted.await;
            let mut bytes = self.with(|slot| mem::take(&mut slot.spare));
            if bytes.len() < wanted {
                bytes.reserve_exact(wanted - bytes.len());
                bytes.resize(wanted, 0);
            }
            let given = from.read(&mut bytes[..wanted]).await.map_err(SourceError::new);
            // Whoever waits may have asked again meanwhile.
            self.with(|slot| (slot.given, slot.wanted) = (Some(given.map(|n| (bytes, n))), 0));
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

/// The end of a [`Pipe`] that is read. A read that is dropped loses nothing.
pub struct PipeReader<'p> {
    pipe: &'p Pipe,
    /// `bytes[at..end]` is to be read.
    bytes: Vec<u8>,
    at: usize,
    end: usize,
}

impl PipeReader<'_> {
    /// Waits until there is something to read, or nothing any more.
    fn poll_fill(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<Result<(), SourceError>> {
        let given = self.pipe.with(|slot| {
            if slot.given.is_none() {
                if !self.bytes.is_empty() {
                    slot.spare = mem::take(&mut self.bytes);
                }
                slot.wanted = wanted;
                slot.waiting = Some(cx.waker().clone());
            }
            slot.given.take()
        });
        match given {
            None => Poll::Pending,
            Some(given) => {
                (self.bytes, self.end) = given?;
                self.at = 0;
                Poll::Ready(Ok(()))
            }
        }
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

/// What can be read without a future, and so behind `dyn`: a [`PipeReader`] and what is around it. Nothing may be kept of a
/// buffer until the next call.
pub trait PollRead {
    /// As [`Read::read`]: 0 is the end.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, SourceError>>;
}

impl PollRead for PipeReader<'_> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, SourceError>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.at == self.end {
            ready!(self.poll_fill(cx, buf.len()))?;
        }
        let n = buf.len().min(self.end - self.at);
        buf[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Poll::Ready(Ok(n))
    }
}

impl<R: PollRead + ?Sized> PollRead for &mut R {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, SourceError>> {
        R::poll_read(self, cx, buf)
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
                poll_fn(|cx| Poll::Ready(assert!(read.as_mut().poll(cx).is_pending()))).await;
            }
            yield_now().await;
            all(reader, 2).await
        };
        assert_eq!(block_on(pipe.carry(&mut slow, pin!(work))).as_deref(), Ok(&b"abcdef"[..]));
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
