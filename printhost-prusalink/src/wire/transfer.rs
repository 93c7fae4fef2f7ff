use alloc::string::String;

use serde::Deserialize;

use super::or_default;

/// `GET /api/v1/transfer`, which is 204 while no file is on its way.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Transfer {
    pub display_name: Option<String>,
    /// The firmware writes it as a text.
    #[serde(deserialize_with = "or_default")]
    pub size: Size,
    /// Bytes.
    pub transferred: Option<u64>,
}

/// A number, or a text that is one.
#[derive(Deserialize, Default)]
#[serde(untagged)]
pub(crate) enum Size {
    Number(u64),
    Text(String),
    #[default]
    Unknown,
}
