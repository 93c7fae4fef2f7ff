//! JSON as it stands there: in order, with keys that come twice.

use std::fmt;

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
pub type Expected<T> = Result<T, IllTyped>;

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

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, b: bool) -> Result<Json, E> {
                Ok(Json::Bool(b))
            }

            fn visit_u64<E>(self, n: u64) -> Result<Json, E> {
                Ok(Json::Whole(n))
            }

            fn visit_i64<E>(self, n: i64) -> Result<Json, E> {
                Ok(Json::Number(n as f64))
            }

            fn visit_f64<E>(self, n: f64) -> Result<Json, E> {
                Ok(Json::Number(n))
            }

            fn visit_str<E>(self, text: &str) -> Result<Json, E> {
                Ok(Json::Text(text.into()))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Json, S::Error> {
                let mut all = Vec::new();
                while let Some(next) = list.next_element()? {
                    all.push(next);
                }
                Ok(Json::List(all))
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Json, M::Error> {
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
