use alloc::{string::String, vec};

use embedded_io_async::{Read as _, Write};
use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Method, NO_BODY, Net, http::ResponseOf, proto::percent::encode_path, rest::unexpected};

use crate::{
    PrusaLink,
    api::call,
    host::{Family, Home},
    names,
};

impl<N: Net> PrusaLink<N> {
    pub(crate) async fn fetch<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        path: &str,
        to: &mut W,
    ) -> Result<u64> {
        let path = names::parse(operation, path)?.as_str();
        let home = self.home(operation).await?;
        let file = self.entry(operation, &home, path).await?;
        let Some(source) = &file.refs.download else {
            return Err(Error::new(ErrorKind::NotFound, operation).with_detail("this is no file to be had"));
        };
        let total = self.pull(operation, &home, source, "", to).await?;
        if file.size.is_some_and(|size| size != total) {
            return Err(Error::new(ErrorKind::Disconnected, operation).with_detail("the file ended early"));
        }
        Ok(total)
    }

    /// A picture of a file.
    pub(crate) async fn picture<W: Write + ?Sized>(&self, source: &str, to: &mut W) -> Result<u64> {
        let operation = "thumbnail";
        let home = self.home(operation).await?;
        self.pull(operation, &home, source, "image/", to).await
    }

    /// What PrusaLink keeps at a path of its own, if it says that it is of this kind. On the firmware nobody asks anything
    /// else meanwhile.
    pub(crate) async fn pull<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        home: &Home,
        source: &str,
        kind: &str,
        to: &mut W,
    ) -> Result<u64> {
        let mut turn = Some(self.turn(operation).await?);
        let response = self.open(operation, home, source).await?;
        if response.status() == 204 {
            response.finish().await;
            return Err(Error::new(ErrorKind::NotFound, operation).with_detail("there is none yet"));
        }
        let told = response.header("content-type").unwrap_or_default();
        if !told.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind)) {
            let what = format_args!("a picture was expected, not {told:?}");
            return Err(unexpected(&self.config.login, operation, what));
        }
        if home.family == Family::Pi {
            turn = None;
        }
        let copied = self.copy(operation, response, to).await;
        drop(turn);
        copied
    }

    /// What PrusaLink keeps at a path of its own, which it does not encode. Never anywhere else: the path is taken below
    /// the host's address, whatever it looks like.
    async fn open(&self, operation: &'static str, home: &Home, source: &str) -> Result<ResponseOf<'_, N>> {
        let mut route = String::from("/");
        encode_path(&mut route, source.trim_start_matches('/'));
        let response = self.request(home, call(operation, Method::Get, &route), NO_BODY).await?;
        self.rest().uncompressed(operation, &response)?;
        Ok(response)
    }

    async fn copy<W: Write + ?Sized>(
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

fn sink<E: core::error::Error>(operation: &'static str, error: E) -> Error {
    Error::new(ErrorKind::Sink, operation).with_detail(error)
}
