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
use core::{fmt, marker::PhantomData};

pub(crate) use cameras::*;
pub(crate) use files::*;
pub(crate) use job::*;
use printhost_net::json;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
pub(crate) use status::*;
pub(crate) use transfer::*;
pub(crate) use version::*;

/// The longest text about a state that is kept, in bytes, and the longest path: a longer one is as good as none.
pub(crate) const TEXT: usize = 256;
pub(crate) const PATH: usize = 512;
/// The longest path of a storage.
pub(crate) const ROOT: usize = 64;
/// How many entries of a short list are kept: storages, tools, cameras.
pub(crate) const MANY: usize = 8;

/// A text, cut to `MAX` bytes.
struct Cut<const MAX: usize>(String);

impl<'de, const MAX: usize> Deserialize<'de> for Cut<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<const MAX: usize>;
        impl<const MAX: usize> Visitor<'_> for Text<MAX> {
            type Value = Cut<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cut(text[..text.floor_char_boundary(MAX)].into()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A text of at most [`TEXT`] bytes, or none.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(told::<Option<Cut<TEXT>>, D>(deserializer)?.map(|text| text.0))
}

/// A path of at most [`PATH`] bytes, or none. Cut, it could be taken for another file's.
fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    // One byte more than that shows that there was more, however long its last letter is.
    let path = told::<Option<Cut<{ PATH + 4 }>>, D>(deserializer)?.map(|path| path.0);
    Ok(path.filter(|path| path.len() <= PATH))
}

/// A storage's path of at most [`ROOT`] bytes, or none.
fn root<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let path = told::<Option<Cut<{ ROOT + 4 }>>, D>(deserializer)?.map(|path| path.0);
    Ok(path.filter(|path| path.len() <= ROOT))
}

/// The first [`MANY`] of a list, without what should not be in it; none of what is no list.
fn few<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Few<T>(PhantomData<T>);
    impl<'de, T: DeserializeOwned> Visitor<'de> for Few<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut few = Vec::new();
            while few.len() < MANY
                && let Some(one) = list.next_element::<&RawValue>()?
            {
                few.extend(of(one));
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(few)
        }
    }
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    Ok(match raw.starts_with('[') {
        true => serde_json::Deserializer::from_str(raw).deserialize_seq(Few(PhantomData)).unwrap_or_default(),
        false => Vec::new(),
    })
}

/// A field; as good as left out when it is `null`, or not what it should be. Every one is read by itself, so that one
/// that has changed its type costs itself only.
fn told<'de, T: DeserializeOwned + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(of(<&RawValue>::deserialize(deserializer)?).unwrap_or_default())
}

/// As [`told`]: a number that there is.
fn measure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    Ok(told::<Option<f32>, D>(deserializer)?.filter(|number| number.is_finite()))
}

/// Never from a list: it could be taken for an object's fields in their order.
fn of<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    let is_list = raw.get().starts_with('[');
    (!is_list).then(|| json::from_slice(raw.get().as_bytes()).ok()).flatten()
}

/// The body of a refusal. The specification has `text`, the Pi and the firmware have `message`.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Failure {
    #[serde(deserialize_with = "text")]
    pub message: Option<String>,
    #[serde(deserialize_with = "text")]
    pub text: Option<String>,
    #[serde(deserialize_with = "text")]
    pub title: Option<String>,
}

impl Failure {
    /// What it says, without the address of a page about it.
    pub(crate) fn words(self) -> Option<String> {
        self.message.or(self.text).or(self.title)
    }
}
