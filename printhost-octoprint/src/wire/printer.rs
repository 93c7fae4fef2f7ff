use alloc::{string::String, vec::Vec};

use serde::Deserialize;

use super::{Values, or_default};

/// `GET /api/printer/sd`
#[derive(Deserialize)]
pub(crate) struct Sd {
    #[serde(default)]
    pub ready: bool,
}

/// `GET /api/printer/error`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct PrinterError {
    pub error: Option<String>,
    pub reason: Option<String>,
    pub consequence: Option<String>,
    pub faq: Option<String>,
    /// Only with the permission to see the terminal.
    #[serde(deserialize_with = "or_default")]
    pub logs: Vec<String>,
}

/// `GET /api/printerprofiles`
#[derive(Deserialize)]
pub(crate) struct Profiles {
    pub profiles: Values<Profile>,
}

/// An entry of `GET /api/printerprofiles`
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Profile {
    pub id: String,
    pub name: Option<String>,
    pub model: Option<String>,
    pub current: bool,
    #[serde(rename = "default")]
    pub is_default: bool,
    pub heated_bed: bool,
    pub heated_chamber: bool,
    #[serde(deserialize_with = "or_default")]
    pub extruder: Extruder,
    #[serde(deserialize_with = "or_default")]
    pub volume: Volume,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Extruder {
    pub count: Option<u8>,
    pub nozzle_diameter: Option<f32>,
    pub shared_nozzle: bool,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Volume {
    pub width: Option<f32>,
    pub depth: Option<f32>,
    pub height: Option<f32>,
    pub form_factor: Option<String>,
}

/// `GET /api/system/info`
#[derive(Deserialize)]
pub(crate) struct System {
    pub systeminfo: SystemInfo,
}

/// Everything has its own key, with dots in it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct SystemInfo {
    #[serde(rename = "octoprint.version")]
    pub version: Option<String>,
    #[serde(rename = "octoprint.safe_mode")]
    pub safe_mode: Option<bool>,
    #[serde(rename = "env.os.platform")]
    pub platform: Option<String>,
    #[serde(rename = "env.python.version")]
    pub python: Option<String>,
    #[serde(rename = "env.hardware.cores")]
    pub cores: Option<u32>,
    #[serde(rename = "env.hardware.ram")]
    pub ram: Option<u64>,
    #[serde(rename = "env.plugins.pi_support.model")]
    pub pi_model: Option<String>,
    #[serde(rename = "printer.firmware")]
    pub firmware: Option<String>,
}

/// An entry of `GET /api/system/commands`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct SystemCommand {
    pub source: String,
    pub action: String,
    pub name: Option<String>,
    /// The question to ask before.
    pub confirm: Option<String>,
}
