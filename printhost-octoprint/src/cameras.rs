//! Which cameras there are: one small part of OctoPrint's settings, which are long.

use alloc::{format, string::String, vec, vec::Vec};

use printhost_core::{Camera, Error, ErrorKind, Result};
use printhost_net::{BaseUrl, NO_BODY, Net, rest::has_scheme};

use crate::{OctoPrint, api::Call, map, member::Member};

impl<N: Net> OctoPrint<N> {
    pub(crate) async fn webcams(&self) -> Result<Vec<Camera>> {
        let operation = "cameras";
        let home = self.base(operation).await?;
        let mut response = self.request(Call::get(operation, "/api/settings"), NO_BODY).await?;
        self.uncompressed(operation, &response)?;
        let limits = self.net.parts().limits();
        let mut member = Member::new("webcam", limits.json);
        let mut buf = vec![0; limits.chunk];
        loop {
            let n = response.read_steadily(&mut buf).await.map_err(|e| e.in_operation(operation))?;
            if n == 0 {
                return Err(Error::new(ErrorKind::Protocol, operation)
                    .with_detail("there are no cameras in the settings"));
            }
            if let Some(json) = member.feed(&buf[..n]).map_err(|e| e.in_operation(operation))? {
                let cameras = map::cameras(self.parse(operation, json)?, |url| absolute(&home, url));
                // The rest is short as a rule, and the connection can then be used again.
                response.finish().await;
                return Ok(cameras);
            }
        }
    }
}

/// An address as a viewer needs it. `/x` is on OctoPrint's origin, `x` below its prefix.
fn absolute(home: &BaseUrl, url: &str) -> String {
    match url {
        _ if url.starts_with("//") => format!("{}:{url}", home.origin.scheme.as_str()),
        _ if has_scheme(url) => url.into(),
        _ if url.starts_with('/') => format!("{}{url}", home.origin),
        _ => format!("{home}/{url}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_is_told_as_an_absolute_address() {
        let home = BaseUrl::parse("https://h/octo").unwrap();
        for (url, told) in [
            ("/webcam/?action=stream", "https://h/webcam/?action=stream"),
            ("webcam/", "https://h/octo/webcam/"),
            ("//cam/x", "https://cam/x"),
            ("/proxy?u=http://cam/x", "https://h/proxy?u=http://cam/x"),
            ("rtsp://cam:554/x", "rtsp://cam:554/x"),
        ] {
            assert_eq!(absolute(&home, url), told);
        }
    }
}
