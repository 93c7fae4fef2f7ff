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

impl Code {
    /// From the worst to the best: what may have happened unseen, what broke, what was never begun.
    const ORDER: [Self; 8] = [
        Self::Interrupted,
        Self::Unconfirmed,
        Self::Failed,
        Self::Refused,
        Self::Unreachable,
        Self::State,
        Self::Usage,
        Self::Success,
    ];

    /// The code for a command about several printers.
    pub(crate) fn worst(codes: impl IntoIterator<Item = Self>) -> Self {
        let rank = |code: &Self| Self::ORDER.iter().position(|other| other == code);
        codes.into_iter().min_by_key(rank).unwrap_or(Self::Success)
    }
}

/// An error with advice for somebody at a command line.
#[derive(Clone, Debug)]
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

    /// A file of this machine that is there already.
    pub(crate) fn exists(operation: &'static str, path: &std::path::Path) -> Self {
        Self::from(Error::new(ErrorKind::Exists, operation).with_detail(path.display()))
            .advising("Replace it with --overwrite, or name another file.")
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
                "Check the key: OctoPrint shows and makes keys under Settings > Application Keys; or get one with printhost login. Moonraker takes its API key, or user:password."
            }
            ErrorKind::Exists => "Replace it with --overwrite, or choose another name with --as.",
            ErrorKind::Untrusted => {
                "Check the certificate; if it is the right one, give its authority with --ca or its key with --pin, which printhost trust shows."
            }
            ErrorKind::PinMismatch => {
                "Somebody else may be answering. If the printer's key was changed on purpose, look at it with printhost trust, and keep it with --replace; or give its pin with --pin."
            }
            ErrorKind::InvalidInput => "See printhost --help for what is possible.",
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
        | ErrorKind::PinMismatch
        | ErrorKind::Redirected
        | ErrorKind::Protocol => Code::Unreachable,
        ErrorKind::Unauthorized | ErrorKind::Forbidden => Code::Refused,
        ErrorKind::Conflict | ErrorKind::Busy | ErrorKind::Exists | ErrorKind::ControlBlocked => Code::State,
        ErrorKind::Unconfirmed => Code::Unconfirmed,
        _ => Code::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worst_of_several_ends_is_the_least_certain_one() {
        use Code::{Failed, Interrupted, Refused, State, Success, Unconfirmed, Unreachable, Usage};
        assert_eq!(Code::worst([]), Success);
        assert_eq!(Code::worst([Success, State, Success]), State);
        assert_eq!(Code::worst([State, Unreachable, Usage]), Unreachable);
        assert_eq!(Code::worst([Unreachable, Refused]), Refused);
        assert_eq!(Code::worst([Failed, Unconfirmed, Refused]), Unconfirmed);
        assert_eq!(Code::worst([Unconfirmed, Interrupted]), Interrupted);
    }
}
