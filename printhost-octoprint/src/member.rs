//! One member of a long JSON object, without holding the object.

use alloc::vec::Vec;

use printhost_core::{Error, ErrorKind, Result};

/// Cuts the value of one key out of the root object. It only tracks strings and nesting; the value's own syntax is
/// for a JSON parser to judge.
pub(crate) struct Member {
    name: &'static str,
    limit: usize,
    depth: u32,
    string: bool,
    escape: bool,
    /// The string that was read last, at the depth of the root's keys; `None` for one that is too long.
    key: Vec<u8>,
    is_key: bool,
    inside: bool,
    value: Vec<u8>,
}

impl Member {
    /// The value of `name`, of at most `limit` bytes.
    pub(crate) const fn new(name: &'static str, limit: usize) -> Self {
        Self {
            name,
            limit,
            depth: 0,
            string: false,
            escape: false,
            key: Vec::new(),
            is_key: true,
            inside: false,
            value: Vec::new(),
        }
    }

    /// Takes bytes; the value once it is complete. [`ErrorKind::TooLarge`] beyond the limit, [`ErrorKind::Protocol`]
    /// for what is no object.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Result<Option<&[u8]>> {
        for &byte in input {
            if self.step(byte)? {
                return Ok(Some(&self.value));
            }
        }
        Ok(None)
    }

    fn step(&mut self, byte: u8) -> Result<bool> {
        let no_object = || Error::new(ErrorKind::Protocol, "read").with_detail("this is not a JSON object");
        if self.string {
            let ends = byte == b'"' && !self.escape;
            self.escape = byte == b'\\' && !self.escape;
            self.string = !ends;
            if self.depth == 1 && self.is_key && !ends && self.key.len() <= self.name.len() {
                self.key.push(byte);
            }
        } else {
            match byte {
                b'"' if self.depth == 0 => return Err(no_object()),
                b'"' => {
                    self.string = true;
                    if self.depth == 1 && self.is_key {
                        self.key.clear();
                    }
                }
                b'{' | b'[' => {
                    if self.depth == 0 && byte == b'[' {
                        return Err(no_object());
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1).ok_or_else(no_object)?;
                    if self.inside && self.depth == 0 {
                        return Ok(true);
                    }
                }
                b',' if self.depth == 1 => {
                    if self.inside {
                        return Ok(true);
                    }
                    self.is_key = true;
                }
                b':' if self.depth == 1 && self.is_key => {
                    self.is_key = false;
                    self.inside = self.key == self.name.as_bytes();
                    return Ok(false);
                }
                b' ' | b'\t' | b'\r' | b'\n' => {}
                _ if self.depth == 0 => return Err(no_object()),
                _ => {}
            }
        }
        if self.inside {
            if self.value.len() >= self.limit {
                return Err(Error::new(ErrorKind::TooLarge, "read")
                    .with_detail(format_args!("{} has more than {} bytes", self.name, self.limit)));
            }
            self.value.push(byte);
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str, chunk: usize) -> Result<Option<Vec<u8>>> {
        let mut member = Member::new("webcam", 40);
        for part in json.as_bytes().chunks(chunk) {
            if let Some(value) = member.feed(part)? {
                return Ok(Some(value.trim_ascii().to_vec()));
            }
        }
        Ok(None)
    }

    #[test]
    fn member_is_found_wherever_it_stands_and_however_it_is_cut() {
        for json in [
            r#"{"webcam": {"a": "}\",{"}, "x": 1}"#,
            r#"{"x": {"webcam": 1, "y": ["webcam", {"webcam": 2}]}, "webcam" : {"a": "}\",{"}}"#,
            r#"{"webcams": 0, "z": "webcam", "we\"bcam": [], "webcam":{"a": "}\",{"}}"#,
        ] {
            for chunk in [1, 3, 1000] {
                assert_eq!(found(json, chunk).unwrap().unwrap(), br#"{"a": "}\",{"}"#, "{json} by {chunk}");
            }
        }
        assert_eq!(found(r#"{"x": {"webcam": 1}}"#, 5).unwrap(), None);
    }

    #[test]
    fn what_is_no_object_or_too_long_is_refused() {
        for (json, kind) in [
            ("<html>", ErrorKind::Protocol),
            ("[1]", ErrorKind::Protocol),
            ("\"webcam\"", ErrorKind::Protocol),
            ("}", ErrorKind::Protocol),
            (r#"{"webcam": "0123456789012345678901234567890123456789"}"#, ErrorKind::TooLarge),
        ] {
            assert_eq!(found(json, 4).unwrap_err().kind(), kind, "{json}");
        }
    }
}
