//! Fields by name, and when two of them agree.
//!
//! Compared is every field of `octorest::fields` and `ours::fields`, and the names themselves: a field that only one side
//! has is a difference. What is not compared, and why: `leaves`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub(crate) type Fields = BTreeMap<String, Value>;

/// Whether the printer rests: then everything but its temperatures must be exactly the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    Resting,
    Printing,
}

/// What changed for OctoRest of what should have stayed as it was: while that happens nothing can be compared.
pub(crate) fn moved(before: &Fields, after: &Fields, motion: Motion) -> Vec<String> {
    let moves =
        |name: &&String| tolerance(name, motion).is_none() && !agree(before.get(*name), after.get(*name));
    let told = |name: &String| {
        format!("{name}: moved for OctoRest from {} to {}", shown(before.get(name)), shown(after.get(name)))
    };
    names(&[before, after]).into_iter().filter(moves).map(told).collect()
}

/// What differs between what OctoRest saw before and after, and what this driver saw in between.
pub(crate) fn differences(before: &Fields, ours: &Fields, after: &Fields, motion: Motion) -> Vec<String> {
    let differs = |name: &String| {
        let [before, ours, after] = [before, ours, after].map(|all| all.get(name));
        let agrees = agree(ours, before)
            || agree(ours, after)
            || between(before, ours, after, tolerance(name, motion));
        (!agrees)
            .then(|| format!("{name}: OctoRest {} … {}, ours {}", shown(before), shown(after), shown(ours)))
    };
    names(&[before, ours, after]).into_iter().filter_map(differs).collect()
}

/// Every name that one of them has.
fn names<'a>(of: &[&'a Fields]) -> BTreeSet<&'a String> {
    of.iter().flat_map(|fields| fields.keys()).collect()
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(absent)".into(), Value::to_string)
}

fn agree(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// By how much a field that moves may lie outside of what OctoRest saw before and after; `None` for one that does not.
fn tolerance(name: &str, motion: Motion) -> Option<f64> {
    match name {
        // °C: a printer's own temperatures are never quite still.
        _ if name.starts_with("heater/") && name.ends_with("/actual") => Some(2.0),
        _ if motion == Motion::Resting => None,
        // Of the whole.
        "job/progress" => Some(0.01),
        // Seconds; an estimate is made anew now and then.
        "job/elapsed" => Some(1.0),
        "job/remaining" => Some(10.0),
        _ => None,
    }
}

/// Equal, but for what a number with a fraction loses as an `f32`.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| same(one, other))
        }
        _ => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) if one.fract() == 0.0 && other.fract() == 0.0 => one == other,
            (Some(one), Some(other)) => (one - other).abs() <= 1e-5 * one.abs().max(1.0),
            _ => one == other,
        },
    }
}

fn between(
    before: Option<&Value>,
    ours: Option<&Value>,
    after: Option<&Value>,
    tolerance: Option<f64>,
) -> bool {
    let [before, ours, after] = [before, ours, after].map(|value| value.and_then(Value::as_f64));
    let (Some(before), Some(ours), Some(after), Some(tolerance)) = (before, ours, after, tolerance) else {
        return false;
    };
    (before.min(after) - tolerance..=before.max(after) + tolerance).contains(&ours)
}

/// A list in an order of its own.
pub(crate) fn sorted(values: impl Iterator<Item = Value>) -> Value {
    let mut values: Vec<Value> = values.collect();
    values.sort_by_key(Value::to_string);
    Value::Array(values)
}

/// A list, or one key of everything in it.
pub(crate) fn list_at(list: &Value, key: &str) -> Value {
    let pick = |item: &Value| if key.is_empty() { item.clone() } else { item[key].clone() };
    sorted(list.as_array().into_iter().flatten().map(pick))
}

/// `null` for an empty text.
pub(crate) fn non_empty(text: &Value) -> Value {
    if text == "" { Value::Null } else { text.clone() }
}

/// A hash, or none.
pub(crate) fn hex_or_null(hex: Option<&str>) -> Value {
    hex.map_or(Value::Null, |hex| hex.to_lowercase().into())
}

#[test]
fn a_difference_in_any_field_is_found() {
    let fields = |pairs: &[(&str, Value)]| -> Fields {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    };
    let theirs = fields(&[
        ("a", 1.into()),
        ("heater/bed/actual", 30.0.into()),
        ("job/elapsed", 5.into()),
        ("date", 1795206349u64.into()),
    ]);
    assert_eq!(differences(&theirs, &theirs, &theirs, Motion::Resting), [""; 0]);
    for (name, value, motion) in [
        ("a", 2.into(), Motion::Printing),
        ("a", Value::Null, Motion::Resting),
        ("b", Value::Null, Motion::Resting),
        ("date", 1795206350u64.into(), Motion::Printing),
        ("heater/bed/actual", 33.0.into(), Motion::Printing),
        ("job/elapsed", 5.5.into(), Motion::Resting),
        ("job/elapsed", 7.into(), Motion::Printing),
    ] {
        let mut ours = theirs.clone();
        ours.insert(name.to_owned(), value);
        assert_eq!(differences(&theirs, &ours, &theirs, motion).len(), 1, "{name}");
    }
    let mut ours = theirs.clone();
    ours.remove("a");
    assert_eq!(differences(&theirs, &ours, &theirs, Motion::Resting).len(), 1);
    assert_eq!(moved(&theirs, &ours, Motion::Resting).len(), 1);
    assert_eq!(moved(&ours, &theirs, Motion::Printing).len(), 1);
    assert_eq!(moved(&theirs, &theirs, Motion::Resting), [""; 0]);
}
