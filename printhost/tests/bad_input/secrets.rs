use printhost::{AnyHost, PrintHost, net::Net};

use super::{
    drivers::Driver,
    harness::{Call, KEY, Scene, fails},
    server::{Step, json, reply, say, then},
};

over_all!(
    key_is_never_sent_to_another_host,
    key_that_the_host_repeats_about_its_logins_is_never_shown,
    hosts_never_show_their_key;
    paused
    key_that_the_host_repeats_is_never_shown
);

async fn key_that_the_host_repeats_is_never_shown<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for call in driver.reads().chain(driver.changes()) {
        for form in 0..9 + 32 {
            let server = driver.answering(call, move |heard| {
                let key = heard.field("x-api-key").unwrap();
                match form {
                    0 => json(400, &(driver.refusal)(&format!("unknown key {key}"))),
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
                }
            })
            .await;
            if let Err(error) =
                super::harness::measured("echo", call, &driver.host(net(), server.port)).await.0
            {
                super::harness::decent(&format!("echo {form} of {call:?}"), &error);
            }
        }
    }
}

/// Nor by what is asked for to explain the refusal of it.
async fn key_that_the_host_repeats_about_its_logins_is_never_shown<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
) {
    for call in driver.reads() {
        let server = driver
            .server(Scene::Idle, move |heard| {
                let sources =
                    format!(r#"{{"result":{{"available_sources":["{KEY}"],"login_required":true}}}}"#);
                Some(match heard.is("GET /access/info") {
                    true => json(200, &sources),
                    false => (driver.wrong_key)(heard),
                })
            })
            .await;
        fails("a source", call, &driver.host(net(), server.port)).await;
    }
}

async fn key_is_never_sent_to_another_host<N: Net>(net: fn() -> N, driver: &'static Driver) {
    // Another name is another host, though here it is the same machine.
    let other = driver.server(Scene::Idle, |_| None).await;
    let to = format!("http://localhost:{}{}", other.port, driver.probe);
    let server =
        driver.server(Scene::Idle, move |_| Some(reply(307, &format!("Location: {to}\r\n"), ""))).await;
    fails("to localhost", Call::Upload, &driver.host(net(), server.port)).await;
    assert_eq!(other.heard(), [""; 0]);
}

/// The control: an error that shows a part of the key is found.
#[test]
fn error_that_shows_the_key_is_found() {
    // A panic that writes a backtrace takes megabytes, which no other test may measure.
    let _alone = super::harness::alone_blocking();
    for part in [KEY, &KEY[..7], &KEY[KEY.len() - 7..]] {
        let error = printhost::Error::new(printhost::ErrorKind::Protocol, "connect").with_detail(part);
        let found = std::panic::catch_unwind(|| super::harness::decent("control", &error));
        assert!(found.is_err(), "{part}");
    }
}

async fn hosts_never_show_their_key<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let host: AnyHost<N> = driver.host(net(), 1);
    let error = host.connect().await.unwrap_err();
    for text in [format!("{host:?}"), format!("{error:?}"), format!("{error:#}")] {
        assert!(!text.contains(&KEY[..6]), "{text}");
    }
}
