//! JSON exactly as OctoPrint sends it, 1.11.8 and 2.0.0rc7; what this driver does not use is left out.
//!
//! Everything but what a call cannot do without is optional: a version that lacks a field, or has another one
//! beside it, is no error.

mod access;
mod connection;
mod files;
mod orders;
mod printer;
mod push;
mod settings;
mod status;

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

pub(crate) use access::*;
pub(crate) use connection::*;
pub(crate) use files::*;
pub(crate) use orders::*;
pub(crate) use printer::*;
pub(crate) use push::*;
pub(crate) use settings::*;
pub(crate) use status::*;

/// `GET /api/version`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Version {
    #[serde(deserialize_with = "word")]
    pub api: Option<String>,
    #[serde(deserialize_with = "word")]
    pub server: Option<String>,
    #[serde(deserialize_with = "word")]
    pub text: Option<String>,
}

/// A text, or a whole number as a text; anything else is none. A host is not refused for how it writes its version.
fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Word;
    impl<'de> Visitor<'de> for Word {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a word")
        }

        fn visit_str<E>(self, word: &str) -> Result<Self::Value, E> {
            Ok(Some(cut(word, TEXT).into()))
        }

        fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Some(number.to_string()))
        }

        fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number.to_string()))
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    }
    deserializer.deserialize_any(Word)
}

/// The longest text about a state that is kept, in bytes, and the longest path: no path of ours is longer
/// ([`crate::jobs::ours`]), so a longer one is as good as none.
pub(crate) const TEXT: usize = 256;
pub(crate) const PATH: usize = 512;

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
                Ok(Cut(cut(text, MAX).into()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// A text of at most [`TEXT`] bytes.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Cut::<TEXT>::deserialize(deserializer).map(|text| text.0)
}

/// As [`text`], or none.
fn some_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Cut<TEXT>>::deserialize(deserializer)?.map(|text| text.0))
}

/// A path of at most [`PATH`] bytes, or none. Cut, it could be taken for another file's.
fn some_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    // One byte more than that shows that there was more, however long its last letter is.
    let path = Option::<Cut<{ PATH + 4 }>>::deserialize(deserializer)?.map(|path| path.0);
    Ok(path.filter(|path| path.len() <= PATH))
}

/// The body of an error answer.
#[derive(Deserialize)]
pub(crate) struct Failure {
    pub error: String,
}

/// More hot ends than this are not believed.
pub(crate) const MAX_TOOLS: u8 = 16;

/// The number in `tool0`, `tool1`, ….
fn tool_number(key: &str) -> Option<usize> {
    let n: u8 = key.strip_prefix("tool")?.parse().ok()?;
    (n < MAX_TOOLS).then_some(n.into())
}

/// Puts something at a tool's place.
fn put<T: Default + Clone>(tools: &mut Vec<T>, n: usize, value: T) {
    if tools.len() <= n {
        tools.resize(n + 1, T::default());
    }
    tools[n] = value;
}

/// `{"tool0": …, "tool1": …}` as a list; other keys are passed over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ByTool<T>(pub Vec<T>);

impl<T> Default for ByTool<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Default + Clone> Deserialize<'de> for ByTool<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default + Clone> Visitor<'de> for Keys<T> {
            type Value = ByTool<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map by tool")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ByTool<T>, M::Error> {
                let mut all = ByTool::default();
                while let Some(key) = map.next_key::<String>()? {
                    match tool_number(&key) {
                        Some(n) => put(&mut all.0, n, map.next_value()?),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(all)
            }
        }
        deserializer.deserialize_map(Keys(PhantomData))
    }
}

/// The values of a map whose keys are said again in them.
pub(crate) struct Values<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Values<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Keys<T> {
            type Value = Values<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Values<T>, M::Error> {
                let mut all = Vec::new();
                while map.next_key::<IgnoredAny>()?.is_some() {
                    all.push(map.next_value()?);
                }
                Ok(Values(all))
            }
        }
        deserializer.deserialize_map(Keys(PhantomData))
    }
}

/// `null` for a list or a map that a user may not see, as 2.0 has it.
fn or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
