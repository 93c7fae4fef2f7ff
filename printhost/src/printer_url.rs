use alloc::{format, string::String, vec::Vec};
use core::{fmt, str::FromStr};

use printhost_net::{BaseUrl, Trust};

/// Which driver: one whose feature is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// OctoPrint: `octoprint://`.
    #[cfg(feature = "octoprint")]
    OctoPrint,
    /// PrusaLink: `prusalink://`.
    #[cfg(feature = "prusalink")]
    PrusaLink,
}

impl Protocol {
    const ALL: &[(&'static str, Self)] = &[
        #[cfg(feature = "octoprint")]
        ("octoprint", Self::OctoPrint),
        #[cfg(feature = "prusalink")]
        ("prusalink", Self::PrusaLink),
    ];

    fn names() -> String {
        Self::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// Where a printer is and how it is spoken to: `octoprint://host[:port][/prefix]`, or `octoprint+https://…` for an
/// encrypted connection. Keys and passwords are never part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrinterUrl {
    protocol: Protocol,
    base: BaseUrl,
}

/// Why a text is no printer URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrinterUrlError {
    /// It does not say which kind of printer.
    #[error("the printer's kind is missing; write octoprint://{rest} or octoprint+https://{rest}")]
    NoProtocol {
        /// What follows the `://`.
        rest: String,
    },
    /// There is no such kind.
    #[error("{protocol:?} is not a kind of printer known here; known are: {}", Protocol::names())]
    UnknownProtocol {
        /// The kind.
        protocol: String,
    },
    /// The rest is no address.
    #[error("{0}")]
    Address(printhost_core::Error),
}

impl PrinterUrl {
    /// A printer of that kind at a base URL.
    pub const fn new(protocol: Protocol, base: BaseUrl) -> Self {
        Self { protocol, base }
    }

    /// Which driver.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Where.
    pub const fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Believing this on an encrypted connection.
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.base = self.base.with_trust(trust);
        self
    }
}

impl FromStr for PrinterUrl {
    type Err = PrinterUrlError;

    fn from_str(text: &str) -> Result<Self, PrinterUrlError> {
        let no_protocol = |rest: &str| PrinterUrlError::NoProtocol { rest: rest.into() };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| no_protocol(text))?;
        let (name, transport) = scheme.split_once('+').unwrap_or((scheme, "http"));
        if name.eq_ignore_ascii_case("http") || name.eq_ignore_ascii_case("https") {
            return Err(no_protocol(rest));
        }
        let known = Protocol::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, protocol) =
            known.ok_or_else(|| PrinterUrlError::UnknownProtocol { protocol: name.into() })?;
        let base = BaseUrl::parse(&format!("{transport}://{rest}")).map_err(PrinterUrlError::Address)?;
        Ok(Self { protocol: *protocol, base })
    }
}

impl fmt::Display for PrinterUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Protocol::ALL.iter().find(|(_, p)| *p == self.protocol).map_or("", |(name, _)| name);
        let base = format!("{}", self.base);
        match base.strip_prefix("http://") {
            Some(rest) => write!(f, "{name}://{rest}"),
            None => write!(f, "{name}+{base}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn printer_url_survives_a_round_trip() {
        for url in [
            "octoprint://octopi.local",
            "octoprint://10.0.0.7:5000/octo",
            "octoprint+https://farm.example",
            "prusalink://10.0.0.8",
            "prusalink+https://mk4.example",
        ] {
            assert_eq!(url.parse::<PrinterUrl>().unwrap().to_string(), url);
        }
    }

    #[test]
    fn bad_printer_url_says_how_to_write_it() {
        let error = |text: &str| text.parse::<PrinterUrl>().unwrap_err().to_string();
        assert!(error("octopi.local").contains("octoprint://octopi.local"));
        assert!(error("http://octopi.local").contains("octoprint://octopi.local"));
        assert!(error("makerbot://x").contains("known are: octoprint"));
        assert!(error("octoprint://key@octopi.local").contains("credentials"));
        assert!(error("octoprint+ftp://x").contains("http"));
    }
}
