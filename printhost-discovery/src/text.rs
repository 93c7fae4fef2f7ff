//! Text from strangers, made fit for a terminal and for a URL.

/// The longest text kept, in characters. A DNS label has at most 63 bytes, a TXT string 255.
const TEXT_MAX: usize = 255;

/// One line of printable text: control characters, line separators and characters that reorder or hide what is around
/// them become blanks, runs of blanks become one.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(TEXT_MAX) {
        let blank = c.is_whitespace() || c.is_control() || is_invisible(c);
        match blank {
            false => out.push(c),
            true if out.is_empty() || out.ends_with(' ') => {}
            true => out.push(' '),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A host name without its final dot, if it can stand in a URL as it is.
pub(crate) fn host_name(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let fits = !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| !label.is_empty() && label.len() <= 63)
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    fits.then(|| name.to_ascii_lowercase())
}

/// A path prefix as printer URLs have it: `""` or `/prefix`. What cannot stand in a URL counts as no prefix.
pub(crate) fn path_prefix(path: &str) -> String {
    let path = path.trim_matches('/');
    let fits = path.len() <= TEXT_MAX
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&b))
        && path.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    match fits {
        true => format!("/{path}"),
        false => String::new(),
    }
}

/// Zero-width characters, bidirectional controls, the byte order mark, and tags.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_stranger_cannot_drive_a_terminal() {
        assert_eq!(printable(" Voron\u{1b}[2J\r\n\t 2.4 \u{202e}gpj\u{0}"), "Voron [2J 2.4 gpj");
        assert_eq!(printable("Küche \u{9b}31m 🖨"), "Küche 31m 🖨");
        assert_eq!(printable("\u{7f}\u{200b}"), "");
        assert_eq!(printable(&"ü".repeat(10_000)).chars().count(), TEXT_MAX);
    }

    #[test]
    fn only_a_plain_host_name_gets_into_a_url() {
        assert_eq!(host_name("OctoPi.local.").as_deref(), Some("octopi.local"));
        for bad in
            ["", ".", "a..b", "evil.example/x", "user@host", "a b", "host:80", "ü.local", &"a".repeat(64)]
        {
            assert_eq!(host_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_a_plain_path_gets_into_a_url() {
        assert_eq!(path_prefix("/"), "");
        assert_eq!(path_prefix(""), "");
        assert_eq!(path_prefix("/octo/one/"), "/octo/one");
        assert_eq!(path_prefix("printer"), "/printer");
        for bad in ["/a?key=1", "/a#b", "/a b", "/a\u{1b}[m", "/../x", "//evil.example/x/..", "/a\\b"] {
            assert_eq!(path_prefix(bad), "", "{bad}");
        }
    }
}
