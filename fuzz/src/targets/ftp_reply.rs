//! FTP replies: what another encoder wrote comes out as it went in, however it is cut; ports and sizes are what another
//! reader finds.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_core::ErrorKind;
use printhost_net::proto::ftp::{MAX_REPLY, MAX_TEXT, Reply, ReplyDecoder};

use super::text;
use crate::{cuts, memory};

pub fn run(data: &[u8]) {
    // The text as it came, and as UTF-8, for which it may double and be copied.
    memory::within(8 * MAX_TEXT, || {
        let mut decoder = ReplyDecoder::new();
        let mut rest = data;
        while let Ok((used, Some(_))) = decoder.decode(rest) {
            rest = &rest[used..];
        }
    });
    let whole = decode(&[data]);
    for reply in &whole.0 {
        assert!((100..600).contains(&reply.code) && reply.text.len() <= 2 * MAX_TEXT, "{reply:?}");
        let _ = (reply.extended_port(), reply.size());
        assert_eq!(reply.passive_port(), passive_port(&reply.text), "{:?}", reply.text);
    }
    for pieces in cuts::of(data) {
        assert_eq!(decode(&pieces), whole);
    }
    let _ = received(&mut Unstructured::new(data));
}

/// The replies up to the end or to what is wrong.
fn decode(pieces: &[&[u8]]) -> (Vec<Reply>, Option<ErrorKind>) {
    let mut decoder = ReplyDecoder::new();
    let mut replies = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            match decoder.decode(rest) {
                Ok((used, reply)) => {
                    assert!(used > 0 && (reply.is_some() || used == rest.len()), "it makes no headway");
                    replies.extend(reply);
                    rest = &rest[used..];
                }
                Err(e) => return (replies, Some(e.kind())),
            }
        }
    }
    (replies, None)
}

/// The first six numbers below 256 with commas between them, blanks behind a comma allowed.
fn passive_port(text: &str) -> Option<u16> {
    let mut before = None;
    for (at, c) in text.char_indices() {
        let begins = c.is_ascii_digit() && !before.is_some_and(|b: char| b.is_ascii_digit());
        before = Some(c);
        if !begins {
            continue;
        }
        let mut fields = text[at..].splitn(6, ',');
        let mut numbers = Vec::new();
        for i in 0..6 {
            let field = fields.next().unwrap_or_default();
            let field = if i == 0 { field } else { field.trim_start_matches(' ') };
            let digits = match i {
                5 => &field[..field.find(|c: char| !c.is_ascii_digit()).unwrap_or(field.len())],
                _ => field,
            };
            let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            numbers.extend(digits.parse::<u32>().ok().filter(|n| is_number && *n < 256));
        }
        if let [_, _, _, _, a, b] = numbers[..]
            && a * 256 + b > 0
        {
            return Some((a * 256 + b) as u16);
        }
    }
    None
}

fn received(u: &mut Unstructured<'_>) -> Result<()> {
    let (mut wire, mut expected) = (Vec::new(), Vec::new());
    for _ in 0..u.int_in_range(1..=4)? {
        let code = u.int_in_range(100..=599_u16)?;
        let lines = u.int_in_range(0..=4)?;
        let end = if u.arbitrary()? { "\r\n" } else { "\n" };
        let mut joined = Vec::new();
        for i in 0..=lines {
            let line = text(u)?.replace(['\r', '\n'], ".");
            let line = line.trim();
            let other = if code == 226 { 200 } else { 226 };
            let begin = match (i, i == lines) {
                (_, true) => format!("{code} "),
                (0, _) => format!("{code}-"),
                _ => match u.int_in_range(0..=2)? {
                    0 => format!("{code}-"),
                    // As RFC 959 wants it where the line begins with a number.
                    1 => " ".into(),
                    _ => {
                        joined.push(other.to_string());
                        format!("{other} ")
                    }
                },
            };
            wire.extend_from_slice(format!("{begin}{line}{end}").as_bytes());
            if !line.is_empty() {
                joined.push(line.to_owned());
            }
        }
        expected.push((code, joined.join(" ")));
    }
    let (replies, error) = decode(&[&wire]);
    assert!(error.is_none() && wire.len() < MAX_REPLY, "{error:?}");
    let blanks = |text: &str| text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let replies: Vec<_> = replies.iter().map(|reply| (reply.code, blanks(&reply.text))).collect();
    for (_, text) in &mut expected {
        *text = blanks(text);
    }
    assert_eq!(replies, expected);
    Ok(())
}
