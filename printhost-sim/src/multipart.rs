//! What the multipart forms of all servers share.

use bytes::Bytes;

use crate::uri::percent_decode;

/// The chunk that begins at `start`, with one bit flipped if the byte to damage is in it.
pub(crate) fn flipped(chunk: Bytes, start: u64, flip: Option<u64>) -> Bytes {
    let at = flip.and_then(|byte| usize::try_from(byte.checked_sub(start)?).ok());
    let Some(at) = at.filter(|at| *at < chunk.len()) else { return chunk };
    let mut damaged = chunk.to_vec();
    damaged[at] ^= 1;
    damaged.into()
}

/// The file name in a Content-Disposition; the extended one of RFC 5987 wins.
pub(crate) fn file_name(disposition: &str) -> Option<String> {
    let (mut plain, mut extended) = (None, None);
    let mut rest = disposition.split_once(';')?.1;
    while !rest.trim().is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value),
            "filename*" => extended = extended_value(&value),
            _ => {}
        }
        rest = after.trim_start().trim_start_matches(';');
    }
    extended.or(plain)
}

/// The text up to the closing quote, and what follows that.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => text.push(chars.next()?.1),
            _ => text.push(c),
        }
    }
    None
}

fn extended_value(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    charset.eq_ignore_ascii_case("utf-8").then(|| percent_decode(encoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extended_file_name_wins() {
        let both = r#"form-data; name="file"; filename="u.gcode"; filename*=UTF-8''%C3%BC%20x.gcode"#;
        assert_eq!(file_name(both).as_deref(), Some("ü x.gcode"));
        let plain = r#"form-data; filename="a \"b\"; c.gcode"; name=file"#;
        assert_eq!(file_name(plain).as_deref(), Some("a \"b\"; c.gcode"));
        assert_eq!(file_name("form-data; name=path"), None);
    }

    #[test]
    fn the_byte_to_flip_is_counted_from_the_start_of_the_file() {
        let chunk = || Bytes::from_static(b"abc");
        assert_eq!(flipped(chunk(), 10, Some(11)), "acc");
        assert_eq!(flipped(chunk(), 10, Some(9)), "abc");
        assert_eq!(flipped(chunk(), 10, Some(13)), "abc");
        assert_eq!(flipped(chunk(), 10, None), "abc");
    }
}
