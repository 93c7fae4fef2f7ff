//! Run-time configuration: lines of `name=value` in the last 4 KiB of flash.
//!
//! QEMU puts them there with `-device loader,file=PATH,addr=0x803ff000,force-raw=on`; on a chip
//! it would be a partition. Without that option there are no values.

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
        self.lines
            .lines()
            .filter_map(|line| line.split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }
}
