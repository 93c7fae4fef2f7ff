//! Digest authentication: challenges written by another encoder are understood, and a server that knows the formulas
//! of RFC 7616 accepts the answers.

use std::collections::BTreeMap;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use md5::{Digest as _, Md5};
use printhost_core::{ErrorKind, Secret};
use printhost_net::{
    Method,
    proto::digest::{Challenge, MAX_VALUE, Session},
};
use sha2::Sha256;

use super::text;
use crate::memory;

pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        read(text);
    }
    let _ = made(&mut Unstructured::new(data));
}

/// Every line a field.
fn read(text: &str) {
    let fields: Vec<&str> = text.lines().collect();
    // Three values, each at most doubled when it grows.
    let challenge = memory::within(6 * MAX_VALUE + 2048, || Challenge::parse(fields.iter().copied()));
    if let Ok(challenge) = &challenge {
        for value in [&challenge.realm, &challenge.nonce].into_iter().chain(&challenge.opaque) {
            assert!(value.len() <= MAX_VALUE && !value.chars().any(|c| c.is_ascii_control()));
        }
        let mut session = Session::new("maker", Secret::new("pass:word")).expect("a good user");
        session.challenged(fields.iter().copied(), [1; 16]).expect("it was understood");
        for count in 1..=2 {
            let answer = session.authorization(Method::Get, "/a,b").expect("an answer");
            check(challenge, &answer, count, "maker", "pass:word");
        }
    }
    // RFC 9110, 5.3: several fields are one with commas between them.
    let good = |field: &&str| !Challenge::parse([*field]).is_err_and(|e| e.kind() != ErrorKind::Unauthorized);
    if fields.iter().all(good) {
        assert_eq!(Challenge::parse([fields.join(", ").as_str()]), challenge, "{fields:?}");
    }
}

fn made(u: &mut Unstructured<'_>) -> Result<()> {
    let (realm, nonce, opaque) = (value(u)?, value(u)?, value(u)?);
    let algorithm =
        *u.choose(&[None, Some("MD5"), Some("MD5-sess"), Some("SHA-256"), Some("SHA-256-sess")])?;
    let qop = *u.choose(&[None, Some("auth"), Some("auth-int,auth"), Some("auth , x")])?;
    let stale: bool = u.arbitrary()?;
    let mut parameters = vec![quoted("realm", &realm), quoted("Nonce", &nonce), quoted("opaque", &opaque)];
    if let Some(algorithm) = algorithm {
        parameters.push(if u.arbitrary()? {
            quoted("algorithm", algorithm)
        } else {
            format!("ALGORITHM={algorithm}")
        });
    }
    parameters.extend(qop.map(|qop| quoted("qop", qop)));
    parameters.push(format!("stale={stale}"));
    parameters.push(quoted("unknown", &value(u)?));
    for i in 1..parameters.len() {
        parameters.swap(i, u.int_in_range(0..=i)?);
    }
    let before = *u.choose(&["", "Basic realm=\"Digest x\", ", "Negotiate YQ==, ", "NTLM,", ", "])?;
    let after =
        *u.choose(&["", ",", ", Digest realm=\"b\", nonce=\"c\"", ", Basic realm=\"\\\"\"", ", NTLM"])?;
    let comma = *u.choose(&[",", ", ", " ,\t,"])?;
    let field = format!("{before}dIgEsT  {}{after}", parameters.join(comma));
    let challenge = Challenge::parse([field.as_str()]).expect(&field);
    assert_eq!(
        (&challenge.realm, &challenge.nonce, &challenge.opaque),
        (&realm, &nonce, &Some(opaque)),
        "{field}"
    );
    assert_eq!(challenge.algorithm.map(|a| a.as_str()), algorithm, "{field}");
    assert_eq!((challenge.qop_auth, challenge.stale), (qop.is_some(), stale), "{field}");
    let user: String = value(u)?.replace(':', "");
    let password = text(u)?;
    let mut session = Session::new(user.as_str(), Secret::new(password)).expect("a good user");
    session.challenged([field.as_str()], u.arbitrary()?).expect(&field);
    for count in 1..=u.int_in_range(1..=17)? {
        check(
            &challenge,
            &session.authorization(Method::Get, "/a,b").expect("an answer"),
            count,
            &user,
            password,
        );
    }
    Ok(())
}

fn value(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(text(u)?.chars().filter(|c| !c.is_control()).collect())
}

fn quoted(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What a server does with an answer.
fn check(challenge: &Challenge, answer: &str, count: u32, user: &str, password: &str) {
    let fields = fields(answer);
    let get = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let algorithm = challenge.algorithm.map_or("MD5", |a| a.as_str());
    let hash = |text: String| match algorithm.starts_with("MD5") {
        true => hex(&Md5::digest(text)),
        false => hex(&Sha256::digest(text)),
    };
    assert_eq!((get("username"), get("realm"), get("uri")), (user, &*challenge.realm, "/a,b"), "{answer}");
    assert_eq!(fields.get("opaque"), challenge.opaque.as_ref(), "{answer}");
    assert_eq!(
        fields.get("algorithm").map(String::as_str),
        challenge.algorithm.map(|a| a.as_str()),
        "{answer}"
    );
    let (nonce, cnonce) = (&challenge.nonce, get("cnonce"));
    assert_eq!(get("nonce"), nonce, "{answer}");
    let mut key = hash(format!("{user}:{}:{password}", challenge.realm));
    if algorithm.ends_with("-sess") {
        key = hash(format!("{key}:{nonce}:{cnonce}"));
    }
    let request = hash("GET:/a,b".into());
    let expected = match challenge.qop_auth {
        true => {
            assert_eq!((get("qop"), get("nc")), ("auth", &*format!("{count:08x}")), "{answer}");
            hash(format!("{key}:{nonce}:{}:{cnonce}:auth:{request}", get("nc")))
        }
        false => hash(format!("{key}:{nonce}:{request}")),
    };
    assert_eq!(get("response"), expected, "{answer}");
}

/// Reads the field without the parser under test.
fn fields(answer: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut chars = answer.strip_prefix("Digest ").expect("the scheme").chars().peekable();
    while chars.peek().is_some() {
        let name: String = std::iter::from_fn(|| chars.next_if(|c| *c != '=')).collect();
        assert_eq!(chars.next(), Some('='), "{answer}");
        let value = match chars.next_if_eq(&'"') {
            Some(_) => {
                let mut value = String::new();
                while let Some(c) = chars.next_if(|c| *c != '"') {
                    value.push(if c == '\\' { chars.next().expect("something escaped") } else { c });
                }
                assert_eq!(chars.next(), Some('"'), "{answer}");
                value
            }
            None => std::iter::from_fn(|| chars.next_if(|c| *c != ',')).collect(),
        };
        assert_eq!(all.insert(name, value), None, "{answer}");
        while chars.next_if(|c| ", ".contains(*c)).is_some() {}
    }
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
