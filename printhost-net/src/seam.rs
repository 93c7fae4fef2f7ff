//! What a platform fills in, and the few types that cross the line.

use alloc::{string::String, vec::Vec};
use core::{
    fmt::Write as _,
    future::poll_fn,
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use embedded_io_async::{Read, Write};
use printhost_core::{Error, ErrorKind, PollRead, Result};

use crate::Origin;

/// A connection.
pub trait Conn: Read + Write {
    /// The reading half. A named type: the futures of an `impl Read` are never known to be `Send`.
    type Reader<'a>: Read<Error = Self::Error>
    where
        Self: 'a;
    /// The writing half.
    type Writer<'a>: Write<Error = Self::Error>
    where
        Self: 'a;

    /// Both directions at once.
    ///
    /// Nothing in this crate drops a half-done `read` or `write` and then goes on using the connection, so a TLS
    /// stack need not be cancel-safe.
    async fn split(&mut self) -> Result<(Self::Reader<'_>, Self::Writer<'_>), Self::Error>;

    /// Without waiting: there is no unread byte and no end, so that an idle connection may be used again.
    fn is_quiet(&mut self) -> bool;

    /// The address at the other end, where the platform knows it: for further connections to the same machine, which a name
    /// need not lead to again.
    fn peer(&self) -> Option<SocketAddr> {
        None
    }

    /// For what is whole only with the end of the connection: until [`Conn::finish`], dropping the connection resets it, so
    /// that the peer cannot take what it has got by then for everything. A platform also holds little back that the
    /// network has not taken yet. Where nothing is said here, dropping does what it always does.
    fn begin_whole(&mut self) {}

    /// Ends the writing half: the peer is told that this was all, inside TLS and below it. Nothing can be written any
    /// more; reading goes on. Where a dropped connection takes back what was written, this waits until the peer has
    /// acknowledged all of it; elsewhere the system goes on sending. Whoever can learn from the peer that it has everything
    /// keeps the connection until then, since unread bytes may turn a drop into a reset.
    async fn finish(&mut self) -> Result<(), Self::Error> {
        self.flush().await
    }
}

/// Whether another connection can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Pressure {
    /// There is a free socket, or no fixed number of them.
    Free,
    /// A dial would have to wait for a socket.
    Full,
    /// A dial is waiting for a socket: whoever can give one up, should.
    Waiting,
}

/// Opens connections.
pub trait Dial {
    /// What it opens.
    type Conn: Conn;

    /// Resolves the name, connects, and for [`crate::Scheme::Https`] does the TLS handshake as [`crate::Trust`]
    /// demands. Waits while no socket is free. Errors: [`ErrorKind::Unreachable`], [`ErrorKind::Untrusted`],
    /// [`ErrorKind::PinMismatch`], and [`ErrorKind::Protocol`] when the other side does not speak TLS.
    async fn dial(&self, to: &Origin) -> Result<Self::Conn>;

    /// Does the TLS handshake on a plain connection that is open already, as [`Dial::dial`] does it for `to`: with its
    /// trust, and resuming a session with it where there is one. For protocols that encrypt later, such as FTP's data
    /// connections, whose server may insist on the session of the control connection. `to` names whom to believe and
    /// which session to resume; its port need not be the connection's. The connection is lost on failure. Errors are
    /// those of [`Dial::dial`], and [`ErrorKind::Unsupported`] where the platform cannot.
    async fn secure(&self, conn: Self::Conn, to: &Origin) -> Result<Self::Conn> {
        let (_, _) = (conn, to);
        Err(Error::unsupported("connect").with_detail("this network cannot encrypt an open connection"))
    }

    /// How long [`Dial::secure`] may wait before its handshake begins, where only some are done at once; who waits longer
    /// is told [`ErrorKind::Busy`]. Whoever limits a handshake adds this, so that what takes longer is the peer's doing.
    fn secure_waits(&self) -> Duration {
        Duration::ZERO
    }

    /// The heap that a connection there takes at most while it is open, in bytes: TLS has buffers, a plain connection of
    /// a microcontroller none. 0 where nobody counts.
    fn memory(&self, to: &Origin) -> usize {
        let _ = to;
        0
    }

    /// The heap that opening a connection there takes at most beside that, in bytes: what is made of the authorities to
    /// believe. It counts once, for the connection that takes most, where connections are opened one at a time.
    fn opening_memory(&self, to: &Origin) -> usize {
        let _ = to;
        0
    }

    /// The heap that some connections take at most together, each of them as [`Dial::memory`] says: no more than can be
    /// open at once, and what is needed to open any.
    fn memory_together(&self, connections: &mut [usize]) -> usize {
        connections.iter().sum()
    }

    /// Whether `dial` would wait. Platforms with a fixed number of sockets say so, so that idle connections are
    /// given up for dials of other printers.
    fn pressure(&self, to: &Origin) -> Pressure {
        let _ = to;
        Pressure::Free
    }
}

/// HTTP methods in use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the head only.
    Head,
    /// Changes something.
    Post,
    /// Stores something.
    Put,
    /// Deletes something.
    Delete,
}

impl Method {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// True for methods that only read, and so may be repeated.
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// The head of a request. `Host`, `Content-Length` and `Connection` are the back end's.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Request<'a> {
    /// Where to.
    pub origin: &'a Origin,
    /// What to do.
    pub method: Method,
    /// Path and query, percent-encoded ([`crate::proto::percent`]).
    pub target: &'a str,
    /// Further fields. Values are sent as the bytes they are; one with a control character fails the request.
    pub headers: &'a [(&'a str, &'a str)],
    /// How long the host may think after it has everything; `None` is [`crate::Limits::answer`].
    pub answer: Option<Duration>,
    /// The user's operation, for errors.
    pub operation: &'static str,
}

impl<'a> Request<'a> {
    /// A request without further header fields.
    pub const fn new(operation: &'static str, method: Method, origin: &'a Origin, target: &'a str) -> Self {
        Self { origin, method, target, headers: &[], answer: None, operation }
    }

    /// With header fields.
    pub const fn headers(mut self, headers: &'a [(&'a str, &'a str)]) -> Self {
        self.headers = headers;
        self
    }

    /// With a longer time to think.
    pub const fn answer_within(mut self, answer: Duration) -> Self {
        self.answer = Some(answer);
        self
    }

    /// Refuses what could break out of a line of the head.
    pub fn check(&self) -> Result<()> {
        let refuse = |what| Err(Error::new(ErrorKind::InvalidInput, self.operation).with_detail(what));
        if self.target.is_empty() || !self.target.bytes().all(|b| b.is_ascii_graphic()) {
            return refuse("the request target has a character that must be percent-encoded");
        }
        for (name, value) in self.headers {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                return refuse("a header name has a character that is not allowed");
            }
            // Beyond ASCII, what a value means is between its sender and its reader (RFC 9110, 5.5). Tabs are allowed
            // there and are of use to nobody.
            if value.contains(char::is_control) {
                return refuse("a header value (a key, for instance) has a character that is not allowed");
            }
        }
        Ok(())
    }
}

/// What streams in the requests of a driver: whatever it is, so that the client exists once.
pub type Streamed<'a> = dyn PollRead + Send + 'a;

/// The body of a request without one.
pub const NO_BODY: Body<'static, Streamed<'static>> = Body::none();

/// The body of a request: some bytes, then a stream of known length, then some bytes. JSON is the first only, a PUT
/// the second, a multipart form all three. There is one client per type of reader; drivers have one such type, [`Streamed`].
#[derive(Debug)]
pub struct Body<'a, R: ?Sized> {
    before: &'a [u8],
    stream: Stream<'a, R>,
    left: u64,
    after: &'a [u8],
    total: Option<u64>,
    touched: bool,
}

#[derive(Debug)]
enum Stream<'a, R: ?Sized> {
    None,
    Reader(&'a mut R),
    Lending(&'a mut Streamed<'a>),
}

impl<'a> Body<'a, Streamed<'a>> {
    /// As [`Body::stream`], of what can fill the back end's own buffer.
    pub const fn streamed(before: &'a [u8], stream: &'a mut Streamed<'a>, len: u64, after: &'a [u8]) -> Self {
        let total = Some(len.saturating_add(before.len() as u64 + after.len() as u64));
        Self { before, stream: Stream::Lending(stream), left: len, after, total, touched: false }
    }
}

impl<'a> Body<'a, Streamed<'static>> {
    /// [`NO_BODY`], where another body could be.
    pub const fn none() -> Self {
        Body { before: &[], stream: Stream::None, left: 0, after: &[], total: None, touched: false }
    }

    /// A body in memory.
    pub const fn bytes(bytes: &'a [u8]) -> Self {
        Body {
            before: bytes,
            stream: Stream::None,
            left: 0,
            after: &[],
            total: Some(bytes.len() as u64),
            touched: false,
        }
    }
}

impl<'a, R: Read + ?Sized> Body<'a, R> {
    /// `before`, then exactly `len` bytes of `stream`, then `after`.
    pub const fn stream(before: &'a [u8], stream: &'a mut R, len: u64, after: &'a [u8]) -> Self {
        let total = Some(len.saturating_add(before.len() as u64 + after.len() as u64));
        Self { before, stream: Stream::Reader(stream), left: len, after, total, touched: false }
    }

    /// The exact length, or `None` for a request without a body.
    pub const fn len(&self) -> Option<u64> {
        self.total
    }

    /// True when there is no body.
    pub const fn is_empty(&self) -> bool {
        self.total.is_none()
    }

    /// True once the caller's reader has been read from: the request cannot be repeated any more.
    pub const fn is_touched(&self) -> bool {
        self.touched
    }

    /// True when part of it comes from the caller's reader, which can be read only once.
    pub(crate) const fn is_streamed(&self) -> bool {
        !matches!(self.stream, Stream::None)
    }

    /// The body from its beginning, to be sent and, if nothing of it streams, to be sent again.
    pub(crate) const fn again(&mut self) -> Body<'_, R> {
        let stream = match &mut self.stream {
            Stream::Reader(stream) => Stream::Reader(&mut **stream),
            Stream::Lending(stream) => Stream::Lending(&mut **stream),
            Stream::None => Stream::None,
        };
        Body {
            before: self.before,
            stream,
            left: self.left,
            after: self.after,
            total: self.total,
            touched: self.touched,
        }
    }

    /// True when everything has been read.
    pub const fn is_finished(&self) -> bool {
        self.before.is_empty() && self.left == 0 && self.after.is_empty()
    }

    /// For back ends: the next bytes into `buf[at..]`; 0 at the end. A stream that ends early is [`ErrorKind::Source`], so a
    /// body is never cut short silently. The buffer is gone after an error, or when the future is dropped.
    pub async fn read(&mut self, buf: &mut Vec<u8>, at: usize) -> Result<usize> {
        if !self.before.is_empty() {
            return Ok(take(&mut self.before, &mut buf[at..]));
        }
        if self.left > 0 && self.is_streamed() {
            self.touched = true;
            let most = (buf.len() - at).min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let n = match &mut self.stream {
                Stream::None => 0,
                Stream::Reader(stream) => {
                    stream.read(&mut buf[at..at + most]).await.map_err(source_failed)?
                }
                Stream::Lending(stream) => {
                    poll_fn(|cx| stream.poll_lend(cx, buf, at, most)).await.map_err(source_failed)?
                }
            };
            if n == 0 {
                return Err(Error::new(ErrorKind::Source, "upload")
                    .with_detail(format_args!("it ended {} bytes early", self.left)));
            }
            self.left -= n as u64;
            return Ok(n);
        }
        Ok(take(&mut self.after, &mut buf[at..]))
    }
}

fn source_failed<E: core::error::Error>(error: E) -> Error {
    Error::new(ErrorKind::Source, "upload").with_detail(error)
}

fn take(from: &mut &[u8], buf: &mut [u8]) -> usize {
    let n = buf.len().min(from.len());
    let (now, later) = from.split_at(n);
    buf[..n].copy_from_slice(now);
    *from = later;
    n
}

/// Status and header fields of a response.
#[derive(Clone, Debug, Default)]
pub struct Head {
    status: u16,
    fields: String,
}

impl Head {
    /// A head without fields.
    pub const fn new(status: u16) -> Self {
        Self { status, fields: String::new() }
    }

    /// A head with room for these fields, and no more.
    pub(crate) fn with_room_for(status: u16, fields: &[httparse::Header<'_>]) -> Self {
        let room = fields.iter().map(|field| {
            let beyond_ascii = match core::str::from_utf8(field.value) {
                Ok(_) => 0,
                Err(_) => field.value.iter().filter(|byte| !byte.is_ascii()).count(),
            };
            field.name.len() + 2 + field.value.len() + beyond_ascii
        });
        Self { status, fields: String::with_capacity(room.sum()) }
    }

    /// The status code.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The bytes that the fields take.
    pub(crate) const fn len(&self) -> usize {
        self.fields.capacity()
    }

    /// Adds a field. A value that is not UTF-8 is read as ISO-8859-1, which it has been in HTTP of old.
    pub fn push(&mut self, name: &str, value: &[u8]) {
        self.fields.push_str(name);
        self.fields.push(':');
        match core::str::from_utf8(value) {
            Ok(value) => self.fields.push_str(value.trim()),
            Err(_) => self.fields.extend(value.trim_ascii().iter().copied().map(char::from)),
        }
        self.fields.push('\n');
    }

    /// The first field of that name, in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// All fields of that name, in the order of the wire.
    pub fn get_all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        self.fields.split('\n').filter_map(move |line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// How a back end says that there is progress, so that one timer serves all of them.
#[derive(Debug, Default)]
pub struct Meter {
    ticks: AtomicU32,
    all_sent: AtomicBool,
    answered: AtomicBool,
}

impl Meter {
    /// Nothing has moved.
    pub const fn new() -> Self {
        Self { ticks: AtomicU32::new(0), all_sent: AtomicBool::new(false), answered: AtomicBool::new(false) }
    }

    /// There is progress.
    pub fn tick(&self) {
        // One writer, so load and store suffice; riscv32imc has nothing more.
        self.ticks.store(self.ticks.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// The whole request is handed over; from here on the host thinks.
    pub fn set_all_sent(&self) {
        self.all_sent.store(true, Relaxed);
    }

    /// The first byte of an answer has come.
    pub fn set_answered(&self) {
        self.answered.store(true, Relaxed);
    }

    /// A number that changes with every progress.
    pub fn ticks(&self) -> u32 {
        self.ticks.load(Relaxed)
    }

    /// Whether the whole request is handed over.
    pub fn all_sent(&self) -> bool {
        self.all_sent.load(Relaxed)
    }

    /// Whether an answer has begun.
    pub fn is_answered(&self) -> bool {
        self.answered.load(Relaxed)
    }
}

/// An HTTP/1.1 connection: one exchange at a time. Everything above it is [`crate::Parts::send`].
pub trait HttpConn {
    /// Sends a request and reads the head of the final answer, dropping interim ones.
    ///
    /// An answer that comes before the body is sent ends the sending and is returned. A peer that stops taking
    /// bytes may have said why: what it said is returned. Ticks the meter with every piece that is written and every
    /// interim answer, and tells it when everything is handed over and when the first byte of an answer has come.
    async fn send<R: Read + ?Sized>(
        &mut self,
        request: &Request<'_>,
        body: &mut Body<'_, R>,
        meter: &Meter,
    ) -> Result<Head>;

    /// The next bytes of the answer's body; 0 at its end. A body that is cut short is an error.
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize>;

    /// Without waiting: the exchange is complete and the connection can take another request.
    fn is_reusable(&mut self) -> bool;
}

/// Speaks HTTP/1.1 on a connection.
pub trait HttpBackend<C> {
    /// What it makes of a connection.
    type Conn: HttpConn;

    /// Takes over a fresh connection.
    async fn open(&self, conn: C) -> Result<Self::Conn>;

    /// The heap that an exchange takes at most, without the connection under it, the caller's body and what the caller
    /// reads of the answer. The head of the request has `head` bytes. 0 where nobody counts.
    fn memory(&self, head: usize) -> HttpMemory {
        let _ = head;
        HttpMemory::default()
    }
}

/// Heap in bytes, as declared by [`HttpBackend::memory`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpMemory {
    /// Until the head of the answer is there.
    pub sending: usize,
    /// The same of a request that has no body.
    pub asking: usize,
    /// From then on to the end of the answer.
    pub answered: usize,
    /// Beside either: what is allocated and freed again without waiting in between.
    pub transient: usize,
}

/// What a request's head has beside its target, its host and its fields.
const HEAD_ROOM: usize = 96;

/// The head of a request as bytes; for back ends and for the websocket handshake.
pub(crate) fn encode_head(request: &Request<'_>, content_length: Option<u64>) -> Result<String> {
    request.check()?;
    let fields = request.headers.iter().map(|(name, value)| name.len() + value.len() + ": \r\n".len());
    let room = HEAD_ROOM + request.target.len() + request.origin.host.len() + fields.sum::<usize>();
    let mut head = String::with_capacity(room);
    let _ = write!(
        head,
        "{} {} HTTP/1.1\r\nHost: {}\r\n",
        request.method.as_str(),
        request.target,
        request.origin.authority()
    );
    for (name, value) in request.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if let Some(n) = content_length {
        let _ = write!(head, "Content-Length: {n}\r\n");
    }
    head.push_str("\r\n");
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_name_is_found_in_order() {
        let mut head = Head::new(401);
        head.push("WWW-Authenticate", b" Digest realm=a, nonce=b ");
        head.push("Content-Length", b"0");
        head.push("www-authenticate", b"Basic realm=a");
        let fields = |name| head.get_all(name).collect::<alloc::vec::Vec<_>>();
        assert_eq!(fields("Www-Authenticate"), ["Digest realm=a, nonce=b", "Basic realm=a"]);
        assert_eq!(fields("authenticate"), [""; 0]);
        assert_eq!(head.get("WWW-Authenticate"), Some("Digest realm=a, nonce=b"));
    }

    #[test]
    fn value_beyond_ascii_is_read_whatever_its_encoding() {
        let mut head = Head::new(200);
        head.push("Utf-8", "Würfel.gcode".as_bytes());
        head.push("Latin-1", b"W\xFCrfel.gcode");
        assert_eq!((head.get("utf-8"), head.get("latin-1")), (Some("Würfel.gcode"), Some("Würfel.gcode")));
    }

    #[test]
    fn value_may_hold_any_text_but_nothing_that_ends_a_line() {
        let origin = Origin::http("h", 80);
        let check = |value: &str| {
            Request::new("status", Method::Get, &origin, "/").headers(&[("X", value)]).check().is_ok()
        };
        for good in ["", "a b", "maker", "Jürgen", "三", "\u{1F5A8}"] {
            assert!(check(good), "{good:?}");
        }
        for bad in ["a\r\nb", "a\nb", "a\rb", "a\0b", "a\tb", "a\x7fb", "a\u{85}b", "a\u{9b}b"] {
            assert!(!check(bad), "{bad:?}");
        }
    }
}
