//! Run-time configuration: lines of `name=value` in the last 4 KiB of flash.
//!
//! QEMU puts them there with `-device loader,file=PATH,addr=0x803ff000,force-raw=on`; on a chip
//! it would be a partition. Without that option there are no values.

use alloc::{format, string::String, vec::Vec};

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The configuration values.
pub(crate) type Config = hub_firmware::Config<'static>;

/// Reads base64.
pub(crate) fn base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|_| format!("{text:?} is no base64"))
}
