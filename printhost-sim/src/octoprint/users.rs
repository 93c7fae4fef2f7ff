//! User accounts, as a test configures them.

/// The groups a new OctoPrint has, which give their members permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Group {
    /// May do everything.
    Admins,
    /// May use the printer, but not change settings, users or the system.
    Operators,
    /// May look, but change nothing.
    ReadOnly,
}

impl Group {
    /// The name by which OctoPrint's API knows the group.
    pub fn key(self) -> &'static str {
        match self {
            Self::Admins => "admins",
            Self::Operators => "users",
            Self::ReadOnly => "readonly",
        }
    }
}

/// A user account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct User {
    /// The name to log in with.
    pub name: String,
    /// The password to log in with.
    pub password: String,
    /// The group the account belongs to.
    pub group: Group,
    /// The account's own API key.
    pub api_key: Option<String>,
}

impl User {
    /// An account without an API key.
    pub fn new(name: impl Into<String>, password: impl Into<String>, group: Group) -> Self {
        Self { name: name.into(), password: password.into(), group, api_key: None }
    }

    /// Gives the account an API key.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }
}
