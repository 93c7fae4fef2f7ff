//! The objects of a long JSON listing one by one, without holding the listing.

use alloc::vec::Vec;

use printhost_core::{Error, ErrorKind, Result};

use crate::memory::grow;

/// Cuts `{"…": [{…}, {…}], …}` into its inner objects: every object that stands in an array that stands in the
/// root object. It only tracks strings and nesting; each object's own syntax is for a JSON parser to judge.
#[derive(Debug)]
pub struct JsonItems {
    limit: usize,
    /// How deep an item stands in what it is listed in.
    level: u16,
    depth: u16,
    /// What stands in the root object just now is an array.
    array: bool,
    string: bool,
    escape: bool,
    item: Vec<u8>,
    begun: bool,
    listed: bool,
    /// How many bytes have brought no item.
    between: usize,
}

/// Nesting deeper than this is refused.
const MAX_DEPTH: u16 = 128;
/// Root object, array.
const ITEM_DEPTH: u16 = 2;

impl JsonItems {
    /// Objects of more than `limit` bytes, and more than that between two of them, are refused with
    /// [`ErrorKind::TooLarge`].
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            level: ITEM_DEPTH,
            depth: 0,
            array: false,
            string: false,
            escape: false,
            item: Vec::new(),
            begun: false,
            listed: false,
            between: 0,
        }
    }

    /// The same for arrays that stand in an object of the root object: `{"result": {"files": [{…}], …}}`.
    pub const fn nested(mut self) -> Self {
        self.level = ITEM_DEPTH + 1;
        self
    }

    /// Takes bytes and calls `take` with every object that became complete; ends early when it says `false`.
    pub fn feed(&mut self, input: &[u8], mut take: impl FnMut(&[u8]) -> Result<bool>) -> Result<bool> {
        for &byte in input {
            if self.step(byte)? {
                self.between = 0;
                let more = take(&self.item);
                self.item.clear();
                if !more? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// To be called at the end of the input: an error when it was cut, or has no list in it at all.
    pub fn finish(&self) -> Result<()> {
        match self.begun && self.depth == 0 {
            true if self.listed => Ok(()),
            true => Err(malformed("there is no list in the answer")),
            false => Err(malformed("the listing is not complete JSON")),
        }
    }

    /// True when an item is complete.
    fn step(&mut self, byte: u8) -> Result<bool> {
        let mut begins = false;
        if self.string {
            (self.string, self.escape) = (byte != b'"' || self.escape, byte == b'\\' && !self.escape);
        } else {
            match byte {
                b'"' => self.string = true,
                b'{' | b'[' => {
                    if self.depth == 0 && (byte == b'[' || self.begun) || self.depth >= MAX_DEPTH {
                        return Err(malformed("the listing is not a JSON object"));
                    }
                    self.begun = true;
                    self.depth += 1;
                    if self.depth == self.level {
                        self.array = byte == b'[';
                        self.listed |= self.array;
                    }
                    begins = self.array && self.depth == self.level + 1 && byte == b'{';
                }
                b'}' | b']' => {
                    self.depth =
                        self.depth.checked_sub(1).ok_or_else(|| malformed("the listing is not JSON"))?;
                }
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ if self.depth == 0 => return Err(malformed("the listing is not JSON")),
                _ => {}
            }
        }
        if !begins && self.item.is_empty() {
            self.between += 1;
            return match self.between > self.limit {
                true => Err(Error::new(ErrorKind::TooLarge, "read")
                    .with_detail(format_args!("{} bytes of the listing list nothing", self.limit))),
                false => Ok(false),
            };
        }
        if self.item.len() >= self.limit {
            return Err(Error::new(ErrorKind::TooLarge, "read")
                .with_detail(format_args!("an entry of the listing has more than {} bytes", self.limit)));
        }
        let len = self.item.len();
        grow(&mut self.item, len + 1, self.limit);
        self.item[len] = byte;
        Ok(self.depth == self.level)
    }
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, "read").with_detail(what)
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec};

    use super::*;

    fn items(limit: usize, pieces: &[&[u8]]) -> Result<Vec<String>> {
        let mut items = JsonItems::new(limit);
        let mut seen = vec![];
        for piece in pieces {
            items.feed(piece, |item| {
                seen.push(String::from_utf8(item.into()).unwrap());
                Ok(true)
            })?;
        }
        items.finish()?;
        Ok(seen)
    }

    const LISTING: &[u8] = br#" {"free": 1, "t": ["a", [1, "{", {"no": 1}]], "files": [ {"n": "a}\"]{", "c": [{"x": {}}]} , {} ], "o": {"p": {"q": [{}]}}} "#;

    #[test]
    fn any_split_gives_the_same_items() {
        let expected = vec![r#"{"n": "a}\"]{", "c": [{"x": {}}]}"#, "{}"];
        for at in 0..LISTING.len() {
            let (a, b) = LISTING.split_at(at);
            assert_eq!(items(100, &[a, b]).unwrap(), expected, "split at {at}");
        }
    }

    #[test]
    fn lists_one_level_deeper_are_those_of_the_object_in_the_root_object() {
        let listing = br#"{"result": {"dirs": [{"d": [{"no": 1}]}], "files": [{"f": 2}], "root": {"x": {}}}, "a": [{}]}"#;
        for at in 0..listing.len() {
            let mut items = JsonItems::new(100).nested();
            let mut seen = vec![];
            for piece in [&listing[..at], &listing[at..]] {
                items
                    .feed(piece, |item| {
                        seen.push(String::from_utf8(item.into()).unwrap());
                        Ok(true)
                    })
                    .unwrap();
            }
            items.finish().unwrap();
            assert_eq!(seen, [r#"{"d": [{"no": 1}]}"#, r#"{"f": 2}"#], "split at {at}");
        }
    }

    #[test]
    fn what_is_no_listing_is_an_error_in_bounded_memory() {
        let deep = [b"{\"a\":".as_slice(), &[b'['; 1000]].concat();
        for bad in [&b"<html>"[..], b"[]", b"", b"{\"a\": [", b"}", b"{}", b"{\"a\": []}{}", &deep] {
            assert_eq!(items(1000, &[bad]).unwrap_err().kind(), ErrorKind::Protocol, "{bad:?}");
        }
        let long = [b"{\"f\":[{\"x\":\"".as_slice(), &[b'x'; 1000], b"\"}]}"].concat();
        let empty = [b"{\"f\":[{},".as_slice(), &b"[],".repeat(1000), b"{}]}"].concat();
        let blank = [b"{\"f\":[]}".as_slice(), &[b' '; 1000]].concat();
        for large in [long, empty, blank] {
            assert_eq!(items(100, &[&large]).unwrap_err().kind(), ErrorKind::TooLarge);
        }
    }

    #[test]
    fn reading_ends_when_told() {
        let mut seen = 0;
        let more = JsonItems::new(100).feed(LISTING, |_| {
            seen += 1;
            Ok(false)
        });
        assert_eq!((more.unwrap(), seen), (false, 1));
    }
}
