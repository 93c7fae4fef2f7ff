//! JSON as a sequence of events, from bytes in any pieces: nothing of it is held but one text.

mod text;

use alloc::vec::Vec;

pub use text::Text;

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
///
/// ```
/// # use printhost_net::proto::json_events::{JsonEvent, JsonEvents, JsonFault};
/// let mut json = JsonEvents::new(64);
/// let mut layer = None;
/// for mut piece in [r#"{"a": [1, {"layer": 3}], "lay"#.as_bytes(), br#"er": 17}"#] {
///     while let Some(event) = json.next(&mut piece)? {
///         match event {
///             JsonEvent::Key(key) if key.bytes() != b"layer" => json.skip(),
///             JsonEvent::Number(number) => layer = number.number(),
///             _ => {}
///         }
///     }
/// }
/// json.finish()?;
/// assert_eq!(layer, Some(17.0));
/// # Ok::<(), JsonFault>(())
/// ```
#[derive(Debug)]
pub struct JsonEvents {
    state: State,
    inside: Inside,
    /// A bit for every level: whether it is an object.
    objects: u64,
    depth: u32,
    /// The level at which something stands that is passed over, or [`NONE`].
    unwanted: u32,
    text: Vec<u8>,
    limit: usize,
    is_cut: bool,
    fault: Option<JsonFault>,
}

/// No level.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Behind a colon, or before everything.
    Value,
    /// Right behind `[`.
    FirstElement,
    /// Behind a comma in an array.
    Element,
    /// Right behind `{`.
    FirstKey,
    Key,
    Colon,
    Comma,
    Done,
    // In the middle of something that began in other bytes, or has escapes in it: see [`Inside`].
    String,
    Escape,
    Unicode,
    Number,
    Word,
}

/// More about the state. All of it is plain, since it is looked at with every token.
#[derive(Clone, Copy, Debug)]
struct Inside {
    is_key: bool,
    /// The first half of a surrogate pair.
    high: Option<u16>,
    /// So many of the four digits of an escape, and their value.
    digits: u8,
    unit: u16,
    numeral: Numeral,
    /// `true`, `false` or `null`, and what is still to come of it.
    word: Token,
    left: &'static [u8],
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// All there was, and nothing of it is told.
    Part,
    BeginObject,
    EndObject,
    BeginArray,
    EndArray,
    Key,
    String,
    Number,
    True,
    False,
    Null,
}

/// Bytes, how far they are read, and where in them a text is.
struct Place<'a> {
    bytes: &'a [u8],
    at: usize,
    start: usize,
    end: usize,
}

/// The end of a text that came in several pieces, or with escapes, and is kept.
const KEPT: usize = usize::MAX;

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
        let inside = Inside {
            is_key: false,
            high: None,
            digits: 0,
            unit: 0,
            numeral: Numeral::Minus,
            word: Token::Null,
            left: &[],
        };
        Self {
            state: State::Value,
            inside,
            objects: 0,
            depth: 0,
            unwanted: NONE,
            text: Vec::new(),
            limit,
            is_cut: false,
            fault: None,
        }
    }

    /// Forgets what it has read: another value comes.
    pub fn clear(&mut self) {
        *self = Self { text: core::mem::take(&mut self.text), ..Self::new(self.limit) };
    }

    /// What stands next in `input`, which is left with the bytes behind it; `None` when that has ended first, and more of
    /// it may come. After a fault nothing is told any more, and the fault is returned again.
    #[inline]
    pub fn next<'a, 'b: 'a>(&'a mut self, input: &mut &'b [u8]) -> Result<Option<JsonEvent<'a>>, JsonFault> {
        let mut place = Place { bytes: input, at: 0, start: 0, end: KEPT };
        let token = self.advance(&mut place)?;
        *input = &place.bytes[place.at..];
        Ok(Some(match token {
            Token::Part => return Ok(None),
            Token::BeginObject => JsonEvent::BeginObject,
            Token::EndObject => JsonEvent::EndObject,
            Token::BeginArray => JsonEvent::BeginArray,
            Token::EndArray => JsonEvent::EndArray,
            Token::Key => JsonEvent::Key(self.text_at(&place)),
            Token::String => JsonEvent::String(self.text_at(&place)),
            Token::Number => JsonEvent::Number(self.text_at(&place)),
            Token::True => JsonEvent::Bool(true),
            Token::False => JsonEvent::Bool(false),
            Token::Null => JsonEvent::Null,
        }))
    }

    /// Nothing is wanted of what comes next: after a key, of its value; after the beginning of an object or array, of what
    /// is in it, nor its end. It is checked and not told. After anything else it means nothing.
    pub const fn skip(&mut self) {
        match self.state {
            State::Value | State::Colon => self.unwanted = self.depth,
            State::FirstElement | State::FirstKey => self.unwanted = self.depth - 1,
            _ => {}
        }
    }

    /// To be called at the end: whether it was one whole value. A number is only known to end there when nothing follows
    /// it, and one that stands alone is not told.
    pub fn finish(&self) -> Result<(), JsonFault> {
        match self.state {
            _ if self.fault.is_some() => Err(self.fault.unwrap_or(JsonFault::Malformed)),
            State::Done => Ok(()),
            State::Number if self.depth == 0 && self.inside.numeral.may_end() => Ok(()),
            _ => Err(JsonFault::Unfinished),
        }
    }

    /// To the next token that is told.
    fn advance(&mut self, place: &mut Place<'_>) -> Result<Token, JsonFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        while place.at < place.bytes.len() {
            let token = self.read(place).inspect_err(|fault| self.fault = Some(*fault))?;
            if token == Token::Part {
                continue;
            }
            if self.unwanted == NONE {
                return Ok(token);
            }
            // What ends here is the last of what is passed over.
            if self.unwanted == self.depth && token != Token::Key {
                self.unwanted = NONE;
            }
        }
        Ok(Token::Part)
    }

    /// Reads something that begins here, or goes on.
    #[inline]
    fn read(&mut self, place: &mut Place<'_>) -> Result<Token, JsonFault> {
        let byte = place.bytes[place.at];
        match self.state {
            State::String => return Ok(self.string(place)),
            State::Escape | State::Unicode | State::Number | State::Word => return self.go_on(byte, place),
            _ if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') => {
                place.at += blanks(&place.bytes[place.at..]);
                return Ok(Token::Part);
            }
            State::FirstElement if byte == b']' => {}
            State::Value | State::FirstElement | State::Element => return self.value(byte, place),
            State::FirstKey if byte == b'}' => {}
            State::FirstKey | State::Key if byte == b'"' => {
                place.at += 1;
                self.clear_text(true);
                return Ok(self.string(place));
            }
            State::Colon if byte == b':' => {
                place.at += 1;
                self.state = State::Value;
                return Ok(Token::Part);
            }
            State::Comma if byte == b',' => {
                place.at += 1;
                self.state = if self.in_object() { State::Key } else { State::Element };
                return Ok(Token::Part);
            }
            State::Comma if byte == if self.in_object() { b'}' } else { b']' } => {}
            State::FirstKey | State::Key | State::Colon | State::Comma | State::Done => {
                return Err(JsonFault::Malformed);
            }
        }
        place.at += 1;
        Ok(self.end())
    }

    /// What is not read at once.
    #[cold]
    fn go_on(&mut self, byte: u8, place: &mut Place<'_>) -> Result<Token, JsonFault> {
        match self.state {
            State::Number => return self.rest_of_number(place),
            State::Escape => self.escape(byte)?,
            State::Unicode => self.unicode(byte)?,
            _ => match self.inside.left {
                [last] if *last == byte => {
                    place.at += 1;
                    self.ends(place);
                    return Ok(self.inside.word);
                }
                [next, left @ ..] if *next == byte => self.inside.left = left,
                _ => return Err(JsonFault::Malformed),
            },
        }
        place.at += 1;
        Ok(Token::Part)
    }

    const fn in_object(&self) -> bool {
        self.objects & 1 != 0
    }

    /// What begins with this byte.
    #[inline]
    fn value(&mut self, byte: u8, place: &mut Place<'_>) -> Result<Token, JsonFault> {
        let (whole, word) = match byte {
            b'"' => {
                place.at += 1;
                self.clear_text(false);
                return Ok(self.string(place));
            }
            b'-' | b'0'..=b'9' => return Ok(self.number(byte, place)),
            b'{' | b'[' => {
                place.at += 1;
                return self.begin(byte == b'{');
            }
            b't' => (&b"true"[..], Token::True),
            b'f' => (&b"false"[..], Token::False),
            b'n' => (&b"null"[..], Token::Null),
            _ => return Err(JsonFault::Malformed),
        };
        if place.bytes[place.at..].starts_with(whole) {
            place.at += whole.len();
            self.ends(place);
            return Ok(word);
        }
        place.at += 1;
        self.state = State::Word;
        (self.inside.left, self.inside.word) = (&whole[1..], word);
        Ok(Token::Part)
    }

    #[inline]
    fn begin(&mut self, is_object: bool) -> Result<Token, JsonFault> {
        if self.depth == Self::DEPTH {
            return Err(JsonFault::TooDeep);
        }
        self.objects = self.objects << 1 | u64::from(is_object);
        self.depth += 1;
        self.state = if is_object { State::FirstKey } else { State::FirstElement };
        Ok(if is_object { Token::BeginObject } else { Token::BeginArray })
    }

    #[inline]
    fn end(&mut self) -> Token {
        let token = if self.in_object() { Token::EndObject } else { Token::EndArray };
        self.objects >>= 1;
        self.depth -= 1;
        self.state = if self.depth == 0 { State::Done } else { State::Comma };
        token
    }

    /// Behind a value that is neither an object nor an array. The comma mostly follows at once.
    #[inline]
    fn ends(&mut self, place: &mut Place<'_>) {
        self.state = match place.bytes.get(place.at) {
            _ if self.depth == 0 => State::Done,
            Some(b',') => {
                place.at += 1;
                if self.in_object() { State::Key } else { State::Element }
            }
            _ => State::Comma,
        };
    }

    /// What is left of a string.
    fn string(&mut self, place: &mut Place<'_>) -> Token {
        let bytes = place.bytes;
        let start = place.at;
        let end = start + plain(&bytes[start..]);
        if bytes.get(end) != Some(&b'"') {
            self.state = if end < bytes.len() { State::Escape } else { State::String };
            self.more(&bytes[start..end]);
            place.at = bytes.len().min(end + 1);
            return Token::Part;
        }
        place.at = end + 1;
        // Seldom is anything of it in another piece, or escaped.
        if self.text.is_empty() && !self.is_cut && self.inside.high.is_none() {
            (place.start, place.end) = (start, end);
        } else {
            self.more(&bytes[start..end]);
            self.half();
            place.end = KEPT;
        }
        if !self.inside.is_key {
            self.ends(place);
            return Token::String;
        }
        self.state = State::Colon;
        if bytes.get(place.at) == Some(&b':') {
            place.at += 1;
            self.state = State::Value;
        }
        Token::Key
    }

    #[cold]
    fn more(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.half();
            self.keep(bytes);
        }
    }

    fn escape(&mut self, byte: u8) -> Result<(), JsonFault> {
        if byte == b'u' {
            self.state = State::Unicode;
            (self.inside.digits, self.inside.unit) = (0, 0);
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
        self.state = State::String;
        Ok(())
    }

    fn unicode(&mut self, byte: u8) -> Result<(), JsonFault> {
        let digit = char::from(byte).to_digit(16).ok_or(JsonFault::Malformed)?;
        let unit = self.inside.unit << 4 | digit as u16;
        (self.inside.digits, self.inside.unit) = (self.inside.digits + 1, unit);
        if self.inside.digits < 4 {
            return Ok(());
        }
        self.state = State::String;
        match (self.inside.high, unit) {
            (Some(high), 0xdc00..0xe000) => {
                self.inside.high = None;
                let c = char::decode_utf16([high, unit]).next().and_then(Result::ok);
                self.keep_char(c.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (_, 0xd800..0xdc00) => {
                self.half();
                self.inside.high = Some(unit);
            }
            _ => {
                self.half();
                self.keep_char(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        Ok(())
    }

    /// What follows is no second half.
    fn half(&mut self) {
        if self.inside.high.take().is_some() {
            self.keep_char(char::REPLACEMENT_CHARACTER);
        }
    }

    /// A number, all at once if it is not too odd and ends here.
    #[inline]
    fn number(&mut self, byte: u8, place: &mut Place<'_>) -> Token {
        let (bytes, start) = (place.bytes, place.at);
        let whole = start + usize::from(byte == b'-');
        let mut end = whole + digits(&bytes[whole..]);
        let mut is_usual = end == whole + 1 || end > whole && bytes[whole] != b'0';
        if is_usual && bytes.get(end) == Some(&b'.') {
            let decimals = digits(&bytes[end + 1..]);
            is_usual = decimals > 0;
            end += 1 + decimals;
        }
        if is_usual && !matches!(bytes.get(end), None | Some(b'e' | b'E')) {
            (place.at, place.start, place.end) = (end, start, end);
            self.ends(place);
            return Token::Number;
        }
        self.clear_text(false);
        self.keep(&[byte]);
        place.at = start + 1;
        self.state = State::Number;
        self.inside.numeral = match byte {
            b'-' => Numeral::Minus,
            b'0' => Numeral::Zero,
            _ => Numeral::Whole,
        };
        Token::Part
    }

    fn rest_of_number(&mut self, place: &mut Place<'_>) -> Result<Token, JsonFault> {
        let start = place.at;
        while let Some(byte) = place.bytes.get(place.at)
            && let Some(next) = self.inside.numeral.and(*byte)
        {
            self.inside.numeral = next;
            place.at += 1;
        }
        self.keep(&place.bytes[start..place.at]);
        if place.at == place.bytes.len() {
            return Ok(Token::Part);
        }
        if !self.inside.numeral.may_end() {
            return Err(JsonFault::Malformed);
        }
        place.end = KEPT;
        self.ends(place);
        Ok(Token::Number)
    }

    #[inline]
    fn clear_text(&mut self, is_key: bool) {
        self.text.clear();
        (self.is_cut, self.inside.high, self.inside.is_key) = (false, None, is_key);
    }

    fn keep_char(&mut self, c: char) {
        self.keep(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.unwanted != NONE || bytes.is_empty() {
            return;
        }
        let fits = bytes.len().min(self.limit - self.text.len());
        self.is_cut |= fits < bytes.len();
        if self.text.capacity() < self.limit {
            self.text.reserve_exact(self.limit - self.text.len());
        }
        self.text.extend_from_slice(&bytes[..fits]);
    }

    #[inline]
    fn text_at<'a>(&'a self, place: &Place<'a>) -> Text<'a> {
        let (bytes, is_cut) = match place.bytes.get(place.start..place.end) {
            Some(bytes) => (bytes, bytes.len() > self.limit),
            None => (&self.text[..], self.is_cut),
        };
        if is_cut { Text::cut(&bytes[..self.limit.min(bytes.len())]) } else { Text::new(bytes, true) }
    }
}

/// How many blanks are here.
fn blanks(bytes: &[u8]) -> usize {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    bytes.iter().position(|byte| !is_blank(byte)).unwrap_or(bytes.len())
}

/// How many digits are here.
#[inline]
fn digits(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len())
}

/// How many bytes of a string come before its end, or an escape; they are looked at several at a time.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    const WORD: usize = size_of::<usize>();
    const ONES: usize = usize::MAX / 0xff;
    const HIGH: usize = ONES << 7;
    // The highest bit of the first byte that is 0, and of none before it.
    const fn zeros(word: usize) -> usize {
        word.wrapping_sub(ONES) & !word & HIGH
    }
    let (words, tail) = bytes.as_chunks::<WORD>();
    for (n, word) in words.iter().enumerate() {
        let word = usize::from_le_bytes(*word);
        let found = zeros(word ^ ONES * b'"' as usize) | zeros(word ^ ONES * b'\\' as usize);
        if found != 0 {
            return n * WORD + found.trailing_zeros() as usize / 8;
        }
    }
    let in_tail = tail.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(tail.len());
    bytes.len() - tail.len() + in_tail
}

#[cfg(test)]
mod tests;
