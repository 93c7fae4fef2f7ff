//! JSON exactly as Moonraker 0.11 and Klipper send it; what this driver does not use is left out.
//!
//! Everything but what a call cannot do without is optional: a version that lacks a field, or has another one
//! beside it, is no error.

mod files;
mod history;
pub(crate) mod json;
mod members;
mod objects;
pub(crate) mod rpc;
mod server;

use alloc::{string::String, vec::Vec};
use core::{fmt, marker::PhantomData};

use printhost_net::proto::json_events;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

pub(crate) use files::*;
pub(crate) use history::*;
pub(crate) use members::*;
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

impl<const MAX: usize> Cut<MAX> {
    fn of(text: json_events::Text<'_>) -> Self {
        let mut kept = String::new();
        for c in text.chars() {
            if kept.len() + c.len_utf8() > MAX {
                break;
            }
            kept.push(c);
        }
        Self(kept)
    }
}

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

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Cut(String::new()))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Cut(String::new()))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Cut(String::new()))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Cut(String::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Cut(String::new()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Cut(String::new()))
            }
        }
        deserializer.deserialize_any(Text)
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

/// A field; as good as left out when it is `null`, or not what it should be. Every one is read by itself, so that one
/// that has changed its type costs itself only.
fn told<'de, T: DeserializeOwned + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(of(<&RawValue>::deserialize(deserializer)?).unwrap_or_default())
}

/// As [`told`]: a number.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    told(deserializer)
}

/// As [`told`]: a list, without what should not be in it.
fn list<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    up_to(usize::MAX, deserializer)
}

/// As [`list`]: no more than [`MANY`].
fn few<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    up_to(MANY, deserializer)
}

fn up_to<'de, T: DeserializeOwned, D: Deserializer<'de>>(most: usize, list: D) -> Result<Vec<T>, D::Error> {
    struct UpTo<T>(usize, PhantomData<T>);
    impl<'de, T: DeserializeOwned> Visitor<'de> for UpTo<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = list.next_element::<&RawValue>()? {
                items.extend(of(item).filter(|_| items.len() < self.0));
            }
            Ok(items)
        }
    }
    let raw = <&RawValue>::deserialize(list)?.get();
    let mut list = serde_json::Deserializer::from_str(raw);
    Ok(list.deserialize_seq(UpTo(most, PhantomData)).unwrap_or_default())
}

/// Never from a list: it could be taken for an object's fields in their order.
fn of<T: DeserializeOwned>(raw: &RawValue) -> Option<T> {
    let is_list = raw.get().starts_with('[');
    (!is_list).then(|| serde_json::from_str(raw.get()).ok()).flatten()
}
