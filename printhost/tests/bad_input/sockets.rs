use std::time::Duration;

use printhost::{AnyHost, ErrorKind, Event, PrintHost, net::Net};
use sha1::{Digest, Sha1};
use tokio::time::Instant;

use super::{
    harness::{MEMORY, decent, host, is_kind},
    server::{Answer, Heard, Server, Step, json, reply, say, then},
};
use crate::HEAP;

over_both!(
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

const SOCKET: &str = "GET /sockjs/websocket";
const CURRENT: &str = r#"{"current":{"state":{"text":"Operational","flags":{"operational":true}}}}"#;

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - group.len()));
        for i in 0..4 {
            match i <= group.len() {
                true => text.push(char::from(LETTERS[(bits >> (18 - 6 * i)) as usize & 63])),
                false => text.push('='),
            }
        }
    }
    text
}

/// The right answer to the handshake, then these bytes.
fn accept(heard: &Heard<'_>, frames: &[u8]) -> Answer {
    let key = heard.field("sec-websocket-key").unwrap();
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let mut text = format!(
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        base64(&digest)
    )
    .into_bytes();
    text.extend_from_slice(frames);
    say(text)
}

fn text_frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        n @ 0..126 => frame.push(n as u8),
        n @ 126..65536 => frame.extend([126, (n >> 8) as u8, n as u8]),
        n => {
            frame.push(127);
            frame.extend((n as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// What run() tells, until something was told so many times; and what it returns if it does.
async fn told<N: Net>(host: &AnyHost<N>, times: usize) -> (Vec<Event>, Option<printhost::Error>) {
    let mut events = host.events().unwrap();
    let mut seen = Vec::new();
    let listen = async {
        while seen.len() < times {
            match events.next().await {
                Event::Status(_) => {}
                event => seen.push(event),
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

async fn refused_upgrade_is_told_and_tried_again<N: Net>(net: fn() -> N) {
    for (status, kind) in [
        (200, ErrorKind::Protocol),
        (302, ErrorKind::Protocol),
        (400, ErrorKind::Protocol),
        (404, ErrorKind::NotFound),
        (426, ErrorKind::Protocol),
        (502, ErrorKind::HostFault),
        (503, ErrorKind::HostFault),
    ] {
        let server = Server::start(move |heard| {
            heard.is(SOCKET).then(|| reply(status, "Content-Type: text/html\r\n", "<html>no</html>"))
        })
        .await;
        let name = format!("{status}");
        let host = host(net(), server.port);
        let error = lost(&name, &host).await;
        is_kind(&name, &error, kind);
        assert_eq!(error.http_status(), Some(status));
    }
}

/// The key has been accepted for the login just before, so this is a proxy's doing.
async fn upgrade_refused_by_a_proxy_is_told_and_does_not_end_run<N: Net>(net: fn() -> N) {
    for status in [401, 403] {
        let server = Server::start(move |heard| heard.is(SOCKET).then(|| json(status, "{}"))).await;
        let error = lost("refused", &host(net(), server.port)).await;
        is_kind("refused", &error, ErrorKind::Protocol);
        assert_eq!(error.http_status(), Some(status));
    }
}

async fn wrong_handshake_is_refused<N: Net>(net: fn() -> N) {
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
        let server = Server::start(move |heard| heard.is(SOCKET).then(|| answer.clone())).await;
        is_kind(name, &lost(name, &host(net(), server.port)).await, kind);
    }
    for (name, more) in [("an endless field", &[b'x'; 4096][..]), ("endless fields", b"a: b\r\n")] {
        let answer = then(say(b"HTTP/1.1 101 X\r\na:".as_slice()), Step::Repeat(more, u64::MAX));
        let server = Server::start(move |heard| heard.is(SOCKET).then(|| answer.clone())).await;
        is_kind(name, &lost(name, &host(net(), server.port)).await, ErrorKind::Protocol);
    }
}

async fn frames_that_break_the_rules_end_the_connection<N: Net>(net: fn() -> N) {
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
        let server =
            Server::start(move |heard| heard.is(SOCKET).then(|| then(accept(heard, &frames), Step::Close)))
                .await;
        is_kind(name, &lost(name, &host(net(), server.port)).await, kind);
    }
}

async fn messages_of_no_use_are_passed_over<N: Net>(net: fn() -> N) {
    let mut frames = Vec::new();
    let deep = "[".repeat(100_000);
    for text in ["", "h", "o", "{}", "[]", "null", "{", &deep, r#"{"current":5}"#, r#"{"event":{"type":7}}"#]
    {
        frames.extend(text_frame(text));
    }
    frames.extend(b"\x82\x03\0\xff\0\x8a\0\x89\x02hi");
    frames.extend(text_frame(CURRENT));
    let server =
        Server::start(move |heard| heard.is(SOCKET).then(|| then(accept(heard, &frames), Step::Hold))).await;
    let (seen, _) = told(&host(net(), server.port), 1).await;
    assert_eq!(seen, [Event::Resynced]);
}

async fn message_beyond_the_limit_is_skipped_in_bounded_memory<N: Net>(net: fn() -> N) {
    let limit = 1 << 20; // of messages, by default
    let mut head = vec![0x81, 127];
    let begin = br#"{"history":{"logs":[""#;
    head.extend((64u64 << 20).to_be_bytes());
    head.extend_from_slice(begin);
    let server = Server::start(move |heard| {
        heard.is(SOCKET).then(|| {
            let mut answer = accept(heard, &head);
            let left = (64 << 20) - begin.len();
            answer.push(Step::Repeat(&[b'x'; 4096], left as u64 / 4096));
            answer.push(Step::Say(vec![b'x'; left % 4096].into()));
            answer.push(Step::Say(text_frame(CURRENT).into()));
            answer.push(Step::Hold);
            answer
        })
    })
    .await;
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let (seen, _) = told(&host(net(), server.port), 1).await;
    let peak = HEAP.peak_usage().saturating_sub(before);
    assert_eq!(seen, [Event::Resynced]);
    assert!(peak < 2 * limit + MEMORY, "{peak} bytes");
}

async fn floods_are_borne_in_bounded_memory<N: Net>(net: fn() -> N) {
    let useless: &'static [u8] = text_frame(r#"{"plugin":{"data":[1,2,3]}}"#).leak();
    for (name, more) in [
        ("pings", &b"\x89\x02hi"[..]),
        ("empty fragments", b"\0\0"),
        ("fragments", b"\0\x08xxxxxxxx"),
        ("useless messages", useless),
    ] {
        let server = Server::start(move |heard| {
            heard.is(SOCKET).then(|| {
                let begin: &[u8] = if name.ends_with("fragments") { b"\x01\0" } else { b"" };
                let mut answer = accept(heard, &[&text_frame(CURRENT)[..], begin].concat());
                answer.push(Step::Repeat(more, 300_000));
                answer.push(Step::Close);
                answer
            })
        })
        .await;
        HEAP.reset_peak_usage();
        let before = HEAP.current_usage();
        let (seen, _) = told(&host(net(), server.port), 2).await;
        let peak = HEAP.peak_usage().saturating_sub(before);
        // A reset, since the server does not read the answers to its pings: the last bytes may be cut.
        let [Event::Resynced, Event::Lost(error)] = &seen[..] else { panic!("{name}: {seen:?}") };
        is_kind(name, error, ErrorKind::Disconnected);
        assert!(peak < 3 * (1 << 20) + MEMORY, "{name}: {peak} bytes");
    }
}

async fn upgrade_without_an_answer_is_told<N: Net>(net: fn() -> N) {
    let server = Server::start(|heard| heard.is(SOCKET).then(|| vec![Step::Hold])).await;
    let start = Instant::now();
    let error = lost("no answer", &host(net(), server.port)).await;
    is_kind("no answer", &error, ErrorKind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(62), "{:?}", start.elapsed());
}

async fn socket_that_falls_silent_is_given_up<N: Net>(net: fn() -> N) {
    let server = Server::start(|heard| {
        heard.is(SOCKET).then(|| then(accept(heard, &text_frame(CURRENT)), Step::Hold))
    })
    .await;
    let start = Instant::now();
    let (seen, _) = told(&host(net(), server.port), 2).await;
    let [Event::Resynced, Event::Lost(error)] = &seen[..] else { panic!("{seen:?}") };
    is_kind("silence", error, ErrorKind::Timeout);
    decent("silence", error);
    assert!(start.elapsed() < Duration::from_secs(32), "{:?}", start.elapsed());
}
