//! The portable HTTP/1.1 back end: a thin shell around [`crate::proto::http1`].

use alloc::{vec, vec::Vec};
use core::pin::pin;

use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use printhost_core::{Error, ErrorKind, Result};

use crate::{
    Body, Conn, Head, HttpBackend, HttpConn, HttpMemory, Meter, Request,
    memory::{grow, growing_to},
    proto::http1::{BodyDecoder, ResponseHead, parse_head},
    seam::encode_head,
};

/// HTTP/1.1 on any [`Conn`]; works wherever this crate does.
#[derive(Clone, Copy, Debug)]
pub struct Http1 {
    chunk: usize,
    max_head: usize,
}

impl Http1 {
    /// Sends bodies in pieces of 2 KiB and takes heads of up to 2 KiB: OctoPrint's have 0.5, with nginx before it.
    pub const DEVICE: Self = Self { chunk: 2 << 10, max_head: 2 << 10 };
    /// Sends bodies in pieces of 512 KiB (a host reads files on another thread, and the way there and back is long)
    /// and takes heads of up to 32 KiB.
    pub const HOST: Self = Self { chunk: 512 << 10, max_head: 32 << 10 };
}

impl Http1 {
    fn inbox(&self) -> usize {
        self.max_head.max(LEAST_INBOX)
    }
}

impl<C: Conn> HttpBackend<C> for Http1 {
    type Conn = Http1Conn<C>;

    async fn open(&self, conn: C) -> Result<Http1Conn<C>> {
        let inbox = Inbox { bytes: Vec::new(), at: 0, end: 0 };
        Ok(Http1Conn { conn, config: *self, inbox, body: BodyDecoder::Broken, keep: false })
    }

    /// The request's head is there alone and at the beginning of the first piece. Of the answer's head the fields are kept
    /// beside it as it came. While they are made of it, a byte may become two; only then is that too much.
    fn memory(&self, head: usize) -> HttpMemory {
        let inbox = self.inbox();
        HttpMemory {
            sending: inbox + head + self.chunk.max(head),
            asking: inbox + 2 * head,
            answered: inbox + self.max_head,
            transient: (growing_to(inbox) - inbox).max(2 * self.max_head),
        }
    }
}

/// A connection of [`Http1`].
#[derive(Debug)]
pub struct Http1Conn<C> {
    conn: C,
    config: Http1,
    inbox: Inbox,
    body: BodyDecoder,
    keep: bool,
}

/// How much is read at a time, if nobody else has a buffer for it.
const LEAST_INBOX: usize = 512;

/// What was read and not yet used: `bytes[at..end]`.
#[derive(Debug)]
struct Inbox {
    bytes: Vec<u8>,
    at: usize,
    end: usize,
}

impl Inbox {
    fn unread(&self) -> &[u8] {
        &self.bytes[self.at..self.end]
    }

    /// Moves what is unread to the front and reads some more behind it.
    async fn fill(&mut self, from: &mut impl Read, most: usize) -> Result<usize> {
        self.bytes.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        let most = most.max(LEAST_INBOX);
        let room = (self.end + LEAST_INBOX).min(most);
        if self.bytes.len() < room {
            grow(&mut self.bytes, room, most);
        }
        let n = from.read(&mut self.bytes[self.end..]).await.map_err(broke)?;
        self.end += n;
        Ok(n)
    }
}

impl<C: Conn> HttpConn for Http1Conn<C> {
    async fn send<R: Read + ?Sized>(
        &mut self,
        request: &Request<'_>,
        body: &mut Body<'_, R>,
        meter: &Meter,
    ) -> Result<Head> {
        let head = encode_head(request, body.len())?;
        let Self { conn, config, inbox, .. } = self;
        (self.body, self.keep) = (BodyDecoder::Broken, false);
        let (mut reader, mut writer) = conn.split().await.map_err(broke)?;
        let mut answer = pin!(receive_head(&mut reader, inbox, request, config.max_head, meter));
        let mut pump = pin!(send_all(&mut writer, head.as_bytes(), body, config.chunk, meter));
        let (parsed, whole_request) = match select(answer.as_mut(), pump.as_mut()).await {
            // An answer can overtake the acknowledgement of the last bytes; then everything is handed over.
            Either::First(answer) => (answer?, meter.all_sent()),
            Either::Second(Ok(taken)) => (answer.await?, taken),
            Either::Second(Err(source)) => return Err(source),
        };
        self.body = parsed.body;
        self.keep = parsed.keep && whole_request;
        Ok(parsed.head)
    }

    async fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        loop {
            if let Some(most) = self.body.plain(buf.len()) {
                // Bytes that need no decoding go straight into the caller's buffer.
                let n = match self.inbox.unread() {
                    [] if most == 0 => 0,
                    [] => self.conn.read(&mut buf[..most]).await.map_err(broke)?,
                    unread => {
                        let n = most.min(unread.len());
                        buf[..n].copy_from_slice(&unread[..n]);
                        self.inbox.at += n;
                        n
                    }
                };
                self.body.took(n)?;
                return Ok(n);
            }
            let (used, made) = self.body.decode(self.inbox.unread(), buf)?;
            self.inbox.at += used;
            if made > 0 || self.body.is_done() {
                return Ok(made);
            }
            if self.inbox.unread().is_empty() && self.inbox.fill(&mut self.conn, 2048).await? == 0 {
                self.body = BodyDecoder::Broken;
                return Err(cut());
            }
        }
    }

    fn is_reusable(&mut self) -> bool {
        self.keep && self.body.is_done() && self.inbox.unread().is_empty() && self.conn.is_quiet()
    }
}

/// Reads until the head of a final answer is complete; interim ones are dropped.
async fn receive_head(
    reader: &mut impl Read,
    inbox: &mut Inbox,
    request: &Request<'_>,
    max: usize,
    meter: &Meter,
) -> Result<ResponseHead> {
    (inbox.at, inbox.end) = (0, 0);
    let mut interim = 0;
    loop {
        while let Some((parsed, len)) = parse_head(inbox.unread(), request.method)? {
            inbox.at += len;
            if parsed.head.len() > max {
                return Err(too_large());
            }
            if parsed.head.status() >= 200 {
                return Ok(parsed);
            }
            interim += 1;
            meter.tick();
            if parsed.head.status() == 101 || interim > 8 {
                return Err(Error::new(ErrorKind::Protocol, "read").with_detail("unexpected interim answer"));
            }
        }
        if inbox.unread().len() >= max {
            return Err(too_large());
        }
        if inbox.fill(reader, max).await? == 0 {
            return Err(cut());
        }
        meter.set_answered();
    }
}

/// Sends head and body; `Ok(false)` when the peer stopped taking bytes, which it may still explain.
async fn send_all<R: Read + ?Sized>(
    writer: &mut impl Write,
    head: &[u8],
    body: &mut Body<'_, R>,
    chunk: usize,
    meter: &Meter,
) -> Result<bool> {
    let total = body.len().unwrap_or(0).saturating_add(head.len() as u64);
    let mut buf = vec![0; usize::try_from(total).unwrap_or(usize::MAX).min(chunk.max(head.len()))];
    buf[..head.len()].copy_from_slice(head);
    let mut filled = head.len(); // head and first bytes of the body leave together
    loop {
        while filled < buf.len() && !body.is_finished() {
            filled += body.read(&mut buf, filled).await?;
            // A slow source must not fill the whole piece first: until then nothing would move.
            if filled > 1024 {
                break;
            }
        }
        let mut rest = &buf[..filled];
        while !rest.is_empty() {
            match writer.write(rest).await {
                Ok(n) if n > 0 => rest = &rest[n..],
                _ => return Ok(false),
            }
            meter.tick();
        }
        if body.is_finished() {
            break;
        }
        filled = 0;
    }
    meter.set_all_sent();
    Ok(writer.flush().await.is_ok())
}

fn too_large() -> Error {
    Error::new(ErrorKind::Protocol, "read").with_detail("the answer's head is too large")
}

fn broke<E: core::error::Error>(error: E) -> Error {
    Error::new(ErrorKind::Disconnected, "http").with_detail(error)
}

fn cut() -> Error {
    Error::new(ErrorKind::Disconnected, "http")
        .with_detail("the host closed the connection before its answer was complete")
}
