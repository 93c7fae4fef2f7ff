//! Adapters around the reader of an upload, and just as well around any other.

use alloc::vec::Vec;
use core::{
    convert::Infallible,
    task::{Context, Poll, ready},
    time::Duration,
};

use digest::Digest;
use embedded_io_async::{ErrorType, Read, Write};

use crate::{Clock, PollRead, SourceError};

/// Reports how much has been read.
#[derive(Debug)]
pub struct Progress<R, F> {
    reader: R,
    report: F,
    done: u64,
}

impl<R, F: FnMut(u64)> Progress<R, F> {
    /// Calls `report` with the number of bytes read so far, after every read that brought some.
    pub const fn new(reader: R, report: F) -> Self {
        Self { reader, report, done: 0 }
    }
}

impl<R: ErrorType, F> ErrorType for Progress<R, F> {
    type Error = R::Error;
}

impl<R: Read, F: FnMut(u64)> Read for Progress<R, F> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, R::Error> {
        let n = self.reader.read(buf).await?;
        if n > 0 {
            self.done += n as u64;
            (self.report)(self.done);
        }
        Ok(n)
    }
}

/// Reads no faster than a given rate, so that an upload leaves room on the line.
#[derive(Debug)]
pub struct Throttle<R, C> {
    reader: R,
    clock: C,
    rate: u64,
    started: Option<Duration>,
    done: u64,
}

impl<R, C: Clock> Throttle<R, C> {
    /// At most `bytes_per_second` on average since the first read; 0 is taken as 1.
    pub fn new(reader: R, clock: C, bytes_per_second: u64) -> Self {
        Self { reader, clock, rate: bytes_per_second.max(1), started: None, done: 0 }
    }
}

impl<R: ErrorType, C> ErrorType for Throttle<R, C> {
    type Error = R::Error;
}

impl<R: Read, C: Clock> Read for Throttle<R, C> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, R::Error> {
        let now = self.clock.now();
        let due = *self.started.get_or_insert(now) + time_for(self.done, self.rate);
        if due > now {
            self.clock.sleep(due - now).await;
        }
        // A tenth of a second's worth at a time keeps the rate even.
        let most = buf.len().min(usize::try_from(self.rate / 10).unwrap_or(usize::MAX).max(1));
        let n = self.reader.read(&mut buf[..most]).await?;
        self.done += n as u64;
        Ok(n)
    }
}

fn time_for(bytes: u64, rate: u64) -> Duration {
    let nanos =
        u64::try_from(u128::from(bytes % rate) * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX);
    Duration::from_secs(bytes / rate) + Duration::from_nanos(nanos)
}

/// Hashes what is read with any digest, for instance `sha1::Sha1`, if that is wanted: one type for both, so that what
/// reads it exists once.
#[derive(Debug)]
pub struct Hashed<R, D> {
    reader: R,
    digest: Option<D>,
}

impl<R, D: Digest> Hashed<R, D> {
    /// Starts with an empty digest.
    pub fn new(reader: R) -> Self {
        Self::when(true, reader)
    }

    /// Hashes only if wanted.
    pub fn when(wanted: bool, reader: R) -> Self {
        Self { reader, digest: wanted.then(D::new) }
    }

    /// The digest of everything that has been read, if it was wanted.
    pub fn finish(self) -> Option<digest::Output<D>> {
        self.digest.map(Digest::finalize)
    }
}

impl<R: ErrorType, D> ErrorType for Hashed<R, D> {
    type Error = R::Error;
}

impl<R: Read, D: Digest> Read for Hashed<R, D> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, R::Error> {
        let n = self.reader.read(buf).await?;
        if let Some(digest) = &mut self.digest {
            digest.update(&buf[..n]);
        }
        Ok(n)
    }
}

impl<R: PollRead, D: Digest> PollRead for Hashed<R, D> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, SourceError>> {
        let n = ready!(self.reader.poll_read(cx, buf))?;
        if let Some(digest) = &mut self.digest {
            digest.update(&buf[..n]);
        }
        Poll::Ready(Ok(n))
    }

    fn poll_lend(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
        at: usize,
        len: usize,
    ) -> Poll<Result<usize, SourceError>> {
        let n = ready!(self.reader.poll_lend(cx, buf, at, len))?;
        if let Some(digest) = &mut self.digest {
            digest.update(&buf[at..at + n]);
        }
        Poll::Ready(Ok(n))
    }
}

/// Keeps nothing of what is written but its hash, for instance of a file that is read back.
#[derive(Debug)]
pub struct HashOnly<D>(D);

impl<D: Digest> HashOnly<D> {
    /// Starts with an empty digest.
    pub fn new() -> Self {
        Self(D::new())
    }

    /// The digest of everything that has been written.
    pub fn finish(self) -> digest::Output<D> {
        self.0.finalize()
    }
}

impl<D: Digest> Default for HashOnly<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D> ErrorType for HashOnly<D> {
    type Error = Infallible;
}

impl<D: Digest> Write for HashOnly<D> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        self.0.update(buf);
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use embassy_futures::block_on;

    use super::*;

    struct Virtual(Cell<Duration>);
    impl Clock for Virtual {
        fn now(&self) -> Duration {
            self.0.get()
        }
        async fn sleep(&self, duration: Duration) {
            self.0.set(self.0.get() + duration);
        }
    }

    fn drain(mut reader: impl Read) -> usize {
        let mut buf = [0; 4096];
        let mut total = 0;
        loop {
            match block_on(reader.read(&mut buf)).unwrap() {
                0 => return total,
                n => total += n,
            }
        }
    }

    #[test]
    fn throttled_read_takes_the_time_the_rate_asks_for() {
        let clock = Virtual(Cell::new(Duration::from_secs(9)));
        assert_eq!(drain(Throttle::new(&[0u8; 100_000][..], &clock, 10_000)), 100_000);
        let took = clock.now() - Duration::from_secs(9);
        assert!((9_900..=10_000).contains(&took.as_millis()), "{took:?}");
    }

    #[test]
    fn progress_counts_every_byte_once() {
        let mut seen = 0;
        assert_eq!(drain(Progress::new(&[0u8; 10_000][..], |done| seen = done)), 10_000);
        assert_eq!(seen, 10_000);
    }

    #[test]
    fn hash_is_that_of_the_content() {
        let mut reader = Hashed::<_, sha1::Sha1>::new(&b"abc"[..]);
        drain(&mut reader);
        // FIPS 180-2, appendix A.1
        assert_eq!(reader.finish().unwrap()[..4], [0xa9, 0x99, 0x3e, 0x36]);
        let mut sink = HashOnly::<sha1::Sha1>::new();
        block_on(sink.write_all(b"abc")).unwrap();
        assert_eq!(sink.finish()[..4], [0xa9, 0x99, 0x3e, 0x36]);
        let unwanted = Hashed::<_, sha1::Sha1>::when(false, &b"abc"[..]);
        assert_eq!(unwanted.finish(), None);
    }
}
