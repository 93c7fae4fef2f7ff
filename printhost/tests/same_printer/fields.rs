//! Fields by name, and when two of them agree.
//!
//! Compared is every field of `octorest::fields` and `ours::fields`, and the names themselves: a field that only one side
//! has is a difference. What is not compared, and why: `leaves`.

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) type Fields = BTreeMap<String, Value>;

/// Whether the printer rests: then everything but its temperatures must be exactly the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    Resting,
    Printing,
}

/// What differs between what OctoRest saw before and after, and what this driver saw in between.
pub(crate) fn differences(before: &Fields, ours: &Fields, after: &Fields, motion: Motion) -> Vec<String> {
    let mut names: Vec<&String> = before.keys().chain(ours.keys()).chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let absent = Value::String("(absent)".into());
    let differs = |name: &&String| {
        let [before, ours, after] = [before, ours, after].map(|all| all.get(*name).unwrap_or(&absent));
        let tolerance = tolerance(name, motion);
        if tolerance.is_none() && !same(before, after) {
            return Some(format!("{name}: moved for OctoRest from {before} to {after}"));
        }
        let agrees = same(ours, before) || same(ours, after) || between(before, ours, after, tolerance);
        (!agrees).then(|| format!("{name}: OctoRest {before} … {after}, ours {ours}"))
    };
    names.iter().filter_map(differs).collect()
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

fn between(before: &Value, ours: &Value, after: &Value, tolerance: Option<f64>) -> bool {
    let (Some(before), Some(ours), Some(after), Some(tolerance)) =
        (before.as_f64(), ours.as_f64(), after.as_f64(), tolerance)
    else {
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
}
