use alloc::{string::String, vec::Vec};

use serde::{Deserialize, de::IgnoredAny};

use super::or_default;

/// `GET /api/version`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Version {
    pub api: Option<String>,
    /// The Pi: PrusaLink's version. The firmware: that of its TCP/IP stack.
    pub server: Option<String>,
    /// The Pi: `PrusaLink I3MK3S`.
    pub original: Option<String>,
    /// The Pi: `PrusaLink 0.8.1`. The firmware: `PrusaLink`.
    pub text: Option<String>,
    /// The Pi only.
    pub firmware: Option<IgnoredAny>,
    /// The Pi only.
    pub sdk: Option<IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    pub capabilities: Abilities,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Abilities {
    #[serde(rename = "upload-by-put")]
    pub upload_by_put: Option<bool>,
}

/// `GET /api/v1/storage`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Storages {
    #[serde(deserialize_with = "or_default")]
    pub storage_list: Vec<Storage>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Storage {
    /// In addresses: `/local`, `/usb/`.
    pub path: Option<String>,
    /// In paths that PrusaLink tells: `PrusaLink gcodes`, `usb`.
    pub name: Option<String>,
    pub available: Option<bool>,
    pub read_only: Option<bool>,
    /// Of the firmware, and of some older versions.
    pub ro: Option<bool>,
}
