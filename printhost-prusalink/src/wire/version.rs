use alloc::{string::String, vec::Vec};

use serde::{Deserialize, de::IgnoredAny};

/// `GET /api/version`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Version {
    #[serde(deserialize_with = "super::text")]
    pub api: Option<String>,
    /// The Pi: PrusaLink's version. The firmware: that of its TCP/IP stack.
    #[serde(deserialize_with = "super::text")]
    pub server: Option<String>,
    /// The Pi: `PrusaLink I3MK3S`.
    #[serde(deserialize_with = "super::text")]
    pub original: Option<String>,
    /// The Pi: `PrusaLink 0.8.1`. The firmware: `PrusaLink`.
    #[serde(deserialize_with = "super::text")]
    pub text: Option<String>,
    /// The Pi only.
    pub firmware: Option<IgnoredAny>,
    /// The Pi only.
    pub sdk: Option<IgnoredAny>,
    #[serde(deserialize_with = "super::told")]
    pub capabilities: Abilities,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Abilities {
    #[serde(rename = "upload-by-put", deserialize_with = "super::told")]
    pub upload_by_put: Option<bool>,
}

/// `GET /api/v1/storage`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Storages {
    #[serde(deserialize_with = "super::few")]
    pub storage_list: Vec<Storage>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Storage {
    /// In addresses: `/local`, `/usb/`.
    #[serde(deserialize_with = "super::root")]
    pub path: Option<String>,
    /// In paths that PrusaLink tells: `PrusaLink gcodes`, `usb`.
    #[serde(deserialize_with = "super::root")]
    pub name: Option<String>,
    #[serde(deserialize_with = "super::told")]
    pub available: Option<bool>,
    #[serde(deserialize_with = "super::told")]
    pub read_only: Option<bool>,
    /// Of the firmware, and of some older versions.
    #[serde(deserialize_with = "super::told")]
    pub ro: Option<bool>,
}
