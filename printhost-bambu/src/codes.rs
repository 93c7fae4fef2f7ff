//! What the printer's numbers mean for whoever has ordered something.

use alloc::format;

use printhost_core::{Error, ErrorKind};

/// A job goes on, or a dialog is open that takes no other.
const BUSY: u32 = 0x0500_4004;
/// The file cannot be read, is not there, or is no such file.
const NO_FILE: u32 = 0x0500_C010;
const BAD_FILE: u32 = 0x0500_4003;
/// The file cannot be fetched, or has another MD5 than was told; seen on a P2S, before anything was heated.
const OTHER_FILE: u32 = 0x0500_403F;
/// The filaments of the file are not mapped to spools.
const MAPPING: [u32; 2] = [0x0700_8012, 0x07FF_8012];
/// Somebody has cancelled.
const CANCELLED: [u32; 2] = [0x0300_400C, 0x0500_400E];
/// The signature of an order is missing, or wrong.
const UNSIGNED: [u32; 2] = [0x0502_4007, 0x0502_4009];
/// The same, told as an entry of the list of health messages.
pub(crate) const UNSIGNED_HEALTH: (u32, u32) = (0x0500_0500, 0x0001_0007);

/// The printer takes no control from the network.
pub(crate) fn blocked(operation: &'static str) -> Error {
    Error::new(ErrorKind::ControlBlocked, operation)
        .with_detail("the printer takes signed orders only, unless its developer mode is on")
}

/// The printer refuses an order, for a reason without secrets in it.
pub(crate) fn refused(operation: &'static str, code: Option<u32>, reason: &str) -> Error {
    if code.is_some_and(|code| UNSIGNED.contains(&code)) || reason.contains("verify failed") {
        return blocked(operation);
    }
    match code {
        Some(code) if code != 0 => error(operation, code),
        _ => Error::new(ErrorKind::Conflict, operation)
            .with_detail(format_args!("the printer refuses it: {reason}")),
    }
}

/// The printer has raised this error since it was told to do something.
pub(crate) fn error(operation: &'static str, code: u32) -> Error {
    let text = format!("{:04X}_{:04X}", code >> 16, code & 0xFFFF);
    let (kind, what) = match code {
        BUSY => (ErrorKind::Conflict, "the printer is busy"),
        NO_FILE => (ErrorKind::NotFound, "the printer cannot read the file, or has none of this name"),
        OTHER_FILE => {
            (ErrorKind::Corrupted, "the printer cannot get the file, or it is another one than was stored")
        }
        BAD_FILE => (ErrorKind::InvalidInput, "the printer cannot make sense of the file"),
        code if MAPPING.contains(&code) => {
            (ErrorKind::InvalidInput, "the file's filaments are not mapped to spools that are there")
        }
        code if UNSIGNED.contains(&code) => return blocked(operation),
        code if CANCELLED.contains(&code) => (ErrorKind::Conflict, "somebody has cancelled it"),
        _ => (ErrorKind::Conflict, "the printer has raised an error"),
    };
    Error::new(kind, operation).with_detail(format_args!("{what} ({text})"))
}

/// Whether it says that a print does not begin that was asked for. Any other may be of the job before, or of what somebody
/// else does, or of a print that goes on once somebody has answered it at the screen.
pub(crate) fn refuses_start(code: u32) -> bool {
    matches!(code, BUSY | NO_FILE | BAD_FILE | OTHER_FILE)
        || MAPPING.contains(&code)
        || UNSIGNED.contains(&code)
}

/// Whether somebody has cancelled a job: printers tell it a moment after its end.
pub(crate) fn is_cancelled(code: u32) -> bool {
    CANCELLED.contains(&code)
}

/// Whether a code is news of a job and no failure of it: questions, hints, and low numbers, which are states.
pub(crate) fn is_failure(code: u32) -> bool {
    const HINTS: [u32; 4] = [0x0500_8030, 0x0300_8012, 0x0500_C011, 0x07FF_8007];
    code & 0xFFFF >= 0x4000 && !HINTS.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_for_want_of_a_signature_is_control_blocked() {
        for error in [
            refused("pause", Some(84_033_543), ""),
            refused("pause", Some(84_033_545), ""),
            refused("pause", None, "mqtt message verify failed"),
        ] {
            assert_eq!(error.kind(), ErrorKind::ControlBlocked);
        }
        let other = refused("pause", None, "error string");
        assert_eq!((other.kind(), other.detail().is_some()), (ErrorKind::Conflict, true));
    }

    #[test]
    fn errors_of_a_start_are_told_apart() {
        assert_eq!(error("start", 83_935_248).kind(), ErrorKind::NotFound);
        assert_eq!(error("start", 0x0500_4004).kind(), ErrorKind::Conflict);
        assert!(error("start", 0x0300_1234).detail().unwrap().contains("0300_1234"));
        assert!(!is_failure(0) && !is_failure(0x0500_C011) && is_failure(83_935_248));
    }
}
