//! JSON as it comes, read in place: what is not wanted is passed over without being looked at twice, and nothing is
//! allocated for it.

use alloc::string::String;
use core::str;

/// This is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(crate) type Read<T> = Result<T, Malformed>;

/// Nesting deeper than this is refused.
const MAX_DEPTH: u32 = 128;

/// A place in some JSON. Every method reads one thing and stands behind it, unless it fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The first byte of what comes next.
    #[inline]
    pub(crate) fn peek(&mut self) -> Read<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Malformed),
            }
        }
    }

    /// Whether an object begins here; then it is entered, and otherwise what is there is passed over.
    #[inline]
    pub(crate) fn enter_object(&mut self) -> Read<bool> {
        self.enter(b'{')
    }

    /// As [`Self::enter_object`], for an array.
    #[inline]
    pub(crate) fn enter_array(&mut self) -> Read<bool> {
        self.enter(b'[')
    }

    #[inline]
    fn enter(&mut self, bracket: u8) -> Read<bool> {
        let is_it = self.peek()? == bracket;
        match is_it {
            true => self.at += 1,
            false => self.skip()?,
        }
        Ok(is_it)
    }

    /// The next member's name as it is written, in the object that was entered; `None` at its end.
    #[inline]
    pub(crate) fn key(&mut self, first: &mut bool) -> Read<Option<&'a [u8]>> {
        if !self.next(first, b'}')? {
            return Ok(None);
        }
        let key = self.raw_string()?;
        if self.peek()? != b':' {
            return Err(Malformed);
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Whether there is another element in the array that was entered.
    #[inline]
    pub(crate) fn element(&mut self, first: &mut bool) -> Read<bool> {
        self.next(first, b']')
    }

    #[inline]
    fn next(&mut self, first: &mut bool, end: u8) -> Read<bool> {
        let byte = self.peek()?;
        if byte == end {
            self.at += 1;
            return Ok(false);
        }
        if !core::mem::take(first) {
            if byte != b',' {
                return Err(Malformed);
            }
            self.at += 1;
        }
        Ok(true)
    }

    /// A string as it is written, without its quotes.
    #[inline]
    pub(crate) fn raw_string(&mut self) -> Read<&'a [u8]> {
        if self.peek()? != b'"' {
            return Err(Malformed);
        }
        let start = self.at + 1;
        let mut at = start;
        loop {
            let rest = self.bytes.get(at..).ok_or(Malformed)?;
            let special = rest.iter().position(|b| matches!(b, b'"' | b'\\')).ok_or(Malformed)?;
            at += special;
            if rest[special] == b'"' {
                break;
            }
            at += 2;
        }
        self.at = at + 1;
        Ok(&self.bytes[start..at])
    }

    /// Puts a string of which at most `max` bytes are kept into `to`; tells whether that changed it. What is no string
    /// empties it.
    pub(crate) fn text(&mut self, to: &mut String, max: usize) -> Read<bool> {
        if self.peek()? != b'"' {
            self.skip()?;
            let changed = !to.is_empty();
            to.clear();
            return Ok(changed);
        }
        let raw = str::from_utf8(self.raw_string()?).map_err(|_| Malformed)?;
        if !raw.contains('\\') {
            let raw = &raw[..raw.floor_char_boundary(max)];
            if to == raw {
                return Ok(false);
            }
            to.clear();
            to.reserve_exact(raw.len());
            to.push_str(raw);
            return Ok(true);
        }
        let mut text = String::with_capacity(raw.len().min(max));
        unescape(raw, |c| {
            let fits = text.len() + c.len_utf8() <= max;
            if fits {
                text.push(c);
            }
            fits
        })?;
        let changed = *to != text;
        *to = text;
        Ok(changed)
    }

    /// A number; `None` for anything else. Of more than 15 digits the last may be off by one: Klipper writes 17 of them where
    /// three are meant.
    #[inline]
    pub(crate) fn number(&mut self) -> Read<Option<f64>> {
        if !matches!(self.peek()?, b'-' | b'0'..=b'9') {
            self.skip()?;
            return Ok(None);
        }
        let start = self.at;
        let negative = self.bytes[start] == b'-';
        let mut at = start + usize::from(negative);
        let (mut mantissa, mut digits, mut decimals) = (0_u64, 0_u32, 0_usize);
        let mut behind_point = false;
        loop {
            match self.bytes.get(at) {
                Some(digit @ b'0'..=b'9') => {
                    mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
                    digits += 1;
                    decimals += usize::from(behind_point);
                }
                Some(b'.') if !behind_point => behind_point = true,
                Some(b'e' | b'E' | b'+' | b'-' | b'.') => return self.odd_number(start),
                _ => break,
            }
            at += 1;
        }
        // Up to 15 digits this is one correctly rounded division of two exact numbers, and what a slow reader would find.
        if digits == 0 || digits > 19 {
            return self.odd_number(start);
        }
        self.at = at;
        let value = mantissa as f64 / POWERS[decimals];
        Ok(Some(if negative { -value } else { value }))
    }

    #[cold]
    fn odd_number(&mut self, start: usize) -> Read<Option<f64>> {
        let is_part = |b: &&u8| matches!(b, b'0'..=b'9' | b'e' | b'E' | b'+' | b'-' | b'.');
        let len = self.bytes[start..].iter().take_while(is_part).count();
        let text = str::from_utf8(&self.bytes[start..start + len]).map_err(|_| Malformed)?;
        let value = text.parse::<f64>().map_err(|_| Malformed)?;
        self.at = start + len;
        Ok(value.is_finite().then_some(value))
    }

    /// `true` or `false`; `None` for anything else.
    pub(crate) fn bool(&mut self) -> Read<Option<bool>> {
        let first = self.peek()?;
        self.skip()?;
        Ok(match first {
            b't' => Some(true),
            b'f' => Some(false),
            _ => None,
        })
    }

    /// Passes over whatever is here.
    #[inline]
    pub(crate) fn skip(&mut self) -> Read<()> {
        match self.peek()? {
            b'"' => self.raw_string().map(drop),
            b'{' | b'[' => self.skip_nested(),
            b',' | b':' | b'}' | b']' => Err(Malformed),
            _ => {
                let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                self.at += self.bytes[self.at..].iter().position(ends).ok_or(Malformed)?;
                Ok(())
            }
        }
    }

    fn skip_nested(&mut self) -> Read<()> {
        let (mut depth, mut at) = (0_u32, self.at);
        loop {
            let rest = self.bytes.get(at..).ok_or(Malformed)?;
            at += rest.iter().position(|b| NESTS[usize::from(*b)]).ok_or(Malformed)?;
            match self.bytes[at] {
                b'"' => {
                    self.at = at;
                    self.raw_string()?;
                    at = self.at;
                    continue;
                }
                b'{' | b'[' => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(Malformed);
                    }
                }
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at = at + 1;
                        return Ok(());
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// As it is written, what is passed over.
    pub(crate) fn raw(&mut self) -> Read<&'a [u8]> {
        self.peek()?;
        let start = self.at;
        self.skip()?;
        Ok(&self.bytes[start..self.at])
    }
}

/// Hands over a string's characters until one is not taken.
fn unescape(raw: &str, mut take: impl FnMut(char) -> bool) -> Read<()> {
    let mut chars = raw.chars();
    let mut high = None;
    while let Some(c) = chars.next() {
        // Half of a pair that has no other half is nothing.
        let before: Option<u16> = high.take();
        let c = match c {
            '\\' => match chars.next().ok_or(Malformed)? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let digits = chars.as_str().get(..4).ok_or(Malformed)?;
                    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                        return Err(Malformed);
                    }
                    let unit = u16::from_str_radix(digits, 16).map_err(|_| Malformed)?;
                    chars = chars.as_str()[4..].chars();
                    match (before, unit) {
                        (_, 0xd800..0xdc00) => {
                            high = Some(unit);
                            continue;
                        }
                        (first, _) => char::decode_utf16(first.into_iter().chain([unit]))
                            .last()
                            .and_then(Result::ok)
                            .unwrap_or(char::REPLACEMENT_CHARACTER),
                    }
                }
                c @ ('"' | '\\' | '/') => c,
                _ => return Err(Malformed),
            },
            c => c,
        };
        if !take(c) {
            return Ok(());
        }
    }
    Ok(())
}

/// What begins or ends something nested, and strings, in which nothing does.
const NESTS: [bool; 256] = {
    let mut nests = [false; 256];
    let bytes = b"\"{}[]";
    let mut i = 0;
    while i < bytes.len() {
        nests[bytes[i] as usize] = true;
        i += 1;
    }
    nests
};

const POWERS: [f64; 20] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19,
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn numbers_are_those_of_another_reader() {
        for text in [
            "0",
            "-0",
            "7",
            "23.49",
            "-1.5e-3",
            "1E5",
            "0.05654900457321248",
            "36353.913220565",
            "1e400",
            "123456789012345",
            "1234567890123456789",
            "0.000000000000001",
            "16000380",
            "-16.0",
        ] {
            let mut ends = String::from(text);
            ends.push(',');
            let ours = Reader::new(ends.as_bytes()).number().unwrap();
            let theirs = text.parse::<f64>().ok().filter(|value| value.is_finite());
            match ours.zip(theirs) {
                Some((ours, theirs)) if text.len() > 15 => {
                    assert!((ours - theirs).abs() <= 2.0 * f64::EPSILON * theirs.abs(), "{text}");
                }
                _ => assert_eq!(ours, theirs, "{text}"),
            }
        }
        assert_eq!(Reader::new(b"null}").number(), Ok(None));
        assert_eq!(Reader::new(b"NaN}").number(), Ok(None));
        assert_eq!(Reader::new(b"1.2.3}").number(), Err(Malformed));
        assert_eq!(Reader::new(b"-}").number(), Err(Malformed));
    }

    #[test]
    fn texts_are_those_of_another_reader() {
        for text in [
            r#""""#,
            r#""plain ü""#,
            r#""a\"b\\c\/\n\r\t\b\f""#,
            r#""\u00fc\ud83d\ude00""#,
            r#""// a\n!! b""#,
        ] {
            let mut ours = String::from("before");
            Reader::new(text.as_bytes()).text(&mut ours, 256).unwrap();
            assert_eq!(Value::from(ours), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        let mut cut = String::new();
        assert_eq!(Reader::new("\"aüü\"".as_bytes()).text(&mut cut, 4), Ok(true));
        assert_eq!(cut, "aü");
        assert_eq!(Reader::new(r#""\u00fc\u00fc\u00fc""#.as_bytes()).text(&mut cut, 5), Ok(true));
        assert_eq!(cut, "üü");
        assert_eq!(Reader::new("\"üü\"".as_bytes()).text(&mut cut, 5), Ok(false));
        for bad in [r#""\x""#, r#""\u12""#, r#""\u+123""#, r#""open"#, "\"\\"] {
            assert_eq!(Reader::new(bad.as_bytes()).text(&mut cut, 256), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn what_is_passed_over_may_be_anything() {
        for text in
            ["{\"a\": [1, {\"b\": \"}]\\\"\"}], \"c\": {}}", "[]", "true", "-1e5", "\"x\\\\\"", "null"]
        {
            let mut ends = String::from(text);
            ends.push_str(" , 5,");
            let mut reader = Reader::new(ends.as_bytes());
            reader.skip().unwrap();
            let mut first = false;
            assert_eq!(reader.element(&mut first), Ok(true), "{text}");
            assert_eq!(reader.number(), Ok(Some(5.0)), "{text}");
        }
        let deep = "[".repeat(1000);
        for bad in [&deep, "", "{", "[1", ",", "}", "\"a", "12"] {
            assert_eq!(Reader::new(bad.as_bytes()).skip(), Err(Malformed), "{bad}");
        }
    }
}
