use alloc::string::String;

use serde::Deserialize;

/// `GET /api/v1/job`, which is 204 without a job. Its `state` is not believed: a printer that waits for somebody is
/// PAUSED there.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Job {
    #[serde(deserialize_with = "super::told")]
    pub id: Option<u64>,
    #[serde(deserialize_with = "super::told")]
    pub file: JobFile,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct JobFile {
    /// The firmware: the short name.
    #[serde(deserialize_with = "super::path")]
    pub name: Option<String>,
    /// From the storage's shown name on: `/PrusaLink gcodes/sub/x.gcode`; in the firmware its folder, `/usb/SUB~1`.
    #[serde(deserialize_with = "super::path")]
    pub path: Option<String>,
    /// The last element of the path, in full.
    #[serde(deserialize_with = "super::path")]
    pub display_name: Option<String>,
    #[serde(deserialize_with = "super::told")]
    pub size: Option<u64>,
}
