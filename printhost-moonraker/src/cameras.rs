//! Cameras: their addresses are relative to the web interface, which may live elsewhere than Moonraker.

use alloc::{format, string::String, vec::Vec};

use embedded_io_async::Write;
use printhost_core::{Camera, Result};
use printhost_net::{BaseUrl, Login, NO_BODY, Net, Origin, Scheme, rest::Rest};

use crate::{
    Moonraker,
    api::{Call, DIALECT, Question},
    config::Means,
    download::is_picture,
    map, wire,
};

/// Moonraker's own port, at which no web interface lives.
const OWN_PORT: u16 = 7125;

impl<N: Net> Moonraker<N> {
    pub(crate) async fn webcams(&self) -> Result<Vec<Camera>> {
        let operation = "cameras";
        let path = "/server/webcams/list";
        let question = Question { operation, method: "server.webcams.list", params: "", path };
        let webcams: wire::Webcams = self.ask(question).await?;
        let front_end = self.front_end(&self.base(operation).await?);
        Ok(map::cameras(webcams, |url| absolute(&front_end, url)))
    }

    /// The picture at an address. Our credentials go to Moonraker's own origin only, and no redirect is followed.
    pub(crate) async fn camera_picture<W: Write + ?Sized>(&self, source: &str, to: &mut W) -> Result<u64> {
        let operation = "snapshot";
        let home = self.base(operation).await?;
        let url = absolute(&self.front_end(&home), source);
        let (origin, target) = split(&url);
        let mut base = BaseUrl::parse(origin).map_err(|e| e.in_operation(operation))?;
        let is_home = is_same(&base.origin, &home.origin);
        if is_home {
            base.origin = home.origin.clone();
            let response = self.request(&base, Call::get(operation, &target), &[]).await?;
            self.rest().uncompressed(operation, &response)?;
            is_picture(&self.config.login, operation, &response)?;
            return self.copy(operation, response, to).await;
        }
        let stranger = match &self.config.means {
            Means::Trusted => Login::none(),
            Means::Key(secret) | Means::User { password: secret, .. } => Login::none().hiding(secret.clone()),
        };
        let rest = Rest::new(&self.net, &stranger, &DIALECT);
        let response = rest.exchange(&base, Call::get(operation, &target), NO_BODY).await?;
        rest.uncompressed(operation, &response)?;
        is_picture(&stranger, operation, &response)?;
        self.copy(operation, response, to).await
    }

    /// Where the web interface lives: as configured, or where Moonraker is, but at the usual port.
    fn front_end(&self, home: &BaseUrl) -> BaseUrl {
        if let Some(front_end) = &self.config.front_end {
            return front_end.clone();
        }
        let mut origin = home.origin.clone();
        if origin.port == OWN_PORT {
            origin.port = origin.scheme.default_port();
        }
        BaseUrl::new(origin)
    }
}

/// An address as a viewer needs it.
fn absolute(front_end: &BaseUrl, url: &str) -> String {
    match url {
        _ if url.starts_with("//") => format!("{}:{url}", front_end.origin.scheme.as_str()),
        _ if has_scheme(url) => on_host(front_end, url),
        _ if url.starts_with('/') => format!("{}{url}", front_end.origin),
        _ => format!("{front_end}/{url}"),
    }
}

/// An address of this machine was written by Moonraker's own machine, and means that one.
fn on_host(front_end: &BaseUrl, url: &str) -> String {
    let (origin, target) = split(url);
    match BaseUrl::parse(origin) {
        Ok(mut base) if is_loopback(&base.origin.host) && base.origin.scheme == Scheme::Http => {
            base.origin.host.clone_from(&front_end.origin.host);
            format!("{}{target}", base.origin)
        }
        _ => url.into(),
    }
}

/// Origin, and path with query: what must not stand in a request is encoded.
fn split(url: &str) -> (&str, String) {
    let authority = url.find("://").map_or(0, |i| i + 3);
    let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |i| authority + i);
    let path = url[end..].split('#').next().unwrap_or_default();
    let mut target = String::from(if path.starts_with('/') { "" } else { "/" });
    for b in path.bytes() {
        match b.is_ascii_graphic() {
            true => target.push(char::from(b)),
            false => target.push_str(&format!("%{b:02X}")),
        }
    }
    (&url[..end], target)
}

fn is_same(a: &Origin, b: &Origin) -> bool {
    a.scheme == b.scheme && a.port == b.port && a.host.eq_ignore_ascii_case(&b.host)
}

/// Whether it is an address: a path may have one in its query.
fn has_scheme(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| !scheme.contains(['/', '?', '#']))
}

fn is_loopback(host: &str) -> bool {
    let is_local = |ip: core::net::IpAddr| ip.is_loopback();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_completed_by_the_front_ends() {
        let front_end = BaseUrl::parse("http://voron.local").unwrap();
        for (url, told) in [
            ("/webcam/?action=snapshot", "http://voron.local/webcam/?action=snapshot"),
            ("webcam/x.jpg", "http://voron.local/webcam/x.jpg"),
            ("//cam.local/x", "http://cam.local/x"),
            ("http://cam.local:8080/?action=stream", "http://cam.local:8080/?action=stream"),
            ("http://127.0.0.1:8080/?action=stream", "http://voron.local:8080/?action=stream"),
            ("rtsp://cam:554/x", "rtsp://cam:554/x"),
            ("/proxy?u=http://cam/x", "http://voron.local/proxy?u=http://cam/x"),
        ] {
            assert_eq!(absolute(&front_end, url), told);
        }
        assert_eq!(split("http://cam?x y#f"), ("http://cam", "/?x%20y".into()));
    }

    #[test]
    fn origins_are_the_same_only_if_everything_is() {
        let origin = |url| BaseUrl::parse(url).unwrap().origin;
        let home = origin("http://voron.local:7125");
        assert!(is_same(&origin("http://VORON.local:7125"), &home));
        for other in ["http://voron.local", "https://voron.local:7125", "http://voron.local.evil:7125"] {
            assert!(!is_same(&origin(other), &home), "{other}");
        }
    }
}
