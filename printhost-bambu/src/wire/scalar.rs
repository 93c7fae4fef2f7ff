//! Single values as the protocol has them: of any type, whatever they mean.

use alloc::string::String;

use printhost_net::proto::json_events::Text;

use super::report::{Packed, Rgba};

/// The longest text that is kept, in bytes.
pub(crate) const TEXT: usize = 128;
/// The longest path or name of a job; a longer one is none, since cut it could be taken for another's.
pub(crate) const PATH: usize = 512;
/// The longest number or version that is kept; likewise.
pub(crate) const ID: usize = 64;

/// A value that is neither an object nor an array; those are [`Scalar::Other`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(Text<'a>),
    Text(Text<'a>),
    Other,
}

impl<'a> Scalar<'a> {
    /// A number, or a text that is one.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Number(text) | Self::Text(text) => text.number(),
            _ => None,
        }
    }

    fn whole_number(self) -> Option<i64> {
        match self {
            Self::Number(text) | Self::Text(text) => text.whole_number(),
            _ => None,
        }
    }

    pub(crate) fn text(self) -> Option<Text<'a>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Puts a value where it belongs and tells whether that is a change; what is mistyped leaves `None` there.
pub(crate) type Set<T> = fn(&mut Option<T>, Scalar<'_>) -> bool;

fn put<T: PartialEq>(place: &mut Option<T>, value: Option<T>) -> bool {
    let changed = *place != value;
    *place = value;
    changed
}

/// A whole number that fits.
pub(crate) fn whole<T: TryFrom<i64> + PartialEq>(place: &mut Option<T>, scalar: Scalar<'_>) -> bool {
    put(place, scalar.whole_number().and_then(|number| T::try_from(number).ok()))
}

/// 0 to 100.
pub(crate) fn percent(place: &mut Option<u8>, scalar: Scalar<'_>) -> bool {
    let mut number = None;
    whole(&mut number, scalar);
    put(place, number.filter(|number| *number <= 100))
}

/// Some are written as negative numbers: the same 32 bits.
pub(crate) fn bits(place: &mut Option<u32>, scalar: Scalar<'_>) -> bool {
    let mut number: Option<i64> = None;
    whole(&mut number, scalar);
    let fits = |number: &i64| (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(number);
    put(place, number.filter(fits).map(|number| number as u32))
}

pub(crate) fn decimal(place: &mut Option<f32>, scalar: Scalar<'_>) -> bool {
    put(place, scalar.number().map(|number| number as f32).filter(|number| number.is_finite()))
}

/// `true`, 1, or a text that says so.
pub(crate) fn flag(place: &mut Option<bool>, scalar: Scalar<'_>) -> bool {
    let flag = match scalar {
        Scalar::Bool(flag) => Some(flag),
        Scalar::Text(text) if matches!(text.bytes(), b"true" | b"enable") => Some(true),
        Scalar::Text(text) if matches!(text.bytes(), b"false" | b"disable") => Some(false),
        scalar => match scalar.number() {
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            _ => None,
        },
    };
    put(place, flag)
}

/// Whether there is a card: a flag, or a word that says which state it is in.
pub(crate) fn card(place: &mut Option<bool>, scalar: Scalar<'_>) -> bool {
    match scalar {
        Scalar::Text(text) if text.bytes().starts_with(b"HAS_SDCARD") => put(place, Some(true)),
        Scalar::Text(text) if text.bytes().starts_with(b"NO_SDCARD") => put(place, Some(false)),
        scalar => flag(place, scalar),
    }
}

/// A text; its beginning when it is longer than [`TEXT`].
pub(crate) fn text(place: &mut Option<String>, scalar: Scalar<'_>) -> bool {
    put_text(place, scalar.text(), TEXT)
}

/// A text, or digits as they are written; see [`ID`].
pub(crate) fn id(place: &mut Option<String>, scalar: Scalar<'_>) -> bool {
    let text = match scalar {
        Scalar::Number(text) if text.bytes().iter().all(u8::is_ascii_digit) => Some(text),
        scalar => scalar.text(),
    };
    put_whole(place, text, ID)
}

/// A text that is whole; see [`PATH`].
pub(crate) fn path(place: &mut Option<String>, scalar: Scalar<'_>) -> bool {
    put_whole(place, scalar.text(), PATH)
}

fn put_whole(place: &mut Option<String>, text: Option<Text<'_>>, most: usize) -> bool {
    let length = |text: &Text<'_>| match text.as_str() {
        Some(text) => text.len(),
        None => text.chars().map(char::len_utf8).sum(),
    };
    let text = text.filter(Text::is_whole);
    if is_known(place, text) {
        return false;
    }
    put_text(place, text.filter(|text| length(text) <= most), most)
}

/// As most are; so nothing else is asked first.
fn is_known(place: &Option<String>, text: Option<Text<'_>>) -> bool {
    place.as_ref().zip(text).is_some_and(|(known, text)| known.as_bytes() == text.bytes())
}

/// An address, without a user and a password in it.
pub(crate) fn address(place: &mut Option<String>, scalar: Scalar<'_>) -> bool {
    put_text(place, scalar.text().filter(|text| !text.bytes().contains(&b'@')), TEXT)
}

fn put_text(place: &mut Option<String>, text: Option<Text<'_>>, most: usize) -> bool {
    let Some(text) = text else { return put(place, None) };
    if is_known(place, Some(text)) {
        return false;
    }
    let decoded;
    let text = match text.as_str() {
        Some(text) => text,
        None => {
            decoded = String::from_iter(text.chars());
            &decoded
        }
    };
    let text = &text[..text.floor_char_boundary(most)];
    if place.as_deref() == Some(text) {
        return false;
    }
    // Not into the memory of the last one, which may have been much longer.
    *place = Some(text.into());
    true
}

/// Hexadecimal digits, of very many the last 64 bits; a number is what it is.
pub(crate) fn hex(place: &mut Option<u64>, scalar: Scalar<'_>) -> bool {
    let Scalar::Text(text) = scalar else { return whole(place, scalar) };
    let digits = Some(text.bytes()).filter(|digits| text.is_whole() && !digits.is_empty());
    let value = digits.and_then(|digits| {
        digits
            .iter()
            .try_fold(0_u64, |value, digit| Some(value << 4 | u64::from(char::from(*digit).to_digit(16)?)))
    });
    put(place, value)
}

/// Eight hexadecimal digits.
pub(crate) fn colour(place: &mut Option<Rgba>, scalar: Scalar<'_>) -> bool {
    let mut value = None;
    if scalar.text().is_some_and(|text| text.bytes().len() == 8) {
        hex(&mut value, scalar);
    }
    put(place, value.map(|value| Rgba((value as u32).to_be_bytes())))
}

pub(crate) fn packed(place: &mut Option<Packed>, scalar: Scalar<'_>) -> bool {
    let mut value = None;
    whole::<u32>(&mut value, scalar);
    put(place, value.map(Packed))
}

/// `-53dBm`
pub(crate) fn dbm(place: &mut Option<i16>, scalar: Scalar<'_>) -> bool {
    let number = match scalar {
        Scalar::Text(text) => {
            let bytes = text.bytes().trim_ascii();
            let bytes = bytes.strip_suffix(b"dBm").unwrap_or(bytes);
            Text::new(bytes, text.is_whole()).number()
        }
        scalar => scalar.number(),
    };
    let fits = |number: &f64| (-200.0..=0.0).contains(number);
    put(place, number.filter(fits).map(|number| number as i16))
}

/// A part of a report: its fields, and the names that the protocol has for them where these are others.
macro_rules! part {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$doc:meta])* $field:ident: $type:ty = $set:expr $(, $($key:literal)|+)?;)*
            $(=> { $($(#[$part_doc:meta])* $part:ident: $part_type:ty,)* })?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$doc])* pub $field: Option<$type>,)*
            $($($(#[$part_doc])* pub $part: $part_type,)*)?
        }

        impl $name {
            /// The names of its fields, each at the field's number.
            pub(crate) const NAMES: &[&[&str]] =
                &[$($crate::wire::scalar::names!($field $(, $($key)|+)?),)*];

            /// Leaves `None` in the fields whose bit is not set; tells whether that is a change.
            #[allow(unused_assignments)]
            pub(crate) fn forget(&mut self, seen: u64) -> bool {
                let (mut number, mut changed) = (0_u32, false);
                $(
                    if seen >> number & 1 == 0 {
                        changed |= self.$field.take().is_some();
                    }
                    number += 1;
                )*
                changed
            }

            /// Puts a value into the field of this number; tells whether that is a change.
            #[allow(unused_assignments)]
            pub(crate) fn set(&mut self, field: u8, scalar: $crate::wire::scalar::Scalar<'_>) -> bool {
                let mut number = 0_u8;
                let _ = (field, scalar);
                $(
                    if field == number {
                        let set: $crate::wire::scalar::Set<$type> = $set;
                        return set(&mut self.$field, scalar);
                    }
                    number += 1;
                )*
                false
            }
        }
    };
}
pub(crate) use part;

macro_rules! names {
    ($field:ident) => {
        &[stringify!($field)]
    };
    ($field:ident, $($key:literal)|+) => {
        &[$($key),+]
    };
}
pub(crate) use names;
