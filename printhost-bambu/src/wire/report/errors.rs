//! What a printer complains about.

use alloc::{format, string::String};

use crate::wire::scalar::{id, part, whole};

part! {
    /// A complaint of the health management system.
    pub struct Hms {
        /// Which part complains.
        attr: u32 = whole;
        /// What about.
        code: u32 = whole;
        /// When, as `YYYYMMDDhhmmss` of the printer's own clock; on newer ones.
        ts_unix: String = id;
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// For information.
    Info,
    /// Common.
    Common,
    /// Serious.
    Serious,
    /// Fatal.
    Fatal,
}

impl Hms {
    /// As others write it: `HMS_0300_0100_0001_0007`. `None` without both numbers.
    pub fn code_text(&self) -> Option<String> {
        let (attr, code) = self.attr.zip(self.code)?;
        Some(format!("HMS_{}_{}", code_text(attr), code_text(code)))
    }

    /// How bad it is; `None` where it does not say, or in numbers that nobody knows.
    pub fn severity(&self) -> Option<Severity> {
        Some(match self.code? >> 16 {
            1 => Severity::Fatal,
            2 => Severity::Serious,
            3 => Severity::Common,
            4 => Severity::Info,
            _ => return None,
        })
    }

    /// Which part complains, in a word; `None` for those nobody knows.
    pub fn module(&self) -> Option<&'static str> {
        Some(match self.attr? >> 24 {
            0x03 => "motion",
            0x05 => "mainboard",
            0x07 => "ams",
            0x08 => "toolhead",
            0x0c => "xcam",
            _ => return None,
        })
    }
}

/// A number of a `print_error` as others write it: `0300_400C`.
pub fn code_text(code: u32) -> String {
    format!("{:04X}_{:04X}", code >> 16, code & 0xffff)
}
