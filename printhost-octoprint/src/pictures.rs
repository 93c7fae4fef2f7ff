//! Pictures, of files and of cameras: on OctoPrint itself or anywhere else.

use alloc::{format, string::String, vec};
use core::net::IpAddr;

use embedded_io_async::{Read as _, Write};
use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{
    BaseUrl, Login, NO_BODY, Net, Scheme,
    rest::{Rest, unexpected},
};

use crate::{
    OctoPrint,
    api::{Call, DIALECT},
};

impl<N: Net> OctoPrint<N> {
    /// Writes the picture at `source` into `to`: a path from OctoPrint's root, or an address. The key goes to
    /// OctoPrint's own origin only, and no redirect is followed.
    pub(crate) async fn picture<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        source: &str,
        to: &mut W,
    ) -> Result<u64> {
        let home = self.base(operation).await?;
        let Place { base, target, is_home } = place(&home, source).map_err(|e| e.in_operation(operation))?;
        let stranger = Login::none().hiding(self.config.api_key.clone());
        let login = if is_home { &self.login } else { &stranger };
        let rest = Rest::new(&self.net, login, &DIALECT);
        let mut response = rest.exchange(&base, Call::get(operation, &target), NO_BODY).await?;
        self.uncompressed(operation, &response)?;
        let kind = response.header("content-type").unwrap_or_default();
        if !kind.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/")) {
            let what = format_args!("a picture was expected, not {kind:?}");
            return Err(unexpected(login, operation, what));
        }
        let mut buf = vec![0; self.net.parts().limits().chunk];
        let mut total = 0;
        loop {
            let n = response.read(&mut buf).await.map_err(|e| e.in_operation(operation))?;
            if n == 0 {
                to.flush().await.map_err(|e| sink(operation, e))?;
                return Ok(total);
            }
            to.write_all(&buf[..n]).await.map_err(|e| sink(operation, e))?;
            total += n as u64;
        }
    }
}

/// Where a picture is.
#[derive(Debug, PartialEq)]
struct Place {
    base: BaseUrl,
    target: String,
    is_home: bool,
}

/// `/x` is on OctoPrint's origin, `x` below its prefix. An address of this machine was written by OctoPrint's own
/// machine, and means that one.
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
pub(crate) fn has_scheme(url: &str) -> bool {
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

fn sink<E: core::error::Error>(operation: &'static str, error: E) -> Error {
    Error::new(ErrorKind::Sink, operation).with_detail(error)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn key_goes_to_octoprints_own_origin_only() {
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
