use std::time::Duration;

use printhost::{ErrorKind, Retry, net::Net};

use super::{
    harness::{Call, fails, host, is_kind, measured},
    server::{Server, json, reply},
};

over_both!(
    every_status_is_a_typed_error_of_every_read,
    every_status_is_a_typed_error_of_every_change,
    printer_that_is_not_operational_is_no_error,
    wrong_key_is_unauthorized_before_anything_is_sent,
    key_revoked_meanwhile_is_unauthorized,
    advice_to_wait_never_makes_a_change_repeatable,
    huge_or_wrong_retry_after_does_no_harm,
);

/// What a status means to a read once it is known that this is OctoPrint.
const READ: [(u16, ErrorKind, Retry); 17] = [
    (302, ErrorKind::Protocol, Retry::Never),
    (400, ErrorKind::InvalidInput, Retry::Never),
    (401, ErrorKind::Unauthorized, Retry::Never),
    (403, ErrorKind::Forbidden, Retry::Never),
    (404, ErrorKind::NotFound, Retry::Never),
    (405, ErrorKind::Protocol, Retry::Never),
    (408, ErrorKind::Timeout, Retry::Safe),
    (409, ErrorKind::Conflict, Retry::Never),
    (413, ErrorKind::TooLarge, Retry::Never),
    (418, ErrorKind::Protocol, Retry::Never),
    (429, ErrorKind::Busy, Retry::After(Duration::from_secs(7))),
    (500, ErrorKind::HostFault, Retry::Safe),
    (502, ErrorKind::HostFault, Retry::Safe),
    (503, ErrorKind::HostFault, Retry::After(Duration::from_secs(7))),
    (504, ErrorKind::HostFault, Retry::Safe),
    (507, ErrorKind::StorageFull, Retry::Never),
    (999, ErrorKind::HostFault, Retry::Safe),
];

fn fields(retry: Retry) -> &'static str {
    match retry {
        Retry::After(_) => "Content-Type: application/json\r\nRetry-After: 7\r\n",
        _ => "Content-Type: application/json\r\n",
    }
}

async fn every_status_is_a_typed_error_of_every_read<N: Net>(net: fn() -> N) {
    for (status, kind, retry) in READ {
        for call in Call::READS {
            if (call, status) == (Call::Status, 409) {
                continue; // says that the printer is not operational
            }
            // Before it is known that this is OctoPrint, most of them say that it is not.
            let kind = match (call, status) {
                (Call::Connect, 400 | 404 | 409) => ErrorKind::Protocol,
                (Call::Connect, 403) => ErrorKind::Unauthorized,
                _ => kind,
            };
            let server = Server::start(move |heard| {
                heard.is(call.request()).then(|| reply(status, fields(retry), r#"{"error":"what it says"}"#))
            })
            .await;
            let name = format!("{status}");
            let error = fails(&name, call, &host(net(), server.port)).await;
            is_kind(&name, &error, kind);
            assert_eq!((error.http_status(), error.operation()), (Some(status), call.operation()));
            assert_eq!(error.retry(), retry, "{call:?} {error:?}");
            assert_eq!(error.detail(), Some("what it says"), "{call:?} {error:?}");
        }
    }
}

async fn every_status_is_a_typed_error_of_every_change<N: Net>(net: fn() -> N) {
    for (status, kind, retry) in READ {
        for call in Call::CHANGES {
            // A host that fails, and a proxy that gives up on it, may have acted: the driver reads, and the server
            // here shows that nothing has happened, which settles nothing.
            let (kind, retry) = match status {
                500..=506 | 508.. => (ErrorKind::Unconfirmed, Retry::ReadFirst),
                408 => (ErrorKind::Unconfirmed, Retry::ReadFirst),
                _ => (kind, retry),
            };
            let server = Server::start(move |heard| {
                heard.is(call.request()).then(|| reply(status, fields(retry), r#"{"error":"what it says"}"#))
            })
            .await;
            let name = format!("{status}");
            let error = fails(&name, call, &host(net(), server.port)).await;
            is_kind(&name, &error, kind);
            assert_eq!((error.http_status(), error.operation()), (Some(status), call.operation()));
            assert_eq!(error.retry(), retry, "{call:?} {error:?}");
            assert_eq!(error.detail(), Some("what it says"), "{call:?} {error:?}");
            let sent = server.heard().iter().filter(|line| line.starts_with(call.request())).count();
            assert_eq!(sent, 1, "{name}: {call:?} is sent once");
        }
    }
}

async fn printer_that_is_not_operational_is_no_error<N: Net>(net: fn() -> N) {
    let server =
        Server::start(|heard| heard.is("GET /api/printer").then(|| json(409, r#"{"error":"x"}"#))).await;
    measured("409", Call::Status, &host(net(), server.port)).await.0.unwrap();
}

async fn wrong_key_is_unauthorized_before_anything_is_sent<N: Net>(net: fn() -> N) {
    for call in Call::READS.into_iter().chain(Call::CHANGES).chain([Call::Run]) {
        let server = Server::start(|heard| {
            // As OctoPrint 1.11.8 does.
            let refusal = match heard.is("GET") {
                true => json(
                    403,
                    r#"{"error":"You don't have the permission to access the requested resource."}"#,
                ),
                false => json(400, r#"{"error":"CSRF validation failed"}"#),
            };
            Some(refusal)
        })
        .await;
        let error = fails("wrong key", call, &host(net(), server.port)).await;
        is_kind("wrong key", &error, ErrorKind::Unauthorized);
        assert_eq!((error.retry(), error.operation()), (Retry::Never, call.operation()));
        assert_eq!(server.heard(), ["GET /api/version HTTP/1.1"], "{call:?}");
    }
}

async fn key_revoked_meanwhile_is_unauthorized<N: Net>(net: fn() -> N) {
    for call in Call::CHANGES {
        if call == Call::Delete {
            continue; // tells no reason
        }
        let server = Server::start(move |heard| {
            heard.is(call.request()).then(|| json(400, r#"{"error":"CSRF validation failed"}"#))
        })
        .await;
        let error = fails("revoked key", call, &host(net(), server.port)).await;
        is_kind("revoked key", &error, ErrorKind::Unauthorized);
        assert_eq!(error.retry(), Retry::Never);
    }
}

async fn advice_to_wait_never_makes_a_change_repeatable<N: Net>(net: fn() -> N) {
    for (status, retry) in [
        (502, Retry::ReadFirst),
        (503, Retry::ReadFirst),
        (504, Retry::ReadFirst),
        (404, Retry::Never),
        (413, Retry::Never),
        (429, Retry::After(Duration::from_secs(7))),
    ] {
        for call in Call::CHANGES {
            let server = Server::start(move |heard| {
                heard.is(call.request()).then(|| reply(status, "Retry-After: 7\r\n", "soon"))
            })
            .await;
            let error = fails("wait", call, &host(net(), server.port)).await;
            assert_eq!(error.retry(), retry, "{call:?}: {error:?}");
        }
    }
}

async fn huge_or_wrong_retry_after_does_no_harm<N: Net>(net: fn() -> N) {
    let day = Duration::from_secs(24 * 60 * 60);
    for (value, retry) in [
        ("18446744073709551615", Retry::After(day)),
        ("99999999999999999999999", Retry::Safe),
        ("-1", Retry::Safe),
        ("Wed, 21 Oct 2015 07:28:00 GMT", Retry::Safe),
        ("", Retry::Safe),
        ("0", Retry::After(Duration::ZERO)),
    ] {
        let server = Server::start(move |heard| {
            heard.is("GET /api/job").then(|| reply(503, &format!("Retry-After: {value}\r\n"), "soon"))
        })
        .await;
        let error = fails(value, Call::Status, &host(net(), server.port)).await;
        assert_eq!(error.retry(), retry, "{value}");
    }
}
