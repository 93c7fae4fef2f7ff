//! The MQTT client: a thin shell around [`crate::proto::mqtt`], the same on every platform. It listens to one topic and
//! publishes to one other, which is what a printer has.

mod liveness;
mod open;

use alloc::{string::String, vec::Vec};
use core::{convert::Infallible, fmt, num::NonZeroU16, pin::pin, time::Duration};

use embassy_futures::{
    poll_once,
    select::{Either3, Either4, select3, select4},
};
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, channel::Channel};
use embedded_io_async::{Read, Write};
use printhost_core::{Clock, Error, ErrorKind, Result, Secret, within};

use crate::{
    Conn, Net,
    proto::mqtt::{DISCONNECT, Decoder, PINGREQ, Packet, Quality, TOPIC, encode_puback, encode_publish},
};
use liveness::Liveness;

pub use crate::websocket::Outbox;
pub use open::connect;

/// How much is read at a time.
const INBOX: usize = 512;
/// The most that a message has beside its topic and its payload.
const FRAME: usize = 9;
/// How many acknowledgements can wait to be sent. Then nothing more is read.
const ACKS: usize = 16;
/// The shortest and the longest keep-alive, in seconds.
const KEEP_ALIVE: (u16, u16) = (1, 24);

/// The heap that a client takes at most, in bytes: without its connection ([`crate::Dial::memory`]) and without what is made
/// of its messages, whatever their size. `login` is the length of all parts of the [`Login`] together, `topic` that of the
/// longer topic, no text for the host has more than `text`. Nothing is allocated beside it and freed again without
/// waiting in between.
pub const fn memory(login: usize, topic: usize, text: usize) -> usize {
    let (opening, message) = (32 + login + topic, FRAME + topic + text);
    INBOX + TOPIC + if opening > message { opening } else { message }
}

/// Who logs in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Login<'a> {
    /// Unique among all clients of the host, at any time: the host closes the older of two connections with the same one.
    pub client_id: &'a str,
    /// Empty for nobody.
    pub user: &'a str,
    /// The user's.
    pub password: &'a Secret,
}

impl<'a> Login<'a> {
    /// A user with a password.
    pub const fn new(client_id: &'a str, user: &'a str, password: &'a Secret) -> Self {
        Self { client_id, user, password }
    }
}

/// Sizes and times of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Larger messages are skipped, in bytes.
    pub limit: usize,
    /// Without a byte from the host for half as long it is pinged, and likewise when nothing was sent to it; after one and a
    /// quarter it is dead. The host may close the connection after one and a half times as long without a packet. In
    /// seconds, 1 to 24, beyond which it is the nearest of these.
    pub keep_alive: u16,
}

impl Options {
    /// A keep-alive of 20 s: pings after 10 s, dead after 25 s.
    pub const fn new(limit: usize) -> Self {
        Self { limit, keep_alive: 20 }
    }

    /// With another keep-alive.
    pub const fn keep_alive(self, seconds: u16) -> Self {
        Self { keep_alive: seconds, ..self }
    }

    fn seconds(&self) -> u16 {
        self.keep_alive.clamp(KEEP_ALIVE.0, KEEP_ALIVE.1)
    }

    fn ping_after(&self) -> Duration {
        Duration::from_millis(u64::from(self.seconds()) * 500)
    }

    fn dead_after(&self) -> Duration {
        Duration::from_millis(u64::from(self.seconds()) * 1250)
    }
}

/// What comes from the host. A message is a [`Message::Begin`], any number of [`Message::Piece`]s, and a [`Message::End`];
/// nothing but an [`Message::Acked`] never comes between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message<'a> {
    /// A message begins.
    Begin {
        /// What it was published to.
        topic: &'a str,
        /// How many bytes its pieces have together.
        len: usize,
    },
    /// Some bytes of it, never none.
    Piece(&'a [u8]),
    /// It is complete.
    End,
    /// A message of so many bytes, more than [`Options::limit`], or one with a topic longer than [`TOPIC`], was skipped.
    Skipped(usize),
    /// The host has the text of this identifier: that of the first text of this connection is 1, that of each further one
    /// is larger by one, and after 65535 comes 1 again.
    Acked(u16),
}

/// An open connection, with its subscription.
pub struct Mqtt<C> {
    conn: C,
    received: Received,
    options: Options,
}

impl<C> fmt::Debug for Mqtt<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mqtt")
    }
}

/// What has come while the connection was opened, and what is still to come of it.
struct Received {
    decoder: Decoder,
    inbox: Vec<u8>,
    at: usize,
    /// The subscription has not been answered yet, but its messages come.
    subscribing: bool,
}

impl Received {
    /// Reads more, once everything is decoded.
    async fn read<R: Read>(&mut self, reader: &mut R) -> Result<()> {
        self.inbox.resize(INBOX, 0);
        let n = reader.read(&mut self.inbox).await.map_err(broke)?;
        if n == 0 {
            return Err(
                Error::new(ErrorKind::Disconnected, "mqtt").with_detail("the host closed the connection")
            );
        }
        self.inbox.truncate(n);
        self.at = 0;
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Packet<'_>>> {
        let (used, packet) = self
            .decoder
            .decode(&self.inbox[self.at..])
            .map_err(|violation| Error::new(ErrorKind::Protocol, "mqtt").with_detail(violation))?;
        self.at += used;
        Ok(packet)
    }
}

type Acks = Channel<CriticalSectionRawMutex, u16, ACKS>;

impl<C: Conn> Mqtt<C> {
    /// Drives the connection until it ends, and says why it did.
    ///
    /// What comes goes to `take`, in order, and must not wait; an error that it returns ends the connection. Messages
    /// of QoS 1 are acknowledged once they have come as a whole. Texts put into the outbox are published to `topic` with
    /// QoS 1, once each and in order, without waiting for acknowledgements: those come as [`Message::Acked`]. A host that
    /// is silent is pinged, and after a while, as [`Options::keep_alive`] says, declared dead ([`ErrorKind::Timeout`]); so
    /// is one that takes nothing for as long.
    ///
    /// When it ends, texts that are still in the outbox were never sent; of the others the host has those that were
    /// acknowledged and may have the rest. Nothing is published a second time. Dropping the future closes the connection,
    /// as its end does, with a DISCONNECT where that can be sent at once.
    pub async fn run<N: Net>(
        self,
        net: &N,
        topic: &str,
        outbox: &Outbox,
        mut take: impl FnMut(Message<'_>) -> Result<()>,
    ) -> Result<Infallible> {
        let Self { mut conn, mut received, options } = self;
        encode_publish(topic, Quality::AtMostOnce, &[])?; // for its topic
        let clock = net.parts().clock();
        let (mut reader, writer) = conn.split().await.map_err(broke)?;
        let acks = Acks::new();
        let liveness = Liveness::new(clock);
        let mut subscribing = received.subscribing;
        let receive = pin!(async {
            loop {
                while let Some(packet) = received.next()? {
                    let (message, ack) = match packet {
                        Packet::Begin { topic, len } => (Message::Begin { topic, len }, None),
                        Packet::Piece(bytes) => (Message::Piece(bytes), None),
                        Packet::End { ack } => (Message::End, ack),
                        Packet::Skipped { len, ack } => (Message::Skipped(len), ack),
                        Packet::PubAck(id) if liveness.has_sent(id) => (Message::Acked(id), None),
                        Packet::PingResp => continue,
                        Packet::SubAck { id, granted } if subscribing && id == open::ID.get() => {
                            subscribing = false;
                            open::check(granted)?;
                            continue;
                        }
                        _ => {
                            return Err(Error::new(ErrorKind::Protocol, "mqtt")
                                .with_detail("the host answers what it was not asked"));
                        }
                    };
                    take(message)?;
                    if let Some(id) = ack {
                        acks.send(id).await;
                    }
                }
                received.read(&mut reader).await?;
                liveness.heard();
            }
        });
        let mut sender = Sender { writer, clock, patience: options.dead_after(), writing: false };
        let send = pin!(sender.run(topic, outbox, &acks, &liveness, options.ping_after()));
        let watch = pin!(liveness.watch(options.ping_after(), options.dead_after()));
        match select3(receive, send, watch).await {
            Either3::First(end) | Either3::Second(end) => end,
            Either3::Third(dead) => Err(dead),
        }
    }
}

/// Writes what there is to say, one packet after the other.
struct Sender<'a, W: Write, C: Clock> {
    writer: W,
    clock: &'a C,
    patience: Duration,
    /// A packet is written half, or may be.
    writing: bool,
}

impl<W: Write, C: Clock> Sender<'_, W, C> {
    async fn run(
        &mut self,
        topic: &str,
        outbox: &Outbox,
        acks: &Acks,
        liveness: &Liveness<'_, C>,
        ping_after: Duration,
    ) -> Result<Infallible> {
        let mut id = NonZeroU16::MIN;
        loop {
            let silence = self.clock.sleep(ping_after);
            match select4(acks.receive(), outbox.receive(), liveness.pings(), silence).await {
                Either4::First(id) => self.write(&encode_puback(id)).await?,
                Either4::Second(text) => {
                    let packet = publish(topic, id, text)?;
                    liveness.sending(id);
                    id = id.checked_add(1).unwrap_or(NonZeroU16::MIN);
                    self.write(&packet).await?;
                }
                Either4::Third(()) | Either4::Fourth(()) => self.write(&PINGREQ).await?,
            }
        }
    }

    async fn write(&mut self, packet: &[u8]) -> Result<()> {
        self.writing = true;
        let mut rest = packet;
        while !rest.is_empty() {
            let n = self.step(async |writer| writer.write(rest).await).await?;
            if n == 0 {
                return Err(Error::new(ErrorKind::Disconnected, "mqtt")
                    .with_detail("the connection takes nothing any more"));
            }
            rest = &rest[n..];
        }
        self.step(async |writer| writer.flush().await).await?;
        self.writing = false;
        Ok(())
    }

    async fn step<T>(&mut self, act: impl AsyncFnOnce(&mut W) -> Result<T, W::Error>) -> Result<T> {
        let writer = &mut self.writer;
        let acted = async { act(writer).await.map_err(broke) };
        within(self.clock, self.patience, "mqtt", acted).await.map_err(|error| match error.kind() {
            ErrorKind::Timeout => error.with_detail(format_args!(
                "the host has taken nothing for {} s",
                self.patience.as_secs_f32()
            )),
            _ => error,
        })
    }
}

impl<W: Write, C: Clock> Drop for Sender<'_, W, C> {
    fn drop(&mut self) {
        if !self.writing {
            let _ = poll_once(self.writer.write(&DISCONNECT));
            let _ = poll_once(self.writer.flush());
        }
    }
}

/// Frees the text.
fn publish(topic: &str, id: NonZeroU16, text: String) -> Result<Vec<u8>> {
    encode_publish(topic, Quality::AtLeastOnce { id, again: false }, text.as_bytes())
}

fn broke<E: core::error::Error>(error: E) -> Error {
    Error::new(ErrorKind::Disconnected, "mqtt").with_detail(error)
}
