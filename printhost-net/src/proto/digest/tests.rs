extern crate std;

use alloc::{borrow::ToOwned, string::ToString, vec, vec::Vec};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Command,
};

use super::*;

const PRUSALINK: &str = r#"Digest realm="Administrator",qop="auth",algorithm="MD5-sess",nonce="3ea64f853c4a1058dcb54ca7ab50967eacd6d9de679d305851747f9e8d80b5ed",opaque="49960de5880e8c687434170f6476605b8fe4aeb9a28632c7995cf3ba831d9763""#;
const BUDDY: &str = r#"Digest realm="Printer API", nonce="00000000004b5a1f", stale=false"#;

fn session(user: &str, password: &str) -> Session {
    Session::new(user, Secret::new(password)).unwrap()
}

/// What `user` answers to `challenge`, with this text for a cnonce.
fn answer(
    challenge: &str,
    user: &str,
    password: &str,
    target: &str,
    cnonce: &str,
) -> BTreeMap<String, String> {
    let mut session = session(user, password);
    session.challenged([challenge], [0; 16]).unwrap();
    let answers = session.answers.as_mut().unwrap();
    answers.cnonce = cnonce.into();
    answers.key = key(&answers.challenge, user, &Secret::new(password), cnonce).into();
    fields(&session.authorization(Method::Get, target).unwrap())
}

/// The parameters of an `Authorization` value, read without the parser under test.
fn fields(value: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut chars = value.strip_prefix("Digest ").unwrap().chars().peekable();
    loop {
        while chars.next_if(|c| " ,".contains(*c)).is_some() {}
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=') {
            name.push(c);
        }
        if chars.next().is_none() {
            assert_eq!(name, "");
            return all;
        }
        let mut text = String::new();
        if chars.next_if_eq(&'"').is_some() {
            loop {
                match chars.next().unwrap() {
                    '"' => break,
                    '\\' => text.push(chars.next().unwrap()),
                    c => text.push(c),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| *c != ',') {
                text.push(c);
            }
        }
        assert_eq!(all.insert(name, text), None, "{value}");
    }
}

#[test]
fn responses_are_those_of_the_rfcs() {
    let mufasa = |challenge: &str, password, cnonce| {
        answer(challenge, "Mufasa", password, "/dir/index.html", cnonce)["response"].clone()
    };
    // RFC 2069, 2.4, as corrected by its erratum 749.
    let rfc2069 = r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    assert_eq!(mufasa(rfc2069, "CircleOfLife", ""), "1949323746fe6a43ef61f9606e7febea");
    // RFC 2617, 3.5.
    let rfc2617 = rfc2069.to_owned() + r#", qop="auth,auth-int""#;
    assert_eq!(mufasa(&rfc2617, "Circle Of Life", "0a4f113b"), "6629fae49393a05397450978507c4ef1");
    // RFC 7616, 3.9.1.
    let rfc7616 = r#"Digest realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", algorithm="#;
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    for (algorithm, response) in [
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
    ] {
        assert_eq!(mufasa(&(rfc7616.to_owned() + algorithm), "Circle of Life", cnonce), response);
    }
}

#[test]
fn answer_is_the_one_curl_gives_for_every_dialect() {
    let (user, password, target) = (r#"mü"k\er"#, r#"p:a"s\s ü"#, "/api/v1/status?a=b,c");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}{target}", listener.local_addr().unwrap());
    let mut compared = 0;
    for algorithm in
        ["", "MD5", "\"MD5\"", "MD5-sess", "\"MD5-sess\"", "SHA-256", "\"SHA-256\"", "SHA-256-sess"]
    {
        for qop in ["", "auth", "\"auth\"", "\"auth,auth-int\""] {
            if qop.is_empty() && algorithm.contains("sess") {
                continue; // curl keeps the cnonce to itself then, so nobody can check its answer
            }
            let mut challenge =
                r#"Digest realm="Pri\"nt\\er, API", nonce="0000=,4b5a1f", opaque="x y""#.to_owned();
            for (name, value) in [("algorithm", algorithm), ("qop", qop)] {
                if !value.is_empty() {
                    challenge = format!("{challenge}, {name}={value}");
                }
            }
            let theirs = curl(&listener, &url, &format!("{user}:{password}"), &challenge);
            let no_cnonce = String::new();
            let cnonce = theirs.get("cnonce").unwrap_or(&no_cnonce);
            let (mut ours, mut theirs) = (answer(&challenge, user, password, target, cnonce), theirs.clone());
            for fields in [&mut ours, &mut theirs] {
                if let Some(name) = fields.get_mut("algorithm") {
                    name.make_ascii_lowercase();
                }
            }
            assert_eq!(ours, theirs, "{challenge}");
            compared += 1;
        }
    }
    assert_eq!(compared, 29);
}

/// Has curl answer the challenge; what it sent.
fn curl(listener: &TcpListener, url: &str, credentials: &str, challenge: &str) -> BTreeMap<String, String> {
    let mut curl = Command::new("curl")
        .args(["-q", "--noproxy", "*", "--silent", "--fail", "--max-time", "10", "--digest", "--user"])
        .args([credentials, url])
        .spawn()
        .expect("curl is needed");
    let mut answer = None;
    for _ in 0..2 {
        let mut stream = listener.accept().unwrap().0;
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut line = String::new();
            assert_ne!(reader.read_line(&mut line).unwrap(), 0, "curl hung up");
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    answer = Some(value.to_owned());
                }
                _ if line == "\r\n" => break,
                _ => {}
            }
        }
        let status = match answer {
            None => format!("401 Unauthorized\r\nWWW-Authenticate: {challenge}"),
            Some(_) => "200 OK".into(),
        };
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    }
    assert!(curl.wait().unwrap().success());
    fields(&answer.expect("curl answers"))
}

#[test]
fn challenge_of_either_prusalink_is_understood() {
    let challenge = Challenge::parse([PRUSALINK]).unwrap();
    assert_eq!((challenge.realm.as_str(), challenge.nonce.len()), ("Administrator", 64));
    assert_eq!(
        (challenge.algorithm, challenge.qop_auth, challenge.stale),
        (Some(Algorithm::Md5Sess), true, false)
    );
    let challenge = Challenge::parse([BUDDY]).unwrap();
    assert_eq!((challenge.realm.as_str(), challenge.nonce.as_str()), ("Printer API", "00000000004b5a1f"));
    assert_eq!((challenge.algorithm, challenge.qop_auth, challenge.opaque), (None, false, None));
}

#[test]
fn usable_challenge_is_found_among_others() {
    let good =
        r#"digest REALM = "a\"\\,b" ,,nonce=n/=+ , foo="Digest realm=\"x\"", userhash=true, stale=TRUE"#;
    let expected = Challenge::parse([good]).unwrap();
    assert_eq!(
        (expected.realm.as_str(), expected.nonce.as_str(), expected.stale),
        (r#"a"\,b"#, "n/=+", true)
    );
    for others in [
        "Negotiate",
        "Negotiate YWJj==",
        r#"Basic realm="Digest realm=x, nonce=y", charset="UTF-8""#,
        "Newauth ,, Other a=b",
        r#"Digest realm="a", nonce="n", algorithm=SHA-512-256"#,
        r#"Digest realm="a", nonce="n", qop="auth-int""#,
        r#"Digest nonce="n""#,
        r#"Digest realm="a", realm="b", nonce="n""#,
    ] {
        let (before, after) = (format!("{others}, {good}"), format!("{good}, {others}"));
        for fields in [vec![before.as_str()], vec![&after], vec![others, good], vec![good, others]] {
            assert_eq!(Challenge::parse(fields.iter().copied()).unwrap(), expected, "{fields:?}");
        }
    }
    assert_eq!(Challenge::parse(["Basic realm=\"cut", good]).unwrap(), expected);
}

#[test]
fn what_cannot_be_answered_is_a_typed_error() {
    let long = format!("Digest realm=a, nonce=\"{}\"", "n".repeat(MAX_VALUE + 1));
    for (field, kind) in [
        ("", ErrorKind::Unauthorized),
        ("ApiKey realm=\"Printer API\"", ErrorKind::Unauthorized),
        ("Digest realm=a, nonce=b, algorithm=SHA-512-256", ErrorKind::Unauthorized),
        ("Digest realm=a, nonce=b, qop=auth-int", ErrorKind::Unauthorized),
        ("Digest", ErrorKind::Protocol),
        ("Digest realm=a", ErrorKind::Protocol),
        ("Digest nonce=b", ErrorKind::Protocol),
        ("Digest realm=a, nonce=b, nonce=c", ErrorKind::Protocol),
        ("Digest realm=\"a, nonce=b", ErrorKind::Protocol),
        ("Digest realm=\"a\\\", nonce=b", ErrorKind::Protocol),
        ("Digest realm=\"a\r\nX: y\", nonce=b", ErrorKind::Protocol),
        ("Digest realm=\"a\"b, nonce=c", ErrorKind::Protocol),
        ("realm=a", ErrorKind::Protocol),
        ("{}", ErrorKind::Protocol),
        (&long, ErrorKind::TooLarge),
    ] {
        assert_eq!(Challenge::parse([field]).unwrap_err().kind(), kind, "{field}");
    }
}

#[test]
fn one_challenge_serves_many_requests_and_each_is_counted() {
    let mut session = session("maker", "secret-password");
    assert_eq!(session.authorization(Method::Get, "/"), None);
    session.challenged([PRUSALINK], [7; 16]).unwrap();
    let mut seen = Vec::new();
    for (method, count) in [(Method::Get, "00000001"), (Method::Get, "00000002"), (Method::Put, "00000003")] {
        let answer = fields(&session.authorization(method, "/x").unwrap());
        assert_eq!((answer["nc"].as_str(), answer["cnonce"].as_str()), (count, &*"07".repeat(16)));
        assert!(!seen.contains(&answer["response"]));
        seen.push(answer["response"].clone());
    }
}

#[test]
fn wrong_password_is_told_apart_from_an_old_nonce() {
    let stale = |nonce: u8| format!("Digest realm=a, nonce={nonce}, stale=true");
    let fresh = |nonce: u8| format!("Digest realm=a, nonce={nonce}");
    let kind = |result: Result<()>| result.unwrap_err().kind();
    let mut session = session("maker", "secret-password");
    // So many requests, of which the host refuses the last one.
    let ask = |session: &mut Session, field: String, requests: usize| {
        let result = session.challenged([field.as_str()], [0; 16]);
        for i in 0..requests {
            assert_eq!(session.authorization(Method::Get, "/").is_some(), result.is_ok());
            if i + 1 < requests {
                session.accepted();
            }
        }
        result
    };
    ask(&mut session, fresh(1), 1).unwrap();
    assert_eq!(kind(ask(&mut session, fresh(2), 1)), ErrorKind::Unauthorized);
    // From a refusal on it is as new.
    ask(&mut session, fresh(3), 3).unwrap();
    ask(&mut session, stale(4), 2).unwrap();
    // The host has been restarted: it knows no nonces, but took the last one before.
    ask(&mut session, fresh(5), 1).unwrap();
    for nonce in 6..9 {
        ask(&mut session, stale(nonce), 1).unwrap();
    }
    assert_eq!(kind(ask(&mut session, stale(9), 1)), ErrorKind::Unauthorized);
    // The same nonce again would only be answered the same again.
    ask(&mut session, fresh(10), 2).unwrap();
    assert_eq!(kind(ask(&mut session, fresh(10), 1)), ErrorKind::Unauthorized);
}

#[test]
fn several_requests_on_their_way_prove_nothing() {
    let mut session = session("maker", "secret-password");
    session.challenged(["Digest realm=a, nonce=1"], [0; 16]).unwrap();
    for _ in 0..3 {
        session.authorization(Method::Get, "/").unwrap();
    }
    let error = session.challenged(["Digest realm=a, nonce=2"], [0; 16]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[test]
fn schemes_are_named_as_the_host_names_them() {
    for (fields, names) in [
        (&[PRUSALINK][..], &["Digest"][..]),
        (&["ApiKey realm=\"Printer API\""], &["ApiKey"]),
        (
            &["Negotiate YWJj==, NTLM", "basic realm=\"Digest x\", charset=\"UTF-8\", Digest nonce=a"],
            &["Negotiate", "NTLM", "basic", "Digest"],
        ),
        (&["Basic realm=\"cut", "Digest"], &["Basic", "Digest"]),
        (&["", "{}"], &[]),
    ] {
        assert_eq!(schemes(fields.iter().copied()), names, "{fields:?}");
    }
}

#[test]
fn nothing_shows_the_password_or_what_is_made_of_it() {
    let mut session = session("maker", "secret-password");
    session.challenged([BUDDY], [0; 16]).unwrap();
    let key = session.answers.as_ref().unwrap().key.expose().to_string();
    let shown = format!("{session:?} {session:#?}");
    assert!(shown.contains("Printer API") && !shown.contains("secret-password") && !shown.contains(&key));
    let sent = session.authorization(Method::Get, "/").unwrap();
    let echo = session.redact(&format!("{sent} {key} secret-password"));
    let response = fields(&sent)["response"].clone();
    assert!(echo.contains("Printer API"), "{echo}");
    for secret in ["secret-password", &key, &response] {
        assert!(!echo.contains(secret), "{echo}");
    }
}

#[test]
fn user_that_digests_cannot_carry_is_refused() {
    for user in ["a:b", "a\r\nX: y"] {
        let error = Session::new(user, Secret::new("p")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{user}");
    }
}
