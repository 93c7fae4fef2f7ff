//! The cameras of a Pi. The firmware has none that it serves itself.

use alloc::{format, vec::Vec};

use embedded_io_async::Write;
use printhost_core::{Camera, Error, ErrorKind, Result};
use printhost_net::Net;

use crate::{PrusaLink, download::Kind, host::Family, map, wire};

const ROUTE: &str = "/api/v1/cameras";

impl<N: Net> PrusaLink<N> {
    pub(crate) async fn webcams(&self) -> Result<Vec<Camera>> {
        let operation = "cameras";
        let home = self.home(operation).await?;
        if home.family == Family::Firmware {
            return Ok(Vec::new());
        }
        let told: Option<wire::Cameras> = match self.get_if_any(operation, &home, ROUTE).await {
            // Older versions have none.
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            told => told?,
        };
        let cameras = told.unwrap_or_default().camera_list.into_iter();
        Ok(cameras.filter_map(|camera| map::camera(camera, |id| format!("{ROUTE}/{id}/snap"))).collect())
    }

    pub(crate) async fn photo<W: Write + ?Sized>(&self, camera: &Camera, to: &mut W) -> Result<u64> {
        let operation = "snapshot";
        let none = || Error::new(ErrorKind::NotFound, operation).with_detail("the camera has no picture");
        let source = camera.snapshot.as_deref().ok_or_else(none)?;
        let home = self.home(operation).await?;
        self.pull(operation, &home, source, Kind::Picture, to).await
    }
}
