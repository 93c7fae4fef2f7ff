use alloc::{string::String, vec::Vec};

use serde::Deserialize;

/// `webcam` in `GET /api/settings`
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Webcams {
    pub webcam_enabled: Option<bool>,
    pub stream_url: Option<String>,
    pub snapshot_url: Option<String>,
    /// Whose picture OctoPrint hands out itself.
    pub snapshot_webcam: Option<String>,
    /// Since 1.9; before there was one camera, in the fields above.
    pub webcams: Option<Vec<Webcam>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Webcam {
    pub name: Option<String>,
    pub display_name: Option<String>,
    pub can_snapshot: Option<bool>,
    pub compat: Option<WebcamUrls>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct WebcamUrls {
    pub stream: Option<String>,
    pub snapshot: Option<String>,
}
