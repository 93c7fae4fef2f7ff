use alloc::{boxed::Box, string::String};
use core::{
    fmt::{self, Display, Write as _},
    time::Duration,
};

/// The result of every call of this family of crates.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// The longest text a host can put into an [`Error`], in bytes.
const DETAIL_MAX: usize = 240;

/// What went wrong, named after what the caller should do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The protocol or this printer cannot do it. Nothing was sent.
    Unsupported,
    /// An argument can never be right: an empty file name, a line break in a header. Nothing was sent.
    InvalidInput,
    /// The host did not accept the credentials, or there are none.
    Unauthorized,
    /// The credentials are valid but lack the permission.
    Forbidden,
    /// No such file, job or route.
    NotFound,
    /// A file of this name exists and [`crate::IfExists::Fail`] was asked for.
    Exists,
    /// The printer's present state does not allow it (printing, offline, …).
    Conflict,
    /// Somebody else holds a scarce resource: a transfer slot, a socket, an event subscription.
    Busy,
    /// The host refuses the size, or its answer is larger than the limit.
    TooLarge,
    /// The host has no space left.
    StorageFull,
    /// The reader given by the caller failed or ended early.
    Source,
    /// The writer given by the caller failed.
    Sink,
    /// What the host stored is not what was sent.
    Corrupted,
    /// The answer is not of this protocol: a wrong address, a captive portal, a foreign version.
    Protocol,
    /// The host has moved to another origin; the detail names it.
    Redirected,
    /// No connection: unknown name, refused, no route.
    Unreachable,
    /// The connection broke.
    Disconnected,
    /// Nothing moved for longer than the no-progress limit, or an answer came too slowly to be waited for.
    Timeout,
    /// The peer's certificate is not trusted.
    Untrusted,
    /// The peer's key is not the one that was pinned: it was changed, or somebody else answers.
    PinMismatch,
    /// The printer lets nobody control it over the local network: a mode of the printer, not of the credentials.
    ControlBlocked,
    /// The call needs [`crate::PrintHost::run`], which nobody polls.
    NotRunning,
    /// The request may or may not have been carried out. Read the printer before doing it again.
    Unconfirmed,
    /// The host failed inside (HTTP 5xx).
    HostFault,
}

impl ErrorKind {
    /// Its name in snake case, for programs: it does not change.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::InvalidInput => "invalid_input",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Exists => "exists",
            Self::Conflict => "conflict",
            Self::Busy => "busy",
            Self::TooLarge => "too_large",
            Self::StorageFull => "storage_full",
            Self::Source => "source",
            Self::Sink => "sink",
            Self::Corrupted => "corrupted",
            Self::Protocol => "protocol",
            Self::Redirected => "redirected",
            Self::Unreachable => "unreachable",
            Self::Disconnected => "disconnected",
            Self::Timeout => "timeout",
            Self::Untrusted => "untrusted",
            Self::PinMismatch => "pin_mismatch",
            Self::ControlBlocked => "control_blocked",
            Self::NotRunning => "not_running",
            Self::Unconfirmed => "unconfirmed",
            Self::HostFault => "host_fault",
        }
    }

    /// One sentence: what to do.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Unsupported => "Check capabilities() before calling.",
            Self::InvalidInput => "Correct the argument.",
            Self::Unauthorized => "Check the key or password for this printer.",
            Self::Forbidden => "Give this user or key the missing permission on the host.",
            Self::NotFound => "Check the name; list the files to see what the host has.",
            Self::Exists => "Choose another name, or allow replacing the file.",
            Self::Conflict => {
                "Look at the printer's status and try again when it is in a state that allows this."
            }
            Self::Busy => "Try again later.",
            Self::TooLarge => {
                "Use a smaller file, or raise the size limit of the host or of a proxy before it."
            }
            Self::StorageFull => "Delete files on the host.",
            Self::Source => "Check the file being sent; it failed or is shorter than announced.",
            Self::Sink => "Check where the file is being written to.",
            Self::Corrupted => "The file was damaged on its way and was not started; send it again.",
            Self::Protocol => "Check that the address really is this kind of host, and its port.",
            Self::Redirected => "Use the address the host redirects to.",
            Self::Unreachable => "Check the address, that the host is switched on, and the network.",
            Self::Disconnected => "Check the network and the host; then try again.",
            Self::Timeout => "Check the network and the host; then try again.",
            Self::Untrusted => "Check the host's certificate; pin it or give its CA if it is the right one.",
            Self::PinMismatch => {
                "Make sure that it is the right host; if its key was changed on purpose, pin the new one."
            }
            Self::ControlBlocked => "Turn on the printer's developer mode, on its own screen.",
            Self::NotRunning => "Poll run() while using this host.",
            Self::Unconfirmed => {
                "Read the printer's status before doing this again: it may have been carried out."
            }
            Self::HostFault => "Look at the host's log.",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Unsupported => "not supported",
            Self::InvalidInput => "invalid input",
            Self::Unauthorized => "credentials refused",
            Self::Forbidden => "permission missing",
            Self::NotFound => "not found",
            Self::Exists => "file exists",
            Self::Conflict => "not possible in the printer's present state",
            Self::Busy => "busy",
            Self::TooLarge => "too large",
            Self::StorageFull => "no space left on the host",
            Self::Source => "reading the source failed",
            Self::Sink => "writing the download failed",
            Self::Corrupted => "the stored file differs from what was sent",
            Self::Protocol => "unexpected answer",
            Self::Redirected => "the host redirects",
            Self::Unreachable => "cannot connect",
            Self::Disconnected => "connection lost",
            Self::Timeout => "no progress",
            Self::Untrusted => "certificate not trusted",
            Self::PinMismatch => "not the pinned key",
            Self::ControlBlocked => "control is blocked by the printer",
            Self::NotRunning => "the connection is not being run",
            Self::Unconfirmed => "outcome unknown",
            Self::HostFault => "the host failed",
        }
    }
}

/// Whether doing the same call again is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// The same call will fail the same way.
    Never,
    /// Nothing was changed; the call may be repeated, best after a [`crate::Backoff`].
    Safe,
    /// As [`Retry::Safe`], and the host said when.
    After(Duration),
    /// The call may have taken effect. Read the printer first; do not repeat blindly.
    ReadFirst,
}

impl Retry {
    /// Its name in snake case, for programs: it does not change.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Safe => "safe",
            Self::After(_) => "after",
            Self::ReadFirst => "read_first",
        }
    }
}

/// The one error of all drivers: what to do ([`ErrorKind`]), whether to repeat ([`Retry`]), where it happened.
///
/// `Display` prints one line; the alternate form `{:#}` adds the advice. Text that came from a host is bounded,
/// free of control characters, and drivers remove their secrets from it with [`crate::Secret::redact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    retry: Retry,
    operation: &'static str,
    http: Option<u16>,
    detail: Option<Box<str>>,
}

impl Error {
    /// An error of `kind` in `operation` (a verb: `"upload"`), with the retry advice usual for the kind.
    pub const fn new(kind: ErrorKind, operation: &'static str) -> Self {
        let retry = match kind {
            ErrorKind::Unreachable
            | ErrorKind::Busy
            | ErrorKind::Disconnected
            | ErrorKind::Timeout
            | ErrorKind::NotRunning
            | ErrorKind::Corrupted
            | ErrorKind::HostFault => Retry::Safe,
            ErrorKind::Unconfirmed => Retry::ReadFirst,
            _ => Retry::Never,
        };
        Self { kind, retry, operation, http: None, detail: None }
    }

    /// The default of every optional operation of [`crate::PrintHost`].
    pub const fn unsupported(operation: &'static str) -> Self {
        Self::new(ErrorKind::Unsupported, operation)
    }

    /// What went wrong.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same call may be repeated.
    pub const fn retry(&self) -> Retry {
        self.retry
    }

    /// The operation that failed, as a verb.
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// The HTTP status the host answered with, if it came to that.
    pub const fn http_status(&self) -> Option<u16> {
        self.http
    }

    /// Bounded text from the host or the system, without secrets.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Sets the HTTP status.
    pub const fn with_http(mut self, status: u16) -> Self {
        self.http = Some(status);
        self
    }

    /// Replaces the retry advice.
    pub const fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Names the user's operation instead of an inner step.
    pub const fn in_operation(mut self, operation: &'static str) -> Self {
        self.operation = operation;
        self
    }

    /// Sets the detail: cut to 240 bytes, control characters replaced by blanks.
    pub fn with_detail(mut self, text: impl Display) -> Self {
        let mut bounded = Bounded(String::new());
        let _ = write!(bounded, "{text}");
        let text = bounded.0.trim();
        self.detail = (!text.is_empty()).then(|| text.into());
        self
    }

    /// The same failure of an operation that may have taken effect: never repeatable without reading the printer.
    pub fn unconfirmed(self) -> Self {
        Self { kind: ErrorKind::Unconfirmed, retry: Retry::ReadFirst, ..self }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.kind.words())?;
        if let Some(status) = self.http {
            write!(f, " (HTTP {status})")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        if f.alternate() {
            write!(f, "\n{}", self.kind.advice())?;
        }
        Ok(())
    }
}

impl core::error::Error for Error {}

impl embedded_io_async::Error for Error {
    fn kind(&self) -> embedded_io_async::ErrorKind {
        match self.kind {
            ErrorKind::NotFound => embedded_io_async::ErrorKind::NotFound,
            ErrorKind::Timeout => embedded_io_async::ErrorKind::TimedOut,
            ErrorKind::Unsupported => embedded_io_async::ErrorKind::Unsupported,
            ErrorKind::Disconnected => embedded_io_async::ErrorKind::ConnectionReset,
            _ => embedded_io_async::ErrorKind::Other,
        }
    }
}

/// Takes at most `DETAIL_MAX` bytes of whatever a host or a foreign `Display` produces.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.0.len() + c.len_utf8() > DETAIL_MAX {
                return Err(fmt::Error);
            }
            self.0.push(if c.is_control() { ' ' } else { c });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString};

    use super::*;
    use crate::Secret;

    #[test]
    fn detail_is_bounded_and_printable() {
        let error = Error::new(ErrorKind::Protocol, "status")
            .with_detail("a\r\n\0".to_string() + &"ü".repeat(10_000));
        let detail = error.detail().unwrap();
        assert!(detail.len() <= DETAIL_MAX && !detail.chars().any(char::is_control), "{detail}");
    }

    #[test]
    fn secret_that_is_redacted_leaves_no_part_behind_the_cut() {
        let key = Secret::new("A1B2C3D4E5");
        let text = "x".repeat(DETAIL_MAX - 5) + "A1B2C3D4E5";
        let error = Error::new(ErrorKind::Protocol, "status").with_detail(key.redact(&text));
        for text in [format!("{error}"), format!("{error:#}"), format!("{error:?}"), format!("{key:?}")] {
            assert!(!text.contains("A1B"), "{text}");
        }
    }

    #[test]
    fn unconfirmed_is_never_retried_blindly() {
        let error = Error::new(ErrorKind::Disconnected, "start");
        assert_eq!(error.retry(), Retry::Safe);
        assert_eq!(error.unconfirmed().retry(), Retry::ReadFirst);
    }
}
