//! Moonraker's history of jobs.

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use printhost_core::{JobEvent, Page, Result};
use printhost_net::{Net, rest::not_json};

use crate::{
    Moonraker,
    api::Question,
    map,
    wire::{self, HistoryJob},
};

/// A job of the past, or the running one. Every `None` means that Moonraker did not say.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Its number in the history.
    pub id: String,
    /// The file's path.
    pub path: Option<String>,
    /// How it ended; `None` for a job that goes on, and for one whose end Moonraker has not seen.
    pub end: Option<JobEvent>,
    /// Moonraker's own word: `in_progress`, `completed`, `cancelled`, `error`, `klippy_shutdown`, `klippy_disconnect`,
    /// `interrupted`.
    pub status: String,
    /// Whether the file is still there.
    pub file_exists: Option<bool>,
    /// Who started it.
    pub user: Option<String>,
    /// When it began, seconds since 1970-01-01 UTC.
    pub started: Option<u64>,
    /// When it ended, likewise.
    pub ended: Option<u64>,
    /// How long it printed, without heating and pauses.
    pub printed: Option<Duration>,
    /// How long it took in all.
    pub took: Option<Duration>,
    /// Filament it took, mm.
    pub filament: Option<f32>,
}

/// All jobs together.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HistoryTotals {
    /// How many.
    pub jobs: u64,
    /// How long they took.
    pub time: Duration,
    /// How long they printed, without heating and pauses.
    pub print_time: Duration,
    /// Filament they took, mm.
    pub filament: f64,
    /// How long the longest one took.
    pub longest_job: Duration,
    /// How long the longest one printed.
    pub longest_print: Duration,
}

impl<N: Net> Moonraker<N> {
    /// The history, the newest job first. `GET /server/history/list`
    pub async fn history(&self, page: Page) -> Result<Vec<HistoryEntry>> {
        let route =
            format!("/server/history/list?order=desc&start={}&limit={}", page.offset, page.limit.max(1));
        let mut entries = Vec::new();
        if page.limit > 0 {
            let take = &mut |job| entries.push(map::history(job));
            self.each_job("history", &route, page.limit, take).await?;
        }
        Ok(entries)
    }

    /// What all jobs took together. `server.history.totals`
    pub async fn history_totals(&self) -> Result<HistoryTotals> {
        let question = Question {
            operation: "history totals",
            method: "server.history.totals",
            params: "",
            path: "/server/history/totals",
        };
        let totals: wire::HistoryTotals = self.ask(question).await?;
        Ok(map::totals(totals.job_totals))
    }

    /// The newest jobs, the newest first.
    pub(crate) async fn recent_jobs(&self, operation: &'static str, most: u16) -> Result<Vec<HistoryJob>> {
        let mut jobs = Vec::with_capacity(most.into());
        let route = format!("/server/history/list?order=desc&limit={most}");
        // A host that sends more than was asked for is not waited for.
        let take = &mut |job| jobs.push(job);
        self.each_job(operation, &route, most, take).await?;
        Ok(jobs)
    }

    /// Every entry has all that is known of its file in it, so none but one is held at a time; no more than `most` are
    /// taken.
    async fn each_job(
        &self,
        operation: &'static str,
        route: &str,
        most: u16,
        take: &mut (dyn FnMut(HistoryJob) + Send),
    ) -> Result<()> {
        // Not self in what is called: a network need not be Sync.
        let login = &self.config.login;
        let mut left = most;
        self.each(operation, route, &mut |item| {
            take(serde_json::from_slice(item).map_err(|e| not_json(login, operation, item, e))?);
            left -= 1;
            Ok(left > 0)
        })
        .await
    }
}
