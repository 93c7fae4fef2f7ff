//! HTTP policy, written once above every back end: reuse, retries, early answers, no-progress timers.

use alloc::vec::Vec;
use core::{cmp::min, fmt, pin::pin, time::Duration};

use embassy_futures::select::{Either, select};
use embedded_io_async::{ErrorType, Read};
use printhost_core::{Clock, Entropy, Error, ErrorKind, Result, Retry};

use crate::{
    Body, Dial, Head, HttpBackend, HttpConn, Meter, Net, Origin, Parts, Pressure, Request,
    memory::{grow, growing, growing_to},
    pace::Pace,
    pool::Pool,
};

/// The answer to a request made over `N`.
pub type ResponseOf<'a, N> =
    Response<'a, <N as Net>::Dial, <N as Net>::Http, <N as Net>::Clock, <N as Net>::Entropy>;

impl<D: Dial, H: HttpBackend<D::Conn>, C: Clock, E: Entropy> Parts<D, H, C, E> {
    /// Sends a request and returns its answer, whatever its status, once the head is there.
    ///
    /// - An idle connection is reused if it is still alive; if it then turns out to be dead before any byte of an
    ///   answer, and the request only reads, it is sent once more on a fresh connection. Nothing else is repeated.
    /// - A failure's [`Retry`] says what is known: `Safe` when the host cannot have acted (the request only reads,
    ///   or its body was not complete), `ReadFirst` otherwise.
    /// - Times out when nothing is sent for [`crate::Limits::stall`], when the host thinks longer than
    ///   [`crate::Limits::answer`], or takes longer than that from the first byte of its answer to the end of the head. For
    ///   the request there is no total deadline.
    /// - Dropping the future closes the connection.
    pub async fn send<'a, R: Read + ?Sized>(
        &'a self,
        request: &Request<'_>,
        mut body: Body<'_, R>,
    ) -> Result<Response<'a, D, H, C, E>> {
        request.check()?;
        let mut idle = self.take_idle(request.origin);
        loop {
            let reused = idle.is_some();
            let mut conn = match idle.take() {
                Some(conn) => conn,
                None => {
                    let conn =
                        self.dial(request.origin).await.map_err(|e| e.in_operation(request.operation))?;
                    self.http.open(conn).await.map_err(|e| e.in_operation(request.operation))?
                }
            };
            let meter = Meter::new();
            let failed = match select(conn.send(request, &mut body, &meter), self.watch(request, &meter))
                .await
            {
                Either::First(Ok(head)) => {
                    let (at, pace) = (Some((request.origin.clone(), conn)), Pace::steady(self.limits.stall));
                    return Ok(Response { home: self, at, head, pace });
                }
                Either::First(Err(error)) => error,
                Either::Second(error) => error,
            };
            let only_reads = request.method.is_safe() && !body.is_touched();
            if reused && only_reads && failed.kind() == ErrorKind::Disconnected {
                continue;
            }
            if failed.kind() == ErrorKind::Timeout {
                self.forget_idle(request.origin);
            }
            let failed = failed.in_operation(request.operation);
            let local = matches!(failed.kind(), ErrorKind::Source | ErrorKind::InvalidInput);
            return Err(match only_reads || local || !body.is_finished() {
                true => failed,
                false => failed.with_retry(Retry::ReadFirst),
            });
        }
    }

    /// The heap that a request takes at most, in bytes: its head has `head` bytes, and up to `body` bytes of the answer are
    /// read into memory. Without the connection ([`Dial::memory`]), without the body that is sent, and without what
    /// [`Parts::request_transient`] says.
    pub fn request_memory(&self, head: usize, body: usize) -> usize {
        let http = self.http.memory(head);
        http.sending.max(http.answered.saturating_add(body).saturating_add(1))
    }

    /// The heap that a request without a body takes at most whose answer is not kept, in bytes, as [`Parts::request_memory`]
    /// has it; together with what is beside it, of which `transient` bytes at most are others'.
    pub fn streamed_memory(&self, head: usize, transient: usize) -> usize {
        let http = self.http.memory(head);
        (http.asking + transient.max(http.transient)).max(http.answered + transient)
    }

    /// What is allocated and freed again without waiting in between, in requests of which up to `body` bytes of the answer
    /// are read into memory: at most so many bytes at a time.
    pub fn request_transient(&self, body: usize) -> usize {
        let body = body.saturating_add(1);
        self.http.memory(0).transient.max(growing_to(body) - body)
    }

    /// The heap that the table of idle connections takes at most, in bytes; the connections are their requests'.
    pub const fn idle_memory(&self) -> usize {
        // It begins with four.
        let places = if self.limits.idle <= 4 { 4 } else { growing(self.limits.idle) };
        places * size_of::<(Origin, H::Conn)>()
    }

    /// Closes the idle connections to an origin: where one connection has fallen silent, the others are as dead, and
    /// would only be found out one by one.
    pub fn forget_idle(&self, origin: &Origin) {
        while let Some(conn) = self.with_pool(|pool| pool.take(origin)) {
            drop(conn);
        }
    }

    fn take_idle(&self, origin: &Origin) -> Option<H::Conn> {
        loop {
            let mut conn = self.with_pool(|pool| pool.take(origin))?;
            if conn.is_reusable() {
                return Some(conn);
            }
        }
    }

    fn put_idle(&self, origin: Origin, conn: H::Conn) {
        let surplus = match self.dial.pressure(&origin) {
            Pressure::Waiting => Some(conn),
            _ => self.with_pool(|pool| Pool::put(pool, origin, conn)),
        };
        drop(surplus);
    }

    /// Completes when nothing has moved for too long.
    async fn watch(&self, request: &Request<'_>, meter: &Meter) -> Error {
        // Bytes of an answer are no progress but for the first: they could come one by one for days.
        let progress = || (meter.ticks(), meter.all_sent(), meter.is_answered());
        let (mut seen, mut since) = (progress(), self.clock.now());
        loop {
            let (_, thinking, answers) = seen;
            let limit = match thinking {
                true => request.answer.unwrap_or(self.limits.answer),
                false => self.limits.stall,
            };
            let still = self.clock.now().saturating_sub(since);
            if still >= limit {
                let what = match (thinking, answers) {
                    (true, true) => "the host begins its answer, and does not come to the end of the head",
                    (true, false) => "the host has everything and does not answer",
                    (false, _) => "nothing moves",
                };
                return Error::new(ErrorKind::Timeout, request.operation)
                    .with_detail(format_args!("{what} for {} s", limit.as_secs()));
            }
            self.clock.sleep(min(limit - still, Duration::from_secs(5))).await;
            if progress() != seen {
                (seen, since) = (progress(), self.clock.now());
            }
        }
    }
}

/// An answer: its head, and its body to be read. Once the body is read to its end the connection becomes idle;
/// dropped before, it is closed.
pub struct Response<'a, D: Dial, H: HttpBackend<D::Conn>, C: Clock, E: Entropy> {
    home: &'a Parts<D, H, C, E>,
    at: Option<(Origin, H::Conn)>,
    head: Head,
    pace: Pace,
}

impl<D: Dial, H: HttpBackend<D::Conn>, C: Clock, E: Entropy> Response<'_, D, H, C, E> {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The first header field of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.get(name)
    }

    /// All header fields of that name, in order.
    pub fn headers<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        self.head.get_all(name)
    }

    /// The length the host announced, if it did.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The rest of the body; [`ErrorKind::TooLarge`] beyond `max` bytes, without reading further. It must come as
    /// [`Self::read_steadily`] has it.
    pub async fn read_to_end(&mut self, max: usize) -> Result<Vec<u8>> {
        let too_large = || {
            Error::new(ErrorKind::TooLarge, "read")
                .with_detail(format_args!("the answer has more than {max} bytes"))
        };
        if self.content_length().is_some_and(|n| n > max as u64) {
            self.at = None;
            return Err(too_large());
        }
        let bytes = self.read_start(max.saturating_add(1)).await?;
        if bytes.len() > max {
            return Err(too_large());
        }
        Ok(bytes)
    }

    /// Passes over a short body nobody needs, so that the connection can be used again; closes it when the body is
    /// long or does not come within a second.
    pub async fn finish(mut self) {
        let clock = &self.home.clock;
        let rest = pin!(self.read_start(1024));
        let _ = select(rest, clock.sleep(Duration::from_secs(1))).await;
    }

    /// At most the first `max` bytes of the rest of the body; all of it when that is shorter. They must come as
    /// [`Self::read_steadily`] has it.
    pub async fn read_start(&mut self, max: usize) -> Result<Vec<u8>> {
        let told = self.content_length().map_or(max, |n| usize::try_from(n).unwrap_or(max).min(max));
        let mut bytes = Vec::new();
        let mut filled = 0;
        while filled < told {
            if bytes.len() == filled {
                grow(&mut bytes, min(told, filled + (filled / 2).max(512)), told);
            }
            match self.read_steadily(&mut bytes[filled..]).await? {
                0 => break,
                n => filled += n,
            }
        }
        bytes.truncate(filled);
        if filled < max {
            // The end of the body is what makes the connection idle. A back end has none of it left.
            let _ = self.read_steadily(&mut [0]).await?;
        }
        Ok(bytes)
    }

    /// As [`Read::read`], for answers that are parsed as they come: beyond [`crate::Limits::stall`] in all, no longer is
    /// waited for bytes than they take at a kilobyte per second. [`ErrorKind::Timeout`] when they come more slowly; what
    /// the caller does between two calls takes no part of that time.
    pub async fn read_steadily(&mut self, buf: &mut [u8]) -> Result<usize> {
        let mut pace = self.pace;
        let read = self.read_in(&mut pace, buf).await;
        self.pace = pace;
        read
    }

    async fn read_in(&mut self, pace: &mut Pace, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let Some((_, conn)) = &mut self.at else { return Ok(0) };
        let (clock, stall) = (&self.home.clock, self.home.limits.stall);
        let n = match pace.read(clock, stall, "read", async || conn.read(buf).await).await {
            Ok(n) => n,
            Err(error) => {
                self.at = None;
                return Err(error);
            }
        };
        if n == 0
            && let Some((origin, mut conn)) = self.at.take()
            && conn.is_reusable()
        {
            self.home.put_idle(origin, conn);
        }
        Ok(n)
    }
}

impl<D: Dial, H: HttpBackend<D::Conn>, C: Clock, E: Entropy> ErrorType for Response<'_, D, H, C, E> {
    type Error = Error;
}

impl<D: Dial, H: HttpBackend<D::Conn>, C: Clock, E: Entropy> Read for Response<'_, D, H, C, E> {
    /// Reads the body; 0 at its end. A body that is cut short is [`ErrorKind::Disconnected`]. However slowly it comes,
    /// only silence of [`crate::Limits::stall`] ends it: this is for what is passed on.
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.read_in(&mut { Pace::ANY }, buf).await
    }
}

impl<D: Dial, H: HttpBackend<D::Conn>, C: Clock, E: Entropy> fmt::Debug for Response<'_, D, H, C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({})", self.status())
    }
}
