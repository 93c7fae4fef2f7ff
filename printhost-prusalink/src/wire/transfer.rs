use alloc::string::String;

use serde::Deserialize;

use super::told;

/// `GET /api/v1/transfer`, which is 204 while no file is on its way.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Transfer {
    #[serde(deserialize_with = "told")]
    pub display_name: Option<String>,
    /// The firmware writes it as a text.
    #[serde(deserialize_with = "told")]
    pub size: Size,
    /// Bytes.
    #[serde(deserialize_with = "told")]
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
