use alloc::string::String;

use printhost_core::Secret;
use printhost_net::{BaseUrl, Login};

/// Which Moonraker, and what lets us in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where it lives: `http://voron.local:7125`, or `http://voron.local` through its front end.
    pub url: BaseUrl,
    pub(crate) login: Login,
    pub(crate) means: Means,
    pub(crate) front_end: Option<BaseUrl>,
}

/// What lets us in.
#[derive(Clone, Debug)]
pub(crate) enum Means {
    /// Moonraker trusts this client's address.
    Trusted,
    Key(Secret),
    User {
        name: String,
        password: Secret,
    },
}

impl Config {
    /// A Moonraker that trusts this client by its address, as most do in their own network.
    pub const fn new(url: BaseUrl) -> Self {
        Self { url, login: Login::none(), means: Means::Trusted, front_end: None }
    }

    /// A Moonraker and the API key to it. The empty key is none.
    pub fn with_key(url: BaseUrl, api_key: impl Into<Secret>) -> Self {
        let key = api_key.into();
        match key.is_empty() {
            true => Self::new(url),
            false => {
                let login = Login::key("X-Api-Key", key.clone());
                Self { login, means: Means::Key(key), ..Self::new(url) }
            }
        }
    }

    /// A Moonraker, a user of it and the password. Moonraker wants to be sent the password itself, once for each login, so
    /// over a plain connection whoever can listen learns it; what is sent from then on is a token that expires.
    pub fn with_password(url: BaseUrl, user: impl Into<String>, password: impl Into<Secret>) -> Self {
        let password = password.into();
        let login = Login::bearer().hiding(password.clone());
        Self { login, means: Means::User { name: user.into(), password }, ..Self::new(url) }
    }

    /// Where the web interface lives (Mainsail, Fluidd), if that is neither where Moonraker is nor the same host's usual
    /// port: cameras' addresses are relative to it.
    pub fn with_front_end(mut self, front_end: BaseUrl) -> Self {
        self.front_end = Some(front_end);
        self
    }
}
