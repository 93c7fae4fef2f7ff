//! JSON as a sequence of events, from bytes in any pieces: nothing of it is held but one text.

use alloc::vec::Vec;
use core::str;

/// What stands in some JSON, in its order.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums)] // JSON has nothing else
pub enum JsonEvent<'a> {
    /// `{`
    BeginObject,
    /// `}`
    EndObject,
    /// `[`
    BeginArray,
    /// `]`
    EndArray,
    /// The name of a member; what comes next is its value.
    Key(Text<'a>),
    /// A string.
    String(Text<'a>),
    /// A number, as it is written.
    Number(Text<'a>),
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
}

/// What is wanted of what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // either or
pub enum Wanted {
    /// Everything.
    All,
    /// After a key, nothing of its value; after the beginning of an object or array, nothing of what is in it, nor its end.
    /// It is checked and not told. After anything else it means nothing.
    Nothing,
}

/// A string or number, of which the first bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    bytes: &'a [u8],
    is_whole: bool,
}

impl<'a> Text<'a> {
    /// A text that is whole, or the beginning of one.
    pub const fn new(bytes: &'a [u8], is_whole: bool) -> Self {
        Self { bytes, is_whole }
    }

    /// Without escapes, as it came otherwise: it need not be UTF-8.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// False when it was longer than what is kept of a text.
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Its characters. A byte that is no UTF-8 is the character that Latin-1 has for it.
    pub fn chars(&self) -> impl Iterator<Item = char> + use<'a> {
        self.bytes.utf8_chunks().flat_map(|chunk| {
            chunk.valid().chars().chain(chunk.invalid().iter().map(|byte| char::from(*byte)))
        })
    }

    /// As it is, when it is UTF-8.
    pub fn as_str(&self) -> Option<&'a str> {
        str::from_utf8(self.bytes).ok()
    }

    /// The number that is written here; `None` for what is none, is not whole, or is too large for any.
    pub fn number(&self) -> Option<f64> {
        // Most are whole ones.
        if let 1..=15 = self.bytes.len()
            && self.is_whole
            && self.bytes.iter().all(u8::is_ascii_digit)
        {
            let digits = self.bytes.iter().map(|digit| u64::from(digit - b'0'));
            return Some(digits.fold(0, |number, digit| 10 * number + digit) as f64);
        }
        let text = self.as_str().filter(|_| self.is_whole)?.trim_ascii();
        // What else Rust takes for a number has letters in it.
        let is_one = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
        text.parse().ok().filter(|number: &f64| is_one && number.is_finite())
    }
}

/// Why something is no JSON that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonFault {
    /// It is no JSON.
    Malformed,
    /// It is nested deeper than [`JsonEvents::DEPTH`].
    TooDeep,
    /// It ends before it is complete.
    Unfinished,
}

/// Reads one value. What it holds is the beginning of one text, whose limit is given, and 64 bits of nesting.
///
/// Texts are lenient: they may have control characters in them, and bytes that are no UTF-8. Half of a surrogate pair is a
/// replacement character. Everything else is as RFC 8259 has it; blanks may stand anywhere it says.
#[derive(Debug)]
pub struct JsonEvents {
    state: State,
    /// A bit for every level: whether it is an object.
    objects: u64,
    depth: u32,
    /// The level at which something stands that is passed over.
    unwanted: Option<u32>,
    text: Vec<u8>,
    limit: usize,
    is_cut: bool,
    /// The first half of a surrogate pair.
    high: Option<u16>,
    fault: Option<JsonFault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    /// Right behind `[`.
    FirstElement,
    /// Right behind `{`.
    FirstKey,
    Key,
    Colon,
    Comma,
    String(Role),
    Escape(Role),
    /// So many of the four digits, and their value.
    Unicode(Role, u8, u16),
    Number(Numeral),
    /// What is still to come of `true`, `false` or `null`.
    Word(&'static [u8], Word),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Key,
    Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    True,
    False,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Numeral {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Numeral {
    /// With one more byte; `None` when that does not belong to it.
    const fn and(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => Self::ExponentDigits,
            _ => return None,
        })
    }

    const fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::ExponentDigits)
    }
}

impl JsonEvents {
    /// Nesting deeper than this is refused.
    pub const DEPTH: u32 = u64::BITS;

    /// Of a text, at most `limit` bytes are kept; that is what it allocates, once.
    pub const fn new(limit: usize) -> Self {
        Self {
            state: State::Value,
            objects: 0,
            depth: 0,
            unwanted: None,
            text: Vec::new(),
            limit,
            is_cut: false,
            high: None,
            fault: None,
        }
    }

    /// Forgets what it has read: another value comes.
    pub fn clear(&mut self) {
        *self = Self { text: core::mem::take(&mut self.text), ..Self::new(self.limit) };
    }

    /// Takes the next bytes and tells what stands in them. After a fault nothing is told any more, and the fault is
    /// returned again.
    pub fn feed(
        &mut self,
        input: &[u8],
        mut take: impl FnMut(JsonEvent<'_>) -> Wanted,
    ) -> Result<(), JsonFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut rest = input;
        while !rest.is_empty() {
            match self.step(rest, &mut take) {
                Ok(len) => rest = &rest[len..],
                Err(fault) => {
                    self.fault = Some(fault);
                    return Err(fault);
                }
            }
        }
        Ok(())
    }

    /// To be called at the end: whether it was one whole value. A number is only known to end there when nothing follows
    /// it, and one that stands alone is not told.
    pub fn finish(&self) -> Result<(), JsonFault> {
        match self.state {
            _ if self.fault.is_some() => Err(self.fault.unwrap_or(JsonFault::Malformed)),
            State::Done => Ok(()),
            State::Number(numeral) if self.depth == 0 && numeral.may_end() => Ok(()),
            _ => Err(JsonFault::Unfinished),
        }
    }

    /// Reads something at the start of what comes, and says how long it was.
    #[inline]
    fn step(
        &mut self,
        rest: &[u8],
        take: &mut impl FnMut(JsonEvent<'_>) -> Wanted,
    ) -> Result<usize, JsonFault> {
        let byte = rest[0];
        match self.state {
            State::String(role) => return self.string(role, rest, take),
            State::Number(numeral) => return self.number(numeral, rest, take),
            State::Escape(role) => self.escape(role, byte)?,
            State::Unicode(role, count, unit) => self.unicode(role, count, unit, byte)?,
            State::Word(left, word) => self.word(left, word, byte, take)?,
            _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => {
                let is_blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
                return Ok(rest.iter().position(|b| !is_blank(b)).unwrap_or(rest.len()));
            }
            State::FirstElement if byte == b']' => self.end(take)?,
            State::Value | State::FirstElement => self.value(byte, take)?,
            State::FirstKey if byte == b'}' => self.end(take)?,
            State::FirstKey | State::Key if byte == b'"' => self.open_string(Role::Key),
            State::Colon if byte == b':' => self.state = State::Value,
            State::Comma => match (byte, self.in_object()) {
                (b',', true) => self.state = State::Key,
                (b',', false) => self.state = State::Value,
                (b'}', true) | (b']', false) => self.end(take)?,
                _ => return Err(JsonFault::Malformed),
            },
            State::FirstKey | State::Key | State::Colon | State::Done => return Err(JsonFault::Malformed),
        }
        Ok(1)
    }

    /// The first byte of a value.
    #[inline]
    fn value(&mut self, byte: u8, take: &mut impl FnMut(JsonEvent<'_>) -> Wanted) -> Result<(), JsonFault> {
        self.state = match byte {
            b'{' => return self.begin(true, take),
            b'[' => return self.begin(false, take),
            b'"' => {
                self.open_string(Role::Value);
                return Ok(());
            }
            b't' => State::Word(b"rue", Word::True),
            b'f' => State::Word(b"alse", Word::False),
            b'n' => State::Word(b"ull", Word::Null),
            b'-' | b'0'..=b'9' => {
                self.clear_text();
                self.keep(&[byte]);
                State::Number(match byte {
                    b'-' => Numeral::Minus,
                    b'0' => Numeral::Zero,
                    _ => Numeral::Whole,
                })
            }
            _ => return Err(JsonFault::Malformed),
        };
        Ok(())
    }

    const fn in_object(&self) -> bool {
        self.objects & 1 != 0
    }

    fn begin(
        &mut self,
        is_object: bool,
        take: &mut impl FnMut(JsonEvent<'_>) -> Wanted,
    ) -> Result<(), JsonFault> {
        if self.depth == Self::DEPTH {
            return Err(JsonFault::TooDeep);
        }
        let event = if is_object { JsonEvent::BeginObject } else { JsonEvent::BeginArray };
        if self.unwanted.is_none() && take(event) == Wanted::Nothing {
            self.unwanted = Some(self.depth);
        }
        self.objects = self.objects << 1 | u64::from(is_object);
        self.depth += 1;
        self.state = if is_object { State::FirstKey } else { State::FirstElement };
        Ok(())
    }

    fn end(&mut self, take: &mut impl FnMut(JsonEvent<'_>) -> Wanted) -> Result<(), JsonFault> {
        let event = if self.in_object() { JsonEvent::EndObject } else { JsonEvent::EndArray };
        self.objects >>= 1;
        self.depth -= 1;
        self.told(event, take);
        Ok(())
    }

    /// Behind a value.
    #[inline]
    fn told(&mut self, event: JsonEvent<'_>, take: &mut impl FnMut(JsonEvent<'_>) -> Wanted) {
        match self.unwanted {
            None => drop(take(event)),
            Some(level) if level == self.depth => self.unwanted = None,
            Some(_) => {}
        }
        self.state = if self.depth == 0 { State::Done } else { State::Comma };
    }

    fn open_string(&mut self, role: Role) {
        self.clear_text();
        self.state = State::String(role);
    }

    #[inline]
    fn string(
        &mut self,
        role: Role,
        rest: &[u8],
        take: &mut impl FnMut(JsonEvent<'_>) -> Wanted,
    ) -> Result<usize, JsonFault> {
        let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
        let (plain, ends) = match end {
            Some(end) => (&rest[..end], rest[end] == b'"'),
            None => (rest, false),
        };
        if !plain.is_empty() {
            self.half();
        }
        if !ends {
            self.keep(plain);
            if end.is_some() {
                self.state = State::Escape(role);
            }
            return Ok(plain.len() + usize::from(end.is_some()));
        }
        self.half();
        // Seldom is anything of it in another piece, or escaped.
        if self.text.is_empty() && !self.is_cut {
            let is_whole = plain.len() <= self.limit;
            let bytes = if is_whole { plain } else { whole_characters(&plain[..self.limit]) };
            self.string_ends(role, Text { bytes, is_whole }, take);
        } else {
            self.keep(plain);
            let text = core::mem::take(&mut self.text);
            let is_whole = !self.is_cut;
            let bytes = if is_whole { &text[..] } else { whole_characters(&text) };
            self.string_ends(role, Text { bytes, is_whole }, take);
            self.text = text;
        }
        Ok(plain.len() + 1)
    }

    #[inline]
    fn string_ends(&mut self, role: Role, text: Text<'_>, take: &mut impl FnMut(JsonEvent<'_>) -> Wanted) {
        match role {
            Role::Value => self.told(JsonEvent::String(text), take),
            Role::Key => {
                if self.unwanted.is_none() && take(JsonEvent::Key(text)) == Wanted::Nothing {
                    self.unwanted = Some(self.depth);
                }
                self.state = State::Colon;
            }
        }
    }

    fn escape(&mut self, role: Role, byte: u8) -> Result<(), JsonFault> {
        if byte == b'u' {
            self.state = State::Unicode(role, 0, 0);
            return Ok(());
        }
        self.half();
        self.keep(&[match byte {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'"' | b'\\' | b'/' => byte,
            _ => return Err(JsonFault::Malformed),
        }]);
        self.state = State::String(role);
        Ok(())
    }

    fn unicode(&mut self, role: Role, count: u8, unit: u16, byte: u8) -> Result<(), JsonFault> {
        let digit = char::from(byte).to_digit(16).ok_or(JsonFault::Malformed)?;
        let unit = unit << 4 | digit as u16;
        if count < 3 {
            self.state = State::Unicode(role, count + 1, unit);
            return Ok(());
        }
        self.state = State::String(role);
        match (self.high, unit) {
            (Some(high), 0xdc00..0xe000) => {
                self.high = None;
                let c = char::decode_utf16([high, unit]).next().and_then(Result::ok);
                self.keep_char(c.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (_, 0xd800..0xdc00) => {
                self.half();
                self.high = Some(unit);
            }
            _ => {
                self.half();
                self.keep_char(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        Ok(())
    }

    /// What follows is no second half.
    #[inline]
    fn half(&mut self) {
        if self.high.is_some() {
            self.high = None;
            self.keep_char(char::REPLACEMENT_CHARACTER);
        }
    }

    #[inline]
    fn number(
        &mut self,
        mut numeral: Numeral,
        rest: &[u8],
        take: &mut impl FnMut(JsonEvent<'_>) -> Wanted,
    ) -> Result<usize, JsonFault> {
        let mut len = 0;
        while let Some(next) = rest.get(len).and_then(|byte| numeral.and(*byte)) {
            numeral = next;
            len += 1;
        }
        self.keep(&rest[..len]);
        self.state = State::Number(numeral);
        if len < rest.len() {
            if !numeral.may_end() {
                return Err(JsonFault::Malformed);
            }
            let text = core::mem::take(&mut self.text);
            self.told(JsonEvent::Number(Text { bytes: &text, is_whole: !self.is_cut }), take);
            self.text = text;
        }
        Ok(len)
    }

    fn word(
        &mut self,
        left: &'static [u8],
        word: Word,
        byte: u8,
        take: &mut impl FnMut(JsonEvent<'_>) -> Wanted,
    ) -> Result<(), JsonFault> {
        match left {
            [last] if *last == byte => self.told(
                match word {
                    Word::True => JsonEvent::Bool(true),
                    Word::False => JsonEvent::Bool(false),
                    Word::Null => JsonEvent::Null,
                },
                take,
            ),
            [next, left @ ..] if *next == byte => self.state = State::Word(left, word),
            _ => return Err(JsonFault::Malformed),
        }
        Ok(())
    }

    fn clear_text(&mut self) {
        self.text.clear();
        (self.is_cut, self.high) = (false, None);
    }

    fn keep_char(&mut self, c: char) {
        self.keep(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    #[inline]
    fn keep(&mut self, bytes: &[u8]) {
        if self.unwanted.is_some() || bytes.is_empty() {
            return;
        }
        let fits = bytes.len().min(self.limit - self.text.len());
        self.is_cut |= fits < bytes.len();
        if self.text.capacity() < self.limit {
            self.text.reserve_exact(self.limit - self.text.len());
        }
        self.text.extend_from_slice(&bytes[..fits]);
    }
}

/// Without the beginning of a character at the end, when its other bytes were cut off.
fn whole_characters(cut: &[u8]) -> &[u8] {
    let tail = cut.len().saturating_sub(3);
    for start in (tail..cut.len()).rev() {
        if cut[start] >= 0xc0 {
            let is_begun = str::from_utf8(&cut[start..]).is_err_and(|error| error.error_len().is_none());
            return if is_begun { &cut[..start] } else { cut };
        }
    }
    cut
}

#[cfg(test)]
mod tests;
