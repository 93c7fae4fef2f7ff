use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, de::Visitor};
use serde_json::value::RawValue;

/// `GET /api/v1/transfer`, which is 204 while no file is on its way.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Transfer {
    #[serde(deserialize_with = "super::path")]
    pub display_name: Option<String>,
    #[serde(deserialize_with = "number")]
    pub size: Option<u64>,
    /// Bytes.
    #[serde(deserialize_with = "super::told")]
    pub transferred: Option<u64>,
}

/// A number, which the firmware writes as a text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct Number;
    impl Visitor<'_> for Number {
        type Value = Option<u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number")
        }

        fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number))
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(text.parse().ok())
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    Ok(serde_json::Deserializer::from_str(raw).deserialize_any(Number).unwrap_or_default())
}
