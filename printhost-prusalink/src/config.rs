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
    /// There is a user and a password, and not a key.
    pub(crate) is_digest: bool,
    /// Of the key or the password, in bytes.
    pub(crate) secret_len: usize,
}

/// What a login by digest takes at most, in bytes: five values of the host's challenge, and what is made of them.
pub(crate) const CREDENTIALS: usize = 6 * printhost_net::proto::digest::MAX_VALUE;

impl Config {
    /// A PrusaLink and the key to it. On a printer with Prusa's own firmware, key and password are the same.
    pub fn new(url: BaseUrl, api_key: impl Into<Secret>) -> Self {
        let key = api_key.into();
        Self {
            url,
            is_empty: key.is_empty(),
            is_digest: false,
            secret_len: key.expose().len(),
            login: Login::key("X-Api-Key", key),
        }
    }

    /// A PrusaLink, a user (`maker`, unless somebody has changed that) and a password, which is never sent itself.
    /// [`printhost_core::ErrorKind::InvalidInput`] for a user that digests cannot carry.
    pub fn with_password(url: BaseUrl, user: impl Into<String>, password: impl Into<Secret>) -> Result<Self> {
        let password = password.into();
        Ok(Self {
            url,
            is_empty: password.is_empty(),
            is_digest: true,
            secret_len: password.expose().len(),
            login: Login::digest(user, password)?,
        })
    }
}
