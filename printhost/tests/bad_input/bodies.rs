use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use printhost::{Confirmation, ErrorKind, PrintHost as _, Retry, Upload, net::Net};

use super::{
    drivers::{Driver, times},
    harness::{Call, JSON, MEMORY, Scene, fails, is_kind, measured},
    server::{Answer, Heard, Step, json, reply, say, then},
};

over_all!(
    what_is_no_json_object_is_told_so_by_every_read,
    another_kind_of_host_is_told_by_connecting,
    huge_answers_are_refused_in_bounded_memory,
    answer_of_just_the_largest_size_is_read,
    compressed_answers_are_refused,
    captive_portal_is_named,
    redirects_on_the_same_host_are_followed_and_loops_are_not,
    lists_that_never_end_are_refused,
    page_of_endless_names_takes_bounded_memory;
    paused
    login_page_never_confirms_a_change,
    change_that_was_accepted_is_done_though_its_answer_is_cut
);

const PORTAL: &str = "<!DOCTYPE html><html><head><title>Log in to the hotel's network</title></head></html>";
const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";

async fn what_is_no_json_object_is_told_so_by_every_read<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let deep = "[".repeat(100_000);
    let deep_inside = format!(r#"{{"files":[{{"x":{}"#, "{\"x\":".repeat(50_000));
    let rows: [(&str, Answer); 13] = [
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
        ("UTF-16", say(b"HTTP/1.1 200 X\r\nContent-Length: 6\r\n\r\n\xff\xfe{\0}\0".as_slice())),
        ("NUL", json(200, "\0\0\0\0")),
    ];
    for (name, answer) in rows {
        for call in [Call::Connect, Call::Status, Call::Files, Call::FileInfo] {
            let answer = answer.clone();
            let server = driver.answering(call, move |_| answer.clone()).await;
            let error = fails(name, call, &driver.host(net(), server.port)).await;
            is_kind(&format!("{name}: {call:?}"), &error, ErrorKind::Protocol);
            assert_eq!((error.retry(), error.operation()), (Retry::Never, call.operation()), "{name}");
            if name == "a login page" {
                assert!(error.detail().unwrap().contains("HTML"), "{call:?}: {error:?}");
            }
        }
    }
}

async fn another_kind_of_host_is_told_by_connecting<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for body in [
        "{}",
        r#"{"state":"ready"}"#,
        r#"{"result":{}}"#,
        r#"{"result":"ok"}"#,
        r#"{"result":{"hostname":"x"}}"#,
        r#"{"server":null,"text":null}"#,
        r#"{"server":{},"text":[],"result":[]}"#,
        r#"{"err":0,"seq":1,"key":"duet"}"#,
    ] {
        for call in [Call::Connect, Call::Status, Call::Upload] {
            let server = driver.answering(Call::Connect, move |_| json(200, body)).await;
            let error = fails(body, call, &driver.host(net(), server.port)).await;
            is_kind(&format!("{body}: {call:?}"), &error, ErrorKind::Protocol);
            assert_eq!((error.retry(), error.operation()), (Retry::Never, call.operation()), "{body}");
            assert_eq!(server.heard(), [format!("GET {} HTTP/1.1", driver.probe)]);
        }
    }
}

async fn login_page_never_confirms_a_change<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for call in [Call::Upload, Call::Start, Call::Pause, Call::Delete] {
        // Everything becomes a login page once the change is asked for.
        let changed = AtomicBool::new(false);
        let server = driver
            .server(call.scene(), move |heard| {
                let is_it = heard.is(driver.request(call));
                (changed.fetch_or(is_it, Relaxed) || is_it).then(|| reply(200, HTML, PORTAL))
            })
            .await;
        let host = driver.host(net(), server.port);
        let result = match call {
            Call::Upload => {
                let mut content = &b"G28\n"[..];
                let sent = host.upload(Upload::new("x.gcode", 4, &mut content).replacing()).await;
                sent.map(|_| Confirmation::Confirmed)
            }
            Call::Start => host.start("x.gcode").await.map(|done| done.confirmation),
            Call::Pause => host.command(printhost::Command::Pause).await.map(|done| done.confirmation),
            _ => host.delete("x.gcode").await.map(|()| Confirmation::Accepted),
        };
        match (call == Call::Upload || !(driver.accepts_by_status)(call), result) {
            (true, Err(error)) => assert_eq!(error.kind(), ErrorKind::Unconfirmed, "{call:?}: {error:?}"),
            // A 200 is what the host says; it is accepted, not confirmed.
            (false, result) => assert_eq!(result, Ok(Confirmation::Accepted), "{call:?}"),
            (true, result) => panic!("{call:?} to a login page: {result:?}"),
        }
        assert_eq!(times(&server, driver, call), 1, "{call:?}");
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

fn endless(begin: &str, then_: &str, more: &'static [u8]) -> Answer {
    let head = format!("HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n{begin}{then_}");
    then(then(say(head.into_bytes()), Step::Repeat(more, u64::MAX)), Step::Close)
}

/// Where the status settles it, reporting the cut as repeatable would have it done twice; and where it does not, the
/// printer shows nothing here.
async fn change_that_was_accepted_is_done_though_its_answer_is_cut<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
) {
    let cut = say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".as_slice());
    for call in driver.changes().filter(|call| *call != Call::Upload) {
        let cut = then(cut.clone(), Step::Close);
        let server = driver.answering(call, move |_| cut.clone()).await;
        let (result, _) = measured("cut", call, &driver.host(net(), server.port)).await;
        match (driver.accepts_by_status)(call) {
            true => assert_eq!(result, Ok(()), "{call:?}"),
            false => is_kind(&format!("{call:?}"), &result.unwrap_err(), ErrorKind::Unconfirmed),
        }
        assert_eq!(times(&server, driver, call), 1, "{call:?}");
    }
}

async fn huge_answers_are_refused_in_bounded_memory<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let long = "x".repeat(10 << 20);
    let text = format!(r#"{}{},{{"x":"{long}"}}]}}"#, driver.listing, (driver.entry)(&long));
    drop(long);
    let rows: [(&str, Answer); 4] = [
        ("20 MiB with a length", json(200, &text)),
        ("20 MiB in chunks", chunked(text.into_bytes())),
        ("an endless text", endless(driver.listing, r#"{"x":""#, &[b'x'; 4096])),
        ("endless blanks", endless(r#"{"x":"1","#, "", &[b' '; 4096])),
    ];
    for (name, answer) in rows {
        for call in [Call::Connect, Call::Status, Call::Files] {
            let once = Mutex::new(Some(answer.clone()));
            let server = driver
                .server(call.scene(), move |heard| {
                    heard.is(driver.request(call)).then(|| once.lock().unwrap().take()).flatten()
                })
                .await;
            let error = fails(name, call, &driver.host(net(), server.port)).await;
            is_kind(&format!("{name}: {call:?}"), &error, ErrorKind::TooLarge);
            assert_eq!(error.retry(), Retry::Never);
        }
    }
}

async fn answer_of_just_the_largest_size_is_read<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let empty = format!(r#"{},"x":""}}"#, driver.home.strip_suffix('}').unwrap());
    for (size, fits) in [(JSON, true), (JSON + 1, false)] {
        let body = empty.replace("\"\"", &format!("\"{}\"", "x".repeat(size - empty.len())));
        assert_eq!(body.len(), size);
        for answer in [json(200, &body), chunked(body.into_bytes())] {
            let server = driver.answering(Call::Connect, move |_| answer.clone()).await;
            let (result, _) = measured("just fits", Call::Connect, &driver.host(net(), server.port)).await;
            assert_eq!(result.map_err(|e| e.kind()), if fits { Ok(()) } else { Err(ErrorKind::TooLarge) });
        }
    }
}

async fn lists_that_never_end_are_refused<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for (name, begin, more) in [
        ("numbers", driver.listing, b"1,".repeat(2048).leak()),
        ("nested arrays", driver.listing, b"[],".repeat(1024).leak()),
        ("beside the list", r#"{"free":"#, b"1".repeat(4096).leak()),
        ("blanks after it", r#"{"files":[]}"#, b" ".repeat(4096).leak()),
    ] {
        let answer = endless(begin, "", more);
        let server = driver.answering(Call::Files, move |_| answer.clone()).await;
        let error = fails(name, Call::Files, &driver.host(net(), server.port)).await;
        is_kind(name, &error, ErrorKind::TooLarge);
    }
}

async fn compressed_answers_are_refused<N: Net>(net: fn() -> N, driver: &'static Driver) {
    // {"server":"1"} by gzip -n
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xabV*N-*K-R\xb2R2T\xaa\x05\0\xd9g\xb5\xd8\x0e\0\0\0";
    let mut text = b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: 34\r\n\r\n".to_vec();
    text.extend_from_slice(gzip);
    for call in driver.reads() {
        let text = text.clone();
        let server = driver.answering(call, move |_| say(text.clone())).await;
        let error = fails("gzip", call, &driver.host(net(), server.port)).await;
        is_kind("gzip", &error, ErrorKind::Protocol);
        assert_eq!(error.operation(), call.operation());
        assert!(error.detail().unwrap().contains("gzip"), "{call:?}: {error:?}");
    }
}

async fn captive_portal_is_named<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for status in [301, 302, 303, 307, 308] {
        for call in driver.reads().chain(driver.changes()).chain([Call::Run]) {
            let server = driver
                .server(Scene::Idle, move |_| {
                    let fields = format!("{HTML}Location: http://portal.example/login?from=printer\r\n");
                    Some(reply(status, &fields, PORTAL))
                })
                .await;
            // run() goes on for ever here, since a portal goes away.
            let call = if call == Call::Run { Call::Connect } else { call };
            let error = fails("portal", call, &driver.host(net(), server.port)).await;
            is_kind("portal", &error, ErrorKind::Redirected);
            assert!(error.detail().unwrap().contains("portal.example"), "{error:?}");
            assert_eq!(server.heard(), [format!("GET {} HTTP/1.1", driver.probe)], "{call:?}");
        }
    }
}

async fn redirects_on_the_same_host_are_followed_and_loops_are_not<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
) {
    let moved = |to: &str| reply(302, &format!("Location: {to}\r\n"), "");
    let server = driver
        .server(Scene::Idle, move |heard| match heard.0.strip_prefix("GET /moved") {
            Some(rest) => Some((driver.healthy)(&Heard(&format!("GET {rest}"), ""), Scene::Idle)),
            None => Some(moved(&format!("/moved{}", driver.probe))),
        })
        .await;
    measured("moved", Call::Connect, &driver.host(net(), server.port)).await.0.unwrap();

    let server = driver
        .server(Scene::Idle, move |heard| match heard.is("GET /a/") {
            true => Some(moved(&format!("/b{}", driver.probe))),
            false => Some(moved(&format!("/a{}", driver.probe))),
        })
        .await;
    let error = fails("loop", Call::Connect, &driver.host(net(), server.port)).await;
    is_kind("loop", &error, ErrorKind::Redirected);
    assert!(server.heard().len() <= 6, "{:?}", server.heard());

    let server = driver.server(Scene::Idle, move |_| Some(moved(driver.probe))).await;
    let error = fails("to itself", Call::Connect, &driver.host(net(), server.port)).await;
    is_kind("to itself", &error, ErrorKind::Redirected);

    // Without TLS in this network, an encrypted connection is refused before anything is sent.
    let server = driver
        .server(Scene::Idle, move |heard| {
            let port = heard.field("host").unwrap().rsplit_once(':').unwrap().1.to_owned();
            Some(moved(&format!("https://127.0.0.1:{port}{}", driver.probe)))
        })
        .await;
    let error = fails("to https", Call::Connect, &driver.host(net(), server.port)).await;
    is_kind("to https", &error, ErrorKind::Unsupported);

    for location in ["//", "http://", "ftp://127.0.0.1/", "\u{fc}", "http://u:p@127.0.0.1/"] {
        let server = driver
            .server(Scene::Idle, move |_| {
                let path = if location.ends_with("1/") { &driver.probe[1..] } else { "" };
                Some(moved(&format!("{location}{path}")))
            })
            .await;
        let error = fails(location, Call::Connect, &driver.host(net(), server.port)).await;
        is_kind(location, &error, ErrorKind::Redirected);
    }
}

async fn page_of_endless_names_takes_bounded_memory<N: Net>(net: fn() -> N, driver: &'static Driver) {
    // Each entry is within the limit, and a page holds ten.
    let entry = (driver.entry)(&"x".repeat(JSON - 100)) + ",";
    let step = Step::Repeat(Box::leak(entry.into_boxed_str()).as_bytes(), 20);
    let head = format!("HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n{}", driver.listing);
    let end = format!("{{}}]{}", "}".repeat(driver.listing.matches('{').count()));
    let answer = vec![
        Step::Hear,
        Step::Say(head.into_bytes().into()),
        step,
        Step::Say(end.into_bytes().into()),
        Step::Close,
    ];
    let server = driver.answering(Call::Files, move |_| answer.clone()).await;
    // Either such a page is refused, or the names are passed over.
    let (result, peak) = measured("endless names", Call::Files, &driver.host(net(), server.port)).await;
    // Half an entry more: hyper's buffer moves while much goes through it.
    assert!(peak <= MEMORY + JSON / 2, "{peak} bytes");
    if let Err(error) = result {
        is_kind("endless names", &error, ErrorKind::TooLarge);
    }
}
