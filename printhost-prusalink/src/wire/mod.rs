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

use alloc::{string::String, vec::Vec};

pub(crate) use cameras::*;
pub(crate) use files::*;
pub(crate) use job::*;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
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

/// A field; as good as left out when it is `null`, or not what it should be. Every one is read by itself, so that one
/// that has changed its type costs itself only.
fn told<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(of(<&RawValue>::deserialize(deserializer)?).unwrap_or_default())
}

/// As [`told`]: a number that there is.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    Ok(told::<Option<f32>, D>(deserializer)?.filter(|number| number.is_finite()))
}

/// As [`told`]: a list, without what should not be in it.
fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let items: Option<Vec<&RawValue>> =
        serde_json::from_str(<&RawValue>::deserialize(deserializer)?.get()).ok();
    Ok(items.unwrap_or_default().into_iter().filter_map(of).collect())
}

/// Never from a list: it could be taken for an object's fields in their order.
fn of<'de, T: Deserialize<'de>>(raw: &'de RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok().filter(|_| !raw.get().starts_with('['))
}
