use alloc::{string::String, vec::Vec};

use serde::Deserialize;

/// `GET /api/v1/cameras`; the Pi only.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Cameras {
    #[serde(deserialize_with = "super::few")]
    pub camera_list: Vec<Camera>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Camera {
    #[serde(deserialize_with = "super::text")]
    pub camera_id: Option<String>,
    #[serde(deserialize_with = "super::told")]
    pub config: CameraConfig,
    /// It can be asked for pictures.
    #[serde(deserialize_with = "super::told")]
    pub connected: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct CameraConfig {
    #[serde(deserialize_with = "super::text")]
    pub name: Option<String>,
}
