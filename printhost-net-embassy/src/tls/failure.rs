use core::fmt;

use embedded_io_async::ErrorKind as IoKind;
use mbedtls_rs::sys;
use printhost_core::{Error, ErrorKind};

/// Why TLS failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The peer is not the one that is trusted, for this reason.
    Untrusted(&'static str),
    /// A certificate of the peer's, or one above it, has expired on that day.
    Expired(Date),
    /// A certificate of the peer's, or one above it, is not valid before that day.
    NotYetValid(Date),
    /// The peer's key is not the pinned one.
    PinMismatch,
    /// The authorities given are no certificates.
    Authority,
    /// A host cannot have this name.
    Name,
    /// No memory for the connection.
    OutOfMemory,
    /// The connection ended without the peer saying so: what was read may be incomplete.
    Cut,
    /// The peer has refused or broken off.
    Refused,
    /// Not TLS as it should be; the number is mbedTLS'.
    Protocol(i32),
}

/// A day of a certificate: year, month, day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Date(pub [i32; 3]);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([year, month, day]) = self;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Of mbedTLS and, in the low bits, of the module below that failed.
const NO_MEMORY: [i32; 10] = [
    sys::MBEDTLS_ERR_SSL_ALLOC_FAILED,
    sys::MBEDTLS_ERR_X509_ALLOC_FAILED,
    sys::MBEDTLS_ERR_PK_ALLOC_FAILED,
    sys::MBEDTLS_ERR_ECP_ALLOC_FAILED,
    sys::MBEDTLS_ERR_MD_ALLOC_FAILED,
    sys::MBEDTLS_ERR_CIPHER_ALLOC_FAILED,
    sys::MBEDTLS_ERR_PEM_ALLOC_FAILED,
    sys::MBEDTLS_ERR_MPI_ALLOC_FAILED,
    sys::MBEDTLS_ERR_ASN1_ALLOC_FAILED,
    -141, // PSA_ERROR_INSUFFICIENT_MEMORY, which is a macro
];

impl TlsFailure {
    pub(super) fn of(code: i32) -> Self {
        let (high, low) = (-(-code & !0x7F), -(-code & 0x7F));
        match code {
            _ if NO_MEMORY.iter().any(|known| [code, high, low].contains(known)) => Self::OutOfMemory,
            sys::MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE => Self::Refused,
            sys::MBEDTLS_ERR_SSL_CONN_EOF => Self::Cut,
            _ => Self::Protocol(code),
        }
    }

    /// `flags` say what is wrong with the certificate, `date` which date it is if it is one.
    pub(super) fn of_handshake(code: i32, flags: u32, date: Date) -> Self {
        let has = |flag| flags & flag != 0;
        match Self::of(code) {
            Self::Protocol(
                sys::MBEDTLS_ERR_X509_CERT_VERIFY_FAILED | sys::MBEDTLS_ERR_SSL_BAD_CERTIFICATE,
            ) => {
                if has(sys::MBEDTLS_X509_BADCERT_NOT_TRUSTED) {
                    Self::Untrusted(
                        "no authority given has signed the certificate; give the host's CA, or pin its key",
                    )
                } else if has(sys::MBEDTLS_X509_BADCERT_EXPIRED) {
                    Self::Expired(date)
                } else if has(sys::MBEDTLS_X509_BADCERT_FUTURE) {
                    Self::NotYetValid(date)
                } else if has(sys::MBEDTLS_X509_BADCERT_CN_MISMATCH) {
                    Self::Untrusted(
                        "the certificate is for another name; connect to that name, or pin the key",
                    )
                } else {
                    Self::Untrusted(
                        "the certificate is too weak, or not for a server; replace it, or pin its key",
                    )
                }
            }
            Self::Protocol(
                sys::MBEDTLS_ERR_RSA_VERIFY_FAILED
                | sys::MBEDTLS_ERR_RSA_INVALID_PADDING
                | sys::MBEDTLS_ERR_ECP_VERIFY_FAILED,
            ) => Self::Untrusted("the host shows a certificate whose key it does not have"),
            other => other,
        }
    }

    /// Of the message by which a host proves to have its key: made with what was not offered, it proves nothing.
    pub(super) fn of_proof(code: i32) -> Self {
        match code {
            sys::MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER | sys::MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE => {
                Self::Untrusted("the host proves its key in a way that was not offered")
            }
            code => Self::of(code),
        }
    }

    /// Whether a full handshake instead of a resumed one would end in the same way.
    pub(super) fn is_settled(self) -> bool {
        matches!(self.error_kind(), ErrorKind::Busy | ErrorKind::Untrusted | ErrorKind::PinMismatch)
    }

    fn error_kind(self) -> ErrorKind {
        match self {
            Self::Untrusted(_) | Self::Expired(_) | Self::NotYetValid(_) => ErrorKind::Untrusted,
            Self::PinMismatch => ErrorKind::PinMismatch,
            Self::Authority | Self::Name => ErrorKind::InvalidInput,
            Self::OutOfMemory => ErrorKind::Busy,
            Self::Cut => ErrorKind::Unreachable,
            Self::Refused | Self::Protocol(_) => ErrorKind::Protocol,
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TLS: ")?;
        match self {
            Self::Untrusted(why) => f.write_str(why),
            Self::Expired(date) => write!(f, "the certificate or one above it has expired on {date}"),
            Self::NotYetValid(date) => {
                write!(f, "the certificate or one above it is not valid before {date}")
            }
            Self::PinMismatch => f.write_str(
                "the host's key is not the pinned one; if it was changed on purpose, pin the new one",
            ),
            Self::Authority => f.write_str("the CA given is no certificate"),
            Self::Name => f.write_str("the host name is not valid for TLS"),
            Self::OutOfMemory => f.write_str("not enough memory for the connection"),
            Self::Cut => f.write_str("the connection was cut"),
            Self::Refused => f.write_str("the host has broken off"),
            Self::Protocol(code) => write!(f, "the host does not speak it as expected (-{:#06x})", -code),
        }
    }
}

impl core::error::Error for TlsFailure {}

impl embedded_io_async::Error for TlsFailure {
    fn kind(&self) -> IoKind {
        match self {
            Self::OutOfMemory => IoKind::OutOfMemory,
            Self::Cut | Self::Refused => IoKind::ConnectionAborted,
            _ => IoKind::InvalidData,
        }
    }
}

impl From<TlsFailure> for Error {
    /// Of a connection that could not be opened.
    fn from(failure: TlsFailure) -> Self {
        Error::new(failure.error_kind(), "connect").with_detail(failure)
    }
}

/// Why an encrypted connection failed: below TLS, or in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum TlsError<E> {
    /// The connection below.
    Transport(E),
    /// TLS.
    Tls(TlsFailure),
}

impl<E> From<TlsFailure> for TlsError<E> {
    fn from(failure: TlsFailure) -> Self {
        Self::Tls(failure)
    }
}

impl<E: fmt::Display> fmt::Display for TlsError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => error.fmt(f),
            Self::Tls(failure) => failure.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for TlsError<E> {}

impl<E: embedded_io_async::Error> embedded_io_async::Error for TlsError<E> {
    fn kind(&self) -> IoKind {
        match self {
            Self::Transport(error) => error.kind(),
            Self::Tls(failure) => embedded_io_async::Error::kind(failure),
        }
    }
}
