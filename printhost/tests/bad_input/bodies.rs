use printhost::{ErrorKind, Retry, net::Net};

use super::{
    harness::{Call, JSON, fails, host, is_kind, measured},
    server::{Answer, Server, Step, json, reply, say, then},
};

over_both!(
    what_is_no_octoprint_is_told_so_by_every_read,
    huge_answers_are_refused_in_bounded_memory,
    answer_of_just_the_largest_size_is_read,
    compressed_answers_are_refused,
    captive_portal_is_named,
    redirects_on_the_same_host_are_followed_and_loops_are_not,
    lists_that_never_end_are_refused,
    page_of_endless_paths_is_refused_in_bounded_memory;
    paused
    what_is_no_octoprint_never_confirms_a_change,
    change_that_was_accepted_is_done_though_its_answer_is_cut
);

const PORTAL: &str = "<!DOCTYPE html><html><head><title>Log in to the hotel's network</title></head></html>";
const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";

async fn what_is_no_octoprint_is_told_so_by_every_read<N: Net>(net: fn() -> N) {
    let deep = "[".repeat(100_000);
    let deep_inside = format!(r#"{{"files":[{{"x":{}"#, "{\"x\":".repeat(50_000));
    let rows: [(&str, Answer); 15] = [
        ("a login page", reply(200, HTML, PORTAL)),
        ("a page that claims to be JSON", json(200, PORTAL)),
        ("nothing", reply(200, "", "")),
        ("no content", say(b"HTTP/1.1 204 X\r\n\r\n".as_slice())),
        ("blanks", json(200, " \r\n\t ")),
        ("text", reply(200, "Content-Type: text/plain\r\n", "It works!")),
        ("half an object", json(200, r#"{"server":"1"#)),
        ("an array", json(200, "[]")),
        ("a number", json(200, "1e999999999")),
        ("deep arrays", json(200, &deep)),
        ("deep objects", json(200, &deep_inside)),
        (
            "not UTF-8",
            say(b"HTTP/1.1 200 X\r\nContent-Length: 15\r\n\r\n{\"server\":\"\xff\xfe\"}".as_slice()),
        ),
        ("a foreign host", json(200, r#"{"result":{"klippy_state":"ready"}}"#)),
        ("other types", json(200, r#"{"server":{},"state":7,"files":[{"path":[]}]}"#)),
        ("NUL", json(200, "\0\0\0\0")),
    ];
    for (name, answer) in rows {
        for call in [Call::Connect, Call::Status, Call::Files] {
            let answer = answer.clone();
            let server = Server::start(move |heard| heard.is(call.request()).then(|| answer.clone())).await;
            let error = fails(name, call, &host(net(), server.port)).await;
            is_kind(&format!("{name}: {call:?}"), &error, ErrorKind::Protocol);
            assert_eq!((error.retry(), error.operation()), (Retry::Never, call.operation()), "{name}");
            if name == "a login page" {
                assert!(error.detail().unwrap().contains("HTML"), "{call:?}: {error:?}");
            }
        }
    }
}

async fn what_is_no_octoprint_never_confirms_a_change<N: Net>(net: fn() -> N) {
    for call in [Call::Upload, Call::Start, Call::Pause] {
        // Everything becomes a login page once the change is asked for.
        let server = Server::start(move |heard| {
            let known = heard.is("GET /api/version");
            (!known).then(|| reply(200, HTML, PORTAL))
        })
        .await;
        let (result, _) = measured("a login page", call, &host(net(), server.port)).await;
        match (call, result) {
            (Call::Upload, Err(error)) => assert_eq!(error.kind(), ErrorKind::Unconfirmed, "{error:?}"),
            (Call::Upload, Ok(())) => panic!("an upload to a login page succeeds"),
            // A 200 is what the host says; it is accepted, not confirmed.
            (_, result) => result.unwrap(),
        }
    }
}

fn chunked(body: Vec<u8>) -> Answer {
    let mut text = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(8000) {
        text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        text.extend_from_slice(chunk);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"0\r\n\r\n");
    say(text)
}

fn endless(begin: &'static str, more: &'static [u8]) -> Answer {
    let head = format!("HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n{begin}");
    then(then(say(head.into_bytes()), Step::Repeat(more, u64::MAX)), Step::Close)
}

/// The status settles it; reporting the cut as repeatable would have it done twice.
async fn change_that_was_accepted_is_done_though_its_answer_is_cut<N: Net>(net: fn() -> N) {
    let cut = say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".as_slice());
    for call in [Call::Start, Call::Pause, Call::Gcode, Call::Delete] {
        let cut = cut.clone();
        let server = Server::start(move |heard| heard.is(call.request()).then(|| cut.clone())).await;
        let (result, _) = measured("cut", call, &host(net(), server.port)).await;
        assert_eq!(result, Ok(()), "{call:?}");
        let sent = server.heard().iter().filter(|heard| heard.starts_with(call.request())).count();
        assert_eq!(sent, 1, "{call:?}");
    }
}

async fn huge_answers_are_refused_in_bounded_memory<N: Net>(net: fn() -> N) {
    let long = "x".repeat(10 << 20);
    let text = format!(r#"{{"server":"{long}","state":{{"text":"{long}"}},"files":[{{"path":"{long}"}}]}}"#);
    drop(long);
    let rows: [(&str, Answer); 4] = [
        ("20 MiB with a length", json(200, &text)),
        ("20 MiB in chunks", chunked(text.into_bytes())),
        ("an endless text", endless(r#"{"files":[{"path":"#, &[b'x'; 4096])),
        ("endless blanks", endless(r#"{"server":"1","#, &[b' '; 4096])),
    ];
    for (name, answer) in rows {
        for call in [Call::Connect, Call::Status, Call::Files] {
            let mut once = Some(answer.clone());
            let server = {
                let once = std::sync::Mutex::new(once.take());
                Server::start(move |heard| match heard.is(call.request()) {
                    true => once.lock().unwrap().take(),
                    false => None,
                })
                .await
            };
            let error = fails(name, call, &host(net(), server.port)).await;
            is_kind(&format!("{name}: {call:?}"), &error, ErrorKind::TooLarge);
            assert_eq!(error.retry(), Retry::Never);
        }
    }
}

async fn answer_of_just_the_largest_size_is_read<N: Net>(net: fn() -> N) {
    let empty = r#"{"server":"1","text":""}"#;
    for (size, fits) in [(JSON, true), (JSON + 1, false)] {
        let body = empty.replace("\"\"", &format!("\"{}\"", "x".repeat(size - empty.len())));
        assert_eq!(body.len(), size);
        for answer in [json(200, &body), chunked(body.into_bytes())] {
            let server =
                Server::start(move |heard| heard.is("GET /api/version").then(|| answer.clone())).await;
            let (result, _) = measured("just fits", Call::Connect, &host(net(), server.port)).await;
            assert_eq!(result.map_err(|e| e.kind()), if fits { Ok(()) } else { Err(ErrorKind::TooLarge) });
        }
    }
}

async fn lists_that_never_end_are_refused<N: Net>(net: fn() -> N) {
    for (name, begin, more) in [
        ("numbers", r#"{"files":["#, b"1,".repeat(2048).leak()),
        ("nested arrays", r#"{"files":["#, b"[],".repeat(1024).leak()),
        ("beside the list", r#"{"free":"#, b"0".repeat(4096).leak()),
        ("blanks after it", r#"{"files":[]}"#, b" ".repeat(4096).leak()),
    ] {
        let answer = endless(begin, more);
        let server =
            Server::start(move |heard| heard.is("GET /api/files/local?").then(|| answer.clone())).await;
        let error = fails(name, Call::Files, &host(net(), server.port)).await;
        is_kind(name, &error, ErrorKind::TooLarge);
    }
}

async fn compressed_answers_are_refused<N: Net>(net: fn() -> N) {
    // {"server":"1"} by gzip -n
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xabV*N-*K-R\xb2R2T\xaa\x05\0\xd9g\xb5\xd8\x0e\0\0\0";
    let mut text = b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: 34\r\n\r\n".to_vec();
    text.extend_from_slice(gzip);
    for call in Call::READS {
        let text = text.clone();
        let server = Server::start(move |heard| heard.is(call.request()).then(|| say(text.clone()))).await;
        let error = fails("gzip", call, &host(net(), server.port)).await;
        is_kind("gzip", &error, ErrorKind::Protocol);
        assert_eq!(error.operation(), call.operation());
        assert!(error.detail().unwrap().contains("gzip"), "{call:?}: {error:?}");
    }
}

async fn captive_portal_is_named<N: Net>(net: fn() -> N) {
    for status in [301, 302, 303, 307, 308] {
        for call in Call::READS.into_iter().chain(Call::CHANGES).chain([Call::Run]) {
            let server = Server::start(move |_| {
                let fields = format!("{HTML}Location: http://portal.example/login?from=printer\r\n");
                Some(reply(status, &fields, PORTAL))
            })
            .await;
            // run() goes on for ever here, since a portal goes away.
            let call = if call == Call::Run { Call::Connect } else { call };
            let error = fails("portal", call, &host(net(), server.port)).await;
            is_kind("portal", &error, ErrorKind::Redirected);
            assert!(error.detail().unwrap().contains("portal.example"), "{error:?}");
            assert_eq!(server.heard(), ["GET /api/version HTTP/1.1"], "{call:?}");
        }
    }
}

async fn redirects_on_the_same_host_are_followed_and_loops_are_not<N: Net>(net: fn() -> N) {
    let moved = |to: &str| reply(302, &format!("Location: {to}\r\n"), "");
    let server = Server::start(move |heard| {
        heard
            .is("GET /api/version")
            .then(|| moved("/octoprint/api/version"))
            .or_else(|| heard.is("GET /octoprint/api/version").then(|| json(200, r#"{"server":"1.11.8"}"#)))
    })
    .await;
    measured("moved", Call::Connect, &host(net(), server.port)).await.0.unwrap();

    let server = Server::start(move |heard| match heard.is("GET /a/api") {
        true => Some(moved("/b/api/version")),
        false => Some(moved("/a/api/version")),
    })
    .await;
    let error = fails("loop", Call::Connect, &host(net(), server.port)).await;
    is_kind("loop", &error, ErrorKind::Redirected);
    assert!(server.heard().len() <= 6, "{:?}", server.heard());

    let server = Server::start(move |_| Some(moved("/api/version"))).await;
    let error = fails("to itself", Call::Connect, &host(net(), server.port)).await;
    is_kind("to itself", &error, ErrorKind::Redirected);

    // Without TLS in this network, an encrypted connection is refused before anything is sent.
    let server = Server::start(move |heard| {
        let port = heard.field("host").unwrap().rsplit_once(':').unwrap().1.to_owned();
        Some(moved(&format!("https://127.0.0.1:{port}/api/version")))
    })
    .await;
    let error = fails("to https", Call::Connect, &host(net(), server.port)).await;
    is_kind("to https", &error, ErrorKind::Unsupported);

    for location in
        ["//", "http://", "ftp://127.0.0.1/api/version", "\u{fc}", "http://u:p@127.0.0.1/api/version"]
    {
        let server = Server::start(move |_| Some(moved(location))).await;
        let error = fails(location, Call::Connect, &host(net(), server.port)).await;
        is_kind(location, &error, ErrorKind::Redirected);
    }
}

async fn page_of_endless_paths_is_refused_in_bounded_memory<N: Net>(net: fn() -> N) {
    // Each entry is within the limit, and a page holds ten.
    let step = Step::Repeat(
        Box::leak(format!(r#"{{"path":"{}"}},"#, "x".repeat(JSON - 100)).into_boxed_str()).as_bytes(),
        20,
    );
    let head = b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n{\"files\":[".as_slice();
    let server = Server::start(move |heard| {
        heard.is(Call::Files.request()).then(|| then(then(say(head), step.clone()), Step::Close))
    })
    .await;
    let error = fails("endless paths", Call::Files, &host(net(), server.port)).await;
    is_kind("endless paths", &error, ErrorKind::TooLarge);
}
