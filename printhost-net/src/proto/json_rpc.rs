//! Which call an answer of JSON-RPC 2.0 belongs to, when only its two ends are known.

/// The number of the call that a message answers, found in the first and last bytes of it; the message need not be
/// valid JSON, only the ends of some.
///
/// The members of an answer may stand in any order, and hosts write the number before the result or behind it. So it is
/// looked for at the outermost level of `prefix`, and if that ends before one is found, as the very last member in
/// `suffix`. `None` when it stands in between, is no number as [`crate::link::Link`] gives them, or the message has a
/// method at that level and so is no answer.
pub fn answered_id(prefix: &[u8], suffix: &[u8]) -> Option<u32> {
    match in_prefix(prefix) {
        Found::Id(id) => Some(id),
        Found::NoAnswer => None,
        Found::Nothing => in_suffix(suffix),
    }
}

enum Found {
    Id(u32),
    NoAnswer,
    Nothing,
}

fn in_prefix(prefix: &[u8]) -> Found {
    if !prefix.trim_ascii_start().starts_with(b"{") {
        return Found::NoAnswer;
    }
    let (mut depth, mut escaped) = (0_u32, false);
    let mut string = None;
    let mut last: &[u8] = &[];
    let mut found = Found::Nothing;
    for (at, byte) in prefix.iter().enumerate() {
        if let Some(start) = string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => (string, last) = (None, &prefix[start..at]),
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => string = Some(at + 1),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' if depth == 1 && last == b"method" => return Found::NoAnswer,
            b':' if depth == 1 && last == b"id" => found = number(&prefix[at + 1..]),
            _ => {}
        }
    }
    found
}

/// The number at the start, if something behind it shows that it is whole.
fn number(rest: &[u8]) -> Found {
    let rest = rest.trim_ascii_start();
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    match rest.get(digits) {
        None => Found::Nothing,
        Some(b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n') => {
            parse(&rest[..digits]).map_or(Found::NoAnswer, Found::Id)
        }
        Some(_) => Found::NoAnswer,
    }
}

/// The last brace closes the outermost object, so a number right before it is the value of a member of that; and a
/// quote that follows a comma or a brace begins a name.
fn in_suffix(suffix: &[u8]) -> Option<u32> {
    let rest = suffix.trim_ascii_end().strip_suffix(b"}")?.trim_ascii_end();
    let digits = rest.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (rest, id) = rest.split_at(rest.len() - digits);
    let rest = rest.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let rest = rest.strip_suffix(b"\"id\"")?.trim_ascii_end();
    matches!(rest.last(), Some(b',' | b'{')).then(|| parse(id))?
}

fn parse(digits: &[u8]) -> Option<u32> {
    core::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use super::*;

    /// As the websocket keeps a message that is too large.
    fn ends(text: &str, limit: usize) -> Option<u32> {
        let bytes = text.as_bytes();
        answered_id(&bytes[..bytes.len().min(limit)], &bytes[bytes.len().saturating_sub(64)..])
    }

    #[test]
    fn number_is_found_before_and_behind_the_result() {
        let result = format!(
            r#"{{"a": [{{"id": 1}}], "method": "x", "s": "\", \"id\": 2}}", "t": "{}"}}"#,
            "x".repeat(500)
        );
        for text in [
            format!(r#"{{"jsonrpc": "2.0", "result": {result}, "id": 17}}"#),
            format!(r#"{{"result":{result},"id":17}}"#),
            format!("{{\"result\":{result} ,\r\n \"id\"\t: 17 }}\n"),
            format!(r#" {{ "id" : 17 , "result": {result}}}"#),
            format!(r#"{{"id":17,"jsonrpc":"2.0","result":{result}}}"#),
            format!(r#"{{"jsonrpc":"2.0","error":{{"id":3,"message":{result}}},"id":17}}"#),
        ] {
            for limit in [40, 100, 300, 10_000] {
                assert_eq!(ends(&text, limit), Some(17), "{text} up to {limit}");
            }
        }
    }

    #[test]
    fn what_answers_no_call_of_ours_is_not_taken_for_one() {
        let long = "x".repeat(500);
        for text in [
            format!(
                r#"{{"jsonrpc": "2.0", "method": "notify_status_update", "params": [{{"s": "{long}", "id": 5}}]}}"#
            ),
            format!(r#"{{"method": "ask", "params": ["{long}"], "id": 5}}"#),
            format!(r#"{{"id": 5, "method": "ask", "params": ["{long}"]}}"#),
            format!(r#"{{"result": "{long}", "id": "5"}}"#),
            format!(r#"{{"result": "{long}", "id": null}}"#),
            format!(r#"{{"result": "{long}", "id": 99999999999}}"#),
            format!(r#"{{"id": 5.5, "result": "{long}"}}"#),
            format!(r#"{{"result": {{"s": "{long}", "id": 5}}}}"#),
            format!(r#"{{"result": "{long}, \"id\": 5}}"}}"#),
            format!(r#"{{"result": "{long}", "x\",\"id": 5}}"#),
            format!(r#"[{{"result": "{long}", "id": 5}}]"#),
            format!(r#"{{"result": "{long}", "id": 5"#),
            long,
            String::new(),
        ] {
            assert_eq!(ends(&text, 100), None, "{text}");
        }
    }
}
