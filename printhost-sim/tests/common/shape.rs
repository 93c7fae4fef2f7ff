//! Keys and types of JSON beside those that were captured.

use serde_json::Value;

/// Whether a value has all keys and types of a captured one.
pub(crate) fn fits(shape: &Value, value: &Value, at: &str) -> Result<(), String> {
    compare(shape, value, at, true)
}

/// As [`fits`], but keys may be missing.
pub(crate) fn is_part(shape: &Value, value: &Value, at: &str) -> Result<(), String> {
    compare(shape, value, at, false)
}

fn compare(shape: &Value, value: &Value, at: &str, whole: bool) -> Result<(), String> {
    match (shape, value) {
        (Value::Object(shape), Value::Object(value)) => {
            if let Some(key) = value.keys().find(|key| !shape.contains_key(*key)) {
                return Err(format!("{at}/{key} is not in the capture"));
            }
            if let Some(key) = shape.keys().find(|key| whole && !value.contains_key(*key)) {
                return Err(format!("{at}/{key} is missing"));
            }
            value
                .iter()
                .try_for_each(|(key, value)| compare(&shape[key], value, &format!("{at}/{key}"), whole))
        }
        (Value::Array(shapes), Value::Array(values)) => values.iter().try_for_each(|value| {
            let tried: Vec<_> =
                shapes.iter().map(|shape| compare(shape, value, &format!("{at}[]"), whole)).collect();
            match tried.iter().any(Result::is_ok) {
                true => Ok(()),
                false => {
                    tried.into_iter().next().unwrap_or_else(|| Err(format!("{at} is empty in the capture")))
                }
            }
        }),
        (Value::String(kind), value) => {
            let is = match value {
                Value::Null => "null",
                Value::Bool(_) => "bool",
                Value::Number(_) => "number",
                Value::String(_) => "string",
                Value::Array(_) | Value::Object(_) => "more",
            };
            if kind == is { Ok(()) } else { Err(format!("{at} is {is}, not {kind}")) }
        }
        _ => Err(format!("{at} is {value}, not {shape}")),
    }
}
