//! HTTP/1.1 answers: the head, and the framing of the body (RFC 9112).

use printhost_core::{Error, ErrorKind, Result};

use crate::{Head, Method};

/// How many fields a head may have.
const MAX_FIELDS: usize = 64;
/// The longest line of chunk framing, and all trailers together, in bytes.
const MAX_FRAMING: u16 = 4096;

/// A parsed head and what it says about the body.
#[derive(Debug)]
#[non_exhaustive]
pub struct ResponseHead {
    /// Status and fields.
    pub head: Head,
    /// Decodes the body.
    pub body: BodyDecoder,
    /// The connection can be used again after the body.
    pub keep: bool,
}

/// Parses a head; `None` when it is not complete yet, else also its length in bytes.
pub fn parse_head(bytes: &[u8], method: Method) -> Result<Option<(ResponseHead, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let len = match response.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(malformed("the answer has too many header fields"));
        }
        Err(_) => return Err(malformed("the answer is not HTTP")),
    };
    let status = response.code.unwrap_or(0);
    let mut head = Head::with_room_for(status, response.headers);
    let mut keep = response.version == Some(1);
    let mut length = None;
    let mut chunked = false;
    for field in response.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        let value = core::str::from_utf8(field.value).unwrap_or("").trim();
        if is("content-length") {
            let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
            let n: u64 = value
                .parse()
                .ok()
                .filter(|_| digits)
                .ok_or_else(|| malformed("Content-Length is no number"))?;
            if length.replace(n).is_some_and(|other| other != n) {
                return Err(malformed("there are two different Content-Lengths"));
            }
        } else if is("transfer-encoding") {
            if chunked || !value.eq_ignore_ascii_case("chunked") {
                return Err(malformed("the transfer encoding is not supported"));
            }
            chunked = true;
        } else if is("connection") {
            for option in value.split(',') {
                match option.trim() {
                    o if o.eq_ignore_ascii_case("close") => keep = false,
                    o if o.eq_ignore_ascii_case("keep-alive") => keep = true,
                    _ => {}
                }
            }
        }
        head.push(field.name, field.value);
    }
    let body = match (status, length) {
        _ if method == Method::Head || status < 200 || status == 204 || status == 304 => BodyDecoder::Done,
        (_, Some(_)) if chunked => return Err(malformed("the answer has both a length and chunks")),
        _ if chunked => {
            BodyDecoder::Chunked(Chunked::Size { value: 0, digits: 0, line: 0, extension: false })
        }
        (_, Some(0)) => BodyDecoder::Done,
        (_, Some(n)) => BodyDecoder::Length(n),
        (_, None) => {
            keep = false;
            BodyDecoder::UntilClose
        }
    };
    Ok(Some((ResponseHead { head, body, keep }, len)))
}

/// The framing of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyDecoder {
    /// So many bytes to come.
    Length(u64),
    /// Everything until the connection ends.
    UntilClose,
    /// Chunks.
    Chunked(Chunked),
    /// Complete.
    Done,
    /// An error has happened; nothing more can be read.
    Broken,
}

/// Where in the chunk framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunked {
    /// In the line with the size.
    Size {
        /// The size so far.
        value: u64,
        /// How many digits it has.
        digits: u8,
        /// The length of the line so far.
        line: u16,
        /// Behind the `;`.
        extension: bool,
    },
    /// In the data, so many bytes to come.
    Data(u64),
    /// Behind the data, where a line break must come.
    DataEnd {
        /// The CR has been seen.
        cr: bool,
    },
    /// In the trailers.
    Trailer {
        /// The length of all trailers so far.
        total: u16,
        /// The length of the line so far.
        line: u16,
    },
}

impl BodyDecoder {
    /// True when the body is complete.
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// How many of the next bytes (at most `want`) are content and need no decoding; `None` inside chunks.
    pub fn plain(&self, want: usize) -> Option<usize> {
        match self {
            Self::Length(n) => Some(want.min(usize::try_from(*n).unwrap_or(usize::MAX))),
            Self::UntilClose => Some(want),
            Self::Done => Some(0),
            Self::Chunked(_) | Self::Broken => None,
        }
    }

    /// Counts bytes taken as [`BodyDecoder::plain`] allowed; 0 is the end of the connection.
    pub fn took(&mut self, n: usize) -> Result<()> {
        match self {
            Self::Length(left) if n > 0 => {
                *left = left.saturating_sub(n as u64);
                if *left == 0 {
                    *self = Self::Done;
                }
            }
            Self::UntilClose if n == 0 => *self = Self::Done,
            Self::Length(left) => {
                let left = *left;
                *self = Self::Broken;
                return Err(Error::new(ErrorKind::Disconnected, "read")
                    .with_detail(format_args!("the answer ended {left} bytes early")));
            }
            _ => {}
        }
        Ok(())
    }

    /// Decodes chunks: how many bytes of `input` were used and how many of `output` were filled. Neither means that
    /// more input is needed, unless the body is done.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize)> {
        let Self::Chunked(state) = self else {
            return match self {
                Self::Done => Ok((0, 0)),
                _ => Err(malformed("the body cannot be read any further")),
            };
        };
        let (mut used, mut made) = (0, 0);
        while used < input.len() {
            if let Chunked::Data(left) = state {
                let most = (input.len() - used).min(output.len() - made);
                let n = most.min(usize::try_from(*left).unwrap_or(usize::MAX));
                if n == 0 {
                    break;
                }
                output[made..made + n].copy_from_slice(&input[used..used + n]);
                (used, made) = (used + n, made + n);
                *left -= n as u64;
                if *left == 0 {
                    *state = Chunked::DataEnd { cr: false };
                }
                continue;
            }
            match state.framing(input[used]) {
                Ok(false) => used += 1,
                Ok(true) => {
                    *self = Self::Done;
                    return Ok((used + 1, made));
                }
                Err(error) => {
                    *self = Self::Broken;
                    return Err(error);
                }
            }
        }
        Ok((used, made))
    }
}

impl Chunked {
    /// Takes one byte of framing; true at the end of the body.
    fn framing(&mut self, byte: u8) -> Result<bool> {
        match self {
            Self::Size { value, digits, line, extension } => {
                *line += 1;
                if *line > MAX_FRAMING {
                    return Err(malformed("a chunk's size line is too long"));
                }
                match byte {
                    b'\n' if *digits == 0 => return Err(malformed("a chunk has no size")),
                    b'\n' if *value == 0 => *self = Self::Trailer { total: 0, line: 0 },
                    b'\n' => *self = Self::Data(*value),
                    b';' => *extension = true,
                    b'\r' | b' ' | b'\t' => {}
                    _ if *extension => {}
                    _ => {
                        let digit = char::from(byte).to_digit(16).filter(|_| *digits < 15);
                        let digit = digit.ok_or_else(|| malformed("a chunk's size is no number"))?;
                        (*value, *digits) = (*value * 16 + u64::from(digit), *digits + 1);
                    }
                }
            }
            Self::DataEnd { cr } => match byte {
                b'\r' if !*cr => *cr = true,
                b'\n' => *self = Self::Size { value: 0, digits: 0, line: 0, extension: false },
                _ => return Err(malformed("a chunk is longer than its size")),
            },
            Self::Trailer { total, line } => {
                *total += 1;
                if *total > MAX_FRAMING {
                    return Err(malformed("the trailers are too long"));
                }
                match byte {
                    b'\n' if *line == 0 => return Ok(true),
                    b'\n' => *line = 0,
                    b'\r' => {}
                    _ => *line += 1,
                }
            }
            Self::Data(_) => {}
        }
        Ok(false)
    }
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, "read").with_detail(what)
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec::Vec};

    use super::*;

    fn head(text: &str) -> Result<Option<(ResponseHead, usize)>> {
        parse_head(text.as_bytes(), Method::Get)
    }

    fn chunks(pieces: &[&[u8]]) -> Result<Vec<u8>> {
        let mut decoder = head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?.unwrap().0.body;
        let mut all = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() && !decoder.is_done() {
                let mut out = [0; 3];
                let (used, made) = decoder.decode(rest, &mut out)?;
                all.extend_from_slice(&out[..made]);
                rest = &rest[used..];
            }
        }
        match decoder.is_done() {
            true => Ok(all),
            false => Err(Error::new(ErrorKind::Disconnected, "cut")),
        }
    }

    #[test]
    fn any_split_of_chunks_decodes_to_the_same() {
        let wire = b"5;a=b\r\nhello\r\n1\r\n \r\nA \r\n0123456789\r\n0\r\nT: x\r\n\r\n";
        for at in 0..wire.len() {
            let (a, b) = wire.split_at(at);
            assert_eq!(chunks(&[a, b]).unwrap(), b"hello 0123456789", "split at {at}");
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(chunks(&bytes).unwrap(), b"hello 0123456789");
    }

    #[test]
    fn broken_chunks_are_errors_and_never_a_short_body() {
        let long = [b"1;".to_vec(), b"x".repeat(5000)].concat();
        let trailers = [b"0\r\n".to_vec(), b"x: y\r\n".repeat(1000)].concat();
        for wire in [
            &b"x\r\n"[..],
            b"\r\n",
            b"-1\r\n",
            b"5\r\nhelloX\r\n",
            b"fffffffffffffffff\r\n",
            &long,
            &trailers,
        ] {
            assert_eq!(chunks(&[wire]).unwrap_err().kind(), ErrorKind::Protocol, "{wire:?}");
        }
        for wire in [&b"5\r\nhel"[..], b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n"] {
            assert_eq!(chunks(&[wire]).unwrap_err().kind(), ErrorKind::Disconnected, "{wire:?}");
        }
    }

    #[test]
    fn framing_of_the_body_follows_rfc_9112() {
        for (text, body, keep) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", BodyDecoder::Length(5), true),
            ("HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n", BodyDecoder::Done, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", BodyDecoder::Done, false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", BodyDecoder::Length(5), false),
            ("HTTP/1.1 400 Bad Request\r\n\r\n", BodyDecoder::UntilClose, false),
            ("HTTP/1.1 100 (Continue)\r\n\r\n", BodyDecoder::Done, true),
        ] {
            let (parsed, len) = head(text).unwrap().unwrap();
            assert_eq!((parsed.body, parsed.keep, len), (body, keep, text.len()), "{text}");
        }
    }

    #[test]
    fn ambiguous_or_oversized_heads_are_refused() {
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MAX_FIELDS + 1));
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "SSH-2.0-OpenSSH_9.2\r\n",
            &many,
        ] {
            assert_eq!(head(text).unwrap_err().kind(), ErrorKind::Protocol, "{text}");
        }
    }
}
