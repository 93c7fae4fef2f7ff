use std::{fmt, sync::Arc};

use printhost_core::ErrorKind;
use rustls::{CertificateError, OtherError};
use x509_cert::der::DateTime;

/// Which rule a host's certificate or key breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Distrust {
    /// Nothing leads to an authority that was given.
    UnknownAuthority,
    /// Whoever has signed must not.
    NoAuthority(String),
    /// Not signed by the key of whose name it bears, or changed since.
    Forged,
    /// Signed in a way that is not accepted (any more).
    Weak,
    /// For another name.
    OtherName { found: Option<String>, wanted: String },
    /// Expired then.
    Expired(DateTime),
    /// Valid from then on.
    NotYetValid(DateTime),
    /// Not for servers, or signed by one that is not.
    Purpose,
    /// Not to be read, too large, too many, or with a critical extension that is not known here.
    Unreadable(&'static str),
    /// Whoever answers does not have the certificate's key.
    OtherKey,
    /// Another key than the pinned one.
    NotPinned,
}

impl Distrust {
    pub(crate) const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotPinned => ErrorKind::PinMismatch,
            _ => ErrorKind::Untrusted,
        }
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAuthority => f.write_str("no authority given has signed the certificate"),
            Self::NoAuthority(name) => write!(f, "{name:?} has signed the certificate and is no authority"),
            Self::Forged => f.write_str(
                "the certificate's signature is wrong: it was changed, or signed by another authority of that name",
            ),
            Self::Weak => f.write_str("the certificate is signed in a way that is not accepted"),
            Self::OtherName { found: Some(found), wanted } => {
                write!(f, "the certificate is for {found:?}, not for {wanted:?}")
            }
            Self::OtherName { found: None, wanted } => {
                write!(f, "the certificate is for no name, not for {wanted:?}")
            }
            Self::Expired(date) => write!(f, "the certificate or one above it has expired on {date}"),
            Self::NotYetValid(date) => {
                write!(f, "the certificate or one above it is not valid before {date}")
            }
            Self::Purpose => f.write_str("the certificate or one above it is not for servers"),
            Self::Unreadable(why) => write!(f, "the certificate is not one to be read: {why}"),
            Self::OtherKey => f.write_str("the host shows a certificate whose key it does not have"),
            Self::NotPinned => f.write_str("the key in the host's certificate is not the pinned one"),
        }
    }
}

impl std::error::Error for Distrust {}

impl From<Distrust> for rustls::Error {
    fn from(distrust: Distrust) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(distrust))))
    }
}
