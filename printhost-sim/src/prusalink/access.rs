//! Who is let in: by key, or by digest in the dialect of each family.

use std::time::Duration;

use hyper::header::{self, HeaderMap};
use tokio::time::Instant;

use super::config::{PrusaLinkConfig, PrusaLinkFamily};
use crate::uri::percent_decode;

/// Who may use the password.
const USER: &str = "maker";
const PI_REALM: &str = "Administrator";
const BUDDY_REALM: &str = "Printer API";
/// SHA-256 of a host's name on the real one; here of nothing.
const OPAQUE: &str = "49960de5880e8c687434170f6476605b8fe4aeb9a28632c7995cf3ba831d9763";

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Knock {
    Welcome,
    BadKey,
    /// With the challenge of the answer.
    Challenged(String),
}

#[derive(Debug)]
pub(super) struct Access {
    begun: Instant,
    /// Answers to challenges that were turned away as too old.
    pub(super) stale: u32,
    /// Challenges that were given.
    pub(super) challenges: u32,
}

impl Access {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), stale: 0, challenges: 0 }
    }

    pub(super) fn knock(
        &mut self,
        config: &PrusaLinkConfig,
        method: &str,
        target: &str,
        headers: &HeaderMap,
    ) -> Knock {
        let knock = match headers.get("x-api-key") {
            Some(key) if key.as_bytes() == config.api_key.as_bytes() => Knock::Welcome,
            Some(_) if config.family == PrusaLinkFamily::Pi => Knock::BadKey,
            Some(_) => Knock::Challenged(format!("ApiKey realm=\"{BUDDY_REALM}\"")),
            None => match config.family {
                PrusaLinkFamily::Pi => self.pi(config, method, target, headers),
                PrusaLinkFamily::Buddy => self.buddy(config, method, target, headers),
            },
        };
        self.challenges += u32::from(matches!(knock, Knock::Challenged(_)));
        knock
    }

    /// One nonce for everybody with the same `User-Agent` in a stretch of time, believed in the next one too.
    fn pi(&mut self, config: &PrusaLinkConfig, method: &str, target: &str, headers: &HeaderMap) -> Knock {
        let agent = text(headers, header::USER_AGENT.as_str()).unwrap_or_default();
        let stretch = self.stretch(config.nonce_life);
        let nonce = |stretch| pi_nonce(agent, stretch);
        let challenge = |stale: bool| {
            let stale = if stale { ",stale=true" } else { "" };
            Knock::Challenged(format!(
                "Digest realm=\"{PI_REALM}\",qop=\"auth\",algorithm=\"MD5-sess\",nonce=\"{}\",opaque=\"{OPAQUE}\"{stale}",
                nonce(stretch)
            ))
        };
        let Some(told) = Told::read(headers) else { return challenge(false) };
        let known =
            [Some(stretch), stretch.checked_sub(1)].into_iter().flatten().any(|s| nonce(s) == told.nonce);
        if !known {
            self.stale += 1;
            return challenge(true);
        }
        let fits = told.algorithm == "MD5-sess"
            && told.opaque == OPAQUE
            && told.qop == "auth"
            && told.realm == PI_REALM
            && told.username == USER
            && percent_decode(&told.uri).ends_with(&percent_decode(target));
        let secret = md5(&format!("{USER}:{PI_REALM}:{}", config.password));
        let session = md5(&format!("{secret}:{}:{}", told.nonce, told.cnonce));
        let what = md5(&format!("{method}:{}", told.uri));
        let expected = md5(&format!("{session}:{}:{}:{}:auth:{what}", told.nonce, told.nc, told.cnonce));
        if fits && told.response == expected { Knock::Welcome } else { challenge(false) }
    }

    /// As RFC 2069 has it: only the nonce and the response are looked at.
    fn buddy(&mut self, config: &PrusaLinkConfig, method: &str, target: &str, headers: &HeaderMap) -> Knock {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let challenge = |stale: bool| {
            Knock::Challenged(format!(
                "Digest realm=\"{BUDDY_REALM}\", nonce=\"{:08x}{now:08x}\", stale={stale}",
                0x5eed_0001_u32
            ))
        };
        let Some(told) = Told::read(headers) else { return challenge(false) };
        let secret = md5(&format!("{USER}:{BUDDY_REALM}:{}", config.password));
        let right =
            told.response == md5(&format!("{secret}:{}:{}", told.nonce, md5(&format!("{method}:{target}"))));
        let made = told.nonce.get(8..).and_then(|time| u64::from_str_radix(time, 16).ok());
        let age = made.filter(|_| told.nonce.starts_with("5eed0001")).and_then(|made| now.checked_sub(made));
        let fresh = age.is_some_and(|age| u128::from(age) < config.nonce_life.as_millis());
        match (right, fresh) {
            (true, true) => Knock::Welcome,
            (true, false) => {
                self.stale += 1;
                challenge(true)
            }
            (false, _) => challenge(false),
        }
    }

    fn stretch(&self, life: Duration) -> u64 {
        let life = life.as_millis().max(1);
        u64::try_from(self.begun.elapsed().as_millis() / life).unwrap_or(u64::MAX)
    }
}

fn pi_nonce(agent: &str, stretch: u64) -> String {
    md5(&format!("nonce {agent} {stretch}")) + &md5(&format!("{stretch} {agent}"))
}

/// What an `Authorization: Digest` says.
#[derive(Debug, Default)]
struct Told {
    username: String,
    realm: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: String,
    opaque: String,
    qop: String,
    nc: String,
    cnonce: String,
}

impl Told {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let mut rest = text(headers, header::AUTHORIZATION.as_str())?.strip_prefix("Digest ")?;
        let mut told = Self::default();
        while let Some((name, after)) = rest.split_once('=') {
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => unquoted(quoted)?,
                None => {
                    let end = after.find(',').unwrap_or(after.len());
                    (after[..end].trim().to_owned(), &after[end..])
                }
            };
            let field = match name.trim().to_ascii_lowercase().as_str() {
                "username" => &mut told.username,
                "realm" => &mut told.realm,
                "nonce" => &mut told.nonce,
                "uri" => &mut told.uri,
                "response" => &mut told.response,
                "algorithm" => &mut told.algorithm,
                "opaque" => &mut told.opaque,
                "qop" => &mut told.qop,
                "nc" => &mut told.nc,
                "cnonce" => &mut told.cnonce,
                _ => &mut String::new(),
            };
            *field = value;
            rest = after.trim_start().trim_start_matches(',');
        }
        Some(told)
    }
}

/// A quoted text up to its end, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((value, &text[at + 1..])),
            _ => value.push(c),
        }
    }
    None
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn md5(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_quotes_within_quotes_are_part_of_a_value() {
        let mut headers = HeaderMap::new();
        let value = r#"Digest username="a, \"b\"", nc=00000001,qop=auth , uri="/x,y""#;
        headers.insert(header::AUTHORIZATION, value.parse().expect("a value"));
        let told = Told::read(&headers).expect("a digest");
        assert_eq!((told.username.as_str(), told.uri.as_str()), (r#"a, "b""#, "/x,y"));
        assert_eq!((told.nc.as_str(), told.qop.as_str()), ("00000001", "auth"));
    }

    /// The example of RFC 2069 with the response of its errata.
    #[test]
    fn response_of_the_standard_is_the_one_that_is_expected() {
        let secret = md5("Mufasa:testrealm@host.com:CircleOfLife");
        let what = md5("GET:/dir/index.html");
        let response = md5(&format!("{secret}:dcd98b7102dd2f0e8b11d0f600bfb0c093:{what}"));
        assert_eq!(response, "1949323746fe6a43ef61f9606e7febea");
    }
}
