use alloc::{string::String, vec::Vec};

use serde::Deserialize;

use super::{list, told};

/// `GET /api/v1/cameras`; the Pi only.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Cameras {
    #[serde(deserialize_with = "list")]
    pub camera_list: Vec<Camera>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Camera {
    #[serde(deserialize_with = "told")]
    pub camera_id: Option<String>,
    #[serde(deserialize_with = "told")]
    pub config: CameraConfig,
    /// It can be asked for pictures.
    #[serde(deserialize_with = "told")]
    pub connected: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct CameraConfig {
    #[serde(deserialize_with = "told")]
    pub name: Option<String>,
}
