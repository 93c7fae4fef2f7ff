use serde::Deserialize;

use super::{Cut, Path, Text};

/// The longest number of a job that is kept, or word about it, in bytes; and the longest name of a user.
pub(crate) const WORD: usize = 32;
pub(crate) const USER: usize = 64;

/// An entry of `server.history.list`, and the job in `notify_history_changed`. Times in seconds, since 1970 where they
/// are points in time.
#[derive(Deserialize, Default, Clone, Debug)]
#[serde(default)]
pub(crate) struct HistoryJob {
    pub job_id: Cut<WORD>,
    pub filename: Path,
    /// `in_progress`, `completed`, `cancelled`, `error`, `klippy_shutdown`, `klippy_disconnect`, `interrupted`.
    pub status: Cut<WORD>,
    #[serde(deserialize_with = "super::told")]
    pub exists: Option<bool>,
    pub user: Option<Cut<USER>>,
    #[serde(deserialize_with = "super::number")]
    pub start_time: Option<f64>,
    #[serde(deserialize_with = "super::number")]
    pub end_time: Option<f64>,
    #[serde(deserialize_with = "super::number")]
    pub print_duration: Option<f64>,
    #[serde(deserialize_with = "super::number")]
    pub total_duration: Option<f64>,
    /// mm
    #[serde(deserialize_with = "super::number")]
    pub filament_used: Option<f64>,
}

/// `notify_history_changed`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct HistoryChanged {
    /// `added` or `finished`.
    pub action: Text,
    #[serde(deserialize_with = "super::told")]
    pub job: HistoryJob,
}

/// `server.history.totals`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct HistoryTotals {
    #[serde(deserialize_with = "super::told")]
    pub job_totals: Totals,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Totals {
    pub total_jobs: f64,
    pub total_time: f64,
    pub total_print_time: f64,
    pub total_filament_used: f64,
    pub longest_job: f64,
    pub longest_print: f64,
}
