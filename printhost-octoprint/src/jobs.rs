//! The job: which file, starting it over, what is known of it.

use alloc::string::String;
use core::time::Duration;

use printhost_core::{Clock as _, Error, ErrorKind, Outcome, Phase, PrinterStatus, RemotePath, Result};
use printhost_net::Net;

use crate::{FilamentUse, OctoPrint, files::route, map, wire, wire::Order};

/// What OctoPrint knows of the selected file's print. Every `None` means that it did not say.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct JobDetails {
    /// The file's path.
    pub path: Option<String>,
    /// Where the file is: `local`, or `sdcard` (1.x) or `printer` (2.0) for the printer's own storage.
    pub storage: Option<String>,
    /// How long it will print, by analysis of the file.
    pub estimated: Option<Duration>,
    /// How long it took on the average; not told by 2.0.
    pub average: Option<Duration>,
    /// How long it took the last time; not told by 2.0.
    pub last: Option<Duration>,
    /// The filament it takes, by tool.
    pub filament: alloc::vec::Vec<FilamentUse>,
    /// Who started it.
    pub user: Option<String>,
}

impl<N: Net> OctoPrint<N> {
    pub(crate) async fn start_file(&self, path: &str) -> Result<Outcome> {
        let path = ours(path)?;
        let order = Order { print: Some(true), ..Order::new("select") };
        let at = self.net.parts().clock().now();
        let sent = self.post("start", &route("/api/files/local/", path), order.json()).await;
        let answered = sent.is_ok();
        self.confirm(sent, |status| {
            let prints = status.phase.has_job() && is_selected(status, path.as_str());
            prints && (answered || self.began_since(at, status))
        })
        .await
    }

    /// Selects a stored file without printing it. `POST /api/files/local/{path}`, permission FILES_SELECT.
    ///
    /// [`ErrorKind::Conflict`] while the printer is printing or offline, [`ErrorKind::NotFound`] for an unknown file.
    /// Confirmed when the status shows it.
    pub async fn select(&self, path: &str) -> Result<Outcome> {
        let path = ours(path)?;
        let sent = self.post("select", &route("/api/files/local/", path), Order::new("select").json()).await;
        self.confirm_late(sent, |status| is_selected(status, path.as_str())).await
    }

    /// Takes the selection back. `POST /api/files/local/current`, permission FILES_SELECT.
    ///
    /// [`ErrorKind::Conflict`] while printing, and when nothing is selected.
    pub async fn unselect(&self) -> Result<Outcome> {
        let sent = self.post("unselect", "/api/files/local/current", Order::new("unselect").json()).await;
        self.confirm_late(sent, |status| status.job.is_none()).await
    }

    /// Starts the paused job over from its beginning. `POST /api/job`, permission PRINT.
    ///
    /// [`ErrorKind::Conflict`] when nothing is paused. OctoPrint 2.0.0rc7 accepts it and does nothing: the outcome is
    /// then [`printhost_core::Confirmation::Accepted`], and the job stays paused.
    pub async fn restart(&self) -> Result<Outcome> {
        let at = self.net.parts().clock().now();
        let sent = self.post("restart", "/api/job", Order::new("restart").json()).await;
        let answered = sent.is_ok();
        self.confirm_late(sent, |status| {
            let prints = matches!(status.phase, Phase::Preparing | Phase::Printing);
            prints && (answered || self.began_since(at, status))
        })
        .await
    }

    /// What is known of the selected file's print. `GET /api/job`, permission STATUS.
    pub async fn job_details(&self) -> Result<JobDetails> {
        let more: wire::JobMore = self.get("job details", "/api/job").await?;
        Ok(map::job_details(more.job))
    }
}

pub(crate) fn is_selected(status: &PrinterStatus, path: &str) -> bool {
    // The printer's own storage has its paths with a leading slash in places.
    let ours = |job: &str| job.trim_start_matches('/') == path.trim_start_matches('/');
    status.job.as_ref().and_then(|job| job.path.as_deref()).is_some_and(ours)
}

/// A path of the caller's that the printer's status must be able to show: [`ErrorKind::InvalidInput`] beyond 512 bytes.
pub(crate) fn ours(path: &str) -> Result<RemotePath<'_>> {
    match path.len() <= wire::PATH {
        true => RemotePath::parse(path),
        false => Err(refused("path", "the path is longer than 512 bytes")),
    }
}

/// A path of the caller, refused in the name of an operation.
pub(crate) fn refused(operation: &'static str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, operation).with_detail(why)
}
