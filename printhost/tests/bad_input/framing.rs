use printhost::{ErrorKind, Retry, net::Net};

use super::{
    drivers::{Driver, times},
    harness::{Call, Scene, fails, is_kind, measured},
    server::{Answer, Step, say, then},
};

over_all!(
    chunks_that_break_the_rules_are_errors,
    heads_that_break_the_rules_are_errors,
    bombs_are_refused_in_bounded_memory,
    cut_answers_are_never_taken_for_whole_ones,
    other_protocols_are_told_apart,
    host_that_speaks_first_is_told_whatever_the_timing,
    old_http_is_understood,
    surplus_bytes_do_not_reach_the_next_answer,
    connection_ended_at_once_is_disconnected;
    paused
    lost_answer_to_a_change_is_unconfirmed
);

const CHUNKED: &str = "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n";

async fn refused<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
    name: &str,
    calls: &[Call],
    answer: Answer,
    kind: ErrorKind,
) {
    for call in calls {
        let (call, answer) = (*call, answer.clone());
        let server = driver.answering(call, move |_| answer.clone()).await;
        let error = fails(name, call, &driver.host(net(), server.port)).await;
        is_kind(&format!("{name}: {call:?}"), &error, kind);
        assert_eq!(error.operation(), call.operation(), "{name}");
        assert!(matches!(error.retry(), Retry::Never | Retry::Safe), "{name}: {error:?}");
    }
}

async fn chunks_that_break_the_rules_are_errors<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let rows: [(&str, &str); 8] = [
        ("no size", "\r\n{}\r\n"),
        ("letters for a size", "xyz\r\n{}\r\n"),
        ("a negative size", "-2\r\n{}\r\n"),
        ("a prefix", "0x2\r\n{}\r\n"),
        ("a size beyond 64 bits", "fffffffffffffffff\r\n{}\r\n"),
        ("a chunk longer than its size", "2\r\n{}{}\r\n0\r\n\r\n"),
        ("no line break behind a chunk", "2\r\n{}0\r\n\r\n"),
        ("a comma", "2,2\r\n{}\r\n"),
    ];
    for (name, body) in rows {
        let answer = then(say(format!("{CHUNKED}{body}").into_bytes()), Step::Close);
        refused(net, driver, name, &Call::READS, answer, ErrorKind::Protocol).await;
    }
}

async fn heads_that_break_the_rules_are_errors<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for (name, text) in [
        ("two lengths", "HTTP/1.1 200 X\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
        ("a negative length", "HTTP/1.1 200 X\r\nContent-Length: -2\r\n\r\n{}"),
        ("a signed length", "HTTP/1.1 200 X\r\nContent-Length: +2\r\n\r\n{}"),
        ("a length beyond 64 bits", "HTTP/1.1 200 X\r\nContent-Length: 99999999999999999999\r\n\r\n{}"),
        ("no length", "HTTP/1.1 200 X\r\nContent-Length: \r\n\r\n{}"),
        ("a status that is no number", "HTTP/1.1 abc X\r\n\r\n{}"),
        ("a status of two digits", "HTTP/1.1 20 X\r\n\r\n{}"),
        ("a field without a colon", "HTTP/1.1 200 X\r\nthis is no field\r\n\r\n{}"),
        ("a NUL in a field", "HTTP/1.1 200 X\r\na: b\0c\r\n\r\n{}"),
        ("a blank in a name", "HTTP/1.1 200 X\r\na b: c\r\n\r\n{}"),
        ("another version", "HTTP/9.9 200 X\r\n\r\n{}"),
        ("another name", "ICY 200 OK\r\n\r\n{}"),
        ("no head at all", "{\"server\":\"1.11.8\"}\r\n\r\n"),
        ("a switch nobody asked for", "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
    ] {
        let answer = then(say(text.as_bytes()), Step::Close);
        refused(net, driver, name, &Call::READS, answer, ErrorKind::Protocol).await;
    }
}

async fn bombs_are_refused_in_bounded_memory<N: Net>(net: fn() -> N, driver: &'static Driver) {
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    const HINTS: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
    for (name, begin, more) in [
        ("an endless field", "HTTP/1.1 200 X\r\na: ", &[b'x'; 4096][..]),
        ("an endless name", "HTTP/1.1 200 X\r\n", &[b'x'; 4096][..]),
        ("an endless reason", "HTTP/1.1 200 ", &[b'x'; 4096][..]),
        ("endless fields", "HTTP/1.1 200 X\r\n", b"a: b\r\n"),
        ("endless interim answers", "", CONTINUE),
        ("endless hints", "", HINTS),
        (
            "an endless chunk extension",
            "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n2;",
            &[b'x'; 4096][..],
        ),
        ("endless trailers", "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n"),
    ] {
        let answer = then(then(say(begin.as_bytes()), Step::Repeat(more, u64::MAX)), Step::Close);
        refused(net, driver, name, &Call::READS, answer, ErrorKind::Protocol).await;
    }
    let fields = format!("HTTP/1.1 200 X\r\n{}\r\n", "a: b\r\n".repeat(100_000));
    let answer = then(say(fields.into_bytes()), Step::Close);
    refused(net, driver, "100 000 fields", &[Call::Connect], answer, ErrorKind::Protocol).await;
}

async fn cut_answers_are_never_taken_for_whole_ones<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for (name, text) in [
        ("in the status line", "HTTP/1.1 20".to_owned()),
        ("in the head", "HTTP/1.1 200 X\r\nContent-Le".to_owned()),
        ("before the body", "HTTP/1.1 200 X\r\nContent-Length: 30\r\n\r\n".to_owned()),
        ("a longer length", "HTTP/1.1 200 X\r\nContent-Length: 30\r\n\r\n{\"server\":\"1\"}".to_owned()),
        ("in a chunk's size", format!("{CHUNKED}2")),
        ("in a chunk", format!("{CHUNKED}20\r\n{{}}")),
        ("behind a chunk", format!("{CHUNKED}e\r\n{{\"server\":\"1\"}}\r\n")),
        ("before the last line", format!("{CHUNKED}e\r\n{{\"server\":\"1\"}}\r\n0\r\n")),
        ("after an interim answer", "HTTP/1.1 100 Continue\r\n\r\n".to_owned()),
    ] {
        for end in [Step::Close, Step::Reset] {
            let answer = then(say(text.clone().into_bytes()), end);
            refused(net, driver, name, &Call::READS, answer, ErrorKind::Disconnected).await;
        }
    }
}

async fn other_protocols_are_told_apart<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for (name, text) in [
        ("SSH", &b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"[..]),
        ("SMTP", b"220 mail.example ESMTP\r\n"),
        ("a TLS alert", b"\x15\x03\x01\0\x02\x02\x28"),
        ("HTTP/2", b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff\xff"),
        ("zeros", &[0; 4096]),
    ] {
        let answer = then(say(text), Step::Close);
        refused(net, driver, name, &[Call::Connect], answer, ErrorKind::Protocol).await;
        // The same from a server that speaks first.
        let greeting = vec![Step::Say(text.into())];
        let server = driver.greeting(greeting, Scene::Idle, |_| Some(vec![Step::Hold])).await;
        let error = fails(name, Call::Connect, &driver.host(net(), server.port)).await;
        is_kind(&format!("{name} at first"), &error, ErrorKind::Protocol);
    }
}

async fn host_that_speaks_first_is_told_whatever_the_timing<N: Net>(net: fn() -> N, driver: &'static Driver) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    const ATTEMPTS: usize = 200;
    // In a thread of its own, so that the banner comes before, while and after the request is sent.
    let thread = std::thread::spawn(move || {
        for _ in 0..ATTEMPTS {
            let (mut tcp, _) = listener.accept().unwrap();
            tcp.write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n").unwrap();
            let _ = tcp.read(&mut [0; 1024]);
        }
    });
    for _ in 0..ATTEMPTS {
        let error = Call::Connect.make(&driver.host(net(), port)).await.unwrap_err();
        is_kind("SSH", &error, ErrorKind::Protocol);
        assert_eq!(error.retry(), Retry::Never);
    }
    thread.join().unwrap();
}

async fn old_http_is_understood<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let (home, length) = (driver.home, driver.home.len());
    for text in [
        &format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n{home}"),
        &format!("HTTP/1.0 200 OK\r\n\r\n{home}"),
        &format!("HTTP/1.1 200\r\nconnection: close\r\n\r\n{home}"),
        &format!(
            "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 \u{fc}\r\ncontent-length:{length}\r\n\r\n{home}"
        ),
    ] {
        let latin1: Vec<u8> = text.chars().map(|c| c as u8).collect();
        let answer = then(say(latin1), Step::Close);
        let server = driver.answering(Call::Connect, move |_| answer.clone()).await;
        let host = driver.host(net(), server.port);
        measured(text, Call::Connect, &host).await.0.unwrap();
        measured(text, Call::Status, &host).await.0.unwrap();
    }
}

async fn surplus_bytes_do_not_reach_the_next_answer<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let body = driver.home;
    let forged = "HTTP/1.1 500 forged\r\nContent-Length: 0\r\n\r\n";
    let text = format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n{body}{forged}", body.len());
    let server = driver.answering(Call::Connect, move |_| say(text.clone().into_bytes())).await;
    let host = driver.host(net(), server.port);
    measured("a shorter length", Call::Connect, &host).await.0.unwrap();
    measured("a shorter length", Call::Status, &host).await.0.unwrap();
    measured("a shorter length", Call::FileInfo, &host).await.0.unwrap();
}

async fn connection_ended_at_once_is_disconnected<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for end in [Step::Close, Step::Reset] {
        for call in driver.reads().chain(driver.changes()) {
            let server = driver.greeting(vec![end.clone()], Scene::Idle, |_| None).await;
            let error = fails("ended at once", call, &driver.host(net(), server.port)).await;
            is_kind("ended at once", &error, ErrorKind::Disconnected);
            assert_eq!((error.retry(), error.operation()), (Retry::Safe, call.operation()));
        }
    }
}

async fn lost_answer_to_a_change_is_unconfirmed<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for (name, text) in [
        ("nothing", ""),
        ("half a head", "HTTP/1.1 2"),
        ("garbage", "\u{15}\u{3}\u{1}\0\u{2}\u{2}\u{28}"),
        ("a bad length", "HTTP/1.1 200 X\r\nContent-Length: x\r\n\r\n"),
    ] {
        for end in [Step::Close, Step::Reset] {
            for call in driver.changes() {
                let answer = then(say(text.as_bytes()), end.clone());
                let server = driver.answering(call, move |_| answer.clone()).await;
                let error = fails(name, call, &driver.host(net(), server.port)).await;
                is_kind(&format!("{name}: {call:?}"), &error, ErrorKind::Unconfirmed);
                assert_eq!((error.retry(), error.operation()), (Retry::ReadFirst, call.operation()));
                assert_eq!(times(&server, driver, call), 1, "{name}: {call:?} is sent once");
            }
        }
    }
}
