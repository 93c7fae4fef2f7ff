use alloc::{string::String, vec::Vec};

use serde::Deserialize;

use super::or_default;

/// `GET /api/currentuser`, and an entry of `GET /api/access/users`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct User {
    /// `None` when nobody is logged in.
    pub name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub groups: Vec<String>,
    /// Of an entry: only what was given to the user directly.
    #[serde(deserialize_with = "or_default")]
    pub permissions: Vec<String>,
    pub active: Option<bool>,
    pub needs: Option<Needs>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Needs {
    /// Permissions in lower case, those of the groups among them.
    #[serde(deserialize_with = "or_default")]
    pub role: Vec<String>,
}

/// `POST /plugin/appkeys/request`
#[derive(Deserialize)]
pub(crate) struct AppKeyAsked {
    pub app_token: String,
    pub auth_dialog: Option<String>,
}

/// `GET /plugin/appkeys/request/{app token}` once it is granted
#[derive(Deserialize)]
pub(crate) struct AppKeyGranted {
    pub api_key: String,
}
