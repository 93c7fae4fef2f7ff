use alloc::vec::Vec;

use serde::Deserialize;

use super::{Cut, Path, Text};

/// An entry of `GET /server/files/directory`: a folder has a `dirname`, a file a `filename`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct DirectoryItem {
    pub dirname: Option<Cut<1024>>,
    pub filename: Option<Cut<1024>>,
    #[serde(deserialize_with = "super::number")]
    pub size: Option<f64>,
    /// Seconds since 1970, with decimals.
    #[serde(deserialize_with = "super::number")]
    pub modified: Option<f64>,
}

/// `GET /server/files/directory`, beside the entries.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Directory {
    pub disk_usage: DiskUsage,
}

/// Of the disk that a folder is on.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct DiskUsage {
    /// Bytes.
    pub free: Option<f64>,
}

/// `POST /server/files/upload`, which is not wrapped in `result`.
#[derive(Deserialize)]
pub(crate) struct UploadDone {
    #[serde(deserialize_with = "super::told")]
    pub item: Item,
}

/// What was changed: `path` is its path in `root`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Item {
    pub path: Path,
    #[serde(deserialize_with = "super::number")]
    pub size: Option<f64>,
}

/// `server.files.metadata`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Metadata {
    #[serde(deserialize_with = "super::number")]
    pub size: Option<f64>,
    #[serde(deserialize_with = "super::number")]
    pub modified: Option<f64>,
    /// What has changed the file since it was uploaded.
    #[serde(deserialize_with = "super::few")]
    pub file_processors: Vec<Text>,
    #[serde(deserialize_with = "super::number")]
    pub estimated_time: Option<f64>,
    /// mm
    #[serde(deserialize_with = "super::number")]
    pub filament_total: Option<f64>,
    #[serde(deserialize_with = "super::few")]
    pub thumbnails: Vec<Picture>,
}

/// A picture of a file, at a path relative to the file's folder.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Picture {
    #[serde(deserialize_with = "super::number")]
    pub width: Option<f64>,
    #[serde(deserialize_with = "super::number")]
    pub height: Option<f64>,
    pub relative_path: Path,
}
