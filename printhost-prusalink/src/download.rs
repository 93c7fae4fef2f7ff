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

/// What is expected of an answer.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    File,
    Picture,
}

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
        let total = self.pull(operation, &home, source, Kind::File, to).await?;
        if file.size.is_some_and(|size| size != total) {
            return Err(Error::new(ErrorKind::Disconnected, operation).with_detail("the file ended early"));
        }
        Ok(total)
    }

    /// A picture of a file.
    pub(crate) async fn picture<W: Write + ?Sized>(&self, source: &str, to: &mut W) -> Result<u64> {
        let operation = "thumbnail";
        let home = self.home(operation).await?;
        self.pull(operation, &home, source, Kind::Picture, to).await
    }

    /// What PrusaLink keeps at a path of its own, of this kind. On the firmware nobody asks anything
    /// else meanwhile.
    pub(crate) async fn pull<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        home: &Home,
        source: &str,
        kind: Kind,
        to: &mut W,
    ) -> Result<u64> {
        let mut turn = Some(self.turn(operation).await?);
        let response = self.open(operation, home, source).await?;
        if response.status() == 204 {
            response.finish().await;
            return Err(Error::new(ErrorKind::NotFound, operation).with_detail("there is none yet"));
        }
        if home.family == Family::Pi {
            turn = None;
        }
        let copied = match kind {
            Kind::File => self.rest().copy(operation, response, to).await,
            Kind::Picture => self.rest().copy_picture(operation, response, to).await,
        };
        drop(turn);
        copied
    }

    /// What PrusaLink keeps at a path of its own, which it does not encode. Never anywhere else: the path is taken below
    /// the host's address, whatever it looks like.
    async fn open(&self, operation: &'static str, home: &Home, source: &str) -> Result<ResponseOf<'_, N>> {
        let mut route = String::from("/");
        encode_path(&mut route, source.trim_start_matches('/'));
        self.request(home, call(operation, Method::Get, &route), NO_BODY).await
    }
}
