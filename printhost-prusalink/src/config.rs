use alloc::string::String;

use printhost_core::{Result, Secret};
use printhost_net::{BaseUrl, Login};

/// Which PrusaLink, and what lets us in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where it lives: `http://192.168.1.20`.
    pub url: BaseUrl,
    pub(crate) login: Login,
    /// There is nothing to show, and no host has to be asked about that.
    pub(crate) is_empty: bool,
}

impl Config {
    /// A PrusaLink and the key to it. On a printer with Prusa's own firmware, key and password are the same.
    pub fn new(url: BaseUrl, api_key: impl Into<Secret>) -> Self {
        let key = api_key.into();
        Self { url, is_empty: key.is_empty(), login: Login::key("X-Api-Key", key) }
    }

    /// A PrusaLink, a user (`maker`, unless somebody has changed that) and a password, which is never sent itself.
    /// [`printhost_core::ErrorKind::InvalidInput`] for a user that digests cannot carry.
    pub fn with_password(url: BaseUrl, user: impl Into<String>, password: impl Into<Secret>) -> Result<Self> {
        let password = password.into();
        Ok(Self { url, is_empty: password.is_empty(), login: Login::digest(user, password)? })
    }
}
