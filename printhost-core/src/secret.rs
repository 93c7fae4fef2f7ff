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

    /// As [`Self::redact`], of a text that was cut already where it had more than `most` bytes: without the beginning of
    /// this secret at its end either.
    pub fn redact_cut(&self, text: &str, most: usize) -> String {
        let mut redacted = self.redact(text);
        // A character of four bytes may not have fitted.
        if self.0.len() >= 4 && text.len() + 3 >= most {
            let beginnings = self.0.char_indices().map(|(at, _)| &self.0[..at]).skip(1);
            let left = beginnings.filter(|beginning| redacted.ends_with(beginning)).map(str::len).max();
            redacted.truncate(redacted.len() - left.unwrap_or_default());
        }
        redacted
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_that_a_cut_has_left_is_not_told() {
        let secret = Secret::from("geheim78");
        for text in ["ends in geh", "ends in geheim7", "ends in g"] {
            assert_eq!(secret.redact_cut(text, text.len()), "ends in ", "{text}");
            assert_eq!(secret.redact_cut(text, text.len() + 3), "ends in ", "{text}");
            assert_eq!(secret.redact_cut(text, text.len() + 4), text);
        }
        assert_eq!(secret.redact_cut("no geheim78 here", 16), "no *** here");
        assert_eq!(Secret::from("geh").redact_cut("ends in ge", 10), "ends in ge");
    }
}
