//! WebSocket frames as a client sees them (RFC 6455), without extensions.

use alloc::{string::String, vec::Vec};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use edge_ws::{FrameHeader, FrameType};
use printhost_core::{Error, ErrorKind, Result};
use sha1::{Digest, Sha1};

use crate::memory::grow;

/// How much of the end of a message above the limit is kept, in bytes.
pub const SUFFIX: usize = 64;

/// Something that came from the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A message larger than the limit: what did not fit has been skipped.
    TooLarge {
        /// Its first bytes, as many as the limit allows. A text may be cut in the middle of a character.
        prefix: Vec<u8>,
        /// Its last bytes, [`SUFFIX`] if it has as many: what closes a message may say whose it is.
        suffix: Vec<u8>,
        /// Its length in bytes.
        len: u64,
    },
    /// To be answered with [`encode_pong`].
    Ping(Vec<u8>),
    /// The answer to our ping.
    Pong,
    /// The host closes; the code is 1005 when it gave none.
    Close(u16),
}

/// Turns bytes into messages, with memory bounded by the limit.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    header: [u8; FrameHeader::MAX_LEN],
    have: usize,
    frame: Option<Frame>,
    /// The message being assembled from fragments.
    message: Option<Assembly>,
    control: Vec<u8>,
}

#[derive(Debug)]
struct Frame {
    kind: FrameType,
    left: u64,
}

#[derive(Debug)]
struct Assembly {
    text: bool,
    bytes: Vec<u8>,
    /// Empty up to the limit.
    suffix: Vec<u8>,
    len: u64,
}

impl Assembly {
    fn take(&mut self, bytes: &[u8], limit: usize) {
        self.len += bytes.len() as u64;
        let room = limit.saturating_sub(self.bytes.len()).min(bytes.len());
        let (kept, beyond) = bytes.split_at(room);
        let at = self.bytes.len();
        grow(&mut self.bytes, at + room, limit);
        self.bytes[at..].copy_from_slice(kept);
        if beyond.is_empty() {
            return;
        }
        if self.suffix.is_empty() {
            self.suffix.extend_from_slice(last(&self.bytes));
        }
        let beyond = last(beyond);
        self.suffix.drain(..(self.suffix.len() + beyond.len()).saturating_sub(SUFFIX));
        self.suffix.extend_from_slice(beyond);
    }
}

fn last(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.len().saturating_sub(SUFFIX)..]
}

impl Decoder {
    /// A decoder at the start of a connection. Messages larger than `limit` bytes are skipped.
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            header: [0; FrameHeader::MAX_LEN],
            have: 0,
            frame: None,
            message: None,
            control: Vec::new(),
        }
    }

    /// Takes bytes; returns how many were used, and a message once one is complete. Call again with the rest.
    pub fn decode(&mut self, input: &[u8]) -> Result<(usize, Option<Message>)> {
        let mut used = 0;
        loop {
            if self.frame.is_none() {
                let Some(n) = self.take_header(&input[used..])? else { return Ok((input.len(), None)) };
                used += n;
            }
            let Some(frame) = &mut self.frame else { return Ok((used, None)) };
            let n = (input.len() - used).min(usize::try_from(frame.left).unwrap_or(usize::MAX));
            let (bytes, kind) = (&input[used..used + n], frame.kind);
            used += n;
            frame.left -= n as u64;
            let complete = frame.left == 0;
            self.take_payload(kind, bytes);
            if !complete {
                return Ok((used, None));
            }
            self.frame = None;
            if let Some(message) = self.finish_frame(kind)? {
                return Ok((used, Some(message)));
            }
        }
    }

    /// Completes the frame header byte by byte; `None` when all input is used and it is still not complete.
    fn take_header(&mut self, input: &[u8]) -> Result<Option<usize>> {
        for (i, byte) in input.iter().enumerate() {
            self.header[self.have] = *byte;
            self.have += 1;
            match FrameHeader::deserialize(&self.header[..self.have]) {
                Ok((header, _)) => {
                    let fin = self.header[0] & 0x80 != 0;
                    self.have = 0;
                    self.begin_frame(&header, fin)?;
                    return Ok(Some(i + 1));
                }
                Err(edge_ws::Error::Incomplete(_)) => {}
                Err(_) => return Err(malformed("a frame header is invalid")),
            }
        }
        Ok(None)
    }

    fn begin_frame(&mut self, header: &FrameHeader, fin: bool) -> Result<()> {
        if header.mask_key.is_some() {
            return Err(malformed("the host masks its frames"));
        }
        if header.payload_len > i64::MAX as u64 {
            return Err(malformed("a frame's length has its highest bit set"));
        }
        let kind = header.frame_type;
        match kind {
            FrameType::Text(_) | FrameType::Binary(_) => {
                if self.message.is_some() {
                    return Err(malformed("a message begins inside another"));
                }
                let text = matches!(kind, FrameType::Text(_));
                self.message = Some(Assembly { text, bytes: Vec::new(), suffix: Vec::new(), len: 0 });
            }
            FrameType::Continue(_) if self.message.is_none() => {
                return Err(malformed("a continuation without a beginning"));
            }
            FrameType::Continue(_) => {}
            FrameType::Ping | FrameType::Pong | FrameType::Close => {
                if !fin || header.payload_len > 125 {
                    return Err(malformed("a control frame is fragmented or too long"));
                }
                self.control.clear();
            }
        }
        self.frame = Some(Frame { kind, left: header.payload_len });
        Ok(())
    }

    fn take_payload(&mut self, kind: FrameType, bytes: &[u8]) {
        if matches!(kind, FrameType::Ping | FrameType::Pong | FrameType::Close) {
            self.control.extend_from_slice(bytes);
        } else if let Some(message) = &mut self.message {
            message.take(bytes, self.limit);
        }
    }

    fn finish_frame(&mut self, kind: FrameType) -> Result<Option<Message>> {
        Ok(Some(match kind {
            FrameType::Ping => Message::Ping(core::mem::take(&mut self.control)),
            FrameType::Pong => Message::Pong,
            FrameType::Close => match self.control[..] {
                [] => Message::Close(1005),
                [a, b, ..] => Message::Close(u16::from_be_bytes([a, b])),
                [_] => return Err(malformed("a close frame has half a code")),
            },
            FrameType::Text(true) | FrameType::Binary(true) | FrameType::Continue(false) => return Ok(None),
            _ => match self.message.take() {
                None => return Ok(None),
                Some(Assembly { bytes, suffix, len, .. }) if len > self.limit as u64 => {
                    Message::TooLarge { prefix: bytes, suffix, len }
                }
                Some(Assembly { text: true, bytes, .. }) => {
                    Message::Text(String::from_utf8(bytes).map_err(|_| malformed("a text is not UTF-8"))?)
                }
                Some(Assembly { bytes, .. }) => Message::Binary(bytes),
            },
        }))
    }
}

/// A text as one masked frame.
pub fn encode_text(text: &str, mask: [u8; 4]) -> Vec<u8> {
    encode(FrameType::Text(false), text.as_bytes(), mask)
}

/// A ping.
pub fn encode_ping(mask: [u8; 4]) -> Vec<u8> {
    encode(FrameType::Ping, &[], mask)
}

/// The answer to a ping, with its payload.
pub fn encode_pong(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    encode(FrameType::Pong, payload, mask)
}

fn encode(kind: FrameType, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let key = Some(u32::from_be_bytes(mask));
    let header = FrameHeader { frame_type: kind, payload_len: payload.len() as u64, mask_key: key };
    let mut frame = alloc::vec![0; header.serialized_len() + payload.len()];
    let at = header.serialize(&mut frame).unwrap_or(0); // the buffer was sized for it
    frame[at..].copy_from_slice(payload);
    FrameHeader::mask_with(&mut frame[at..], key, 0);
    frame
}

/// The `Sec-WebSocket-Key` made of 16 unpredictable bytes.
pub fn handshake_key(random: [u8; 16]) -> String {
    STANDARD.encode(random)
}

/// The `Sec-WebSocket-Accept` the host must answer a key with.
pub fn handshake_accept(key: &str) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(key);
    sha1.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(sha1.finalize())
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, "websocket").with_detail(what)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn decode_all(limit: usize, pieces: &[&[u8]]) -> Result<Vec<Message>> {
        let mut decoder = Decoder::new(limit);
        let mut messages = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let (used, message) = decoder.decode(rest)?;
                messages.extend(message);
                rest = &rest[used..];
            }
        }
        Ok(messages)
    }

    /// RFC 6455, section 5.7, and a fragmented text with a ping in between.
    const WIRE: &[u8] =
        b"\x81\x05Hello\x01\x03Hel\x89\x02hi\x80\x02lo\x82\x02\x00\x01\x8a\x00\x81\x00\x88\x02\x03\xe8";

    #[test]
    fn any_split_of_the_input_gives_the_same_messages() {
        let text = |t: &str| Message::Text(t.into());
        let expected = vec![
            text("Hello"),
            Message::Ping(b"hi".into()),
            text("Hello"),
            Message::Binary(vec![0, 1]),
            Message::Pong,
            text(""),
            Message::Close(1000),
        ];
        for at in 0..=WIRE.len() {
            let (a, b) = WIRE.split_at(at);
            assert_eq!(decode_all(100, &[a, b]).unwrap(), expected, "split at {at}");
        }
        let bytes: Vec<&[u8]> = WIRE.chunks(1).collect();
        assert_eq!(decode_all(100, &bytes).unwrap(), expected);
    }

    #[test]
    fn message_above_the_limit_is_skipped_and_the_next_one_read() {
        let big = [&b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"[..], &[b'x'; 65536], b"\x81\x02ok"].concat();
        let pieces: Vec<&[u8]> = big.chunks(1000).collect();
        let messages = decode_all(1024, &pieces).unwrap();
        let (prefix, suffix) = (vec![b'x'; 1024], vec![b'x'; SUFFIX]);
        assert_eq!(messages, [Message::TooLarge { prefix, suffix, len: 65536 }, Message::Text("ok".into())]);
    }

    #[test]
    fn both_ends_of_a_skipped_message_are_kept_however_it_is_cut() {
        let text: Vec<u8> = (0..120).collect();
        for len in [101, 110, 120] {
            let text = &text[..len];
            let (first, rest) = text.split_at(30);
            // Two frames.
            let wire = [&[0x01, 30], first, &[0x80, (len - 30) as u8], rest].concat();
            for size in [1, 7, 64, 65, 200] {
                let pieces: Vec<&[u8]> = wire.chunks(size).collect();
                let expected = Message::TooLarge {
                    prefix: text[..100].into(),
                    suffix: text[len - SUFFIX..].into(),
                    len: len as u64,
                };
                assert_eq!(decode_all(100, &pieces).unwrap(), [expected], "{len} in pieces of {size}");
            }
        }
        let expected = Message::TooLarge { prefix: vec![1], suffix: vec![1, 2, 3], len: 3 };
        assert_eq!(decode_all(1, &[&[0x82, 3, 1, 2, 3]]).unwrap(), [expected]);
    }

    #[test]
    fn frames_that_break_the_rules_are_refused() {
        for wire in [
            &b"\x81\x85\0\0\0\0Hello"[..], // masked by the host
            b"\xc1\x00",                   // reserved bit
            b"\x83\x00",                   // reserved opcode
            b"\x80\x00",                   // continuation without beginning
            b"\x01\x00\x81\x00",           // text inside a text
            b"\x09\x00",                   // fragmented ping
            b"\x89\x7e\x00\x7e",           // long ping
            b"\x88\x01\x03",               // half a close code
            b"\x81\x02\xff\xff",           // not UTF-8
            b"\x81\x7f\x80\0\0\0\0\0\0\0", // a length beyond 63 bits
        ] {
            assert_eq!(decode_all(100, &[wire]).unwrap_err().kind(), ErrorKind::Protocol, "{wire:02x?}");
        }
    }

    #[test]
    fn our_frames_are_masked_as_in_the_rfc() {
        // RFC 6455, section 5.7: a single-frame masked text message
        let frame = encode_text("Hello", [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(frame, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn handshake_is_that_of_the_rfc() {
        // RFC 6455, section 1.3
        assert_eq!(handshake_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
