//! Files and readers for uploads.

use alloc::string::String;
use core::{convert::Infallible, fmt::Write as _};

use embedded_io_async::{ErrorType, Read};
use sha1::{Digest, Sha1, digest::Output};
use sha2::Sha256;

/// A file made up as it is read: G-code that prints for some seconds, filled up with comments of which no two are
/// alike. Nothing of it is held, so that a microcontroller can send a large one.
#[derive(Clone, Debug)]
pub struct Content {
    len: u64,
    dwells: u32,
    line: u64,
    buf: String,
    taken: usize,
    given: u64,
}

impl Content {
    /// Exactly `len` bytes that print for `seconds`, if there is room for that many moves (a dozen bytes each).
    pub const fn new(len: u64, seconds: u32) -> Self {
        Self { len, dwells: seconds * 4, line: 0, buf: String::new(), taken: 0, given: 0 }
    }

    /// Its length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// True when there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The SHA-1 of the whole.
    pub fn sha1(&self) -> [u8; 20] {
        self.digest::<Sha1>().into()
    }

    /// The SHA-256 of the whole.
    pub fn sha256(&self) -> [u8; 32] {
        self.digest::<Sha256>().into()
    }

    /// The next bytes; 0 at the end.
    pub fn fill(&mut self, buf: &mut [u8]) -> usize {
        let mut n = 0;
        while n < buf.len() && self.given < self.len {
            if self.taken == self.buf.len() {
                self.next_line();
            }
            let left = usize::try_from(self.len - self.given).unwrap_or(usize::MAX);
            let now = (self.buf.len() - self.taken).min(buf.len() - n).min(left);
            buf[n..n + now].copy_from_slice(&self.buf.as_bytes()[self.taken..self.taken + now]);
            (self.taken, self.given, n) = (self.taken + now, self.given + now as u64, n + now);
        }
        n
    }

    fn digest<D: Digest>(&self) -> Output<D> {
        let mut all = Self { line: 0, buf: String::new(), taken: 0, given: 0, ..*self };
        let (mut digest, mut buf) = (D::new(), [0; 512]);
        loop {
            match all.fill(&mut buf) {
                0 => return digest.finalize(),
                n => digest.update(&buf[..n]),
            }
        }
    }

    fn next_line(&mut self) {
        (self.line, self.taken) = (self.line + 1, 0);
        self.buf.clear();
        let line = self.line;
        // A string takes whatever is written.
        let _ = match line <= u64::from(self.dwells) {
            true => writeln!(self.buf, "G1 X{} F6000\nG4 P250", line % 20),
            false => writeln!(self.buf, "; {line} {:016x}", line.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        };
    }
}

impl ErrorType for Content {
    type Error = Infallible;
}

impl Read for Content {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.fill(buf))
    }
}

/// A reader that stays pending for ever once it has given so many bytes, and says so by then.
#[derive(Debug)]
pub struct Slow<'a, R> {
    inner: R,
    left: usize,
    reached: &'a core::cell::Cell<bool>,
}

impl<'a, R> Slow<'a, R> {
    /// Pending after `left` bytes; `reached` is set then.
    pub const fn new(inner: R, left: usize, reached: &'a core::cell::Cell<bool>) -> Self {
        Self { inner, left, reached }
    }
}

impl<R: ErrorType> ErrorType for Slow<'_, R> {
    type Error = R::Error;
}

impl<R: Read> Read for Slow<'_, R> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, R::Error> {
        if self.left == 0 {
            self.reached.set(true);
            core::future::pending::<()>().await;
        }
        let most = buf.len().min(self.left);
        let n = self.inner.read(&mut buf[..most]).await?;
        self.left -= n;
        Ok(n)
    }
}

/// A reader that fails once it has given so many bytes.
#[derive(Debug)]
pub struct Broken<R> {
    inner: R,
    left: usize,
}

impl<R> Broken<R> {
    /// Fails after `left` bytes.
    pub const fn new(inner: R, left: usize) -> Self {
        Self { inner, left }
    }
}

impl<R> ErrorType for Broken<R> {
    type Error = embedded_io_async::ErrorKind;
}

impl<R: Read> Read for Broken<R> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, embedded_io_async::ErrorKind> {
        if self.left == 0 {
            return Err(embedded_io_async::ErrorKind::Other);
        }
        let most = buf.len().min(self.left);
        let n = self.inner.read(&mut buf[..most]).await.map_err(|_| embedded_io_async::ErrorKind::Other)?;
        self.left -= n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn content_is_the_same_in_whatever_pieces_it_is_read() {
        let read = |piece: usize| {
            let (mut content, mut all, mut buf) =
                (Content::new(10_001, 3), Vec::new(), alloc::vec![0; piece]);
            loop {
                match content.fill(&mut buf) {
                    0 => return all,
                    n => all.extend_from_slice(&buf[..n]),
                }
            }
        };
        let whole = read(20_000);
        assert_eq!((whole.len(), &read(7), &read(1)), (10_001, &whole, &whole));
        assert_eq!(Content::new(10_001, 3).sha1(), <[u8; 20]>::from(Sha1::digest(&whole)));
        assert_eq!(core::str::from_utf8(&whole).unwrap().matches("G4 P250\n").count(), 12);
    }
}
