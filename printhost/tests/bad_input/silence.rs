use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use printhost::{ErrorKind, PrintHost, Retry, Upload, net::Net};
use tokio::time::Instant;

use super::{
    drivers::{Driver, times},
    harness::{Call, decent, is_kind, limits},
    server::{Answer, Step, say, then},
};

over_all!(;
    paused
    silent_host_ends_every_read_in_a_timeout,
    silent_host_leaves_every_change_unconfirmed,
    change_is_taken_in_silence_only_by_a_host_that_answers_everything_else,
    refusal_that_stops_halfway_is_still_that_refusal,
    host_that_stops_reading_ends_an_upload
);

/// Rounding, and the steps in which the timers look.
pub(super) const SLACK: Duration = Duration::from_secs(6);

/// How long drivers look for what is to show.
pub(super) const TO_SHOW: Duration = Duration::from_secs(10);

async fn silent_host_ends_every_read_in_a_timeout<N: Net>(net: fn() -> N, driver: &'static Driver) {
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
        times_out(net, driver, name, driver.reads(), then(answer, Step::Hold), limit).await;
    }
}

async fn silent_host_leaves_every_change_unconfirmed<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for call in driver.changes().filter(|call| !(driver.is_taken_in_silence)(*call)) {
        let server = driver.answering(call, move |_| vec![Step::Hear, Step::Hold]).await;
        let start = Instant::now();
        let error = call.make(&driver.host(net(), server.port)).await.unwrap_err();
        is_kind(&format!("{call:?}"), &error, ErrorKind::Unconfirmed);
        decent("silence", &error);
        assert_eq!((error.retry(), error.operation()), (Retry::ReadFirst, call.operation()));
        let most = limits().answer + SLACK + TO_SHOW;
        assert!(start.elapsed() < most, "{call:?} takes {:?}", start.elapsed());
        assert_eq!(times(&server, driver, call), 1, "{call:?} is sent once");
    }
}

/// Where the answer comes when the change has been carried out, a host that goes on answering has taken it; one that
/// falls silent altogether has not, as far as anybody knows.
async fn change_is_taken_in_silence_only_by_a_host_that_answers_everything_else<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
) {
    for call in driver.changes().filter(|call| (driver.is_taken_in_silence)(*call)) {
        let server = driver.answering(call, |_| vec![Step::Hear, Step::Hold]).await;
        let start = Instant::now();
        assert_eq!(call.make(&driver.host(net(), server.port)).await, Ok(()), "{call:?}");
        let took = start.elapsed();
        assert!(took >= TO_SHOW && took < TO_SHOW + SLACK, "{call:?} takes {took:?}");
        assert_eq!(times(&server, driver, call), 1, "{call:?} is sent once");

        let silent = AtomicBool::new(false);
        let request = driver.request(call);
        let server = driver
            .server(call.scene(), move |heard| {
                let is_it = heard.is(request);
                (silent.fetch_or(is_it, Relaxed) || is_it).then(|| vec![Step::Hear, Step::Hold])
            })
            .await;
        let host = driver.host(net(), server.port);
        let result = tokio::time::timeout(Duration::from_secs(24 * 60 * 60), call.make(&host)).await;
        let error = result.unwrap_or_else(|_| panic!("{call:?} hangs")).unwrap_err();
        is_kind(&format!("{call:?}"), &error, ErrorKind::Unconfirmed);
        assert_eq!((error.retry(), error.operation()), (Retry::ReadFirst, call.operation()));
        assert_eq!(times(&server, driver, call), 1, "{call:?} is sent once");
    }
}

async fn refusal_that_stops_halfway_is_still_that_refusal<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let changes = driver.changes().filter(|call| !(driver.is_taken_in_silence)(*call));
    for call in driver.reads().chain(changes) {
        let text = b"HTTP/1.1 401 X\r\nContent-Length: 900\r\n\r\nWho are";
        let answer = then(say(text.as_slice()), Step::Hold);
        let server = driver.answering(call, move |_| answer.clone()).await;
        let start = Instant::now();
        let error = call.make(&driver.host(net(), server.port)).await.unwrap_err();
        is_kind(&format!("{call:?}"), &error, ErrorKind::Unauthorized);
        assert_eq!((error.http_status(), error.retry()), (Some(401), Retry::Never));
        assert!(start.elapsed() < limits().stall + SLACK, "{call:?} takes {:?}", start.elapsed());
    }
}

async fn host_that_stops_reading_ends_an_upload<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let server = driver.answering(Call::Upload, |_| vec![Step::Hold]).await;
    let mut zeros = Zeros;
    let start = Instant::now();
    let upload = Upload::new("x.gcode", 1 << 40, &mut zeros).replacing();
    let error = driver.host(net(), server.port).upload(upload).await.unwrap_err();
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

/// Each of these calls ends after so long when it is answered like this, and may be made again.
pub(super) async fn times_out<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
    name: &str,
    calls: impl Iterator<Item = Call>,
    answer: Answer,
    limit: Duration,
) {
    for call in calls {
        let answer = answer.clone();
        let server = driver.answering(call, move |_| answer.clone()).await;
        let start = Instant::now();
        let error = call.make(&driver.host(net(), server.port)).await.unwrap_err();
        is_kind(&format!("{name}: {call:?}"), &error, ErrorKind::Timeout);
        decent(name, &error);
        assert_eq!((error.retry(), error.operation()), (Retry::Safe, call.operation()), "{name}");
        let took = start.elapsed();
        assert!(took >= limit && took < limit + SLACK, "{name}: {call:?} takes {took:?}");
    }
}
