use alloc::string::String;

use serde::{Deserialize, de::IgnoredAny};

use super::or_default;

/// `GET /api/v1/status`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Status {
    #[serde(deserialize_with = "or_default")]
    pub printer: Printer,
    pub job: Option<Progress>,
    /// A file is on its way to PrusaLink.
    pub transfer: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Printer {
    #[serde(deserialize_with = "super::text")]
    pub state: Option<String>,
    pub temp_nozzle: Option<f32>,
    pub target_nozzle: Option<f32>,
    pub temp_bed: Option<f32>,
    pub target_bed: Option<f32>,
    /// mm; to the right and to the back only while nothing moves.
    pub axis_x: Option<f32>,
    pub axis_y: Option<f32>,
    pub axis_z: Option<f32>,
    /// Percent.
    pub speed: Option<f32>,
    pub flow: Option<f32>,
    /// Turns a minute.
    pub fan_print: Option<f32>,
    pub fan_hotend: Option<f32>,
    /// The Pi only: how it gets on with its printer.
    pub status_printer: Option<Line>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Line {
    pub ok: Option<bool>,
    #[serde(deserialize_with = "super::text")]
    pub message: Option<String>,
}

/// How far the job is.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Progress {
    pub id: Option<u64>,
    /// 0 to 100.
    pub progress: Option<f32>,
    /// Seconds.
    pub time_remaining: Option<f64>,
    /// Seconds.
    pub time_printing: Option<f64>,
}
