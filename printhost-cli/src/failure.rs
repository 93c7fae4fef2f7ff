//! How a command ends when it does not succeed.

use printhost::{Error, ErrorKind};

/// The exit codes, as `--help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Success = 0,
    Failed = 1,
    Usage = 2,
    Unreachable = 3,
    Refused = 4,
    State = 5,
    Unconfirmed = 6,
    Interrupted = 130,
}

/// An error with advice for somebody at a command line.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) advice: String,
    pub(crate) code: Code,
}

impl Failure {
    /// A mistake in the arguments that clap cannot find.
    pub(crate) fn usage(detail: impl std::fmt::Display, advice: &str) -> Self {
        Self::from(Error::new(ErrorKind::InvalidInput, "arguments").with_detail(detail)).advising(advice)
    }

    /// With other advice.
    pub(crate) fn advising(self, advice: &str) -> Self {
        Self { advice: advice.into(), ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let advice = match error.kind() {
            ErrorKind::Unsupported => "This kind of printer cannot do that.",
            ErrorKind::Unauthorized => {
                "Check the key: OctoPrint shows and makes keys under Settings > Application Keys."
            }
            ErrorKind::Exists => "Replace it with --overwrite, or choose another name with --as.",
            ErrorKind::Untrusted => {
                "Check the certificate; if it is the right one, give its authority with --ca or its key with --pin."
            }
            kind => kind.advice(),
        };
        let advice = advice.into();
        Self { code: code(error.kind()), error, advice }
    }
}

const fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::InvalidInput => Code::Usage,
        ErrorKind::Unreachable
        | ErrorKind::Disconnected
        | ErrorKind::Timeout
        | ErrorKind::Untrusted
        | ErrorKind::Redirected
        | ErrorKind::Protocol => Code::Unreachable,
        ErrorKind::Unauthorized | ErrorKind::Forbidden => Code::Refused,
        ErrorKind::Conflict | ErrorKind::Busy | ErrorKind::Exists => Code::State,
        ErrorKind::Unconfirmed => Code::Unconfirmed,
        _ => Code::Failed,
    }
}
