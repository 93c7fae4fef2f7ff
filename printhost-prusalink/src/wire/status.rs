use alloc::string::String;

use serde::{Deserialize, de::IgnoredAny};

/// `GET /api/v1/status`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Status {
    #[serde(deserialize_with = "super::told")]
    pub printer: Printer,
    #[serde(deserialize_with = "super::told")]
    pub job: Option<Progress>,
    /// A file is on its way to PrusaLink.
    pub transfer: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Printer {
    #[serde(deserialize_with = "super::text")]
    pub state: Option<String>,
    #[serde(deserialize_with = "super::measure")]
    pub temp_nozzle: Option<f32>,
    #[serde(deserialize_with = "super::measure")]
    pub target_nozzle: Option<f32>,
    #[serde(deserialize_with = "super::measure")]
    pub temp_bed: Option<f32>,
    #[serde(deserialize_with = "super::measure")]
    pub target_bed: Option<f32>,
    /// mm; to the right and to the back only while nothing moves.
    #[serde(deserialize_with = "super::measure")]
    pub axis_x: Option<f32>,
    #[serde(deserialize_with = "super::measure")]
    pub axis_y: Option<f32>,
    #[serde(deserialize_with = "super::measure")]
    pub axis_z: Option<f32>,
    /// Percent.
    #[serde(deserialize_with = "super::measure")]
    pub speed: Option<f32>,
    #[serde(deserialize_with = "super::measure")]
    pub flow: Option<f32>,
    /// Turns a minute.
    #[serde(deserialize_with = "super::measure")]
    pub fan_print: Option<f32>,
    #[serde(deserialize_with = "super::measure")]
    pub fan_hotend: Option<f32>,
    /// The Pi only: how it gets on with its printer.
    #[serde(deserialize_with = "super::told")]
    pub status_printer: Option<Line>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Line {
    #[serde(deserialize_with = "super::told")]
    pub ok: Option<bool>,
    #[serde(deserialize_with = "super::text")]
    pub message: Option<String>,
}

/// How far the job is.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Progress {
    #[serde(deserialize_with = "super::told")]
    pub id: Option<u64>,
    /// 0 to 100.
    #[serde(deserialize_with = "super::measure")]
    pub progress: Option<f32>,
    /// Seconds.
    #[serde(deserialize_with = "super::told")]
    pub time_remaining: Option<f64>,
    /// Seconds.
    #[serde(deserialize_with = "super::told")]
    pub time_printing: Option<f64>,
}
