//! JSON exactly as Moonraker 0.11 and Klipper send it; what this driver does not use is left out.
//!
//! Everything but what a call cannot do without is optional: a version that lacks a field, or has another one
//! beside it, is no error.

mod files;
mod history;
pub(crate) mod json;
mod objects;
pub(crate) mod rpc;
mod server;

use alloc::{string::String, vec::Vec};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};

pub(crate) use files::*;
pub(crate) use history::*;
pub(crate) use objects::*;
pub(crate) use server::*;

/// The longest text about a state that is kept, in bytes, and the longest path.
pub(crate) const TEXT: usize = 256;
pub(crate) const PATH: usize = 512;
/// The longest refusal that is kept, in bytes.
pub(crate) const WORDS: usize = 512;
/// More hot ends than this are not believed.
pub(crate) const MAX_TOOLS: u8 = 16;
/// Of a list that is kept: the first ones.
pub(crate) const MANY: usize = 16;

/// A text, cut to `MAX` bytes; empty for anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut<const MAX: usize>(pub String);

impl<'de, const MAX: usize> Deserialize<'de> for Cut<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<const MAX: usize>;
        impl<'de, const MAX: usize> Visitor<'de> for Text<MAX> {
            type Value = Cut<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cut(text[..text.floor_char_boundary(MAX)].into()))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Cut(String::new()))
            }

            fn visit_none<E>(self) -> Result<Self::Value, E> {
                Ok(Cut(String::new()))
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.deserialize_str(self)
            }
        }
        deserializer.deserialize_option(Text)
    }
}

/// As [`TEXT`] says.
pub(crate) type Text = Cut<TEXT>;

/// A path, empty when it is too long: cut, it could be taken for another file's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(pub String);

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Cut(path) = Cut::<{ PATH + 4 }>::deserialize(deserializer)?;
        Ok(Self(if path.len() <= PATH { path } else { String::new() }))
    }
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
