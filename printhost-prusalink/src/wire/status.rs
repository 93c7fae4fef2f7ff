use alloc::string::String;

use serde::{Deserialize, de::IgnoredAny};

use super::{number, told};

/// `GET /api/v1/status`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Status {
    #[serde(deserialize_with = "told")]
    pub printer: Printer,
    #[serde(deserialize_with = "told")]
    pub job: Option<Progress>,
    /// A file is on its way to PrusaLink.
    pub transfer: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Printer {
    #[serde(deserialize_with = "told")]
    pub state: Option<String>,
    #[serde(deserialize_with = "number")]
    pub temp_nozzle: Option<f32>,
    #[serde(deserialize_with = "number")]
    pub target_nozzle: Option<f32>,
    #[serde(deserialize_with = "number")]
    pub temp_bed: Option<f32>,
    #[serde(deserialize_with = "number")]
    pub target_bed: Option<f32>,
    /// mm; to the right and to the back only while nothing moves.
    #[serde(deserialize_with = "number")]
    pub axis_x: Option<f32>,
    #[serde(deserialize_with = "number")]
    pub axis_y: Option<f32>,
    #[serde(deserialize_with = "number")]
    pub axis_z: Option<f32>,
    /// Percent.
    #[serde(deserialize_with = "number")]
    pub speed: Option<f32>,
    #[serde(deserialize_with = "number")]
    pub flow: Option<f32>,
    /// Turns a minute.
    #[serde(deserialize_with = "number")]
    pub fan_print: Option<f32>,
    #[serde(deserialize_with = "number")]
    pub fan_hotend: Option<f32>,
    /// The Pi only: how it gets on with its printer.
    #[serde(deserialize_with = "told")]
    pub status_printer: Option<Line>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Line {
    #[serde(deserialize_with = "told")]
    pub ok: Option<bool>,
    #[serde(deserialize_with = "told")]
    pub message: Option<String>,
}

/// How far the job is.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Progress {
    #[serde(deserialize_with = "told")]
    pub id: Option<u64>,
    /// 0 to 100.
    #[serde(deserialize_with = "number")]
    pub progress: Option<f32>,
    /// Seconds.
    #[serde(deserialize_with = "told")]
    pub time_remaining: Option<f64>,
    /// Seconds.
    #[serde(deserialize_with = "told")]
    pub time_printing: Option<f64>,
}
