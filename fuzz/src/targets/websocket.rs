//! WebSocket frames: what another encoder wrote comes out as it went in, however it is cut; and what we write, another
//! decoder reads.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_core::ErrorKind;
use printhost_net::proto::websocket::{
    Decoder, Message, SUFFIX, encode_ping, encode_pong, encode_text, handshake_accept, handshake_key,
};

use crate::{cuts, memory};

const LIMIT: usize = 300;

pub fn run(data: &[u8]) {
    // What is assembled at most doubles and is copied when it grows; a control frame has at most 125 bytes more.
    memory::within(4 * LIMIT + 1024, || {
        let mut decoder = Decoder::new(LIMIT);
        let mut rest = data;
        while let Ok((used, Some(_))) = decoder.decode(rest) {
            rest = &rest[used..];
        }
    });
    let whole = decode(&[data]);
    for pieces in cuts::of(data) {
        assert_eq!(decode(&pieces), whole);
    }
    let _ = received(&mut Unstructured::new(data));
    let _ = sent(&mut Unstructured::new(data));
}

/// The messages up to the end or to what is wrong.
fn decode(pieces: &[&[u8]]) -> (Vec<Message>, Option<ErrorKind>) {
    let mut decoder = Decoder::new(LIMIT);
    let mut messages = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            match decoder.decode(rest) {
                Ok((used, message)) => {
                    assert!(used > 0 && (message.is_some() || used == rest.len()), "it makes no headway");
                    messages.extend(message);
                    rest = &rest[used..];
                }
                Err(e) => return (messages, Some(e.kind())),
            }
        }
    }
    (messages, None)
}

/// A payload of any length, among them those where the header's form changes.
fn payload(u: &mut Unstructured<'_>, most: usize) -> Result<String> {
    let len = match u.int_in_range(0..=1023_u16)? {
        1020.. => *u.choose(&[65535, 65536])?,
        900.. => *u.choose(&[125, 126, 127])?,
        _ => u.int_in_range(0..=LIMIT)?,
    };
    let (start, wide) = (u.int_in_range(0..=60)?, u.arbitrary::<bool>()?);
    // 61 is no multiple of anything that a mask or a piece is long.
    const LINE: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY";
    let mut text = LINE.repeat(len / LINE.len() + 2)[start..][..len.min(most)].to_owned();
    if wide && text.len() >= 2 {
        text.replace_range(..2, "ü");
    }
    Ok(text)
}

/// A frame as a server writes it (RFC 6455, 5.2).
fn frame(to: &mut Vec<u8>, first: u8, payload: &[u8]) {
    to.push(first);
    match payload.len() {
        n @ ..126 => to.push(n as u8),
        n @ 126..=0xffff => {
            to.push(126);
            to.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            to.push(127);
            to.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    to.extend_from_slice(payload);
}

fn received(u: &mut Unstructured<'_>) -> Result<()> {
    let (mut wire, mut expected) = (Vec::new(), Vec::new());
    for _ in 0..u.int_in_range(1..=4)? {
        let text = payload(u, usize::MAX)?;
        let binary: bool = u.arbitrary()?;
        let mut rest = text.as_bytes();
        let mut opcode = if binary { 2 } else { 1 };
        for _ in 0..u.int_in_range(0..=3)? {
            let (piece, later) = rest.split_at(u.int_in_range(0..=rest.len())?);
            frame(&mut wire, opcode, piece);
            (rest, opcode) = (later, 0);
            if u.arbitrary()? {
                let ping = payload(u, 125)?.into_bytes();
                frame(&mut wire, 0x89, &ping);
                expected.push(Message::Ping(ping));
            }
        }
        frame(&mut wire, 0x80 | opcode, rest);
        expected.push(match text.len() > LIMIT {
            true => Message::TooLarge {
                prefix: text.as_bytes()[..LIMIT].into(),
                suffix: text.as_bytes()[text.len().saturating_sub(SUFFIX)..].into(),
                len: text.len() as u64,
            },
            false if binary => Message::Binary(text.into_bytes()),
            false => Message::Text(text),
        });
    }
    let expected = (expected, None);
    assert_eq!(decode(&[&wire]), expected);
    // Single bytes of a long message tell nothing new.
    for pieces in cuts::of(&wire).into_iter().filter(|pieces| pieces.len() < 10_000) {
        assert_eq!(decode(&pieces), expected);
    }
    Ok(())
}

fn sent(u: &mut Unstructured<'_>) -> Result<()> {
    let mask: [u8; 4] = u.arbitrary()?;
    let text = payload(u, usize::MAX)?;
    assert_eq!(unmasked(&encode_text(&text, mask), mask), (0x81, text.into_bytes()));
    let pong = payload(u, 125)?;
    assert_eq!(unmasked(&encode_pong(pong.as_bytes(), mask), mask), (0x8a, pong.into_bytes()));
    assert_eq!(unmasked(&encode_ping(mask), mask), (0x89, Vec::new()));
    let key = handshake_key(u.arbitrary()?);
    assert_eq!((key.len(), handshake_accept(&key).len()), (24, 28));
    Ok(())
}

/// First byte and payload of a client's frame, as a server reads it.
fn unmasked(frame: &[u8], mask: [u8; 4]) -> (u8, Vec<u8>) {
    let (head, rest) = frame.split_at(2);
    assert_ne!(head[1] & 0x80, 0, "a client masks");
    let extended = match head[1] & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let (length, rest) = rest.split_at(extended);
    let len = match extended {
        0 => u64::from(head[1] & 0x7f),
        _ => length.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
    };
    assert!(extended == 0 || len > 125 && (extended == 2 || len > 0xffff), "the shortest form");
    let (key, payload) = rest.split_at(4);
    assert_eq!((key, payload.len() as u64), (&mask[..], len));
    (head[0], payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m).collect())
}
