use alloc::string::String;

use embedded_io_async::Write;
use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{Method, NO_BODY, Net, http::ResponseOf, proto::percent::encode_path};

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
        let total = self.pull(operation, &home, source, false, to).await?;
        if file.size.is_some_and(|size| size != total) {
            return Err(Error::new(ErrorKind::Disconnected, operation).with_detail("the file ended early"));
        }
        Ok(total)
    }

    /// A picture of a file.
    pub(crate) async fn picture<W: Write + ?Sized>(&self, source: &str, to: &mut W) -> Result<u64> {
        let operation = "thumbnail";
        let home = self.home(operation).await?;
        self.pull(operation, &home, source, true, to).await
    }

    /// What PrusaLink keeps at a path of its own. On the firmware nobody asks anything else meanwhile.
    pub(crate) async fn pull<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        home: &Home,
        source: &str,
        is_picture: bool,
        to: &mut W,
    ) -> Result<u64> {
        let turn = self.turn(operation).await?;
        let response = self.open(operation, home, source).await?;
        if response.status() == 204 {
            response.finish().await;
            return Err(Error::new(ErrorKind::NotFound, operation).with_detail("there is none yet"));
        }
        let _turn = (home.family == Family::Firmware).then_some(turn);
        match is_picture {
            true => self.rest().copy_picture(operation, response, to).await,
            false => self.rest().copy(operation, response, to).await,
        }
    }

    /// What PrusaLink keeps at a path of its own, which it does not encode. Never anywhere else: the path is taken below
    /// the host's address, whatever it looks like.
    async fn open(&self, operation: &'static str, home: &Home, source: &str) -> Result<ResponseOf<'_, N>> {
        let mut route = String::from("/");
        encode_path(&mut route, source.trim_start_matches('/'));
        self.request(home, call(operation, Method::Get, &route), NO_BODY).await
    }
}
