use alloc::string::String;

use embedded_io_async::Write;
use printhost_core::Result;
use printhost_net::{Net, http::ResponseOf, proto::percent::encode_path};

use crate::{Moonraker, api::Call, jobs::ours};

impl<N: Net> Moonraker<N> {
    pub(crate) async fn fetch<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        path: &str,
        to: &mut W,
    ) -> Result<u64> {
        let response = self.open(operation, path).await?;
        self.rest().copy(operation, response, to).await
    }

    /// A picture of a file, which Moonraker keeps beside it.
    pub(crate) async fn picture_of<W: Write + ?Sized>(&self, source: &str, to: &mut W) -> Result<u64> {
        let operation = "thumbnail";
        let response = self.open(operation, source).await?;
        self.rest().copy_picture(operation, response, to).await
    }

    async fn open(&self, operation: &'static str, path: &str) -> Result<ResponseOf<'_, N>> {
        let path = ours(operation, path)?.as_str();
        let base = self.base(operation).await?;
        self.request(&base, Call::get(operation, &route(path)), &[]).await
    }
}

/// The route of a file.
pub(crate) fn route(path: &str) -> String {
    let mut route = String::from("/server/files/gcodes/");
    encode_path(&mut route, path);
    route
}
