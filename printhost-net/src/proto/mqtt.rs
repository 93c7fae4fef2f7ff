//! MQTT 3.1.1 as a client sees it: QoS 0 and 1, clean sessions, no will.

mod encode;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::{fmt, str};

pub use encode::{
    Connect, DISCONNECT, PINGREQ, Quality, encode_connect, encode_puback, encode_publish, encode_subscribe,
};

/// The longest topic that is read, in bytes; a message with a longer one is skipped.
pub const TOPIC: usize = 256;

/// Something that came from the server. A message comes as [`Packet::Begin`], any number of [`Packet::Piece`]s and
/// [`Packet::End`], or as [`Packet::Skipped`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packet<'a> {
    /// The login is accepted.
    Accepted,
    /// The login is not; the server closes the connection.
    Refused(Refusal),
    /// The answer to the subscription of this identifier.
    SubAck {
        /// The identifier.
        id: u16,
        /// Whether messages will come.
        granted: bool,
    },
    /// A message begins.
    Begin {
        /// What it was published to.
        topic: &'a str,
        /// How many bytes its pieces have together.
        len: usize,
    },
    /// Some bytes of the message, never none.
    Piece(&'a [u8]),
    /// The message is complete.
    End {
        /// To be acknowledged with [`encode_puback`].
        ack: Option<u16>,
    },
    /// A message larger than the limit, or with a topic longer than [`TOPIC`], has come and is gone.
    Skipped {
        /// How many bytes it had.
        len: usize,
        /// To be acknowledged with [`encode_puback`].
        ack: Option<u16>,
    },
    /// The server has our message of this identifier.
    PubAck(u16),
    /// The answer to [`PINGREQ`].
    PingResp,
}

/// Why a server refuses a login (3.2.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// 1: it speaks another MQTT.
    Version,
    /// 2: the client identifier is not allowed.
    Identifier,
    /// 3: the service is unavailable.
    Unavailable,
    /// 4: the user or the password is wrong.
    Credentials,
    /// 5: this user may not connect.
    NotAuthorized,
    /// A code that MQTT 3.1.1 does not define.
    Other(u8),
}

/// What is wrong with the bytes of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// Something comes before the login is answered.
    Unannounced,
    /// The login is answered twice.
    AnsweredTwice,
    /// A packet of a type that nobody sends to a client like this.
    Type(u8),
    /// Flags that the packet's type does not allow.
    Flags,
    /// A length of more than four bytes.
    Length,
    /// A length that is none of the packet's type, or too short for what is in it.
    Size,
    /// A QoS that was not asked for.
    Quality,
    /// A topic that is empty, not UTF-8, or has a wildcard or a NUL in it.
    Topic,
    /// The identifier 0.
    Identifier,
    /// A return code that is not defined.
    ReturnCode,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unannounced => "the first packet does not answer the login",
            Self::AnsweredTwice => "the login is answered twice",
            Self::Type(of) => return write!(f, "a packet of type {of}, which no server sends here"),
            Self::Flags => "a packet's flags are invalid",
            Self::Length => "a packet's length has more than four bytes",
            Self::Size => "a packet's length does not fit its content",
            Self::Quality => "a message of a QoS that was not asked for",
            Self::Topic => "a message's topic is invalid",
            Self::Identifier => "a packet's identifier is 0",
            Self::ReturnCode => "a return code is not defined",
        })
    }
}

impl core::error::Error for Violation {}

/// Turns bytes into packets. A message is handed on as it comes; what is held is its topic.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    answered: bool,
    topic: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Between,
    Length { first: u8, len: u32, shift: u8 },
    Ack { kind: Ack, have: u8, bytes: [u8; 3] },
    TopicLength { of: Publish, high: Option<u8> },
    Topic { of: Publish, left: u16 },
    Id { of: Publish, high: Option<u8> },
    Begin { len: u32, ack: Option<u16> },
    Payload { left: u32, ack: Option<u16> },
    Skip { left: u32, len: u32, ack: Option<u16> },
}

/// A PUBLISH whose head is being read.
#[derive(Clone, Copy, Debug)]
struct Publish {
    acknowledged: bool,
    /// Of the packet.
    left: u32,
    /// Its topic is too long to be kept.
    skipped: bool,
}

/// Answers, which have a fixed length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ack {
    Conn,
    Pub,
    Sub,
}

impl Ack {
    const fn len(self) -> u8 {
        match self {
            Self::Conn | Self::Pub => 2,
            // For a subscription of one topic.
            Self::Sub => 3,
        }
    }
}

/// What a step of the decoder has found.
enum Found {
    /// Nothing yet.
    Nothing,
    Packet(Packet<'static>),
    Begin(u32),
    /// What was used is a piece of the message.
    Piece,
}

impl Decoder {
    /// A decoder at the start of a connection. Messages larger than `limit` bytes are skipped.
    pub const fn new(limit: usize) -> Self {
        Self { limit, answered: false, topic: Vec::new(), state: State::Between }
    }

    /// Takes bytes; returns how many were used, and a packet once there is one. Call again with the rest, even if it is
    /// empty, until there is none. After an error the connection is of no more use.
    pub fn decode<'a>(&'a mut self, input: &'a [u8]) -> Result<(usize, Option<Packet<'a>>), Violation> {
        let mut used = 0;
        loop {
            let (n, found) = self.step(&input[used..])?;
            let piece = &input[used..used + n];
            used += n;
            let packet = match found {
                Found::Nothing if n == 0 => return Ok((used, None)),
                Found::Nothing => continue,
                Found::Packet(packet) => packet,
                Found::Piece => Packet::Piece(piece),
                Found::Begin(len) => {
                    Packet::Begin { topic: topic(&self.topic).ok_or(Violation::Topic)?, len: len as usize }
                }
            };
            return Ok((used, Some(packet)));
        }
    }

    /// True when these bytes go on with a message that begins there: what comes next is [`Packet::Begin`] or
    /// [`Packet::Skipped`].
    pub const fn begins_message(&self, input: &[u8]) -> bool {
        matches!((&self.state, input), (State::Between, [first, ..]) if *first >> 4 == 3)
    }

    /// Goes on by one byte, or by as many as belong together. Uses none, and finds nothing, when there is none.
    fn step(&mut self, input: &[u8]) -> Result<(usize, Found), Violation> {
        match self.state {
            State::Begin { len, ack } => {
                self.state = State::Payload { left: len, ack };
                return Ok((0, Found::Begin(len)));
            }
            State::Payload { left: 0, ack } => return Ok((0, self.finish(Packet::End { ack }))),
            State::Skip { left: 0, len, ack } => {
                return Ok((0, self.finish(Packet::Skipped { len: len as usize, ack })));
            }
            _ => {}
        }
        let Some(byte) = input.first() else { return Ok((0, Found::Nothing)) };
        let available = u32::try_from(input.len()).unwrap_or(u32::MAX);
        match &mut self.state {
            State::Payload { left, .. } => {
                let n = available.min(*left);
                *left -= n;
                return Ok((n as usize, Found::Piece));
            }
            State::Skip { left, .. } => {
                let n = available.min(*left);
                *left -= n;
                return Ok((n as usize, Found::Nothing));
            }
            State::Topic { of, left } => {
                let n = input.len().min(usize::from(*left));
                if !of.skipped {
                    self.topic.extend_from_slice(&input[..n]);
                }
                *left -= n as u16;
                if *left == 0 {
                    let of = *of;
                    self.after_topic(of)?;
                }
                return Ok((n, Found::Nothing));
            }
            _ => {}
        }
        self.take(*byte).map(|found| (1, found))
    }

    /// Takes one byte of a packet's head.
    fn take(&mut self, byte: u8) -> Result<Found, Violation> {
        match &mut self.state {
            State::Between => {
                self.check_first(byte)?;
                self.state = State::Length { first: byte, len: 0, shift: 0 };
            }
            State::Length { first, len, shift } => {
                *len |= u32::from(byte & 0x7f) << *shift;
                *shift += 7;
                match byte & 0x80 {
                    0 => {
                        let (first, len) = (*first, *len);
                        return self.begin(first, len);
                    }
                    _ if *shift > 21 => return Err(Violation::Length),
                    _ => {}
                }
            }
            State::Ack { kind, have, bytes } => {
                bytes[usize::from(*have)] = byte;
                *have += 1;
                if *have == kind.len() {
                    let packet = answer(*kind, *bytes)?;
                    self.answered |= packet == Packet::Accepted;
                    return Ok(self.finish(packet));
                }
            }
            State::TopicLength { high: high @ None, .. } | State::Id { high: high @ None, .. } => {
                *high = Some(byte);
            }
            State::TopicLength { of, high: Some(high) } => {
                let (len, mut of) = (u16::from_be_bytes([*high, byte]), *of);
                let head = u32::from(len) + 2 + if of.acknowledged { 2 } else { 0 };
                of.left = of.left.checked_sub(head).ok_or(Violation::Size)?;
                of.skipped = usize::from(len) > TOPIC || of.left as usize > self.limit;
                if len == 0 {
                    return Err(Violation::Topic);
                }
                self.topic.clear();
                if !of.skipped {
                    self.topic.reserve_exact(TOPIC); // once: it is used again
                }
                self.state = State::Topic { of, left: len };
            }
            State::Id { of, high: Some(high) } => {
                let (id, of) = (u16::from_be_bytes([*high, byte]), *of);
                if id == 0 {
                    return Err(Violation::Identifier);
                }
                self.after_head(of, Some(id));
            }
            // They take bytes in `step`.
            State::Topic { .. } | State::Begin { .. } | State::Payload { .. } | State::Skip { .. } => {}
        }
        Ok(Found::Nothing)
    }

    fn check_first(&self, first: u8) -> Result<(), Violation> {
        let (kind, flags) = (first >> 4, first & 0xf);
        match kind {
            2 if self.answered => return Err(Violation::AnsweredTwice),
            2 => {}
            3 | 4 | 9 | 13 if !self.answered => return Err(Violation::Unannounced),
            3 => {
                return match flags >> 1 {
                    // QoS 0 is never sent twice.
                    0b100 => Err(Violation::Flags),
                    0b000 | 0b001 | 0b101 => Ok(()),
                    _ => Err(Violation::Quality),
                };
            }
            4 | 9 | 13 => {}
            _ => return Err(Violation::Type(kind)),
        }
        if flags == 0 { Ok(()) } else { Err(Violation::Flags) }
    }

    /// After the fixed header.
    fn begin(&mut self, first: u8, len: u32) -> Result<Found, Violation> {
        let kind = match first >> 4 {
            2 => Ack::Conn,
            4 => Ack::Pub,
            9 => Ack::Sub,
            13 if len == 0 => return Ok(self.finish(Packet::PingResp)),
            13 => return Err(Violation::Size),
            _ => {
                let of = Publish { acknowledged: first & 0b110 != 0, left: len, skipped: false };
                self.state = State::TopicLength { of, high: None };
                return if len < 2 { Err(Violation::Size) } else { Ok(Found::Nothing) };
            }
        };
        if len != u32::from(kind.len()) {
            return Err(Violation::Size);
        }
        self.state = State::Ack { kind, have: 0, bytes: [0; 3] };
        Ok(Found::Nothing)
    }

    fn after_topic(&mut self, of: Publish) -> Result<(), Violation> {
        if !of.skipped && topic(&self.topic).is_none() {
            return Err(Violation::Topic);
        }
        if of.acknowledged {
            self.state = State::Id { of, high: None };
            return Ok(());
        }
        self.after_head(of, None);
        Ok(())
    }

    fn after_head(&mut self, of: Publish, ack: Option<u16>) {
        let len = of.left;
        self.state = if of.skipped { State::Skip { left: len, len, ack } } else { State::Begin { len, ack } };
    }

    fn finish(&mut self, packet: Packet<'static>) -> Found {
        self.state = State::Between;
        Found::Packet(packet)
    }
}

/// A topic as a message may have it (4.7).
fn topic(bytes: &[u8]) -> Option<&str> {
    let topic = str::from_utf8(bytes).ok()?;
    (!topic.contains(['+', '#', '\0'])).then_some(topic)
}

fn answer(kind: Ack, bytes: [u8; 3]) -> Result<Packet<'static>, Violation> {
    let id = u16::from_be_bytes([bytes[0], bytes[1]]);
    if kind != Ack::Conn && id == 0 {
        return Err(Violation::Identifier);
    }
    Ok(match (kind, bytes) {
        (Ack::Pub, _) => Packet::PubAck(id),
        (Ack::Sub, [.., 0..=2]) => Packet::SubAck { id, granted: true },
        (Ack::Sub, [.., 0x80]) => Packet::SubAck { id, granted: false },
        (Ack::Sub, _) => return Err(Violation::ReturnCode),
        // Whether the server remembers a session is of no interest: none is wanted of it.
        (Ack::Conn, [2..=u8::MAX, ..]) => return Err(Violation::Flags),
        (Ack::Conn, [_, code, _]) => match code {
            0 => Packet::Accepted,
            1 => Packet::Refused(Refusal::Version),
            2 => Packet::Refused(Refusal::Identifier),
            3 => Packet::Refused(Refusal::Unavailable),
            4 => Packet::Refused(Refusal::Credentials),
            5 => Packet::Refused(Refusal::NotAuthorized),
            code => Packet::Refused(Refusal::Other(code)),
        },
    })
}
