use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, net::Ipv6Addr};

use printhost_core::{Error, ErrorKind, Result};

/// Plain or encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// `http` and `ws`.
    Http,
    /// `https` and `wss`.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Whom to believe on an encrypted connection. There is no "anybody".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trust {
    /// The public certificate authorities; the name must match.
    #[default]
    PublicRoots,
    /// Only this authority, DER or PEM; the name must match. A self-signed certificate may stand here too if it is not
    /// marked as an authority; otherwise pin its key.
    Ca(Vec<u8>),
    /// Only a certificate with this public key: SHA-256 of its SubjectPublicKeyInfo, as in `curl --pinnedpubkey`.
    /// Neither name nor dates are looked at.
    PinnedKey([u8; 32]),
    /// Only a device's certificate: one of these authorities (DER, or any number as PEM) has signed it, directly or
    /// through others that are given here or sent by the device, and this name, a serial number for instance, is
    /// exactly its common name or one of its SAN. X.509 version 1 will do. A self-signed certificate may stand here
    /// too. An authority of version 3 must be marked as one; of another version it is one because it is given here.
    /// The dates of all of them count where the day is known.
    ///
    /// The name is told to the device (SNI) as far as it can be, and sessions are kept by it: the host of the
    /// [`Origin`] is only where to connect.
    Device {
        /// Who has signed.
        authorities: Vec<u8>,
        /// For whom.
        name: String,
    },
}

impl Trust {
    /// The heap that it takes, in bytes.
    pub const fn memory(&self) -> usize {
        match self {
            Self::Ca(certificates) => certificates.len(),
            Self::Device { authorities, name } => authorities.len() + name.len(),
            Self::PublicRoots | Self::PinnedKey(_) => 0,
        }
    }
}

/// Which TLS to offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    All,
    /// 1.2 alone, where a host's 1.3 is known to be broken.
    Only12,
}

/// Where connections go: scheme, host, port, and whom to believe there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Origin {
    /// Plain or encrypted.
    pub scheme: Scheme,
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whom to believe when encrypted.
    pub trust: Trust,
    /// What to offer when encrypted.
    pub versions: TlsVersions,
}

impl Origin {
    /// A plain origin.
    pub fn http(host: impl Into<String>, port: u16) -> Self {
        Self::new(Scheme::Http, host.into(), port, Trust::PublicRoots)
    }

    /// An encrypted origin, whatever protocol is spoken there.
    pub fn tls(host: impl Into<String>, port: u16, trust: Trust) -> Self {
        Self::new(Scheme::Https, host.into(), port, trust)
    }

    /// Offers no other TLS than this.
    pub const fn with_versions(mut self, versions: TlsVersions) -> Self {
        self.versions = versions;
        self
    }

    const fn new(scheme: Scheme, host: String, port: u16, trust: Trust) -> Self {
        Self { scheme, host, port, trust, versions: TlsVersions::All }
    }

    /// Who answers there, by name, when encrypted: the device's, else the host's. This is what is told (SNI), what must
    /// be found in a certificate, and what sessions are kept by.
    pub fn peer_name(&self) -> &str {
        match &self.trust {
            Trust::Device { name, .. } => name,
            _ => &self.host,
        }
    }

    /// The value of a `Host` header: without the zone of a link-local address, which is this machine's own affair.
    pub fn authority(&self) -> impl fmt::Display + '_ {
        let host = match self.host.split_once('%') {
            Some((address, _)) if address.contains(':') => address,
            _ => &self.host,
        };
        Authority { origin: self, host }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = Authority { origin: self, host: &self.host };
        write!(f, "{}://{authority}", self.scheme.as_str())
    }
}

struct Authority<'a> {
    origin: &'a Origin,
    host: &'a str,
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin: Origin { scheme, port, .. }, host } = self;
        match host.contains(':') {
            true => write!(f, "[{host}]")?,
            false => f.write_str(host)?,
        }
        if *port != scheme.default_port() {
            write!(f, ":{port}")?;
        }
        Ok(())
    }
}

/// An origin and the path prefix under which a host lives there (behind a reverse proxy), without a final `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BaseUrl {
    /// Where to connect.
    pub origin: Origin,
    /// `""` or `/prefix`.
    pub prefix: String,
}

impl BaseUrl {
    /// A host at the root of an origin.
    pub const fn new(origin: Origin) -> Self {
        Self { origin, prefix: String::new() }
    }

    /// Reads `http://host[:port][/prefix]` or `https://…`. Credentials, a query or a fragment are refused, since
    /// a URL ends up in logs.
    pub fn parse(url: &str) -> Result<Self> {
        let refuse = |why: &str| Error::new(ErrorKind::InvalidInput, "url").with_detail(why);
        let (scheme, rest) = match url.split_once("://") {
            Some((s, rest)) if s.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((s, rest)) if s.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            _ => return Err(refuse("the address must begin with http:// or https://")),
        };
        if rest.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '?' | '#')) {
            return Err(refuse("the address contains a blank, a query or a fragment"));
        }
        let (authority, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(refuse("the address contains credentials; pass them separately"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => v6.split_once(']').ok_or_else(|| refuse("the address lacks a closing ]"))?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        if host.is_empty() || host.len() > 253 {
            return Err(refuse("the address has no host name, or one that is too long"));
        }
        let bracketed = authority.starts_with('[');
        if bracketed && !is_ipv6(host) || !bracketed && host.contains(['[', ']', '%']) {
            return Err(refuse("only an IPv6 address stands in [ ], and nothing else"));
        }
        let port = match port.strip_prefix(':') {
            Some(port) => {
                port.parse().ok().filter(|p| *p != 0).ok_or_else(|| refuse("the port is no number"))?
            }
            None if port.is_empty() => scheme.default_port(),
            None => return Err(refuse("there is something after the ]")),
        };
        let origin = Origin::new(scheme, host.into(), port, Trust::PublicRoots);
        Ok(Self { origin, prefix: prefix.trim_end_matches('/').into() })
    }

    /// With another trust.
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.origin.trust = trust;
        self
    }

    /// The heap that it takes without its trust, in bytes.
    pub const fn memory(&self) -> usize {
        self.origin.host.len() + self.prefix.len()
    }

    /// The request target of a path on this host.
    pub fn target(&self, path: &str) -> String {
        self.prefix.clone() + path
    }

    /// Where this host lives after it answered `path` with a redirect to `location`.
    ///
    /// Only the same host counts, with a scheme that is not weaker: credentials are about to follow. Everything
    /// else is [`ErrorKind::Redirected`] with the target as detail.
    pub fn redirected(&self, path: &str, location: &str) -> Result<Self> {
        // A query may hold a login's secrets.
        let shown = location.split(['?', '#']).next().unwrap_or_default();
        let refuse = || Error::new(ErrorKind::Redirected, "connect").with_detail(shown);
        let absolute = match location.strip_prefix("//") {
            Some(rest) => self.origin.scheme.as_str().to_string() + "://" + rest,
            None if location.starts_with('/') => self.origin.to_string() + location,
            None => location.into(),
        };
        let cut = absolute.find(['?', '#']).unwrap_or(absolute.len());
        let url = absolute[..cut].strip_suffix(path).ok_or_else(refuse)?;
        let mut to = Self::parse(url).map_err(|_| refuse())?.with_trust(self.origin.trust.clone());
        to.origin.versions = self.origin.versions;
        let weaker = self.origin.scheme == Scheme::Https && to.origin.scheme == Scheme::Http;
        if weaker || !to.origin.host.eq_ignore_ascii_case(&self.origin.host) || to == *self {
            return Err(refuse());
        }
        Ok(to)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.prefix)
    }
}

/// With or without the zone of a link-local address.
fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "0"));
    let in_zone = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '~' | '-');
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.chars().all(in_zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_survives_a_round_trip() {
        for (url, shown) in [
            ("http://octopi.local", "http://octopi.local"),
            ("HTTPS://h:443/octo/", "https://h/octo"),
            ("http://[fe80::1]:5000/a/b", "http://[fe80::1]:5000/a/b"),
        ] {
            assert_eq!(BaseUrl::parse(url).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn zone_of_a_link_local_address_is_dialled_but_not_told_to_the_host() {
        let url = BaseUrl::parse("http://[fe80::7%eth0]:5000").unwrap();
        assert_eq!(url.origin.host, "fe80::7%eth0");
        assert_eq!(url.to_string(), "http://[fe80::7%eth0]:5000");
        assert_eq!(url.origin.authority().to_string(), "[fe80::7]:5000");
    }

    #[test]
    fn bad_url_is_refused_with_a_reason() {
        for url in [
            "",
            "octopi.local",
            "ftp://h",
            "http://",
            "http://:80",
            "http://h:0",
            "http://h:99999",
            "http://h:x",
            "http://user:pw@h",
            "http://h/a b",
            "http://h/?q",
            "http://h/#f",
            "http://[::1",
            "http://[::1]x",
            "http://[[2]",
            "http://[octopi]",
            "http://[fe80::7%]",
            "http://a]b",
        ] {
            let error = BaseUrl::parse(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
            assert!(error.detail().is_some(), "{url}");
        }
    }

    #[test]
    fn redirect_is_followed_to_the_same_host_only_and_never_to_a_weaker_scheme() {
        let plain = BaseUrl::parse("http://octopi.local").unwrap();
        let to = plain.redirected("/api/version", "https://octopi.local/octo/api/version").unwrap();
        assert_eq!(to.to_string(), "https://octopi.local/octo");
        let to = plain.redirected("/api/version", "/octo/api/version").unwrap();
        assert_eq!(to.to_string(), "http://octopi.local/octo");
        for (from, location) in [
            ("http://octopi.local", "https://evil.example/api/version"),
            ("http://octopi.local", "https://octopi.local/login"),
            ("http://octopi.local", "http://octopi.local/api/version"),
            ("https://octopi.local", "http://octopi.local/api/version"),
            ("http://octopi.local", "http://a@octopi.local/api/version"),
            ("http://octopi.local", ""),
        ] {
            let error = BaseUrl::parse(from).unwrap().redirected("/api/version", location).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Redirected, "{from} -> {location}");
        }
    }
}
