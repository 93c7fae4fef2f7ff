//! Reading JSON in bounded memory.
//!
//! `serde_json` has two ways to take several times the memory of what it reads: it quotes a text that stands where none
//! belongs in its error, and it puts a text with escapes together beside the input.

use alloc::string::String;
use core::fmt::{self, Write as _};

use crate::memory::growing;
use serde::{
    Deserializer,
    de::{DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor},
};

/// The longest text of an error, in bytes.
const ERROR: usize = 160;

/// What reading JSON takes at most, beside what comes of it: `len` bytes of input of which [`is_plain`] holds.
pub const fn memory(len: usize) -> usize {
    // The texts, once more; the error, and the errors that it went through.
    growing(longest_text(len)) + 3 * growing(ERROR)
}

/// The longest text with escapes in an input that may have `limit` bytes.
const fn longest_text(limit: usize) -> usize {
    if limit < 4096 { 1024 } else { limit / 4 }
}

/// What is wrong when [`is_plain`] does not hold.
pub const NOT_PLAIN: &str = "the answer has a very long text in it, or is very deep";

/// Whether texts with escapes are no longer than a quarter of what may be read, and lists and maps no deeper.
pub fn is_plain(input: &[u8], limit: usize) -> bool {
    let most = longest_text(limit);
    let (mut depth, mut text, mut escaped, mut escape) = (0_usize, None, false, false);
    for byte in input {
        match &mut text {
            None => match byte {
                b'"' => (text, escaped) = (Some(0), false),
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            },
            Some(len) => {
                *len += 1;
                match byte {
                    _ if escape => escape = false,
                    b'\\' => (escape, escaped) = (true, true),
                    b'"' => text = None,
                    _ => {}
                }
                if escaped && text.is_some_and(|len| len > most) {
                    return false;
                }
            }
        }
        if depth > most {
            return false;
        }
    }
    true
}

/// Reads JSON, with an error that quotes nothing of any length.
pub fn from_slice<T: DeserializeOwned>(input: &[u8]) -> serde_json::Result<T> {
    let mut json = serde_json::Deserializer::from_slice(input);
    let value = T::deserialize(Short(&mut json))?;
    json.end()?;
    Ok(value)
}

/// Around every part of a deserializer: what a visitor refuses is put into few words.
#[derive(Debug)]
pub struct Short<T>(T);

impl<T> Short<T> {
    /// Around this.
    pub const fn new(deserializer: T) -> Self {
        Self(deserializer)
    }
}

/// An error in few words.
#[derive(Debug)]
struct FewWords(String);

impl serde::de::Error for FewWords {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let mut words = FewWords(String::new());
        let _ = write!(words, "{message}"); // it ends where it is full
        words
    }
}

impl fmt::Write for FewWords {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.0.len() + c.len_utf8() > ERROR {
                return Err(fmt::Error);
            }
            self.0.push(c);
        }
        Ok(())
    }
}

impl fmt::Display for FewWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for FewWords {}

/// Told what is expected, `serde_json` puts its own refusal into words; so it is asked for anything, and the visitor
/// refuses.
macro_rules! deserialize_anything {
    ($($name:ident($($argument:ident: $type:ty),*);)+) => {
        $(fn $name<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            $(let _ = $argument;)*
            self.0.deserialize_any(Short(visitor))
        })+
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Short<D> {
    type Error = D::Error;

    deserialize_anything! {
        deserialize_any(); deserialize_bool(); deserialize_char(); deserialize_str(); deserialize_string();
        deserialize_i8(); deserialize_i16(); deserialize_i32(); deserialize_i64();
        deserialize_u8(); deserialize_u16(); deserialize_u32(); deserialize_u64();
        deserialize_f32(); deserialize_f64(); deserialize_bytes(); deserialize_byte_buf();
        deserialize_unit(); deserialize_seq(); deserialize_map(); deserialize_identifier();
        deserialize_unit_struct(name: &'static str);
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Short(visitor))
    }

    /// Also what `serde_json` knows its raw values by.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Short(visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_ignored_any(visitor)
    }
}

macro_rules! visit {
    ($($name:ident($type:ty);)+) => {
        $(fn $name<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$name::<FewWords>(value).map_err(E::custom)
        })+
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Short<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visit! {
        visit_bool(bool); visit_i64(i64); visit_u64(u64); visit_f64(f64); visit_str(&str);
        visit_borrowed_str(&'de str); visit_string(String);
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none::<FewWords>().map_err(E::custom)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit::<FewWords>().map_err(E::custom)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Short(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Short(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Short(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Short(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<V::Value, A::Error> {
        Err(A::Error::custom("there are no enums here"))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Short<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Short(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Short<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Short(seed))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Short<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Short(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Short(seed))
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString as _, vec};

    use super::*;

    #[derive(serde::Deserialize)]
    struct Told {
        #[serde(rename = "state")]
        _state: alloc::collections::BTreeMap<String, bool>,
    }

    #[test]
    fn error_says_what_is_wrong_in_few_words() {
        let long = format!(r#"{{"state":"{}"}}"#, "\u{7f}".repeat(4000));
        let error = from_slice::<Told>(long.as_bytes()).err().unwrap().to_string();
        assert!(error.starts_with("invalid type: string \""), "{error:.200}");
        assert!(error.len() < ERROR + 40, "{} bytes", error.len());
        let error = from_slice::<Told>(b"{}").err().unwrap().to_string();
        assert!(error.starts_with("missing field `state`"), "{error}");
        assert!(from_slice::<Told>(br#"{"state":{}} x"#).is_err());
    }

    #[test]
    fn long_text_with_escapes_and_deep_lists_are_not_plain() {
        let text = |escape: &str, len| format!(r#"{{"a":["{escape}{}"],"b":"\""}}"#, "x".repeat(len));
        assert!(is_plain(text("", 4000).as_bytes(), 4096));
        assert!(is_plain(text("\\n", 1000).as_bytes(), 4096));
        assert!(!is_plain(text("\\n", 1030).as_bytes(), 4096));
        assert!(is_plain(text("\\n", 1030).as_bytes(), 1 << 20));
        assert!(!is_plain(&vec![b'['; 1025], 4096));
        assert!(is_plain(br#"{"a":"[[[[","b":"\\"}"#, 4));
    }
}
