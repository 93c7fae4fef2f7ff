use std::time::Duration;

use printhost::{ErrorKind, PrintHost as _, Retry, net::Net};

use super::{
    drivers::{Driver, Meaning, times},
    harness::{Call, Scene, fails, is_kind, measured},
    server::reply,
};

over_all!(
    wrong_key_is_unauthorized_before_anything_is_sent,
    every_status_is_a_typed_error_of_every_read,
    huge_or_wrong_retry_after_does_no_harm;
    paused
    every_status_is_a_typed_error_of_every_change,
    key_revoked_meanwhile_is_unauthorized,
    advice_to_wait_never_makes_a_change_repeatable,
);

/// What a status means to a read once it is known which kind of host this is.
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

async fn every_status_is_a_typed_error_of_every_read<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for (status, kind, retry) in READ {
        for call in driver.reads() {
            // Before it is known which kind of host this is, most of them say that it is another one.
            let kind = match ((driver.meaning)(call, status), call, status) {
                (Meaning::Is(kind), _, _) => Some(kind),
                (Meaning::NoError, _, _) => None,
                (_, Call::Connect, 400 | 404 | 409) => Some(ErrorKind::Protocol),
                (_, Call::Connect, 403) => Some(ErrorKind::Unauthorized),
                _ => Some(kind),
            };
            let server = driver
                .answering(call, move |_| reply(status, fields(retry), &(driver.refusal)("what it says")))
                .await;
            let (name, host) = (format!("{status}"), driver.host(net(), server.port));
            let Some(kind) = kind else {
                measured(&name, call, &host).await.0.unwrap();
                continue;
            };
            let error = fails(&name, call, &host).await;
            is_kind(&format!("{name}: {call:?}"), &error, kind);
            assert_eq!((error.http_status(), error.operation()), (Some(status), call.operation()));
            assert_eq!(error.retry(), retry, "{call:?} {error:?}");
            if !(driver.explains_refusal && call == Call::Connect && kind == ErrorKind::Unauthorized) {
                assert_eq!(error.detail(), Some("what it says"), "{call:?} {error:?}");
            }
        }
    }
}

async fn every_status_is_a_typed_error_of_every_change<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for (status, kind, retry) in READ {
        for call in driver.changes() {
            // A host that fails, and a proxy that gives up on it, may have acted: the driver reads, and the server
            // here shows that nothing has happened, which settles nothing.
            let (kind, retry) = match (status, (driver.meaning)(call, status)) {
                (408 | 500..=506 | 508.., Meaning::Usual) => (ErrorKind::Unconfirmed, Retry::ReadFirst),
                (_, Meaning::Is(kind)) => (kind, retry),
                _ => (kind, retry),
            };
            let server = driver
                .answering(call, move |_| reply(status, fields(retry), &(driver.refusal)("what it says")))
                .await;
            let name = format!("{status}");
            let error = fails(&name, call, &driver.host(net(), server.port)).await;
            is_kind(&format!("{name}: {call:?}"), &error, kind);
            assert_eq!((error.http_status(), error.operation()), (Some(status), call.operation()));
            assert_eq!(error.retry(), retry, "{call:?} {error:?}");
            // A driver that knows better says it in its own words.
            if !matches!((driver.meaning)(call, status), Meaning::Is(_)) {
                assert_eq!(error.detail(), Some("what it says"), "{call:?} {error:?}");
            }
            assert_eq!(times(&server, driver, call), 1, "{name}: {call:?} is sent once");
        }
    }
}

async fn wrong_key_is_unauthorized_before_anything_is_sent<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for call in driver.reads().chain(driver.changes()).chain([Call::Run]) {
        let server = driver.server(Scene::Idle, |heard| Some((driver.wrong_key)(heard))).await;
        let error = fails("wrong key", call, &driver.host(net(), server.port)).await;
        is_kind(&format!("wrong key: {call:?}"), &error, ErrorKind::Unauthorized);
        assert_eq!((error.retry(), error.operation()), (Retry::Never, call.operation()));
        assert_eq!(server.heard(), driver.asks_first, "{call:?}");
    }
}

async fn key_revoked_meanwhile_is_unauthorized<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for call in driver.changes() {
        let server = driver.answering(call, |heard| (driver.wrong_key)(heard)).await;
        let host = driver.host(net(), server.port);
        host.connect().await.unwrap();
        let error = fails("revoked key", call, &host).await;
        is_kind(&format!("revoked key: {call:?}"), &error, ErrorKind::Unauthorized);
        assert_eq!(error.retry(), Retry::Never);
        assert_eq!(times(&server, driver, call), 1, "{call:?} is sent once");
    }
}

async fn advice_to_wait_never_makes_a_change_repeatable<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for (status, retry) in [
        (502, Retry::ReadFirst),
        (503, Retry::ReadFirst),
        (504, Retry::ReadFirst),
        (404, Retry::Never),
        (413, Retry::Never),
        (429, Retry::After(Duration::from_secs(7))),
    ] {
        for call in driver.changes() {
            let server = driver.answering(call, move |_| reply(status, "Retry-After: 7\r\n", "soon")).await;
            let error = fails("wait", call, &driver.host(net(), server.port)).await;
            assert_eq!(error.retry(), retry, "{call:?}: {error:?}");
        }
    }
}

async fn huge_or_wrong_retry_after_does_no_harm<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let day = Duration::from_secs(24 * 60 * 60);
    for (value, retry) in [
        ("18446744073709551615", Retry::After(day)),
        ("99999999999999999999999", Retry::Safe),
        ("-1", Retry::Safe),
        ("Wed, 21 Oct 2015 07:28:00 GMT", Retry::Safe),
        ("", Retry::Safe),
        ("0", Retry::After(Duration::ZERO)),
    ] {
        let server = driver
            .answering(Call::Status, move |_| reply(503, &format!("Retry-After: {value}\r\n"), "soon"))
            .await;
        let error = fails(value, Call::Status, &driver.host(net(), server.port)).await;
        assert_eq!(error.retry(), retry, "{value}");
    }
}
