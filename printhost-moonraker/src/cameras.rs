//! Cameras: their addresses are relative to the web interface, which may live elsewhere than Moonraker.

use alloc::{format, string::String, vec::Vec};

use embedded_io_async::Write;
use printhost_core::{Camera, Result};
use printhost_net::{BaseUrl, Login, Net, rest::has_scheme};

use crate::{Moonraker, api::Question, config::Means, map, wire};

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
        let stranger = match &self.config.means {
            Means::Trusted => Login::none(),
            Means::Key(secret) | Means::User { password: secret, .. } => Login::none().hiding(secret.clone()),
        };
        self.rest().picture(operation, &home, &url, &stranger, to).await
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
        _ if has_scheme(url) => url.into(),
        _ if url.starts_with('/') => format!("{}{url}", front_end.origin),
        _ => format!("{front_end}/{url}"),
    }
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
            ("rtsp://cam:554/x", "rtsp://cam:554/x"),
            ("/proxy?u=http://cam/x", "http://voron.local/proxy?u=http://cam/x"),
        ] {
            assert_eq!(absolute(&front_end, url), told);
        }
    }
}
