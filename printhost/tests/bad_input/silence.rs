use std::time::Duration;

use printhost::{ErrorKind, PrintHost, Retry, Upload, net::Net};
use tokio::time::Instant;

use super::{
    harness::{Call, decent, host, is_kind, limits},
    server::{Answer, Server, Step, say, then},
};

over_both!(;
    paused
    silent_host_ends_every_read_in_a_timeout,
    silent_host_leaves_every_change_unconfirmed,
    refusal_that_stops_halfway_is_still_that_refusal,
    host_that_stops_reading_ends_an_upload
);

/// Rounding, and the steps in which the timers look.
const SLACK: Duration = Duration::from_secs(6);

async fn silent_host_ends_every_read_in_a_timeout<N: Net>(net: fn() -> N) {
    let rows: [(&str, Answer, Duration); 5] = [
        ("nothing", vec![Step::Hear], limits().answer),
        ("half a head", say(b"HTTP/1.1 200 X\r\nConte".as_slice()), limits().answer),
        ("an interim answer", say(b"HTTP/1.1 100 X\r\n\r\n".as_slice()), limits().answer),
        ("half a body", say(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{\"f".as_slice()), limits().stall),
        (
            "half a chunk",
            say(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"f".as_slice()),
            limits().stall,
        ),
    ];
    for (name, answer, limit) in rows {
        for call in Call::READS {
            let answer = then(answer.clone(), Step::Hold);
            let server = Server::start(move |heard| heard.is(call.request()).then(|| answer.clone())).await;
            let start = Instant::now();
            let error = call.make(&host(net(), server.port)).await.unwrap_err();
            is_kind(&format!("{name}: {call:?}"), &error, ErrorKind::Timeout);
            decent(name, &error);
            assert_eq!((error.retry(), error.operation()), (Retry::Safe, call.operation()), "{name}");
            let took = start.elapsed();
            assert!(took >= limit && took < limit + SLACK, "{name}: {call:?} takes {took:?}");
        }
    }
}

async fn silent_host_leaves_every_change_unconfirmed<N: Net>(net: fn() -> N) {
    for call in Call::CHANGES {
        let server =
            Server::start(move |heard| heard.is(call.request()).then(|| vec![Step::Hear, Step::Hold])).await;
        let start = Instant::now();
        let error = call.make(&host(net(), server.port)).await.unwrap_err();
        is_kind(&format!("{call:?}"), &error, ErrorKind::Unconfirmed);
        decent("silence", &error);
        assert_eq!((error.retry(), error.operation()), (Retry::ReadFirst, call.operation()));
        assert!(start.elapsed() < limits().answer + SLACK, "{call:?} takes {:?}", start.elapsed());
    }
}

async fn refusal_that_stops_halfway_is_still_that_refusal<N: Net>(net: fn() -> N) {
    for call in Call::READS.into_iter().chain(Call::CHANGES) {
        let text = b"HTTP/1.1 401 X\r\nContent-Length: 900\r\n\r\nWho are";
        let answer = then(say(text.as_slice()), Step::Hold);
        let server = Server::start(move |heard| heard.is(call.request()).then(|| answer.clone())).await;
        let start = Instant::now();
        let error = call.make(&host(net(), server.port)).await.unwrap_err();
        is_kind(&format!("{call:?}"), &error, ErrorKind::Unauthorized);
        assert_eq!((error.http_status(), error.retry()), (Some(401), Retry::Never));
        assert!(start.elapsed() < limits().stall + SLACK, "{call:?} takes {:?}", start.elapsed());
    }
}

async fn host_that_stops_reading_ends_an_upload<N: Net>(net: fn() -> N) {
    let server = Server::start(|heard| heard.is(Call::Upload.request()).then(|| vec![Step::Hold])).await;
    let mut zeros = Zeros;
    let start = Instant::now();
    let upload = Upload::new("x.gcode", 1 << 40, &mut zeros).replacing();
    let error = host(net(), server.port).upload(upload).await.unwrap_err();
    is_kind("no reader", &error, ErrorKind::Timeout);
    decent("no reader", &error);
    assert_eq!((error.retry(), error.operation()), (Retry::Safe, "upload"));
    assert!(start.elapsed() < limits().stall + SLACK, "{:?}", start.elapsed());
}

/// An endless file.
struct Zeros;

impl embedded_io_async::ErrorType for Zeros {
    type Error = std::convert::Infallible;
}

impl embedded_io_async::Read for Zeros {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        buf.fill(0);
        Ok(buf.len())
    }
}
