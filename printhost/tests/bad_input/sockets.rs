use std::{sync::Arc, time::Duration};

use printhost::{AnyHost, ErrorKind, Event, PrintHost, net::Net};
use tokio::{sync::Notify, time::Instant};

use super::{
    drivers::{Driver, Socket},
    frames::{accept, text_frame},
    harness::{MEMORY, Scene, decent, is_kind},
    server::{Answer, Heard, Server, Step, json, reply, say, then},
};
use crate::HEAP;

over_pushing!(
    refused_upgrade_is_told_and_tried_again,
    upgrade_refused_by_a_proxy_is_told_and_does_not_end_run,
    wrong_handshake_is_refused,
    frames_that_break_the_rules_end_the_connection,
    messages_of_no_use_are_passed_over,
    message_beyond_the_limit_is_skipped_in_bounded_memory,
    floods_are_borne_in_bounded_memory;
    paused
    upgrade_without_an_answer_is_told,
    socket_that_falls_silent_is_given_up
);

/// A host whose push connection goes like this.
async fn pushing(
    driver: &'static Driver,
    answer: impl Fn(&Heard<'_>, &Socket) -> Answer + Send + Sync + 'static,
) -> Server {
    let socket = driver.socket.as_ref().unwrap();
    driver.server(Scene::Idle, move |heard| heard.is(socket.request).then(|| answer(heard, socket))).await
}

/// What run() tells, until something was told so many times; and what it returns if it does.
async fn told<N: Net>(host: &AnyHost<N>, times: usize) -> (Vec<Event>, Option<printhost::Error>) {
    told_and(host, times, &Notify::new()).await
}

/// As [`told`], and says so when everything is known.
async fn told_and<N: Net>(
    host: &AnyHost<N>,
    times: usize,
    synced: &Notify,
) -> (Vec<Event>, Option<printhost::Error>) {
    let mut events = host.events().unwrap();
    let mut seen = Vec::new();
    let listen = async {
        while seen.len() < times {
            match events.next().await {
                Event::Status(_) => {}
                event => {
                    if event == Event::Resynced {
                        synced.notify_one();
                    }
                    seen.push(event);
                }
            }
        }
    };
    let end = tokio::select! {
        end = host.run() => end.err(),
        () = listen => None,
        () = tokio::time::sleep(Duration::from_secs(120)) => panic!("nothing is told"),
    };
    (seen, end)
}

/// The first thing told: why the connection is lost.
async fn lost<N: Net>(name: &str, host: &AnyHost<N>) -> printhost::Error {
    let (seen, end) = told(host, 1).await;
    assert_eq!(end, None, "{name}");
    let [Event::Lost(error)] = &seen[..] else { panic!("{name}: {seen:?}") };
    decent(name, error);
    error.clone()
}

async fn refused_upgrade_is_told_and_tried_again<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for (status, kind) in [
        (200, ErrorKind::Protocol),
        (302, ErrorKind::Protocol),
        (400, ErrorKind::Protocol),
        (404, ErrorKind::NotFound),
        (426, ErrorKind::Protocol),
        (502, ErrorKind::HostFault),
        (503, ErrorKind::HostFault),
    ] {
        let server =
            pushing(driver, move |_, _| reply(status, "Content-Type: text/html\r\n", "<html>no</html>"))
                .await;
        let name = format!("{status}");
        let host = driver.host(net(), server.port);
        let error = lost(&name, &host).await;
        is_kind(&name, &error, kind);
        assert_eq!(error.http_status(), Some(status));
    }
}

/// The key has been accepted for the login just before, so this is a proxy's doing.
async fn upgrade_refused_by_a_proxy_is_told_and_does_not_end_run<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
) {
    for status in [401, 403] {
        let server = pushing(driver, move |_, _| json(status, "{}")).await;
        let error = lost("refused", &driver.host(net(), server.port)).await;
        is_kind("refused", &error, ErrorKind::Protocol);
        assert_eq!(error.http_status(), Some(status));
    }
}

async fn wrong_handshake_is_refused<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for (name, text, kind) in [
        (
            "no accept",
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            ErrorKind::Protocol,
        ),
        (
            "a wrong accept",
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            ErrorKind::Protocol,
        ),
        ("garbage", "SSH-2.0-OpenSSH_9.2\r\n", ErrorKind::Protocol),
        ("half a head", "HTTP/1.1 101 X\r\nUpgra", ErrorKind::Disconnected),
        ("nothing", "", ErrorKind::Disconnected),
    ] {
        let answer = then(say(text.as_bytes()), Step::Close);
        let server = pushing(driver, move |_, _| answer.clone()).await;
        is_kind(name, &lost(name, &driver.host(net(), server.port)).await, kind);
    }
    for (name, more) in [("an endless field", &[b'x'; 4096][..]), ("endless fields", b"a: b\r\n")] {
        let answer = then(say(b"HTTP/1.1 101 X\r\na:".as_slice()), Step::Repeat(more, u64::MAX));
        let server = pushing(driver, move |_, _| answer.clone()).await;
        is_kind(name, &lost(name, &driver.host(net(), server.port)).await, ErrorKind::Protocol);
    }
}

async fn frames_that_break_the_rules_end_the_connection<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let long_ping = [&[0x89, 126, 0, 126][..], &[0; 126]].concat();
    for (name, frames, kind) in [
        ("masked", &b"\x81\x85\0\0\0\0Hello"[..], ErrorKind::Protocol),
        ("compressed, which nobody offered", b"\xc1\x01x", ErrorKind::Protocol),
        ("reserved bits", b"\xb1\x01x", ErrorKind::Protocol),
        ("a reserved opcode", b"\x83\x01x", ErrorKind::Protocol),
        ("a reserved control opcode", b"\x8b\0", ErrorKind::Protocol),
        ("a continuation of nothing", b"\x80\x01x", ErrorKind::Protocol),
        ("a text inside a text", b"\x01\x01x\x81\x01x", ErrorKind::Protocol),
        ("a fragmented ping", b"\x09\0", ErrorKind::Protocol),
        ("a long ping", &long_ping, ErrorKind::Protocol),
        ("half a close code", b"\x88\x01\x03", ErrorKind::Protocol),
        ("a text that is not UTF-8", b"\x81\x02\xff\xff", ErrorKind::Protocol),
        ("a length of 64 bits", b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", ErrorKind::Protocol),
        ("HTTP again", b"HTTP/1.1 200 OK\r\n\r\n", ErrorKind::Protocol),
        ("a close", b"\x88\x02\x03\xe9", ErrorKind::Disconnected),
        ("a close without a code", b"\x88\0", ErrorKind::Disconnected),
        ("half a frame", b"\x81\x7eH", ErrorKind::Disconnected),
        ("nothing", b"", ErrorKind::Disconnected),
    ] {
        let frames = frames.to_vec();
        let server = pushing(driver, move |heard, _| then(accept(heard, &frames), Step::Close)).await;
        is_kind(name, &lost(name, &driver.host(net(), server.port)).await, kind);
    }
}

async fn messages_of_no_use_are_passed_over<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let mut frames = Vec::new();
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for text in [
        "{}",
        "[]",
        "null",
        "7",
        &deep,
        r#"{"current":5}"#,
        r#"{"event":{"type":7}}"#,
        r#"{"method":"notify_of_tomorrow","params":[{"x":[1]}]}"#,
        r#"{"method":7,"params":{}}"#,
        r#"{"jsonrpc":"2.0","result":"ok","id":4000000000}"#,
        r#"{"jsonrpc":"2.0","result":"ok","id":null}"#,
        r#"{"jsonrpc":"2.0","error":{"code":400,"message":"no"},"id":-7.5}"#,
    ] {
        frames.extend(text_frame(text));
    }
    frames.extend(b"\x82\x03\0\xff\0\x8a\0\x89\x02hi");
    let server = pushing(driver, move |heard, socket| {
        let mut after = vec![Step::Say(frames.clone().into())];
        after.push(Step::Hold);
        (socket.live)(heard, vec![Step::Say(frames.clone().into())], after)
    })
    .await;
    let (seen, _) = told(&driver.host(net(), server.port), 1).await;
    assert_eq!(seen, [Event::Resynced]);
}

async fn message_beyond_the_limit_is_skipped_in_bounded_memory<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
) {
    const LEN: usize = 16 << 20;
    let limit = 1 << 20; // of messages, by default
    let begin = br#"{"history":{"logs":[""#;
    let server = pushing(driver, move |heard, socket| {
        let mut head = vec![0x81, 127];
        head.extend((LEN as u64).to_be_bytes());
        head.extend_from_slice(begin);
        let left = LEN - begin.len();
        let before = vec![
            Step::Say(head.into()),
            Step::Repeat(&[b'x'; 4096], left as u64 / 4096),
            Step::Say(vec![b'x'; left % 4096].into()),
        ];
        (socket.live)(heard, before, vec![Step::Hold])
    })
    .await;
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let (seen, _) = told(&driver.host(net(), server.port), 1).await;
    let peak = HEAP.peak_usage().saturating_sub(before);
    assert_eq!(seen, [Event::Resynced]);
    assert!(peak < 2 * limit + MEMORY, "{peak} bytes");
}

async fn floods_are_borne_in_bounded_memory<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let useless: &'static [u8] = text_frame(r#"{"plugin":{"data":[1,2,3]}}"#).leak();
    for (name, more) in [
        ("pings", &b"\x89\x02hi"[..]),
        ("empty fragments", b"\0\0"),
        ("fragments", b"\0\x08xxxxxxxx"),
        ("useless messages", useless),
    ] {
        let synced = Arc::new(Notify::new());
        let waits = synced.clone();
        let server = pushing(driver, move |heard, socket| {
            let begin: &[u8] = if name.ends_with("fragments") { b"\x01\0" } else { b"" };
            let after = vec![
                Step::Wait(waits.clone()),
                Step::Say(begin.into()),
                Step::Repeat(more, 100_000),
                Step::Close,
            ];
            (socket.live)(heard, Vec::new(), after)
        })
        .await;
        HEAP.reset_peak_usage();
        let before = HEAP.current_usage();
        let (seen, _) = told_and(&driver.host(net(), server.port), 2, &synced).await;
        let peak = HEAP.peak_usage().saturating_sub(before);
        // A reset, since the server does not read the answers to its pings: the last bytes may be cut.
        let [Event::Resynced, Event::Lost(error)] = &seen[..] else { panic!("{name}: {seen:?}") };
        is_kind(name, error, ErrorKind::Disconnected);
        assert!(peak < 3 * (1 << 20) + MEMORY, "{name}: {peak} bytes");
    }
}

async fn upgrade_without_an_answer_is_told<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let server = pushing(driver, |_, _| vec![Step::Hold]).await;
    let start = Instant::now();
    let error = lost("no answer", &driver.host(net(), server.port)).await;
    is_kind("no answer", &error, ErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(62), "{:?}", start.elapsed());
}

async fn socket_that_falls_silent_is_given_up<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let server = pushing(driver, |heard, socket| (socket.live)(heard, Vec::new(), vec![Step::Hold])).await;
    let start = Instant::now();
    let (seen, _) = told(&driver.host(net(), server.port), 2).await;
    let [Event::Resynced, Event::Lost(error)] = &seen[..] else { panic!("{seen:?}") };
    is_kind("silence", error, ErrorKind::Timeout);
    decent("silence", error);
    assert!(start.elapsed() < Duration::from_secs(32), "{:?}", start.elapsed());
}
