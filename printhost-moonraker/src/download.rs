use alloc::{string::String, vec};

use embedded_io_async::{Read as _, Write};
use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{BaseUrl, Net, http::ResponseOf, proto::percent::encode_path, rest::unexpected};

use crate::{Moonraker, api::Call, jobs::ours};

impl<N: Net> Moonraker<N> {
    pub(crate) async fn fetch<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        path: &str,
        to: &mut W,
    ) -> Result<u64> {
        let path = ours(operation, path)?.as_str();
        let response = self.open(operation, path).await?;
        let told = response.content_length();
        let total = self.copy(operation, response, to).await?;
        if told.is_some_and(|len| len != total) {
            return Err(Error::new(ErrorKind::Disconnected, operation).with_detail("the file ended early"));
        }
        Ok(total)
    }

    /// A picture of a file, which Moonraker keeps beside it.
    pub(crate) async fn picture_of<W: Write + ?Sized>(&self, source: &str, to: &mut W) -> Result<u64> {
        let operation = "thumbnail";
        let path = ours(operation, source)?.as_str();
        let response = self.open(operation, path).await?;
        is_picture(&self.config.login, operation, &response)?;
        self.copy(operation, response, to).await
    }

    async fn open(&self, operation: &'static str, path: &str) -> Result<ResponseOf<'_, N>> {
        let base: BaseUrl = self.base(operation).await?;
        let response = self.request(&base, Call::get(operation, &route(path)), &[]).await?;
        self.rest().uncompressed(operation, &response)?;
        Ok(response)
    }

    pub(crate) async fn copy<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        mut response: ResponseOf<'_, N>,
        to: &mut W,
    ) -> Result<u64> {
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

pub(crate) fn is_picture<D, H, C, E>(
    login: &printhost_net::Login,
    operation: &'static str,
    response: &printhost_net::http::Response<'_, D, H, C, E>,
) -> Result<()>
where
    D: printhost_net::Dial,
    H: printhost_net::HttpBackend<D::Conn>,
    C: printhost_net::Clock,
    E: printhost_net::Entropy,
{
    let kind = response.header("content-type").unwrap_or_default();
    match kind.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/")) {
        true => Ok(()),
        false => Err(unexpected(login, operation, format_args!("a picture was expected, not {kind:?}"))),
    }
}

/// The route of a file.
pub(crate) fn route(path: &str) -> String {
    let mut route = String::from("/server/files/gcodes/");
    encode_path(&mut route, path);
    route
}

fn sink<E: core::error::Error>(operation: &'static str, error: E) -> Error {
    Error::new(ErrorKind::Sink, operation).with_detail(error)
}
