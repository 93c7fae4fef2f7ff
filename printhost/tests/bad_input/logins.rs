//! Credentials of the wrong kind, wrong ones, and such as have expired.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use printhost::{
    AnyHost, Error, ErrorKind, Retry,
    moonraker::{self, Moonraker},
    net::{BaseUrl, Net},
    prusalink::{self, PrusaLink},
};

use super::{
    drivers::{MOONRAKER, PRUSALINK},
    harness::{Call, KEY, Scene, decent, fails, is_kind},
    server::{Answer, Server, json, reply},
};

over_both!(
    key_where_a_password_is_wanted_is_told_so,
    password_where_a_key_is_wanted_is_told_so,
    wrong_password_of_a_prusalink_is_tried_once,
    moonraker_that_wants_a_login_says_what_it_takes,
    wrong_password_of_a_moonraker_is_tried_once,
    token_that_has_expired_is_renewed_and_nothing_is_done_twice,
    token_that_never_lets_in_is_given_up;
    paused
    secrets_of_a_login_are_never_shown,
    token_that_expires_before_a_file_is_renewed_before_the_file,
);

fn base(port: u16) -> BaseUrl {
    BaseUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap()
}

fn prusalink<N: Net>(net: N, port: u16) -> AnyHost<N> {
    let config = prusalink::Config::with_password(base(port), "maker", KEY).unwrap();
    AnyHost::PrusaLink(PrusaLink::new(net, config))
}

fn moonraker<N: Net>(net: N, port: u16) -> AnyHost<N> {
    AnyHost::Moonraker(Moonraker::new(net, moonraker::Config::with_password(base(port), "maker", KEY)))
}

/// As 0.8.1 asks somebody without a key.
fn asks_for_digest(nonce: u32) -> Answer {
    let field = format!(
        "WWW-Authenticate: Digest realm=\"Administrator\",qop=\"auth\",algorithm=\"MD5-sess\",nonce=\"{nonce:064x}\",\
         opaque=\"49960de5\"\r\nContent-Type: text/html; charset=utf-8\r\n"
    );
    reply(401, &field, "<!DOCTYPE html><html><h1>401 - Unauthorized</h1></html>")
}

fn is_told(name: &str, error: &Error, words: &str) {
    is_kind(name, error, ErrorKind::Unauthorized);
    assert_eq!(error.retry(), Retry::Never, "{name}");
    assert!(error.detail().unwrap().contains(words), "{name}: {error:?}");
}

async fn key_where_a_password_is_wanted_is_told_so<N: Net>(net: fn() -> N) {
    for call in [Call::Connect, Call::Upload, Call::Start, Call::Run] {
        let server = PRUSALINK.server(Scene::Idle, |_| Some(asks_for_digest(1))).await;
        let error = fails("digest", call, &PRUSALINK.host(net(), server.port)).await;
        is_told("digest", &error, "a user and a password");
        assert_eq!(server.heard(), ["GET /api/version HTTP/1.1"], "{call:?}");
    }
}

async fn password_where_a_key_is_wanted_is_told_so<N: Net>(net: fn() -> N) {
    for call in [Call::Connect, Call::Upload, Call::Start, Call::Run] {
        let field = "WWW-Authenticate: ApiKey realm=\"x\"\r\n";
        let server = PRUSALINK.server(Scene::Idle, move |_| Some(reply(401, field, "no"))).await;
        let error = fails("a key", call, &prusalink(net(), server.port)).await;
        is_told("a key", &error, "ApiKey");
        assert_eq!(server.heard(), ["GET /api/version HTTP/1.1"], "{call:?}");
    }
}

async fn wrong_password_of_a_prusalink_is_tried_once<N: Net>(net: fn() -> N) {
    for call in [Call::Connect, Call::Upload, Call::Start, Call::Run] {
        let nonces = AtomicUsize::new(0);
        let server = PRUSALINK
            .server(Scene::Idle, move |_| Some(asks_for_digest(nonces.fetch_add(1, Relaxed) as u32)))
            .await;
        let error = fails("wrong", call, &prusalink(net(), server.port)).await;
        is_told("wrong", &error, "the user or the password");
        assert_eq!(server.heard().len(), 2, "{call:?}: {:?}", server.heard());
    }
}

fn unauthorized() -> Answer {
    json(401, r#"{"error":{"code":401,"message":"Unauthorized","traceback":"Traceback (most"}}"#)
}

async fn moonraker_that_wants_a_login_says_what_it_takes<N: Net>(net: fn() -> N) {
    for (trusted, required, words) in
        [(true, "true", "an API key, or"), (true, "false", "does not trust"), (false, "true", "the API key")]
    {
        for call in [Call::Connect, Call::Upload, Call::Start, Call::Run] {
            let server = MOONRAKER
                .server(Scene::Idle, move |heard| {
                    Some(match heard.is("GET /access/info") {
                        true => json(
                            200,
                            &format!(
                                r#"{{"result":{{"available_sources":["moonraker","ldap"],"login_required":{required}}}}}"#
                            ),
                        ),
                        false => unauthorized(),
                    })
                })
                .await;
            let secret = if trusted { "" } else { KEY };
            let url = format!("moonraker://127.0.0.1:{}", server.port).parse().unwrap();
            let error = fails(words, call, &AnyHost::new(net(), &url, secret)).await;
            is_told(words, &error, words);
            assert!(error.detail().unwrap().contains("moonraker, ldap"), "{error}");
            let heard = server.heard();
            assert_eq!(heard, ["GET /server/info HTTP/1.1", "GET /access/info HTTP/1.1"], "{call:?}");
        }
    }
}

const TOKENS: &str = r#"{"result":{"username":"maker","token":"T0KEN-QUITE-HIDDEN","refresh_token":"REFRE5-QUITE-CONCEALED","source":"moonraker"}}"#;

async fn wrong_password_of_a_moonraker_is_tried_once<N: Net>(net: fn() -> N) {
    for call in [Call::Connect, Call::Upload, Call::Start, Call::Run] {
        let server = MOONRAKER
            .server(Scene::Idle, |heard| match heard {
                h if h.is("POST /access/login") => {
                    Some(json(400, r#"{"error":{"code":400,"message":"Invalid Password","traceback":""}}"#))
                }
                h if h.is("GET /access/info") => None,
                _ => Some(unauthorized()),
            })
            .await;
        let error = fails("wrong", call, &moonraker(net(), server.port)).await;
        is_told("wrong", &error, "the user or the password");
        assert_eq!(error.http_status(), Some(400));
        let logins = server.heard().iter().filter(|line| line.starts_with("POST ")).count();
        assert_eq!(logins, 1, "{call:?}: {:?}", server.heard());
    }
}

/// A Moonraker that knows the tokens it has handed out, as `T…` and a number, and takes the newest one only.
async fn handing_out(lasts: usize) -> Server {
    let (issued, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
    MOONRAKER
        .server(Scene::Idle, move |heard| match heard {
            h if h.is("POST /access/") => {
                left.store(lasts, Relaxed);
                let number = issued.fetch_add(1, Relaxed) + 1;
                Some(json(200, &TOKENS.replace("T0KEN", &format!("T{number}"))))
            }
            h if h.is("GET /access/info") => None,
            h => {
                let newest = format!("Bearer T{}-QUITE-HIDDEN", issued.load(Relaxed));
                let is_it = h.field("authorization") == Some(&newest);
                let has = left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
                (!(is_it && has)).then(unauthorized)
            }
        })
        .await
}

async fn token_that_has_expired_is_renewed_and_nothing_is_done_twice<N: Net>(net: fn() -> N) {
    for lasts in 1..8 {
        for call in [Call::Connect, Call::Status, Call::Files, Call::Download, Call::Delete] {
            let server = handing_out(lasts).await;
            call.make(&moonraker(net(), server.port)).await.unwrap();
            let heard = server.heard();
            let logins = heard.iter().filter(|line| line.starts_with("POST /access/login")).count();
            assert_eq!(logins, 1, "a token is renewed without the password: {heard:?}");
            // What was refused has done nothing, so it is sent again, once.
            let sent = heard.iter().filter(|line| line.starts_with(MOONRAKER.request(call))).count();
            assert!((1..=2).contains(&sent), "{call:?}: {heard:?}");
        }
    }
}

async fn token_that_never_lets_in_is_given_up<N: Net>(net: fn() -> N) {
    for call in [Call::Connect, Call::Status, Call::Upload, Call::Start] {
        let server = handing_out(0).await;
        let error = fails("never", call, &moonraker(net(), server.port)).await;
        is_kind("never", &error, ErrorKind::Unauthorized);
        assert_eq!(error.retry(), Retry::Never);
        assert!(server.heard().len() <= 8, "{call:?}: {:?}", server.heard());
    }
}

async fn token_that_expires_before_a_file_is_renewed_before_the_file<N: Net>(net: fn() -> N) {
    for lasts in 1..12 {
        let server = handing_out(lasts).await;
        let result = Call::Upload.make(&moonraker(net(), server.port)).await;
        let heard = server.heard();
        let sent = heard.iter().filter(|line| line.starts_with("POST /server/files/upload")).count();
        assert!(sent <= 1, "a file is sent once: {heard:?}");
        if let Err(error) = result {
            is_kind(&format!("{lasts}"), &error, ErrorKind::Unauthorized);
            assert_eq!(sent, 1, "a token that ends just as the file begins: {heard:?}");
        }
    }
}

/// The host has been shown the password, and has handed out the tokens; it may say any of them at any time.
async fn secrets_of_a_login_are_never_shown<N: Net>(net: fn() -> N) {
    let after = format!("{KEY} T0KEN-QUITE-HIDDEN REFRE5-QUITE-CONCEALED");
    for call in MOONRAKER.reads().chain(MOONRAKER.changes()).chain([Call::Run]) {
        for at in ["POST /access/login", "GET /access/info", "GET /server/info", MOONRAKER.request(call)] {
            for status in [200, 302, 400, 401, 403, 404, 500] {
                // No token was handed out before that.
                let all = if at.contains("/access/") { KEY.to_owned() } else { after.clone() };
                let server = MOONRAKER
                    .server(call.scene(), move |heard| match heard {
                        h if h.is(at) && status == 302 => {
                            Some(reply(302, &format!("Location: http://other.example/{all}\r\n"), ""))
                        }
                        h if h.is(at) && status == 200 => {
                            Some(json(200, &format!(r#"{{"result":"{all}","error":"{all}"}}"#)))
                        }
                        h if h.is(at) => Some(json(
                            status,
                            &format!(
                                r#"{{"error":{{"code":{status},"message":"{all}","traceback":"{all}"}}}}"#
                            ),
                        )),
                        h if h.is("POST /access/") => Some(json(200, TOKENS)),
                        _ => None,
                    })
                    .await;
                let host = moonraker(net(), server.port);
                let made = tokio::time::timeout(std::time::Duration::from_secs(60), call.make(&host)).await;
                let Ok(Err(error)) = made else { continue };
                let name = format!("{call:?}: {at} {status}");
                decent(&name, &error);
                for text in [format!("{error:?}"), format!("{error:#}"), format!("{host:?}")] {
                    for part in ["T0KEN-", "REFRE5", "-QUITE-"] {
                        assert!(!text.contains(part), "{name}: {text}");
                    }
                }
            }
        }
    }
}
