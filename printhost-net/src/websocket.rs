//! The WebSocket client: a thin shell around [`crate::proto::websocket`], the same on every platform.

use alloc::{format, string::String, vec, vec::Vec};
use core::{convert::Infallible, fmt, pin::pin, time::Duration};

use embassy_futures::select::{Either, Either3, select, select3};
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, channel::Channel, signal::Signal};
use embedded_io_async::{Read, Write};
use printhost_core::{Clock, Entropy, Error, ErrorKind, Result};

pub use crate::proto::websocket::Message;
use crate::{
    BaseUrl, Conn, Dial, Limits, Meter, Method, Net, Request,
    memory::{grow, growing, growing_to},
    proto::{
        http1::parse_head,
        websocket::{
            Decoder, SUFFIX, encode_ping, encode_pong, encode_text, handshake_accept, handshake_key,
        },
    },
    seam::encode_head,
};

/// Without a byte from the host for so long, it is pinged.
const PING_AFTER: Duration = Duration::from_secs(10);
/// Without a byte from the host for so long, the connection is dead.
const DEAD_AFTER: Duration = Duration::from_secs(20);
/// The largest head of the answer to the handshake, in bytes.
const MAX_HEAD: usize = 2048;

/// Texts on their way to the host, filled from anywhere and emptied by [`WebSocket::run`].
pub type Outbox = Channel<CriticalSectionRawMutex, String, 4>;

/// The heap that a websocket takes at most, in bytes: without its connection ([`Dial::memory`]), without what is made of its
/// messages, and without what [`transient`] says. The head of the handshake has `head` bytes beside its own fields; no
/// text for the host has more than `text`.
pub fn memory(limits: &Limits, head: usize, text: usize) -> usize {
    let head = head + OWN_FIELDS;
    let handshake = 2 * head + MAX_HEAD + READ;
    // A ping on its way in, one that waits and one on its way out; the frame of a text, which is its sender's.
    let running = READ + INBOX + limits.message + growing(SUFFIX) + 3 * growing(CONTROL) + text + FRAME;
    handshake.max(running)
}

/// What is allocated and freed again without waiting in between, by a websocket: at most so many bytes at a time.
pub fn transient(limits: &Limits) -> usize {
    let head = growing_to(MAX_HEAD + READ) + 2 * MAX_HEAD;
    head.max(growing_to(limits.message))
}

/// Handshakes: the fields, and the key in them.
const OWN_FIELDS: usize = 384;
/// How much of the handshake's answer is read at a time, and of what follows.
const READ: usize = 256;
const INBOX: usize = 512;
/// The longest payload of a ping, and the longest head of a frame.
const CONTROL: usize = 125;
const FRAME: usize = 14;

/// An open websocket.
pub struct WebSocket<C> {
    conn: C,
    early: Vec<u8>,
    limit: usize,
}

impl<C> fmt::Debug for WebSocket<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebSocket")
    }
}

/// Connects and does the handshake. `https` implies `wss`.
///
/// A host that answers with an HTTP error is reported by its status.
pub async fn connect<N: Net>(
    net: &N,
    base: &BaseUrl,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<WebSocket<<N::Dial as Dial>::Conn>> {
    let parts = net.parts();
    let mut random = [0; 16];
    parts.entropy.fill(&mut random);
    let key = handshake_key(random);
    let mut fields = vec![
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key.as_str()),
    ];
    fields.extend_from_slice(headers);
    let target = base.target(path);
    let request = Request::new("websocket", Method::Get, &base.origin, &target).headers(&fields);
    let head = encode_head(&request, None)?;
    let mut conn = parts.dial(&base.origin).await?;
    let handshake = async {
        conn.write_all(head.as_bytes()).await.map_err(broke)?;
        conn.flush().await.map_err(broke)?;
        read_head(&mut conn).await
    };
    let limit = parts.limits.answer;
    let (response, early) = match select(handshake, parts.clock.sleep(limit)).await {
        Either::First(result) => result?,
        Either::Second(()) => {
            return Err(Error::new(ErrorKind::Timeout, "websocket")
                .with_detail(format_args!("no answer to the handshake for {} s", limit.as_secs())));
        }
    };
    if response.status() != 101 {
        let kind = match response.status() {
            404 => ErrorKind::NotFound,
            500.. => ErrorKind::HostFault,
            _ => ErrorKind::Protocol,
        };
        return Err(Error::new(kind, "websocket").with_http(response.status()).with_detail(
            "the host does not open a websocket here; a proxy in between may have to allow it",
        ));
    }
    if response.get("sec-websocket-accept") != Some(handshake_accept(&key).as_str()) {
        return Err(
            Error::new(ErrorKind::Protocol, "websocket").with_detail("the handshake's answer is wrong")
        );
    }
    Ok(WebSocket { conn, early, limit: parts.limits.message })
}

impl<C: Conn> WebSocket<C> {
    /// Drives the connection until it ends, and says why it did.
    ///
    /// Every message goes to `take`, in order, and must not wait; several may come before anybody woken by the first
    /// one runs, so state belongs into `take` itself; texts put into the outbox are sent; pings are answered; a
    /// host that is silent for 10 s is pinged, and after 20 s declared dead ([`ErrorKind::Timeout`]). Dropping the
    /// future closes the connection.
    pub async fn run<N: Net>(
        self,
        net: &N,
        outbox: &Outbox,
        mut take: impl FnMut(Message) -> Result<()>,
    ) -> Result<Infallible> {
        let Self { mut conn, early, limit } = self;
        let parts = net.parts();
        let (reader, writer) = conn.split().await.map_err(broke)?;
        let meter = Meter::new();
        let pong: Signal<CriticalSectionRawMutex, Vec<u8>> = Signal::new();
        let ping: Signal<CriticalSectionRawMutex, ()> = Signal::new();
        let receive = pin!(async {
            let mut receiver = Receiver { reader, decoder: Decoder::new(limit), inbox: early, at: 0 };
            loop {
                match receiver.next(&meter).await? {
                    // Answering only the latest of several pings is what RFC 6455, 5.5.3 allows.
                    Message::Ping(payload) => pong.signal(payload),
                    Message::Pong => {}
                    Message::Close(code) => {
                        return Err(Error::new(ErrorKind::Disconnected, "websocket")
                            .with_detail(format_args!("closed by the host with code {code}")));
                    }
                    message => take(message)?,
                }
            }
        });
        let send = pin!(send_loop(writer, &parts.entropy, outbox, &pong, &ping));
        let watch = pin!(watch(&parts.clock, &meter, &ping));
        match select3(receive, send, watch).await {
            Either3::First(end) | Either3::Second(end) => end,
            Either3::Third(dead) => Err(dead),
        }
    }
}

/// Reads messages; keeps a half-read frame between calls.
struct Receiver<R> {
    reader: R,
    decoder: Decoder,
    inbox: Vec<u8>,
    at: usize,
}

impl<R: Read> Receiver<R> {
    async fn next(&mut self, meter: &Meter) -> Result<Message> {
        loop {
            let (used, message) = self.decoder.decode(&self.inbox[self.at..])?;
            self.at += used;
            if let Some(message) = message {
                return Ok(message);
            }
            self.inbox.resize(INBOX, 0);
            let n = self.reader.read(&mut self.inbox).await.map_err(broke)?;
            if n == 0 {
                return Err(Error::new(ErrorKind::Disconnected, "websocket")
                    .with_detail("the host closed the connection"));
            }
            meter.tick();
            self.inbox.truncate(n);
            self.at = 0;
        }
    }
}

async fn send_loop(
    mut writer: impl Write,
    entropy: &impl Entropy,
    outbox: &Outbox,
    pong: &Signal<CriticalSectionRawMutex, Vec<u8>>,
    ping: &Signal<CriticalSectionRawMutex, ()>,
) -> Result<Infallible> {
    loop {
        let next = select3(outbox.receive(), pong.wait(), ping.wait()).await;
        let mut mask = [0; 4];
        entropy.fill(&mut mask);
        let frame = match &next {
            Either3::First(text) => encode_text(text, mask),
            Either3::Second(payload) => encode_pong(payload, mask),
            Either3::Third(()) => encode_ping(mask),
        };
        writer.write_all(&frame).await.map_err(broke)?;
        writer.flush().await.map_err(broke)?;
    }
}

/// Completes when the host has been silent for too long.
async fn watch(clock: &impl Clock, meter: &Meter, ping: &Signal<CriticalSectionRawMutex, ()>) -> Error {
    loop {
        let ticks = meter.ticks();
        clock.sleep(PING_AFTER).await;
        if meter.ticks() != ticks {
            continue;
        }
        ping.signal(());
        clock.sleep(DEAD_AFTER - PING_AFTER).await;
        if meter.ticks() == ticks {
            return Error::new(ErrorKind::Timeout, "websocket")
                .with_detail(format_args!("no sign of life for {} s", DEAD_AFTER.as_secs()));
        }
    }
}

async fn read_head(conn: &mut impl Read) -> Result<(crate::Head, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut filled = 0;
    loop {
        grow(&mut bytes, filled + READ, MAX_HEAD + READ);
        match conn.read(&mut bytes[filled..]).await.map_err(broke)? {
            0 => {
                return Err(Error::new(ErrorKind::Disconnected, "websocket")
                    .with_detail("closed during the handshake"));
            }
            n => filled += n,
        }
        if let Some((parsed, len)) = parse_head(&bytes[..filled], Method::Get)? {
            return Ok((parsed.head, bytes[len..filled].to_vec()));
        }
        if filled > MAX_HEAD {
            return Err(Error::new(ErrorKind::Protocol, "websocket")
                .with_detail(format!("a head of over {MAX_HEAD} bytes")));
        }
    }
}

fn broke<E: core::error::Error>(error: E) -> Error {
    Error::new(ErrorKind::Disconnected, "websocket").with_detail(error)
}
