//! Run-time configuration: lines of `name=value` in the last 4 KiB of flash.
//!
//! QEMU puts them there with `-device loader,file=PATH,addr=0x803ff000,force-raw=on`; on a chip
//! it would be a partition. Without that option there are no values.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use printhost::{PrinterUrl, net::Trust};

/// The configuration values.
#[derive(Clone, Copy)]
pub(crate) struct Config {
    lines: &'static str,
}

impl Config {
    /// Reads the configuration in `flash`, which ends at a byte that is zero (untouched memory) or 0xFF (erased
    /// flash); `None` when it is not UTF-8.
    pub(crate) fn parse(flash: &'static [u8]) -> Option<Self> {
        let end = flash.iter().position(|byte| matches!(byte, 0 | 0xFF)).unwrap_or(flash.len());
        Some(Self { lines: str::from_utf8(&flash[..end]).ok()? })
    }

    /// The value called `name`, or `None` if there is none.
    pub(crate) fn get(&self, name: &str) -> Option<&'static str> {
        self.all(name).next()
    }

    /// All values called `name`.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'static str> {
        let pairs = self.lines.lines().filter_map(|line| line.split_once('='));
        pairs.filter_map(move |(key, value)| (key == name).then_some(value))
    }

    /// The value called `name`, or an error that says which is missing.
    pub(crate) fn require(&self, name: &str) -> Result<&'static str, String> {
        self.get(name).ok_or_else(|| format!("the configuration has no {name}"))
    }

    /// The printer's URL and whom to believe there: the key pinned, or the CA given.
    pub(crate) fn printer(&self) -> Result<PrinterUrl, String> {
        let printer: PrinterUrl =
            self.require("printer")?.parse().map_err(|e: printhost::PrinterUrlError| e.to_string())?;
        Ok(match (self.get("printer_pin"), self.get("printer_ca")) {
            (Some(pin), _) => {
                let hash = base64(pin)?.try_into().map_err(|_| "printer_pin is no SHA-256")?;
                printer.with_trust(Trust::PinnedKey(hash))
            }
            (None, Some(ca)) => printer.with_trust(Trust::Ca(base64(ca)?)),
            (None, None) => printer,
        })
    }
}

/// Reads base64.
pub(crate) fn base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| format!("{text:?} is no base64"))
}
