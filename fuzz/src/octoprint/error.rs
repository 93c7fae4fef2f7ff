//! Refusals: the input's first line is status, content type and `Retry-After`; the rest is the body.

use std::time::Duration;

use printhost_core::{Command, Error, ErrorKind, PrintHost as _, Retry};

use super::{KEY, answer, bound, driver, network};
use crate::{host::settle, json::Json, memory};

pub fn run(data: &[u8]) {
    let Some(end) = data.iter().position(|b| *b == b'\n') else { return };
    let Ok(line) = std::str::from_utf8(&data[..end]) else { return };
    let (words, body): (Vec<&str>, _) = (line.split(' ').collect(), &data[end + 1..]);
    let [status, kind, wait] = words[..] else { return };
    let Some(status) = status.parse().ok().filter(|s| (400_u16..600).contains(s)) else { return };
    // Longer heads are refused.
    if line.len() > 200 || line.chars().any(char::is_control) {
        return;
    }
    let answer = |head: &str| {
        answer(head, |_, _| {
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nRetry-After: {wait}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), body].concat()
        })
    };
    let net = network(&answer);
    for reads in [true, false] {
        let driver = driver(&net);
        let failed = memory::within(bound(data, &net), || match reads {
            true => settle(driver.status()).map(|r| r.map(|_| ())),
            false => settle(driver.command(Command::Gcode("G28"))).map(|r| r.map(|_| ())),
        });
        let error = failed.expect("an end").expect_err("a refusal");
        for shown in [error.to_string(), format!("{error:#}"), format!("{error:?}")] {
            assert!(!shown.contains(KEY), "{shown}");
        }
        judge(&error, reads, status, kind, wait, body);
    }
}

fn judge(error: &Error, reads: bool, status: u16, kind: &str, wait: &str, body: &[u8]) {
    let start = &body[..body.len().min(1024)];
    let page = kind.contains("html") && start.trim_ascii_start().starts_with(b"<");
    let said = match Json::parse(start)
        .map(|json| json.get("error").and_then(Json::text).map(|t| t.map(String::from)))
    {
        Some(Ok(Some(text))) => text,
        // Neither an object with that text nor without it: an array would pass too.
        Some(_) if kind.contains("json") => return,
        _ if kind.contains("json") || page => String::new(),
        Some(_) | None => readable(start),
    };
    let said = said.replace(KEY, "***");
    let lost = !reads && (status >= 500 && status != 507 || status == 408);
    let expected = match status {
        _ if lost => ErrorKind::Unconfirmed,
        400 if said.contains("CSRF") => ErrorKind::Unauthorized,
        400 if start.is_empty() && !reads => ErrorKind::TooLarge,
        400 | 414 | 415 | 422 => ErrorKind::InvalidInput,
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        409 if said.contains("already exist") => ErrorKind::Exists,
        409 if said.contains("does not have a heated") => ErrorKind::Unsupported,
        409 | 412 => ErrorKind::Conflict,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::Busy,
        507 => ErrorKind::StorageFull,
        500.. => ErrorKind::HostFault,
        _ => ErrorKind::Protocol,
    };
    assert_eq!((error.kind(), error.http_status()), (expected, Some(status)), "{error:?}");
    if lost {
        assert_eq!(error.retry(), Retry::ReadFirst, "{error:?}");
    }
    match error.retry() {
        Retry::After(wait) => assert!(wait <= Duration::from_secs(24 * 60 * 60) && !lost, "{error:?}"),
        Retry::Safe => assert!(wait.parse::<u64>().is_err(), "{error:?}"),
        _ => {}
    }
    // The host's own words, cut and without control characters.
    let clean: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let detail = error.detail().unwrap_or_default();
    if !kind.contains("html") && status != 404 {
        assert!(clean.trim_start().starts_with(detail) && detail.len() <= 240, "{error:?}");
        assert!(!detail.is_empty() || clean.trim().is_empty() || clean.len() > 240, "{error:?}");
    }
}

/// A `?` for every run of bytes that begins a character and does not end it.
fn readable(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while let Err(e) = std::str::from_utf8(bytes) {
        text += std::str::from_utf8(&bytes[..e.valid_up_to()]).expect("valid up to there");
        text.push('?');
        bytes = &bytes[e.valid_up_to() + e.error_len().unwrap_or(bytes.len() - e.valid_up_to())..];
    }
    text + std::str::from_utf8(bytes).expect("valid")
}
