//! Run-time configuration: lines of `name=value` in the last 4 KiB of flash.
//!
//! QEMU puts them there with `-device loader,file=PATH,addr=0x803ff000,force-raw=on`; on a chip
//! it would be a partition. Without that option there are no values.

/// The configuration values.
pub(crate) type Config = hub_firmware::Config<'static>;
