//! The printer's own storage, an SD card as a rule. OctoPrint 1.x calls it `sdcard`, 2.0 `printer`.

use alloc::{string::String, vec::Vec};

use printhost_core::{Clock as _, FileEntry, Outcome, Page, RemotePath, Result};
use printhost_net::Net;

use crate::{OctoPrint, files::route, jobs::is_selected, wire, wire::Order};

const SD: &str = "/api/printer/sd";

impl<N: Net> OctoPrint<N> {
    /// Whether the printer's SD card can be used. `GET /api/printer/sd`, permission STATUS.
    ///
    /// This and all other calls for the SD card: [`printhost_core::ErrorKind::NotFound`] when OctoPrint's support for
    /// it is switched off.
    pub async fn sd_ready(&self) -> Result<bool> {
        Ok(self.get::<wire::Sd>("sd card", SD).await?.ready)
    }

    /// The files on the printer's SD card, as OctoPrint knows them; see [`Self::sd_refresh`]. Only path and size are
    /// told. `GET /api/files/sdcard` or `/api/files/printer`, permission FILES_LIST.
    ///
    /// While the printer is not connected: an empty list by 1.x, [`printhost_core::ErrorKind::NotFound`] by 2.0.
    pub async fn sd_files(&self) -> Result<Vec<FileEntry>> {
        let path = String::from("/api/files/") + self.sd_name("sd files").await?;
        Ok(self.listing("sd files", &path, Page::first(u16::MAX)).await?.entries)
    }

    /// Makes the printer look for its SD card. `POST /api/printer/sd`, permission CONTROL.
    /// [`printhost_core::ErrorKind::Conflict`] while it prints or is not connected.
    pub async fn sd_init(&self) -> Result<Outcome> {
        self.once("sd init", SD, Order::new("init").json()).await
    }

    /// Makes OctoPrint read the list of files again. As [`Self::sd_init`]; the list changes a moment later.
    pub async fn sd_refresh(&self) -> Result<Outcome> {
        self.once("sd refresh", SD, Order::new("refresh").json()).await
    }

    /// Makes the printer let go of its SD card. As [`Self::sd_init`].
    pub async fn sd_release(&self) -> Result<Outcome> {
        self.once("sd release", SD, Order::new("release").json()).await
    }

    /// Selects a file on the SD card, and prints it with `print`. `POST` to the file, permissions FILES_SELECT and
    /// PRINT. Errors as of [`printhost_core::PrintHost::start`].
    pub async fn sd_select(&self, path: &str, print: bool) -> Result<Outcome> {
        let operation = "sd select";
        let order = Order { print: print.then_some(true), ..Order::new("select") };
        let route = self.sd_route(operation, path).await?;
        let at = self.net.parts().clock().now();
        let sent = self.post(operation, &route, order.json()).await;
        let answered = sent.is_ok();
        self.confirm_late(sent, |status| {
            let prints = status.phase.has_job() && (answered || self.began_since(at, status));
            is_selected(status, path) && (!print || prints)
        })
        .await
    }

    /// Copies a file that OctoPrint has onto the SD card, through the printer's line, which takes long: the call
    /// returns when it has begun, and the printer is busy until it is done. `POST /api/files/local/{path}`, permission
    /// FILES_UPLOAD.
    ///
    /// Returns the file's name there, as far as OctoPrint can foresee it: old firmware shortens names.
    /// [`printhost_core::ErrorKind::Conflict`] while the printer prints or is not connected,
    /// [`printhost_core::ErrorKind::Exists`] when 2.0 knows such a file there.
    pub async fn sd_store(&self, path: &str) -> Result<String> {
        let operation = "sd store";
        let from = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?;
        let done: Result<wire::SdStored> =
            self.post_for(operation, &route("/api/files/local/", from), Order::new("uploadSd").json()).await;
        let stored = done.map_err(|e| match e.retry() {
            printhost_core::Retry::ReadFirst => e.unconfirmed(),
            _ => e,
        })?;
        Ok(stored.file.map(|file| file.path).or(stored.path).unwrap_or_default())
    }

    /// Deletes a file on the SD card. `DELETE` of the file, permission FILES_DELETE.
    pub async fn sd_delete(&self, path: &str) -> Result<()> {
        let operation = "sd delete";
        let route = self.sd_route(operation, path).await?;
        let call = crate::api::Call::new(operation, printhost_net::Method::Delete, &route);
        match self.request(call, printhost_net::NO_BODY).await {
            Ok(response) => {
                response.finish().await;
                Ok(())
            }
            Err(e) if e.retry() == printhost_core::Retry::ReadFirst => Err(e.unconfirmed()),
            Err(e) => Err(e),
        }
    }

    async fn sd_name(&self, operation: &'static str) -> Result<&'static str> {
        Ok(if self.home(operation).await?.is_second { "printer" } else { "sdcard" })
    }

    async fn sd_route(&self, operation: &'static str, path: &str) -> Result<String> {
        let path = RemotePath::parse(path.trim_start_matches('/')).map_err(|e| e.in_operation(operation))?;
        let prefix = String::from("/api/files/") + self.sd_name(operation).await? + "/";
        Ok(route(&prefix, path))
    }
}
