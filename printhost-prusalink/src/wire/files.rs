use alloc::string::String;

use serde::Deserialize;

/// An entry of a folder, and `GET /api/v1/files/{storage}/{path}`. A folder's entries are taken one by one.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct File {
    /// `FOLDER`, `PRINT_FILE`, `FIRMWARE`, `FILE`.
    #[serde(rename = "type", deserialize_with = "super::text")]
    pub kind: Option<String>,
    /// The firmware: the short name.
    #[serde(deserialize_with = "super::path")]
    pub name: Option<String>,
    #[serde(deserialize_with = "super::path")]
    pub display_name: Option<String>,
    /// The Pi tells one of folders, too.
    #[serde(deserialize_with = "super::told")]
    pub size: Option<u64>,
    /// Seconds since 1970.
    #[serde(deserialize_with = "super::told")]
    pub m_timestamp: Option<u64>,
    #[serde(deserialize_with = "super::told")]
    pub refs: Refs,
    #[serde(deserialize_with = "super::told")]
    pub meta: Meta,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Refs {
    /// Not percent-encoded.
    #[serde(deserialize_with = "super::path")]
    pub download: Option<String>,
    #[serde(deserialize_with = "super::path")]
    pub thumbnail: Option<String>,
}

/// What a slicer wrote into the file; the Pi only.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Meta {
    /// Seconds.
    #[serde(deserialize_with = "super::told")]
    pub estimated_print_time: Option<f64>,
    #[serde(rename = "filament used [mm]", deserialize_with = "super::measure")]
    pub filament: Option<f32>,
    #[serde(rename = "filament used [mm] per tool", deserialize_with = "super::few")]
    pub filament_per_tool: alloc::vec::Vec<f32>,
}
