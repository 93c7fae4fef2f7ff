//! Percent-encoding, query strings, hexadecimal, and JSON without anything but ASCII.

use std::fmt::Write;

use sha1::{Digest, Sha1};

/// Decodes `%XX`; a malformed escape stays as it is.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = if escaped.is_some() { &tail[2..] } else { tail };
        out.push(escaped.unwrap_or(byte));
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Encodes everything but unreserved characters and slashes.
pub(crate) fn percent_encode_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The decoded value of `name` in a query string.
pub(crate) fn query_value(query: Option<&str>, name: &str) -> Option<String> {
    query?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| percent_decode(&value.replace('+', " ")))
    })
}

/// Whether OctoPrint takes the text for true.
pub(crate) fn is_true(value: &str) -> bool {
    ["true", "yes", "y", "1", "on"].contains(&value.to_ascii_lowercase().as_str())
}

pub(crate) fn sha1_hex(data: &[u8]) -> String {
    hex(&Sha1::digest(data))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Escapes everything outside ASCII as JSON does, which is only legal inside strings.
pub(crate) fn json_ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_round_trips_any_path() {
        let path = "sub/in folder ü 100%.gcode";
        assert_eq!(percent_encode_path(path), "sub/in%20folder%20%C3%BC%20100%25.gcode");
        assert_eq!(percent_decode(&percent_encode_path(path)), path);
        assert_eq!(percent_decode("50%"), "50%");
        assert_eq!(percent_decode("%ü"), "%ü");
    }

    #[test]
    fn a_query_value_is_found_by_its_whole_name() {
        assert_eq!(query_value(Some("xa=1&a=b%2Cc"), "a").as_deref(), Some("b,c"));
        assert_eq!(query_value(Some("xa=1"), "a"), None);
    }

    #[test]
    fn json_escapes_everything_outside_ascii() {
        assert_eq!(json_ascii(r#"{"ü":"🖨"}"#), r#"{"\u00fc":"\ud83d\udda8"}"#);
    }
}
