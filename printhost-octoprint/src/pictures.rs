//! Pictures, of files and of cameras: on OctoPrint itself or anywhere else.

use embedded_io_async::Write;
use printhost_core::Result;
use printhost_net::{Login, Net};

use crate::OctoPrint;

impl<N: Net> OctoPrint<N> {
    /// Writes the picture at `source` into `to`: a path from OctoPrint's root, or an address.
    pub(crate) async fn picture<W: Write + ?Sized>(
        &self,
        operation: &'static str,
        source: &str,
        to: &mut W,
    ) -> Result<u64> {
        let home = self.base(operation).await?;
        let stranger = Login::none().hiding(self.config.api_key.clone());
        self.rest().picture(operation, &home, source, &stranger, to).await
    }
}
