use alloc::vec::Vec;
use core::num::NonZeroU16;

use printhost_core::{Error, ErrorKind, Result, Secret};

/// A login. The session is always a clean one: what was published while nobody listened is not sent later.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Connect<'a> {
    /// Unique among the server's clients; empty lets the server choose.
    pub client_id: &'a str,
    /// Empty for none.
    pub user: &'a str,
    /// The user's; without a user there is none.
    pub password: &'a Secret,
    /// The server may close the connection after one and a half times so many seconds without a packet; 0 for never.
    pub keep_alive: u16,
}

impl<'a> Connect<'a> {
    /// A login with a keep-alive in seconds.
    pub const fn new(client_id: &'a str, user: &'a str, password: &'a Secret, keep_alive: u16) -> Self {
        Self { client_id, user, password, keep_alive }
    }
}

/// How a message is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quality {
    /// QoS 0: nobody says that it has arrived.
    AtMostOnce,
    /// QoS 1: acknowledged with its identifier.
    AtLeastOnce {
        /// The identifier.
        id: NonZeroU16,
        /// It may have been sent before, on an earlier connection.
        again: bool,
    },
}

/// A sign of life, to be answered with [`super::Packet::PingResp`].
pub const PINGREQ: [u8; 2] = [0xc0, 0];

/// Says that the connection is going to be closed.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];

const MOST: usize = 268_435_455;

/// The first packet of a connection. [`ErrorKind::InvalidInput`] when a text is longer than 65535 bytes or has a control
/// character in it.
pub fn encode_connect(connect: &Connect<'_>) -> Result<Vec<u8>> {
    let Connect { client_id, user, password, keep_alive } = *connect;
    let texts = [client_id, user, password.expose()];
    let texts = if user.is_empty() { &texts[..1] } else { &texts[..] };
    let mut packet = begin(0x10, 10 + texts.iter().map(|text| 2 + text.len()).sum::<usize>())?;
    packet.extend_from_slice(b"\0\x04MQTT\x04");
    packet.push(if user.is_empty() { 0x02 } else { 0xc2 });
    packet.extend_from_slice(&keep_alive.to_be_bytes());
    texts.iter().try_for_each(|text| put(&mut packet, text))?;
    Ok(packet)
}

/// Asks for the messages of one topic, which may have wildcards, with QoS 0. Errors as [`encode_connect`]; a topic must
/// not be empty either.
pub fn encode_subscribe(id: NonZeroU16, topic: &str) -> Result<Vec<u8>> {
    let mut packet = begin(0x82, 2 + 2 + topic.len() + 1)?;
    packet.extend_from_slice(&id.get().to_be_bytes());
    put_topic(&mut packet, topic)?;
    packet.push(0);
    Ok(packet)
}

/// A message. Errors as [`encode_subscribe`]; its topic must not have wildcards, and [`ErrorKind::TooLarge`] when
/// MQTT has no such length.
pub fn encode_publish(topic: &str, quality: Quality, payload: &[u8]) -> Result<Vec<u8>> {
    if topic.contains(['+', '#']) {
        return Err(invalid("a topic to publish to has a wildcard"));
    }
    let (flags, id) = match quality {
        Quality::AtMostOnce => (0, None),
        Quality::AtLeastOnce { id, again } => (if again { 0b1010 } else { 0b0010 }, Some(id)),
    };
    let len = 2 + topic.len() + if id.is_some() { 2 } else { 0 } + payload.len();
    let mut packet = begin(0x30 | flags, len)?;
    put_topic(&mut packet, topic)?;
    if let Some(id) = id {
        packet.extend_from_slice(&id.get().to_be_bytes());
    }
    packet.extend_from_slice(payload);
    Ok(packet)
}

/// Acknowledges a message of QoS 1.
pub const fn encode_puback(id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [0x40, 2, high, low]
}

/// A packet with room for `len` bytes after its length, and no more.
fn begin(first: u8, len: usize) -> Result<Vec<u8>> {
    if len > MOST {
        return Err(Error::new(ErrorKind::TooLarge, "mqtt").with_detail("MQTT has no packets of this length"));
    }
    let length_bytes = 1 + [0x80, 0x4000, 0x20_0000].iter().filter(|from| len >= **from).count();
    let mut packet = Vec::with_capacity(1 + length_bytes + len);
    packet.push(first);
    let mut rest = len;
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            packet.push(low);
            return Ok(packet);
        }
        packet.push(low | 0x80);
    }
}

fn put(packet: &mut Vec<u8>, text: &str) -> Result<()> {
    let len = u16::try_from(text.len()).map_err(|_| invalid("a text of over 65535 bytes"))?;
    if text.contains(char::is_control) {
        return Err(invalid("a topic or a part of the login has a control character"));
    }
    packet.extend_from_slice(&len.to_be_bytes());
    packet.extend_from_slice(text.as_bytes());
    Ok(())
}

fn put_topic(packet: &mut Vec<u8>, topic: &str) -> Result<()> {
    if topic.is_empty() {
        return Err(invalid("a topic is empty"));
    }
    put(packet, topic)
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, "mqtt").with_detail(what)
}
