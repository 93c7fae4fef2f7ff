//! The `WWW-Authenticate` field (RFC 9110, 11.6.1): any schemes, of which only `Digest` is of interest.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use printhost_core::{Error, ErrorKind, Result};

/// The longest realm, nonce or opaque that is believed, in bytes.
pub const MAX_VALUE: usize = 512;

/// How digests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// MD5, also when a host names none.
    Md5,
    /// MD5 with a key for each nonce.
    Md5Sess,
    /// SHA-256.
    Sha256,
    /// SHA-256 with a key for each nonce.
    Sha256Sess,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Md5, Self::Md5Sess, Self::Sha256, Self::Sha256Sess];

    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
        }
    }

    pub(super) const fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }
}

/// What a host asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenge {
    /// What the password is for.
    pub realm: String,
    /// To be digested with the password.
    pub nonce: String,
    /// To be sent back as it is.
    pub opaque: Option<String>,
    /// `None` when the host names none, which means MD5.
    pub algorithm: Option<Algorithm>,
    /// `qop=auth` is offered; otherwise the dialect is that of RFC 2069.
    pub qop_auth: bool,
    /// The last answer was right but for its old nonce.
    pub stale: bool,
}

impl Challenge {
    /// The first digest challenge that can be answered, of all in all `WWW-Authenticate` fields; hosts give their
    /// favourite first. Other schemes and unknown parameters are passed over.
    ///
    /// When there is none: [`ErrorKind::Protocol`] if a field is malformed or a digest challenge lacks realm or
    /// nonce, [`ErrorKind::TooLarge`] if a value of one has more than [`MAX_VALUE`] bytes,
    /// [`ErrorKind::Unauthorized`] if the host asks for something else.
    pub fn parse<'a>(fields: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut failed = None;
        for field in fields {
            match in_field(field) {
                Ok(challenge) => return Ok(challenge),
                // What is wrong says more than that there is something else.
                Err(e) if e.kind() != ErrorKind::Unauthorized => failed = Some(failed.unwrap_or(e)),
                Err(_) => {}
            }
        }
        Err(failed.unwrap_or_else(something_else))
    }

    /// The algorithm to use.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(Algorithm::Md5)
    }
}

/// The names of all schemes a host asks for, in order and as it writes them, as far as its fields can be read.
pub fn schemes<'a>(fields: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for field in fields {
        let mut rest = Scanner(field);
        loop {
            rest.skip(" \t,");
            let name = rest.token();
            if name.is_empty() {
                break;
            }
            rest.skip(" \t");
            match rest.0.strip_prefix('=') {
                Some(value) => {
                    rest.0 = value;
                    if rest.value().is_err() {
                        break;
                    }
                }
                None => {
                    names.push(name);
                    rest.skip_token68();
                }
            }
        }
    }
    names
}

fn in_field(field: &str) -> Result<Challenge> {
    let mut rest = Scanner(field);
    let mut digest: Option<Draft> = None;
    let mut scheme = false;
    let mut failed = None;
    let mut end = |digest: &mut Option<Draft>| match digest.take().map(Draft::finish) {
        Some(Ok(challenge)) => Some(challenge),
        Some(Err(e)) => {
            failed.get_or_insert(e);
            None
        }
        None => None,
    };
    loop {
        rest.skip(" \t,");
        if rest.0.is_empty() {
            return end(&mut digest).ok_or_else(|| failed.unwrap_or_else(something_else));
        }
        let name = rest.token();
        if name.is_empty() {
            return Err(malformed("a challenge has neither scheme nor parameter"));
        }
        rest.skip(" \t");
        match rest.0.strip_prefix('=') {
            Some(value) if scheme => {
                rest.0 = value;
                let value = rest.value()?;
                if let Some(draft) = &mut digest {
                    draft.set(name, value);
                }
            }
            Some(_) => return Err(malformed("a challenge has no scheme")),
            None => {
                if let Some(challenge) = end(&mut digest) {
                    return Ok(challenge);
                }
                scheme = true;
                if name.eq_ignore_ascii_case("digest") {
                    digest = Some(Draft::default());
                } else {
                    rest.skip_token68();
                }
            }
        }
    }
}

/// A digest challenge as far as it was read. What is wrong with it must not hide a better one.
#[derive(Default)]
struct Draft<'a> {
    realm: Option<Value<'a>>,
    nonce: Option<Value<'a>>,
    opaque: Option<Value<'a>>,
    algorithm: Option<Value<'a>>,
    qop: Option<Value<'a>>,
    stale: Option<Value<'a>>,
    twice: bool,
}

impl<'a> Draft<'a> {
    fn set(&mut self, name: &str, value: Value<'a>) {
        for (known, slot) in [
            ("realm", &mut self.realm),
            ("nonce", &mut self.nonce),
            ("opaque", &mut self.opaque),
            ("algorithm", &mut self.algorithm),
            ("qop", &mut self.qop),
            ("stale", &mut self.stale),
        ] {
            if name.eq_ignore_ascii_case(known) {
                self.twice |= slot.replace(value).is_some();
            }
        }
    }

    fn finish(self) -> Result<Challenge> {
        if self.twice {
            return Err(malformed("a challenge names a parameter twice"));
        }
        let algorithm = match self.algorithm {
            None => None,
            Some(name) => {
                let name = name.text()?;
                let known = Algorithm::ALL.into_iter().find(|a| a.as_str().eq_ignore_ascii_case(&name));
                Some(known.ok_or_else(something_else)?)
            }
        };
        let qop = self.qop.map(Value::text).transpose()?;
        let mut offers = qop.iter().flat_map(|q| q.split(',')).map(str::trim).filter(|q| !q.is_empty());
        let qop_auth = match offers.next() {
            None => false,
            Some(first) => {
                let auth = core::iter::once(first).chain(offers).any(|q| q.eq_ignore_ascii_case("auth"));
                if !auth {
                    return Err(something_else());
                }
                true
            }
        };
        let missing = |what| move || malformed(what);
        Ok(Challenge {
            realm: self.realm.ok_or_else(missing("a challenge has no realm"))?.text()?,
            nonce: self.nonce.ok_or_else(missing("a challenge has no nonce"))?.text()?,
            opaque: self.opaque.map(Value::text).transpose()?,
            algorithm,
            qop_auth,
            stale: self.stale.is_some_and(|s| s.raw.eq_ignore_ascii_case("true")),
        })
    }
}

/// A parameter's value as it stands in the field, without its quotes.
#[derive(Clone, Copy)]
struct Value<'a> {
    raw: &'a str,
    quoted: bool,
}

impl Value<'_> {
    fn text(self) -> Result<String> {
        if self.raw.len() > MAX_VALUE {
            return Err(Error::new(ErrorKind::TooLarge, "connect")
                .with_detail(format_args!("a challenge's value has more than {MAX_VALUE} bytes")));
        }
        if !self.quoted {
            return Ok(self.raw.to_owned());
        }
        let mut text = String::with_capacity(self.raw.len());
        let mut escaped = false;
        for c in self.raw.chars() {
            escaped = c == '\\' && !escaped;
            if !escaped {
                text.push(c);
            }
        }
        Ok(text)
    }
}

/// What is left of a field.
struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    fn skip(&mut self, any: &str) {
        self.0 = self.0.trim_start_matches(|c| any.contains(c));
    }

    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    fn token(&mut self) -> &'a str {
        let of_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        self.take(self.0.bytes().take_while(|b| of_token(*b)).count())
    }

    /// Behind the `=`. Hosts leave out quotes where they are due, so all but blanks and commas is taken then.
    fn value(&mut self) -> Result<Value<'a>> {
        self.skip(" \t");
        let quoted = self.0.starts_with('"');
        let mut escaped = quoted; // so that the first quote does not end it
        let end = self.0.bytes().position(|b| {
            let ends = if quoted { b == b'"' && !escaped } else { b" \t,\"".contains(&b) };
            escaped = quoted && b == b'\\' && !escaped;
            ends || b.is_ascii_control()
        });
        let raw = self.take(end.unwrap_or(self.0.len()));
        match self.0.bytes().next() {
            Some(b'"') if quoted => {
                self.take(1);
                Ok(Value { raw: &raw[1..], quoted })
            }
            None | Some(b' ' | b'\t' | b',') if !quoted => Ok(Value { raw, quoted }),
            _ => Err(malformed("a challenge's value is cut or has a character that is not allowed")),
        }
    }

    /// Credentials in one piece, behind the scheme of `Negotiate` and the like.
    fn skip_token68(&mut self) {
        let of_token68 = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b);
        let token = self.0.trim_start_matches(|c| u8::try_from(c).is_ok_and(of_token68));
        let rest = token.trim_start_matches('=').trim_start_matches([' ', '\t']);
        if rest.is_empty() || rest.starts_with(',') {
            self.0 = rest;
        }
    }
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::Protocol, "connect").with_detail(what)
}

fn something_else() -> Error {
    Error::new(ErrorKind::Unauthorized, "connect")
        .with_detail("the host asks for a kind of authentication that is not supported")
}
