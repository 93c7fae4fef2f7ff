//! Heads and bodies of HTTP/1.1 answers: the codec and the client on top of it agree, however the bytes are cut, and
//! what another encoder wrote comes out as it went in.

use embedded_io_async::Read as _;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_core::ErrorKind;
use printhost_net::{
    Limits, Method, NO_BODY, Net, Origin, Request,
    proto::http1::{BodyDecoder, ResponseHead, parse_head},
};

use crate::{cuts, host, memory};

pub fn run(data: &[u8]) {
    // A head has at most 64 fields, whose values may double as they become UTF-8; beyond a copy of them and of the
    // body, nothing is held.
    let whole = memory::within(6 * data.len() + 8 * 1024, || exchange(&[data]));
    for pieces in cuts::of(data) {
        assert_eq!(exchange(&pieces), whole);
    }
    assert_eq!(client(data), whole.map(|(status, body, _)| (status, body)));
    let _ = made(&mut Unstructured::new(data));
}

/// Status, body and what is left over; or what is wrong.
type Outcome = std::result::Result<(u16, Vec<u8>, usize), ErrorKind>;

/// Reads an answer as the client does, with buffers of all sizes.
fn exchange(pieces: &[&[u8]]) -> Outcome {
    let mut pieces = pieces.iter();
    let mut inbox = Vec::new();
    let mut interim = 0;
    let mut parsed: ResponseHead = loop {
        match parse_head(&inbox, Method::Get).map_err(|e| e.kind())? {
            Some((parsed, len)) => {
                inbox.drain(..len);
                if parsed.head.status() >= 200 {
                    break parsed;
                }
                interim += 1;
                if parsed.head.status() == 101 || interim > 8 {
                    return Err(ErrorKind::Protocol);
                }
            }
            None => inbox.extend_from_slice(pieces.next().ok_or(ErrorKind::Disconnected)?),
        }
    };
    let mut body = Vec::new();
    let mut room = 0;
    while !parsed.body.is_done() {
        let mut buf = [0; 7];
        room = room % buf.len() + 1;
        let buf = &mut buf[..room];
        let (used, made) = match parsed.body.plain(room) {
            Some(most) => {
                let n = most.min(inbox.len());
                buf[..n].copy_from_slice(&inbox[..n]);
                if n > 0 {
                    parsed.body.took(n).map_err(|e| e.kind())?;
                }
                (n, n)
            }
            None => parsed.body.decode(&inbox, buf).map_err(|e| e.kind())?,
        };
        inbox.drain(..used);
        body.extend_from_slice(&buf[..made]);
        if (used, made) == (0, 0) && !parsed.body.is_done() {
            match pieces.next() {
                Some(piece) => inbox.extend_from_slice(piece),
                None if matches!(parsed.body, BodyDecoder::Chunked(_)) => {
                    return Err(ErrorKind::Disconnected);
                }
                None => parsed.body.took(0).map_err(|e| e.kind())?,
            }
        }
    }
    Ok((parsed.head.status(), body, inbox.len() + pieces.map(|p| p.len()).sum::<usize>()))
}

/// The same through the portable client.
fn client(data: &[u8]) -> std::result::Result<(u16, Vec<u8>), ErrorKind> {
    let answer = |_: &str| data.to_vec();
    let net = host::network(&answer, Limits::DEVICE);
    let origin = Origin::http("h", 80);
    let request = Request::new("read", Method::Get, &origin, "/");
    let mut read = std::pin::pin!(async {
        let mut response = net.parts().send(&request, NO_BODY).await.map_err(|e| e.kind())?;
        let mut body = Vec::new();
        let mut buf = [0; 50];
        loop {
            match response.read(&mut buf).await.map_err(|e| e.kind())? {
                0 => return Ok((response.status(), body)),
                n => body.extend_from_slice(&buf[..n]),
            }
        }
    });
    let mut read = read.as_mut();
    if let Some(done) = host::settle_pinned(&mut read) {
        return done;
    }
    net.dialer().hang_up();
    host::settle_pinned(&mut read).expect("the end of the connection ends everything")
}

/// An answer written by the rules of RFC 9112, and read again.
fn made(u: &mut Unstructured<'_>) -> Result<()> {
    let status = *u.choose(&[200_u16, 201, 299, 304, 400, 401, 503, 999])?;
    let mut wire = format!("HTTP/1.1 {status} Whatever\r\n").into_bytes();
    let mut fields = Vec::new();
    for i in 0..u.int_in_range(0..=4)? {
        let value: String = super::text(u)?.chars().filter(|c| !c.is_ascii_control()).collect();
        wire.extend_from_slice(format!("x-{i}: {value}\r\n").as_bytes());
        fields.push((format!("X-{i}"), value.trim().to_owned()));
    }
    let chunked = u.ratio(3, 4)?;
    let mut body = Vec::new();
    let mut framed = Vec::new();
    while !u.is_empty() {
        // Also a size of several digits, which the input is too short for.
        let len = u.int_in_range(1..=300_u16)?;
        let piece = u.bytes(usize::from(len).min(u.len()))?;
        if piece.is_empty() {
            break;
        }
        let chunk: Vec<u8> = piece.iter().copied().cycle().take(len.into()).collect();
        let size = match u.int_in_range(0..=3)? {
            0 => format!("{len:x}"),
            1 => format!("{len:X}"),
            2 => format!("0{len:04x} \t"),
            _ => format!("{len:x};a=\"b;c\""),
        };
        framed.extend_from_slice(size.as_bytes());
        framed.extend_from_slice(b"\r\n");
        framed.extend_from_slice(&chunk);
        framed.extend_from_slice(b"\r\n");
        body.extend_from_slice(&chunk);
    }
    if chunked {
        framed.extend_from_slice(if body.len() % 2 == 0 {
            b"0\r\n\r\n"
        } else {
            b"00;x\r\nA: b\r\nC:\r\n\r\n"
        });
        wire.extend_from_slice(b"Transfer-Encoding: Chunked\r\n\r\n");
        wire.extend_from_slice(&framed);
    } else {
        wire.extend_from_slice(format!("content-length:{}\r\n\r\n", body.len()).as_bytes());
        wire.extend_from_slice(&body);
    }
    if status == 304 {
        body.clear();
    }
    let (parsed, _) = parse_head(&wire, Method::Get).expect("good").expect("whole");
    for (name, value) in &fields {
        assert_eq!(parsed.head.get(name), Some(value.as_str()));
    }
    for end in cuts::of(&wire)[2].iter().scan(0, |at, piece| Some(std::mem::replace(at, *at + piece.len()))) {
        let part = parse_head(&wire[..end], Method::Get).expect("a good head is good as far as it goes");
        assert!(part.is_none_or(|(_, len)| len <= end));
    }
    wire.extend_from_slice(b"left");
    let left = if status == 304 { wire.len() - head_len(&wire) } else { 4 };
    for pieces in cuts::of(&wire) {
        assert_eq!(exchange(&pieces), Ok((status, body.clone(), left)));
    }
    Ok(())
}

fn head_len(wire: &[u8]) -> usize {
    wire.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4)
}
