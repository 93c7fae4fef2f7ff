use printhost::{AnyHost, PrintHost, net::Net};

use super::{
    harness::{Call, KEY, fails, host},
    server::{Server, Step, json, reply, say, then},
};

over_both!(
    key_is_never_sent_to_another_host,
    hosts_never_show_their_key;
    paused
    key_that_the_host_repeats_is_never_shown
);

async fn key_that_the_host_repeats_is_never_shown<N: Net>(net: fn() -> N) {
    for call in Call::READS.into_iter().chain(Call::CHANGES) {
        for form in 0..9 + 32 {
            let server = Server::start(move |heard| {
                let key = heard.field("x-api-key").unwrap();
                let answer = match form {
                    0 => json(400, &format!(r#"{{"error":"unknown key {key}"}}"#)),
                    1 => json(200, &format!(r#""{key}""#)),
                    2 => json(200, &format!(r#"{{"server":["{key}"],"state":"{key}","done":"{key}","files":[{{"path":{{}},"date":"{key}","size":"{key}"}}]}}"#)),
                    3 => reply(302, &format!("Location: http://other.example/?{key}\r\n"), key),
                    4 => reply(500, "Content-Type: text/plain\r\n", heard.0),
                    5 => reply(401, &format!("WWW-Authenticate: {key}\r\n"), key),
                    6 => then(say(format!("{key}\r\n\r\n").into_bytes()), Step::Close),
                    7 => then(say(format!("HTTP/1.1 200 X\r\n{key}: {key}\r\nContent-Length: {key}\r\n\r\n").into_bytes()), Step::Close),
                    8 => reply(200, &format!("Content-Encoding: {key}\r\n"), key),
                    // Wherever the text is cut, no part of the key stays.
                    n => reply(409, "", &format!("{}{key}", "-".repeat(212 + n - 9))),
                };
                heard.is(call.request()).then_some(answer)
            })
            .await;
            if let Err(error) = super::harness::measured("echo", call, &host(net(), server.port)).await.0 {
                super::harness::decent(&format!("echo {form} of {call:?}"), &error);
            }
        }
    }
}

async fn key_is_never_sent_to_another_host<N: Net>(net: fn() -> N) {
    // Another name is another host, though here it is the same machine.
    let other = Server::start(|_| None).await;
    let to = format!("http://localhost:{}/api/version", other.port);
    let server = Server::start(move |_| Some(reply(307, &format!("Location: {to}\r\n"), ""))).await;
    fails("to localhost", Call::Upload, &host(net(), server.port)).await;
    assert_eq!(other.heard(), [""; 0]);
}

async fn hosts_never_show_their_key<N: Net>(net: fn() -> N) {
    let host: AnyHost<N> = host(net(), 1);
    let error = host.connect().await.unwrap_err();
    for text in [format!("{host:?}"), format!("{error:?}"), format!("{error:#}")] {
        assert!(!text.contains(&KEY[..6]), "{text}");
    }
}
