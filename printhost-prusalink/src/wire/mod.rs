//! JSON as PrusaLink sends it: 0.8.1 on a Pi, as seen; the firmware of Prusa's printers, as its source says. What this
//! driver does not use is left out.
//!
//! Every field is optional: a version that lacks one, or has another one beside it, is no error.

mod cameras;
mod files;
mod job;
mod status;
mod transfer;
mod version;

use alloc::string::String;

pub(crate) use cameras::*;
pub(crate) use files::*;
pub(crate) use job::*;
use serde::{Deserialize, Deserializer};
pub(crate) use status::*;
pub(crate) use transfer::*;
pub(crate) use version::*;

/// The body of a refusal. The specification has `text`, the Pi and the firmware have `message`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Failure {
    pub message: Option<String>,
    pub text: Option<String>,
    pub title: Option<String>,
}

impl Failure {
    /// What it says, without the address of a page about it.
    pub(crate) fn words(self) -> Option<String> {
        self.message.or(self.text).or(self.title)
    }
}

/// `null` for something that is left out elsewhere.
fn or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
