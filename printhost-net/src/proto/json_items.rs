//! The objects of a long JSON listing one by one, without holding the listing.

use alloc::vec::Vec;

use printhost_core::{Error, ErrorKind, Result};

use super::json_events::{JsonEvent, JsonEvents};
use crate::memory::grow;

/// Cuts `{"…": [{…}, {…}], …}` into its inner objects: every object that stands in an array that stands in the
/// root object.
#[derive(Debug)]
pub struct JsonItems {
    json: JsonEvents,
    limit: usize,
    /// How deep an array stands in what it is listed in.
    level: u16,
    depth: u16,
    /// What stands at that level just now is an array.
    array: bool,
    listed: bool,
    /// An object that has not ended; it is here from its begin.
    is_item: bool,
    item: Vec<u8>,
    /// How many bytes have brought no item.
    between: usize,
}

/// Root object, array.
const ITEM_DEPTH: u16 = 2;

impl JsonItems {
    /// Objects of more than `limit` bytes, and more than that between two of them, are refused with
    /// [`ErrorKind::TooLarge`].
    pub const fn new(limit: usize) -> Self {
        Self {
            json: JsonEvents::new(0),
            limit,
            level: ITEM_DEPTH,
            depth: 0,
            array: false,
            listed: false,
            is_item: false,
            item: Vec::new(),
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
        let mut rest = input;
        while self.next(&mut rest)? {
            if !take(&self.item)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// To be called at the end of the input: an error when it was cut, or has no list in it at all.
    pub fn finish(&self) -> Result<()> {
        match self.json.finish() {
            Ok(()) if self.listed => Ok(()),
            Ok(()) => Err(malformed("there is no list in the answer")),
            Err(_) => Err(malformed("the listing is not complete JSON")),
        }
    }

    /// True when an item is complete.
    fn next(&mut self, input: &mut &[u8]) -> Result<bool> {
        while !input.is_empty() {
            // No further than to the first byte that is too much: however the bytes are cut, what is wrong first is told.
            let so_far = if self.is_item { self.item.len() } else { self.between };
            let (piece, _) = input.split_at(input.len().min((self.limit - so_far).saturating_add(1)));
            let mut rest = piece;
            let turns = self.to_turn(&mut rest)?;
            let (read, _) = piece.split_at(piece.len() - rest.len());
            *input = &input[read.len()..];
            if turns && !self.is_item {
                self.is_item = true;
                self.item.clear();
                self.keep(b"{")?;
                continue;
            }
            match self.is_item {
                true => self.keep(read)?,
                false => self.pass(read.len())?,
            }
            if turns {
                (self.is_item, self.between) = (false, 0);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// To where an item begins or ends; false when the bytes end before.
    fn to_turn(&mut self, bytes: &mut &[u8]) -> Result<bool> {
        while let Some(event) =
            self.json.next(bytes).map_err(|_| malformed("the listing is not JSON that is read here"))?
        {
            match event {
                JsonEvent::BeginObject | JsonEvent::BeginArray => {
                    let is_array = event == JsonEvent::BeginArray;
                    if is_array && self.depth == 0 {
                        return Err(malformed("the listing is not a JSON object"));
                    }
                    self.depth += 1;
                    if self.depth == self.level {
                        self.array = is_array;
                        self.listed |= is_array;
                    }
                    if self.array && self.depth == self.level + 1 && !is_array {
                        return Ok(true);
                    }
                }
                JsonEvent::EndObject | JsonEvent::EndArray => {
                    self.depth -= 1;
                    if self.is_item && self.depth == self.level {
                        return Ok(true);
                    }
                }
                _ => {}
            }
        }
        Ok(false)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<()> {
        let len = self.item.len();
        if len + bytes.len() > self.limit {
            return Err(Error::new(ErrorKind::TooLarge, "read")
                .with_detail(format_args!("an entry of the listing has more than {} bytes", self.limit)));
        }
        grow(&mut self.item, len + bytes.len(), self.limit);
        self.item[len..].copy_from_slice(bytes);
        Ok(())
    }

    fn pass(&mut self, len: usize) -> Result<()> {
        self.between += len;
        match self.between > self.limit {
            true => Err(Error::new(ErrorKind::TooLarge, "read")
                .with_detail(format_args!("{} bytes of the listing list nothing", self.limit))),
            false => Ok(()),
        }
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
        for bad in [
            &b"<html>"[..],
            b"[]",
            b"",
            b"{\"a\": [",
            b"}",
            b"{}",
            b"{\"a\": []}{}",
            b"{\"a\": [{\"b\": 01}]}",
            &deep,
        ] {
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
