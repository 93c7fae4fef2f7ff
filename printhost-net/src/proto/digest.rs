//! HTTP digest authentication (RFC 7616) as a client, with the older dialects that printers speak: RFC 2617, and
//! RFC 2069 without `qop`. [`crate::Login`] is what brings it onto connections.

mod challenge;
#[cfg(test)]
mod tests;

use alloc::{format, string::String};
use core::fmt::Write as _;

use md5::Md5;
use printhost_core::{Error, ErrorKind, Result, Secret};
use sha2::Sha256;

pub use challenge::{Algorithm, Challenge, MAX_VALUE, schemes};

use crate::Method;

/// So often in a row a host may call the first answer to its newest nonce stale.
const MAX_STALE: u8 = 3;

/// One user's standing with one host: the newest challenge and how often it has been answered, so that one challenge
/// serves many requests. `Debug` shows neither the password nor what is derived from it.
#[derive(Debug)]
pub struct Session {
    user: String,
    password: Secret,
    answers: Option<Answers>,
    stale: u8,
}

/// What a challenge is answered with.
#[derive(Debug)]
struct Answers {
    challenge: Challenge,
    /// The same for all requests: with the `-sess` algorithms, hosts disagree about whose request's counts.
    cnonce: String,
    /// `H(A1)`, as good as the password on this host.
    key: Secret,
    /// How many requests were answered with it.
    count: u32,
    /// The host has believed one of them.
    accepted: bool,
    /// The newest of them; good for one request more on a host that does not count.
    response: Option<Secret>,
}

impl Session {
    /// Nobody has asked yet. [`ErrorKind::InvalidInput`] for a user with a colon, which digests cannot tell from
    /// what follows, or with a control character.
    pub fn new(user: impl Into<String>, password: Secret) -> Result<Self> {
        let user = user.into();
        if user.contains(|c: char| c == ':' || c.is_control()) {
            return Err(Error::new(ErrorKind::InvalidInput, "connect")
                .with_detail("a user name with a colon or a control character"));
        }
        Ok(Self { user, password, answers: None, stale: 0 })
    }

    /// The host has answered 401: takes its `WWW-Authenticate` fields and 16 unpredictable bytes. `Ok` when the
    /// request is worth repeating with a new [`Session::authorization`]; that ends by itself, so a caller may simply
    /// try again as long as it is `Ok`.
    ///
    /// [`ErrorKind::Unauthorized`] when the host does not believe us: it refuses an answer to a nonce of which it has
    /// accepted none, or gives the same nonce once more, and does not call it stale; or calls it stale again and
    /// again. Further errors are those of [`Challenge::parse`]. After any
    /// error the session has no challenge.
    pub fn challenged<'a>(
        &mut self,
        fields: impl IntoIterator<Item = &'a str>,
        random: [u8; 16],
    ) -> Result<()> {
        let before = self.answers.take();
        let challenge = Challenge::parse(fields)?;
        if let Some(before) = before.filter(|before| before.count > 0) {
            // After an accepted answer, a new nonce without `stale` is a host that has been restarted.
            let accepted = before.accepted && before.challenge.nonce != challenge.nonce;
            self.stale = if accepted { 0 } else { self.stale + 1 };
            if !accepted && (!challenge.stale || self.stale > MAX_STALE) {
                self.stale = 0;
                return Err(Error::new(ErrorKind::Unauthorized, "connect"));
            }
        }
        let mut cnonce = String::with_capacity(32);
        push_hex(&mut cnonce, &random);
        let key = key(&challenge, &self.user, &self.password, &cnonce).into();
        self.answers = Some(Answers { challenge, cnonce, key, count: 0, accepted: false, response: None });
        Ok(())
    }

    /// The host has answered a request that had an authorization with something else than 401: user and password are
    /// right, and a later 401 means something else.
    pub fn accepted(&mut self) {
        self.stale = 0;
        if let Some(answers) = &mut self.answers {
            answers.accepted = true;
        }
    }

    /// As if nobody had asked yet: another host is spoken to from here on.
    pub fn forget(&mut self) {
        (self.answers, self.stale) = (None, 0);
    }

    /// A text without the password and what is made of it.
    pub fn redact(&self, text: &str) -> String {
        let mut text = self.password.redact(text);
        if let Some(answers) = &self.answers {
            for secret in [Some(&answers.key), answers.response.as_ref()].into_iter().flatten() {
                text = secret.redact(&text);
            }
        }
        text
    }

    /// The value of the `Authorization` field of the next request; `None` as long as the host has not asked.
    /// `target` is the request's, exactly as it is sent. Every call counts as one request.
    pub fn authorization(&mut self, method: Method, target: &str) -> Option<String> {
        let Answers { challenge, cnonce, key, count, response: newest, .. } = self.answers.as_mut()?;
        // A host refuses a count it has seen: after the last one it has to ask again.
        *count = count.checked_add(1)?;
        let response = response(challenge, key, method, target, cnonce, *count);
        let mut value = String::from("Digest ");
        for (name, text) in [
            ("username", &*self.user),
            ("realm", &challenge.realm),
            ("nonce", &challenge.nonce),
            ("uri", target),
        ] {
            push_quoted(&mut value, name, text);
        }
        if let Some(algorithm) = challenge.algorithm {
            let _ = write!(value, "algorithm={}, ", algorithm.as_str());
        }
        match challenge.qop_auth {
            true => {
                let _ = write!(value, "qop=auth, nc={count:08x}, cnonce=\"{cnonce}\", ");
            }
            // RFC 2617 wants none without qop, but the key is made of it.
            false if challenge.algorithm().is_session() => push_quoted(&mut value, "cnonce", cnonce),
            false => {}
        }
        if let Some(opaque) = &challenge.opaque {
            push_quoted(&mut value, "opaque", opaque);
        }
        let _ = write!(value, "response=\"{response}\"");
        *newest = Some(response.into());
        Some(value)
    }
}

/// `H(A1)`.
fn key(challenge: &Challenge, user: &str, password: &Secret, cnonce: &str) -> String {
    let algorithm = challenge.algorithm();
    let key = hash(algorithm, &[user, &challenge.realm, password.expose()]);
    match algorithm.is_session() {
        true => hash(algorithm, &[&key, &challenge.nonce, cnonce]),
        false => key,
    }
}

/// `KD(H(A1), …)`.
fn response(
    challenge: &Challenge,
    key: &Secret,
    method: Method,
    target: &str,
    cnonce: &str,
    count: u32,
) -> String {
    let algorithm = challenge.algorithm();
    let request = hash(algorithm, &[method.as_str(), target]);
    match challenge.qop_auth {
        true => {
            let count = format!("{count:08x}");
            hash(algorithm, &[key.expose(), &challenge.nonce, &count, cnonce, "auth", &request])
        }
        false => hash(algorithm, &[key.expose(), &challenge.nonce, &request]),
    }
}

/// The hash of the parts with colons between them, in hexadecimal digits.
fn hash(algorithm: Algorithm, parts: &[&str]) -> String {
    fn of<H: md5::Digest>(parts: &[&str]) -> String {
        let mut hash = H::new();
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                hash.update(":");
            }
            hash.update(part);
        }
        let mut hex = String::with_capacity(64);
        push_hex(&mut hex, &hash.finalize());
        hex
    }
    match algorithm {
        Algorithm::Md5 | Algorithm::Md5Sess => of::<Md5>(parts),
        Algorithm::Sha256 | Algorithm::Sha256Sess => of::<Sha256>(parts),
    }
}

fn push_hex(to: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(to, "{byte:02x}");
    }
}

fn push_quoted(to: &mut String, name: &str, text: &str) {
    to.push_str(name);
    to.push_str("=\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            to.push('\\');
        }
        to.push(c);
    }
    to.push_str("\", ");
}
