use alloc::{string::String, vec::Vec};

use printhost_core::{Error, ErrorKind, Result};

/// How much of a reply's text is kept, in bytes as they come.
pub const MAX_TEXT: usize = 512;
/// The longest reply, in bytes: some greet with a page of text.
pub const MAX_REPLY: usize = 16 << 10;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// 100 to 599.
    pub code: u16,
    /// The text of its lines with blanks between them, cut at [`MAX_TEXT`]. Text that is not UTF-8 is read as ISO-8859-1.
    pub text: String,
}

impl Reply {
    /// 1xx: another reply follows.
    pub const fn is_preliminary(&self) -> bool {
        self.code < 200
    }

    /// 2xx.
    pub const fn is_done(&self) -> bool {
        self.code / 100 == 2
    }

    /// The port in an answer to PASV (227). The address in it is not looked at: behind a router it is often wrong, and
    /// believing it would let a server send us anywhere.
    pub fn passive_port(&self) -> Option<u16> {
        // Wherever six numbers with commas stand: brackets are customary, not certain (RFC 1123, 4.1.2.6).
        let text = self.text.as_bytes();
        (0..text.len()).filter(|i| *i == 0 || !text[i - 1].is_ascii_digit()).find_map(|i| six(&text[i..]))
    }

    /// The port in an answer to EPSV (229): `(|||port|)`, with any character as the bar.
    pub fn extended_port(&self) -> Option<u16> {
        let rest = self.text.split_once('(')?.1;
        let bar = rest.chars().next().filter(|c| c.is_ascii_graphic() && !c.is_ascii_digit())?;
        let mut fields = rest[1..].split(bar);
        let (_family, _address, port) = (fields.next()?, fields.next()?, fields.next()?);
        let _closed = fields.next()?;
        digits(port).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)
    }

    /// The size in an answer to SIZE (213).
    pub fn size(&self) -> Option<u64> {
        digits(self.text.trim())
    }
}

fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// The port out of `h1,h2,h3,h4,p1,p2` at the beginning of a text.
fn six(text: &[u8]) -> Option<u16> {
    let mut rest = text;
    let mut port = 0_u16;
    for i in 0..6 {
        if i > 0 {
            rest = rest.strip_prefix(b",")?;
            while let Some(after) = rest.strip_prefix(b" ") {
                rest = after;
            }
        }
        let len = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let number = core::str::from_utf8(&rest[..len]).ok()?.parse::<u8>().ok()?;
        port = port << 8 | u16::from(number);
        rest = &rest[len..];
    }
    (port != 0).then_some(port)
}

/// Turns bytes into replies, with memory bounded by [`MAX_TEXT`].
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    /// The beginning of the line: a code and what stands behind it.
    head: [u8; 4],
    have: usize,
    /// The code, once the first line has told it.
    code: Option<u16>,
    /// The code that a line of several has to repeat.
    lasts: bool,
    text: Vec<u8>,
    len: usize,
}

impl ReplyDecoder {
    /// A decoder at the start of a connection.
    pub const fn new() -> Self {
        Self { head: [0; 4], have: 0, code: None, lasts: false, text: Vec::new(), len: 0 }
    }

    /// Whether nothing of a reply was taken that is not complete.
    pub const fn is_at_start(&self) -> bool {
        self.len == 0
    }

    /// Takes bytes; returns how many were used, and a reply once one is complete. Call again with the rest.
    /// [`ErrorKind::Protocol`] for what is no reply, after which nothing more can be read.
    pub fn decode(&mut self, input: &[u8]) -> Result<(usize, Option<Reply>)> {
        for (i, byte) in input.iter().enumerate() {
            self.len += 1;
            if self.len > MAX_REPLY {
                return Err(malformed("a reply does not end"));
            }
            if *byte == b'\n' {
                if self.end_line()? {
                    return Ok((i + 1, Some(self.finish())));
                }
            } else if self.have < 4 {
                self.head[self.have] = *byte;
                self.have += 1;
                if self.have == 4 {
                    self.end_head()?;
                }
            } else {
                self.keep(*byte);
            }
        }
        Ok((input.len(), None))
    }

    fn keep(&mut self, byte: u8) {
        if self.text.len() < MAX_TEXT {
            if self.text.capacity() == 0 {
                self.text.reserve_exact(MAX_TEXT);
            }
            self.text.push(byte);
        }
    }

    /// The first four bytes of a line are there.
    fn end_head(&mut self) -> Result<()> {
        let last = self.head[3];
        match (self.code, code(&self.head[..3])) {
            (None, Some(code)) if matches!(last, b' ' | b'-' | b'\r') => {
                self.code = Some(code);
                self.lasts = last == b'-';
            }
            (None, _) => return Err(malformed("a reply does not begin with a code")),
            (Some(first), here) if here == Some(first) && matches!(last, b' ' | b'-' | b'\r') => {
                self.lasts = last == b'-';
            }
            // A line in between, as it likes.
            (Some(_), _) => self.head.into_iter().for_each(|byte| self.keep(byte)),
        }
        Ok(())
    }

    /// True when the reply is complete.
    fn end_line(&mut self) -> Result<bool> {
        match (self.have, self.code) {
            // Nothing but a code.
            (3, None) => self.code = Some(code(&self.head[..3]).ok_or_else(|| malformed("no code"))?),
            (3, Some(first)) if code(&self.head[..3]) == Some(first) => self.lasts = false,
            (0..4, None) => return Err(malformed("a reply does not begin with a code")),
            (have @ 0..4, Some(_)) => {
                let head = self.head;
                head[..have].iter().for_each(|byte| self.keep(*byte));
            }
            _ => {}
        }
        self.have = 0;
        while self.text.last().is_some_and(|last| matches!(last, b'\r' | b' ')) {
            self.text.pop();
        }
        if self.lasts && !self.text.is_empty() {
            self.keep(b' ');
        }
        Ok(!self.lasts)
    }

    fn finish(&mut self) -> Reply {
        let text = core::mem::take(&mut self.text);
        let text = match String::from_utf8(text) {
            Ok(text) => text,
            Err(error) => match error.utf8_error() {
                // Cut in the middle of a character.
                e if e.error_len().is_none() => {
                    let whole = e.valid_up_to();
                    let mut text = error.into_bytes();
                    text.truncate(whole);
                    String::from_utf8(text).unwrap_or_default()
                }
                _ => error.as_bytes().iter().copied().map(char::from).collect(),
            },
        };
        let code = self.code.take().unwrap_or_default();
        *self = Self::new();
        Reply { code, text }
    }
}

fn code(digits: &[u8]) -> Option<u16> {
    let [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] = digits else { return None };
    Some([a, b, c].into_iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')))
}

fn malformed(what: &'static str) -> Error {
    Error::new(ErrorKind::Protocol, "ftp").with_detail(what)
}
