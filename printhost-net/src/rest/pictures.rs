//! Pictures: on a host itself, or wherever it says that they are.

use alloc::{format, string::String};
use core::net::IpAddr;

use embedded_io_async::Write;
use printhost_core::Result;

use super::{Call, Rest};
use crate::{BaseUrl, Login, NO_BODY, Net, Scheme};

impl<N: Net> Rest<'_, N> {
    /// Writes the picture at `source` into `to`: a path from the root of the origin of `home`, one below its prefix
    /// (without a `/` in front), or an address. The credentials go to that origin only: others are spoken to as
    /// `stranger`, who shows nothing and hides our secrets from errors. No redirect is followed.
    pub async fn picture<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        home: &BaseUrl,
        source: &str,
        stranger: &Login,
        to: &mut W,
    ) -> Result<u64> {
        let Place { base, target, is_home } = place(home, source).map_err(|e| e.in_operation(operation))?;
        let login = if is_home { self.login } else { stranger };
        let rest = Rest::new(self.net, login, self.dialect);
        let response = rest.exchange(&base, Call::get(operation, &target), NO_BODY).await?;
        rest.copy_picture(operation, response, to).await
    }
}

/// Where a picture is.
#[derive(Debug, PartialEq)]
struct Place {
    base: BaseUrl,
    target: String,
    is_home: bool,
}

/// `/x` is on the host's origin, `x` below its prefix. An address of this machine was written by the host, and means
/// that one.
fn place(home: &BaseUrl, source: &str) -> Result<Place> {
    let source = source.trim();
    let absolute = match source.strip_prefix("//") {
        Some(rest) => format!("{}://{rest}", home.origin.scheme.as_str()),
        None if has_scheme(source) => source.into(),
        None => {
            let (base, path) = match source.strip_prefix('/') {
                Some(path) => (BaseUrl::new(home.origin.clone()), path),
                None => (home.clone(), source),
            };
            return Ok(Place { base, target: target(path), is_home: true });
        }
    };
    let authority = absolute.find("://").map_or(0, |i| i + 3);
    let end = absolute[authority..].find(['/', '?', '#']).map_or(absolute.len(), |i| authority + i);
    let mut base = BaseUrl::parse(&absolute[..end])?;
    let is_own = |base: &BaseUrl| {
        let (a, b) = (&base.origin, &home.origin);
        a.scheme == b.scheme && a.port == b.port && a.host.eq_ignore_ascii_case(&b.host)
    };
    if is_loopback(&base.origin.host) && base.origin.scheme == Scheme::Http {
        base.origin.host.clone_from(&home.origin.host);
    }
    let is_home = is_own(&base);
    if is_home {
        base.origin = home.origin.clone();
    }
    Ok(Place { base, target: target(absolute[end..].trim_start_matches('/')), is_home })
}

/// Whether it is an address: a path may have one in its query.
pub fn has_scheme(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['/', '?', '#']))
}

/// A path and query as they are, with what must not stand in a request encoded.
fn target(path: &str) -> String {
    let path = path.split('#').next().unwrap_or_default();
    let mut target = String::from("/");
    for b in path.bytes() {
        match b.is_ascii_graphic() {
            true => target.push(char::from(b)),
            false => target.push_str(&format!("%{b:02X}")),
        }
    }
    target
}

fn is_loopback(host: &str) -> bool {
    let is_local = |ip: IpAddr| ip.is_loopback();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_local)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn credentials_go_to_the_hosts_own_origin_only() {
        let home = BaseUrl::parse("http://octopi.local/octo").unwrap();
        for (source, at, is_home) in [
            ("/webcam/?action=snapshot", "http://octopi.local/webcam/?action=snapshot", true),
            ("plugin/x/a b.png?1", "http://octopi.local/octo/plugin/x/a%20b.png?1", true),
            ("http://OCTOPI.local:80/x.jpg#f", "http://octopi.local/x.jpg", true),
            ("//octopi.local/x.jpg", "http://octopi.local/x.jpg", true),
            ("http://octopi.local:8080/?action=snapshot", "http://octopi.local:8080/?action=snapshot", false),
            ("https://octopi.local/x.jpg", "https://octopi.local/x.jpg", false),
            ("http://cam.local", "http://cam.local/", false),
            ("http://cam.local?x", "http://cam.local/?x", false),
            ("http://127.0.0.1:8080/?action=snapshot", "http://octopi.local:8080/?action=snapshot", false),
            ("http://octopi.local.evil/x", "http://octopi.local.evil/x", false),
            ("http://127.0.0.1.evil:80/x", "http://127.0.0.1.evil/x", false),
            ("/proxy?u=http://cam/x", "http://octopi.local/proxy?u=http://cam/x", true),
            ("proxy?u=http://cam/x", "http://octopi.local/octo/proxy?u=http://cam/x", true),
        ] {
            let place = place(&home, source).unwrap();
            let shown = place.base.to_string() + &place.target;
            assert_eq!((shown.as_str(), place.is_home), (at, is_home), "{source}");
        }
        for source in ["http://octopi.local@evil/x", "ftp://cam/x", "http://"] {
            assert!(place(&home, source).is_err(), "{source}");
        }
    }
}
