//! Percent-encoding (RFC 3986).

use alloc::string::String;
use core::fmt::Write as _;

/// Appends a path, encoding everything but unreserved characters and `/`.
pub fn encode_path(to: &mut String, path: &str) {
    encode(to, path, |b| b == b'/');
}

/// Appends a query value or path segment, encoding everything but unreserved characters.
pub fn encode_component(to: &mut String, text: &str) {
    encode(to, text, |_| false);
}

fn encode(to: &mut String, text: &str, also: impl Fn(u8) -> bool) {
    for b in text.bytes() {
        match b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') || also(b) {
            true => to.push(char::from(b)),
            false => {
                let _ = write!(to, "%{b:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_special_is_encoded_and_slashes_only_in_components() {
        let mut out = String::new();
        encode_path(&mut out, "a b/ü%?#\"+.gcode");
        encode_component(&mut out, "/x~");
        assert_eq!(out, "a%20b/%C3%BC%25%3F%23%22%2B.gcode%2Fx~");
    }
}
