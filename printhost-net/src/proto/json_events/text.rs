//! Strings and numbers.

use core::str;

/// A string or number, of which the first bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    bytes: &'a [u8],
    /// 1 or 0, in a word of its own: a flag has room for the tag of every enum around it, which are then copied byte by
    /// byte, and reading one takes several times as long.
    is_whole: usize,
}

impl<'a> Text<'a> {
    /// A text that is whole, or the beginning of one.
    pub const fn new(bytes: &'a [u8], is_whole: bool) -> Self {
        Self { bytes, is_whole: is_whole as usize }
    }

    /// The beginning of one, without that of a character at its end.
    pub(super) fn cut(bytes: &'a [u8]) -> Self {
        Self { bytes: whole_characters(bytes), is_whole: 0 }
    }

    /// Without escapes, as it came otherwise: it need not be UTF-8.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// False when it was longer than what is kept of a text.
    pub const fn is_whole(&self) -> bool {
        self.is_whole != 0
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

    /// The whole number that is written here, also when it has a fraction of zero; `None` for anything else, and for those
    /// beyond ±9 × 10¹⁵.
    pub fn whole_number(&self) -> Option<i64> {
        let (is_negative, digits) = self.sign();
        if digits.is_empty() || digits.len() > 15 || !self.is_whole() {
            return self.odd_whole_number();
        }
        let mut number = 0;
        for byte in digits {
            match byte.wrapping_sub(b'0') {
                digit @ 0..=9 => number = 10 * number + i64::from(digit),
                _ => return self.odd_whole_number(),
            }
        }
        Some(if is_negative { -number } else { number })
    }

    fn odd_whole_number(&self) -> Option<i64> {
        let is_whole = |number: &f64| number.abs() < 9e15 && *number as i64 as f64 == *number;
        self.number().filter(is_whole).map(|number| number as i64)
    }

    fn sign(&self) -> (bool, &'a [u8]) {
        match self.bytes {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        }
    }

    /// The number that is written here; `None` for what is none, is not whole, or is too large for any.
    pub fn number(&self) -> Option<f64> {
        let (is_negative, rest) = self.sign();
        let (mut mantissa, mut digits, mut decimals) = (0_u64, 0_usize, 0_usize);
        let mut behind_point = 0;
        for byte in rest {
            match byte {
                b'0'..=b'9' => {
                    // Of too many it does not matter what this comes to.
                    mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
                    digits += 1;
                    decimals += behind_point;
                }
                b'.' if behind_point == 0 => behind_point = 1,
                _ => return self.odd_number(),
            }
        }
        if digits == 0 || digits >= POWERS.len() || !self.is_whole() {
            return self.odd_number();
        }
        // Both are exact, so this is rounded correctly.
        let number = match decimals {
            0 => mantissa as f64,
            decimals => mantissa as f64 / POWERS[decimals],
        };
        Some(if is_negative { -number } else { number })
    }

    #[cold]
    fn odd_number(&self) -> Option<f64> {
        let text = self.as_str().filter(|_| self.is_whole())?.trim_ascii();
        // What else Rust takes for a number has letters in it.
        let is_one = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
        text.parse().ok().filter(|number: &f64| is_one && number.is_finite())
    }
}

const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

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
