//! Refusals, by HTTP and by JSON-RPC: the input's first line is status and content type; the rest is the body. An answer
//! with status 200 is one to an order, which may refuse it.

use printhost_core::{Command, Error, ErrorKind, Page, PrintHost as _, Retry};

use super::{KEY, answer, bound, driver, network};
use crate::{
    host::settle,
    json::{Expected, IllTyped, Json},
    memory,
};

pub fn run(data: &[u8]) {
    let Some(end) = data.iter().position(|b| *b == b'\n') else { return };
    let Ok(line) = std::str::from_utf8(&data[..end]) else { return };
    let Some((status, kind)) = line.split_once(' ') else { return };
    let Some(status) = status.parse().ok().filter(|s| *s == 200 || (400_u16..600).contains(s)) else {
        return;
    };
    // Longer heads are refused.
    if line.len() > 200 || line.chars().any(char::is_control) {
        return;
    }
    let body = &data[end + 1..];
    let answer = |head: &str| {
        answer(head, |_, _| {
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            [head.as_bytes(), body].concat()
        })
    };
    let net = network(&answer);
    if status != 200 {
        let driver = driver(&net);
        let failed = memory::within(bound(data, &net), || settle(driver.files("", Page::first(1))));
        judge(&failed.expect("an end").expect_err("a refusal"), status, body, &by_http(status));
    }
    let driver = driver(&net);
    let ordered = memory::within(bound(data, &net), || settle(driver.command(Command::Gcode("G28"))));
    match (ordered.expect("an end"), status) {
        (Ok(_), 200) => is_taken(body),
        (Err(error), 200) => {
            if let Some(Ok(code)) = Json::parse(body).map(|json| code(&json)) {
                judge(&error, status, body, &ordered_by(by_code(code), false));
            }
        }
        (Ok(_), _) => panic!("a refusal is no success"),
        (Err(error), _) => judge(&error, status, body, &ordered_by(by_http(status), true)),
    }
}

/// What a status means without any words, and what words can make of it.
fn by_http(status: u16) -> Vec<ErrorKind> {
    use ErrorKind::*;
    match status {
        400 => vec![InvalidInput, NotFound, Exists, Conflict],
        401 => vec![Unauthorized],
        403 => vec![Forbidden],
        409 | 412 => vec![Conflict],
        404 => vec![NotFound],
        408 => vec![Timeout],
        413 => vec![TooLarge],
        414 | 415 => vec![InvalidInput],
        422 => vec![Corrupted],
        429 => vec![Busy],
        503 => vec![HostFault, Conflict],
        507 => vec![StorageFull],
        500.. => vec![HostFault],
        _ => vec![Protocol],
    }
}

/// JSON-RPC's own codes stand for those of HTTP.
fn by_code(code: i64) -> Vec<ErrorKind> {
    match code {
        -32602 => {
            vec![ErrorKind::InvalidInput, ErrorKind::Unauthorized, ErrorKind::NotFound, ErrorKind::Exists]
        }
        // What has to do with the printer is only known once Klipper was there.
        -32601 => vec![ErrorKind::NotFound, ErrorKind::Conflict],
        400..600 => by_http(code as u16),
        _ => vec![ErrorKind::HostFault],
    }
}

/// Klipper refuses because of what the printer is doing, and what a failing host has done is not known.
fn ordered_by(mut kinds: Vec<ErrorKind>, by_http: bool) -> Vec<ErrorKind> {
    match kinds[0] {
        ErrorKind::InvalidInput => kinds.extend([ErrorKind::Conflict, ErrorKind::TooLarge]),
        ErrorKind::HostFault => kinds[0] = ErrorKind::Unconfirmed,
        // Of a time that Moonraker itself has waited for it knows what was done.
        ErrorKind::Timeout if by_http => kinds[0] = ErrorKind::Unconfirmed,
        _ => {}
    }
    kinds
}

fn judge(error: &Error, status: u16, body: &[u8], kinds: &[ErrorKind]) {
    for shown in [error.to_string(), format!("{error:#}"), format!("{error:?}")] {
        assert!(!shown.contains(KEY), "{shown}");
    }
    assert!(kinds.contains(&error.kind()), "{error:?}, not {kinds:?}");
    assert_eq!(error.http_status(), (status != 200).then_some(status), "{error:?}");
    // An order whose outcome is open is never given again before the printer was read.
    assert_eq!(error.retry() == Retry::ReadFirst, error.kind() == ErrorKind::Unconfirmed, "{error:?}");
    // The host's own words, cut and without control characters; a refusal by HTTP has a trace behind them.
    let detail = error.detail().unwrap_or_default();
    assert!(detail.len() <= 240, "{error:?}");
    if body.len() <= 1024
        && let Some(Ok(said)) = Json::parse(body).map(|json| message(&json))
    {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let said: String = said.replace(KEY, "***").chars().map(clean).collect();
        assert!(said.trim_start().starts_with(detail), "{error:?}");
        assert!(
            !detail.is_empty() || said.trim().is_empty() || said == "Unknown" || said.len() > 240,
            "{error:?}"
        );
    }
}

/// An order is taken when the host says so.
fn is_taken(body: &[u8]) {
    if let Some(json) = Json::parse(body) {
        let has_result = matches!(&json, Json::Object(all) if all.iter().any(|(name, _)| name == "result"));
        assert!(has_result, "{json:?} was taken for a success");
    }
}

fn code(answer: &Json) -> Expected<i64> {
    Ok(match answer.get("error")?.get("code")? {
        Json::Whole(code) => i64::try_from(*code).unwrap_or(i64::MAX),
        Json::Number(code) => *code as i64,
        _ => return Err(IllTyped),
    })
}

fn message(answer: &Json) -> Expected<String> {
    // Without one, all that was sent is shown.
    Ok(answer.get("error")?.get("message")?.text()?.ok_or(IllTyped)?.to_owned())
}
