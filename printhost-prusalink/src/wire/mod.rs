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
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
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
    Ok(Option::<Cut<TEXT>>::deserialize(deserializer)?.map(|text| text.0))
}

/// A path of at most [`PATH`] bytes, or none. Cut, it could be taken for another file's.
fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    // One byte more than that shows that there was more, however long its last letter is.
    let path = Option::<Cut<{ PATH + 4 }>>::deserialize(deserializer)?.map(|path| path.0);
    Ok(path.filter(|path| path.len() <= PATH))
}

/// A storage's path of at most [`ROOT`] bytes, or none.
fn root<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let path = Option::<Cut<{ ROOT + 4 }>>::deserialize(deserializer)?.map(|path| path.0);
    Ok(path.filter(|path| path.len() <= ROOT))
}

/// The first [`MANY`] of a list.
fn few<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Few<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Few<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_unit<E>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut few = Vec::new();
            while few.len() < MANY
                && let Some(one) = list.next_element()?
            {
                few.push(one);
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(few)
        }
    }
    deserializer.deserialize_any(Few(PhantomData))
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

/// `null` for something that is left out elsewhere.
fn or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
