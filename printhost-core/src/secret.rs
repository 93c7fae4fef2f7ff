use alloc::{boxed::Box, string::String};
use core::fmt;

/// A key, password or token. It has no `Display`, and `Debug` does not show it.
///
/// The memory is not wiped on drop: the value travels through request buffers and TLS anyway, so wiping this one
/// copy would promise more than it does.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<Box<str>>) -> Self {
        Self(value.into())
    }

    /// The secret itself. Call this only where it goes onto the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A text without this secret in it. To be done before the text is cut, so that no part stays. A secret of fewer
    /// than four bytes is none, and would tear holes into every text.
    pub fn redact(&self, text: &str) -> String {
        match &*self.0 {
            secret if secret.len() >= 4 => text.replace(secret, "***"),
            _ => text.into(),
        }
    }

    /// True for the empty secret, which no host accepts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl<T: Into<Box<str>>> From<T> for Secret {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
