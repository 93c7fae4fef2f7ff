//! JSON as it stands there: in order, with keys that come twice.

use std::fmt;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Whole(u64),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// It has another type than the protocol says, or stands there twice: the driver may do with it as it likes.
pub struct IllTyped;

/// What is expected of a driver, unless it may do as it likes.
pub type Expected<T> = std::result::Result<T, IllTyped>;

pub static NULL: Json = Json::Null;

impl Json {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// A member of an object; null when it is not there.
    pub fn get(&self, key: &str) -> Expected<&Json> {
        let Self::Object(members) = self else { return Err(IllTyped) };
        let mut found = members.iter().filter(|(name, _)| name == key).map(|(_, value)| value);
        match (found.next(), found.next()) {
            (found, None) => Ok(found.unwrap_or(&NULL)),
            _ => Err(IllTyped),
        }
    }

    /// A member that may be left out, but not be null.
    pub fn part(&self, key: &str) -> Expected<Option<&Json>> {
        let Self::Object(members) = self else { return Err(IllTyped) };
        match members.iter().any(|(name, _)| name == key) {
            true => self.get(key).and_then(|v| if *v == NULL { Err(IllTyped) } else { Ok(Some(v)) }),
            false => Ok(None),
        }
    }

    pub fn bool(&self) -> Expected<bool> {
        if let Self::Bool(b) = self { Ok(*b) } else { Err(IllTyped) }
    }

    pub fn text(&self) -> Expected<Option<&str>> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            _ => Err(IllTyped),
        }
    }

    pub fn number(&self) -> Expected<Option<f64>> {
        match self {
            Self::Null => Ok(None),
            Self::Whole(n) => Ok(Some(*n as f64)),
            Self::Number(n) => Ok(Some(*n)),
            _ => Err(IllTyped),
        }
    }

    pub fn whole(&self) -> Expected<Option<u64>> {
        match self {
            Self::Null => Ok(None),
            Self::Whole(n) => Ok(Some(*n)),
            _ => Err(IllTyped),
        }
    }
}

/// Writes some JSON: valid, with strings that look like anything else, and blanks where there may be some.
pub fn write(to: &mut String, u: &mut Unstructured<'_>, depth: u8) -> Result<()> {
    let comma = |i: u8| if i == 0 { "" } else { " ,\t" };
    match u.int_in_range(0..=if depth == 0 { 3 } else { 6 })? {
        0 => to.push_str(u.choose(&["null", "true", "-1.5e3", "0", "18446744073709551615"])?),
        1..=3 => string(to, u)?,
        4 => {
            to.push('[');
            for i in 0..u.int_in_range(0..=3)? {
                to.push_str(comma(i));
                write(to, u, depth - 1)?;
            }
            to.push(']');
        }
        _ => {
            to.push('{');
            for i in 0..u.int_in_range(0..=3)? {
                to.push_str(comma(i));
                string(to, u)?;
                to.push_str(": ");
                write(to, u, depth - 1)?;
            }
            to.push_str("}\n");
        }
    }
    Ok(())
}

fn string(to: &mut String, u: &mut Unstructured<'_>) -> Result<()> {
    to.push('"');
    for _ in 0..u.int_in_range(0..=5)? {
        to.push_str(
            u.choose(&["a", "ü", "\\\\", "\\\"", "{", "}", "[", "]", ",", ":", " ", "\\u005c", "\\n"])?,
        );
    }
    to.push('"');
    Ok(())
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> std::result::Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, b: bool) -> std::result::Result<Json, E> {
                Ok(Json::Bool(b))
            }

            fn visit_u64<E>(self, n: u64) -> std::result::Result<Json, E> {
                Ok(Json::Whole(n))
            }

            fn visit_i64<E>(self, n: i64) -> std::result::Result<Json, E> {
                Ok(Json::Number(n as f64))
            }

            fn visit_f64<E>(self, n: f64) -> std::result::Result<Json, E> {
                Ok(Json::Number(n))
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<Json, E> {
                Ok(Json::Text(text.into()))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> std::result::Result<Json, S::Error> {
                let mut all = Vec::new();
                while let Some(next) = list.next_element()? {
                    all.push(next);
                }
                Ok(Json::List(all))
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Json, M::Error> {
                let mut all = Vec::new();
                while let Some(member) = map.next_entry()? {
                    all.push(member);
                }
                Ok(Json::Object(all))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
