//! Refusals: the input's first line is status and content type; the rest is the body.

use printhost_core::{ErrorKind, PrintHost as _, Retry};

use super::{KEY, answer, bound, driver, network};
use crate::{host::settle, memory};

pub fn run(data: &[u8]) {
    let Some(end) = data.iter().position(|b| *b == b'\n') else { return };
    let Ok(line) = std::str::from_utf8(&data[..end]) else { return };
    let Some((status, kind)) = line.split_once(' ') else { return };
    let Some(status) = status.parse().ok().filter(|s| (400_u16..600).contains(s)) else { return };
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
    let driver = driver(&net);
    let failed = memory::within(bound(data, &net), || settle(driver.status()));
    let error = failed.expect("an end").expect_err("a refusal");
    for shown in [error.to_string(), format!("{error:#}"), format!("{error:?}")] {
        assert!(!shown.contains(KEY), "{shown}");
    }
    assert_eq!(error.http_status(), Some(status), "{error:?}");
    // What a status means without any words; words can make these others.
    let expected: &[ErrorKind] = match status {
        400 => &[ErrorKind::InvalidInput, ErrorKind::Disconnected],
        401 => &[ErrorKind::Unauthorized],
        403 => &[ErrorKind::Forbidden, ErrorKind::Unauthorized],
        404 => &[ErrorKind::NotFound, ErrorKind::Conflict],
        408 => &[ErrorKind::Timeout],
        409 => &[ErrorKind::Conflict, ErrorKind::Exists, ErrorKind::Busy],
        410 => &[ErrorKind::Unsupported],
        411 | 414 | 415 | 422 => &[ErrorKind::InvalidInput],
        412 => &[ErrorKind::Conflict],
        413 => &[ErrorKind::TooLarge],
        429 => &[ErrorKind::Busy],
        507 => &[ErrorKind::StorageFull],
        500.. => &[ErrorKind::HostFault],
        _ => &[ErrorKind::Protocol],
    };
    assert!(expected.contains(&error.kind()), "{error:?}");
    let says = |text: &str| body[..body.len().min(1024)].windows(text.len()).any(|w| w == text.as_bytes());
    if error.kind() != expected[0] {
        let reason =
            ["upload has failed", "X-Api-Key", "current job", "Not Current Job", "lready", "nother transfer"];
        // In JSON any letter may be written as an escape.
        assert!(reason.iter().any(|text| says(text)) || says("\\u"), "{error:?}");
    }
    // Reading may always be done again, where it makes sense at all.
    assert!(!matches!(error.retry(), Retry::ReadFirst), "{error:?}");
    assert!(error.detail().unwrap_or_default().len() <= 240, "{error:?}");
}
