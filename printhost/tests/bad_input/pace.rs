//! A host that never falls silent and never comes to an end either.

use std::time::Duration;

use printhost::{
    ErrorKind, Page, PrintHost as _,
    net::{Limits, Method, NO_BODY, Net, Origin, Request},
};
use tokio::time::Instant;

use super::{
    drivers::{Driver, times},
    harness::{Call, decent, is_kind, limits},
    server::{Answer, Server, Step, reply, say, then},
    silence::{SLACK, TO_SHOW, times_out},
};

over_all!(
    list_that_never_ends_is_refused_though_all_of_it_is_well_formed;
    paused
    answer_that_trickles_ends_every_read_in_a_timeout,
    head_that_trickles_ends_every_read_in_a_timeout,
    change_is_not_kept_waiting_by_an_answer_that_trickles,
    refusal_that_trickles_is_still_that_refusal,
    answer_that_comes_slowly_and_steadily_is_read_to_its_end,
    file_may_trickle
);

over_both!(;
    paused
    reader_may_take_its_time
);

/// Shorter than any silence that ends something.
const PAUSE: Duration = Duration::from_secs(20);

const HEAD: &str = "HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n";

/// Says this a byte at a time.
fn trickle(text: impl Into<Vec<u8>>) -> Step {
    Step::Trickle(text.into().into(), 1, PAUSE)
}

/// A body that trickles.
fn trickling(text: impl Into<Vec<u8>>) -> Answer {
    then(say(HEAD.as_bytes()), trickle(text))
}

/// The calls whose answers are parsed.
fn parsed(driver: &'static Driver) -> impl Iterator<Item = Call> {
    driver.reads().filter(|call| *call != Call::Download)
}

async fn answer_that_trickles_ends_every_read_in_a_timeout<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let chunks = "1\r\n \r\n".repeat(999);
    let chunked = "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n";
    let entries = format!("{},", (driver.entry)("x")).repeat(99);
    let begun = format!("{HEAD}{}", driver.listing);
    let rows: [(&str, Answer); 4] = [
        ("blanks", trickling(" ".repeat(999))),
        ("entries", then(say(begun.into_bytes()), trickle(entries))),
        ("chunks", then(say(chunked.as_bytes()), Step::Trickle(chunks.into_bytes().into(), 6, PAUSE))),
        ("a chunk's size", then(say(chunked.as_bytes()), trickle("0".repeat(999)))),
    ];
    for (name, answer) in rows {
        times_out(net, driver, name, parsed(driver), answer, limits().stall).await;
    }
}

async fn head_that_trickles_ends_every_read_in_a_timeout<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let interim = "HTTP/1.1 100 X\r\na: b\r\n\r\n";
    for (name, head) in [
        ("a field", format!("HTTP/1.1 200 X\r\na: {}", "x".repeat(999))),
        ("interim answers", interim.repeat(99)),
    ] {
        let answer = vec![Step::Hear, trickle(head)];
        times_out(net, driver, name, driver.reads(), answer, limits().answer).await;
    }
}

async fn change_is_not_kept_waiting_by_an_answer_that_trickles<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
) {
    for call in driver.changes() {
        let server = driver.answering(call, |_| trickling(" ".repeat(999))).await;
        let start = Instant::now();
        if let Err(error) = call.make(&driver.host(net(), server.port)).await {
            decent("trickling", &error);
            // Of a file, the host can show whether it is there.
            if call != Call::Upload {
                is_kind(&format!("{call:?}"), &error, ErrorKind::Unconfirmed);
            }
        }
        let took = start.elapsed();
        assert!(took < limits().stall + SLACK + TO_SHOW, "{call:?} takes {took:?}");
        assert_eq!(times(&server, driver, call), 1, "{call:?} is sent once");
    }
}

async fn refusal_that_trickles_is_still_that_refusal<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for call in driver.reads() {
        let head = b"HTTP/1.1 401 X\r\nContent-Length: 900\r\n\r\n".as_slice();
        let answer = then(say(head), trickle("x".repeat(900)));
        let server = driver.answering(call, move |_| answer.clone()).await;
        let start = Instant::now();
        let error = call.make(&driver.host(net(), server.port)).await.unwrap_err();
        is_kind(&format!("{call:?}"), &error, ErrorKind::Unauthorized);
        let took = start.elapsed();
        assert!(took < limits().stall + SLACK, "{call:?} takes {took:?}");
    }
}

/// For longer than any silence may last. At half the pace it is not.
async fn answer_that_comes_slowly_and_steadily_is_read_to_its_end<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
) {
    for call in parsed(driver) {
        for (piece, is_steady) in [(512, true), (128, false)] {
            let server = driver
                .server(call.scene(), move |heard| {
                    let answer =
                        heard.is(driver.request(call)).then(|| (driver.healthy)(heard, call.scene()));
                    answer.map(|answer| slowed(&answer, piece))
                })
                .await;
            let start = Instant::now();
            let made = call.make(&driver.host(net(), server.port)).await;
            let took = start.elapsed();
            match made {
                Ok(()) if is_steady => assert!(took > 2 * limits().stall, "{call:?} takes {took:?}"),
                Err(error) if !is_steady => {
                    is_kind(&format!("{call:?}"), &error, ErrorKind::Timeout);
                    assert!(took < 2 * limits().stall + SLACK, "{call:?} takes {took:?}");
                }
                made => panic!("{call:?} with {piece} bytes at a time: {made:?} after {took:?}"),
            }
        }
    }
}

/// The same JSON behind blanks, four times a second so many bytes of it.
fn slowed(answer: &Answer, piece: usize) -> Answer {
    let [Step::Hear, Step::Say(text)] = &answer[..] else { panic!("{answer:?}") };
    let text = str::from_utf8(text).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let body = format!("{}{body}", " ".repeat(150_000));
    let head =
        format!("HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    then(say(head.into_bytes()), Step::Trickle(body.into_bytes().into(), piece, Duration::from_millis(250)))
}

/// However fast it comes: of what is passed over, none is ever the last.
async fn list_that_never_ends_is_refused_though_all_of_it_is_well_formed<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
) {
    let begun = format!("{HEAD}{}", driver.listing);
    let more = format!("{},", (driver.entry)(&"x".repeat(4000))).repeat(16).into_bytes().leak();
    let answer = then(then(say(begun.into_bytes()), Step::Repeat(more, u64::MAX)), Step::Close);
    let server = driver.answering(Call::Files, move |_| answer.clone()).await;
    let mut page = Page::first(10);
    page.offset = u32::MAX;
    let error = driver.host(net(), server.port).files("", page).await.unwrap_err();
    is_kind("endless", &error, ErrorKind::TooLarge);
    decent("endless", &error);
}

/// Where it goes it is not held, and who gets it may have time.
async fn file_may_trickle<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let head = b"HTTP/1.1 200 X\r\nContent-Length: 4\r\n\r\n".as_slice();
    let answer = then(say(head), trickle("G28\n"));
    let server = driver.answering(Call::Download, move |_| answer.clone()).await;
    let start = Instant::now();
    assert_eq!(Call::Download.make(&driver.host(net(), server.port)).await, Ok(()));
    assert!(start.elapsed() >= 2 * limits().stall, "{:?}", start.elapsed());
}

async fn reader_may_take_its_time<N: Net>(net: fn() -> N) {
    const LEN: usize = 3000;
    let server = Server::start(|_| Some(reply(200, "", &"x".repeat(LEN)))).await;
    let origin = Origin::http("127.0.0.1", server.port);
    let net = net();
    let request = Request::new("read", Method::Get, &origin, "/");
    let mut response = net.parts().send(&request, NO_BODY).await.unwrap();
    let (start, mut buf, mut came) = (Instant::now(), [0; 100], 0);
    loop {
        match response.read_steadily(&mut buf).await.unwrap() {
            0 => break,
            n => came += n,
        }
        tokio::time::sleep(Limits::HOST.stall * 2).await;
    }
    assert_eq!(came, LEN);
    assert!(start.elapsed() >= Limits::HOST.stall * 60);
}
