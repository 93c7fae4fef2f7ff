//! Percent-encoding: nothing unsafe comes out, and what went in can be had back.

use printhost_net::proto::percent::{encode_component, encode_path};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for (encode, slash) in [(encode_path as fn(&mut String, &str), true), (encode_component, false)] {
        let mut out = String::from("/before/");
        encode(&mut out, text);
        let encoded = out.strip_prefix("/before/").expect("it appends");
        assert_eq!(decode(encoded), text.as_bytes());
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%".contains(c) || slash && c == '/';
        assert!(encoded.chars().all(plain), "{encoded}");
        // Every escape has the normal form, and only what must be is escaped.
        for escape in encoded.split('%').skip(1).map(|rest| &rest[..2]) {
            let byte = u8::from_str_radix(escape, 16).expect("two digits");
            assert_eq!(escape, escape.to_uppercase());
            assert!(!byte.is_ascii_alphanumeric() && !b"-._~".contains(&byte), "{escape}");
            assert!(!(slash && byte == b'/'), "{escape}");
        }
    }
}

/// As RFC 3986 says, strictly.
pub fn decode(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next().expect("a digit")).to_digit(16).expect("a digit");
                (digit() * 16 + digit()) as u8
            }
            byte => byte,
        });
    }
    out
}
