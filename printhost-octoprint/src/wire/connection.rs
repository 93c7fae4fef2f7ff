use alloc::{boxed::Box, string::String, vec::Vec};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::or_default;

/// `GET /api/connection`: the shape before 2.0, and the one of 2.0, which has connectors.
#[derive(Deserialize)]
pub(crate) struct Connection {
    #[serde(default)]
    pub current: CurrentConnection,
    #[serde(default)]
    pub options: ConnectionOptions,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CurrentConnection {
    pub state: String,
    pub port: Option<String>,
    pub baudrate: Option<u32>,
    pub printer_profile: Option<String>,
    pub connector: Option<String>,
    pub parameters: Option<Line>,
    pub profile: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ConnectionOptions {
    #[serde(deserialize_with = "or_default")]
    pub ports: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub baudrates: Vec<u32>,
    #[serde(deserialize_with = "or_default")]
    pub printer_profiles: Vec<ProfileName>,
    #[serde(deserialize_with = "or_default")]
    pub connectors: Vec<Connector>,
    #[serde(deserialize_with = "or_default")]
    pub profiles: Vec<ProfileName>,
    pub preferred_connector: Option<PreferredConnector>,
}

#[derive(Deserialize)]
pub(crate) struct ProfileName {
    pub id: String,
}

#[derive(Deserialize)]
pub(crate) struct Connector {
    pub connector: String,
    pub name: Option<String>,
    /// What may be chosen, in each connector's own form.
    pub parameters: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
pub(crate) struct PreferredConnector {
    pub connector: Option<String>,
    pub parameters: Option<Box<RawValue>>,
}

/// The parameters of the serial connector.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Line {
    pub port: Option<String>,
    pub baudrate: Option<u32>,
}

/// What the serial connector may choose from.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Lines {
    #[serde(deserialize_with = "or_default")]
    pub port: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub baudrate: Vec<u32>,
}
