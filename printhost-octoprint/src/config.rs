use printhost_core::Secret;
use printhost_net::BaseUrl;

/// Which OctoPrint, and the key to it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where it lives: `http://octopi.local`.
    pub url: BaseUrl,
    /// An API key or application key of an OctoPrint user.
    pub api_key: Secret,
}

impl Config {
    /// An OctoPrint and the key to it.
    pub fn new(url: BaseUrl, api_key: impl Into<Secret>) -> Self {
        Self { url, api_key: api_key.into() }
    }
}
