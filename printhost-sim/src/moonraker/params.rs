//! The arguments of a call, from a query, a form or JSON.

use serde_json::{Map, Value};

use super::failure::{Answer, Failure};
use crate::uri::percent_decode;

/// Named arguments.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Params(pub(super) Map<String, Value>);

impl Params {
    /// The arguments in a query string. A name may say how its value is to be read, as in `count:int=5`.
    pub(super) fn query(query: Option<&str>) -> Self {
        let mut params = Map::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| percent_decode(&text.replace('+', " "));
            let (name, value) = (decode(name), decode(value));
            let (name, value) = match name.rsplit_once(':') {
                Some((name, "int" | "float" | "json")) => (name.to_owned(), parsed(value)),
                Some((name, "bool")) => (name.to_owned(), Value::Bool(value.eq_ignore_ascii_case("true"))),
                Some((name, "str")) => (name.to_owned(), Value::String(value)),
                _ => (name, Value::String(value)),
            };
            params.insert(name, value);
        }
        Self(params)
    }

    /// Adds arguments, which win.
    pub(super) fn add(&mut self, more: Map<String, Value>) {
        self.0.extend(more);
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A text, or a number as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(python(other)),
        }
    }

    pub(super) fn needed(&self, name: &str) -> Answer<String> {
        self.text(name).ok_or_else(|| Failure::missing(name))
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// A list of texts, or one text with commas.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        Some(match self.0.get(name)? {
            Value::Array(values) => values.iter().map(python).collect(),
            Value::String(text) => text.split(',').map(|item| item.trim().to_owned()).collect(),
            _ => return None,
        })
    }
}

fn parsed(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// A value as Python's `str` writes it.
pub(super) fn python(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => repr(other),
    }
}

fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{text}'"),
        Value::Array(items) => format!("[{}]", items.iter().map(repr).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("'{name}': {}", repr(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn query_values_are_texts_unless_their_name_says_more() {
        let params = Params::query(Some("count:int=5&force=true&name=a%20b+c&deep:bool=True&empty"));
        assert_eq!(params.get("count"), Some(&json!(5)));
        assert!(params.flag("force") && params.flag("deep"));
        assert_eq!(params.text("name").as_deref(), Some("a b c"));
        assert_eq!(params.needed("none"), Err(Failure::missing("none")));
    }

    #[test]
    fn values_are_worded_as_python_words_them() {
        assert_eq!(python(&json!(["bad", 1, null])), "['bad', 1, None]");
        assert_eq!(python(&json!({ "name": "a" })), "{'name': 'a'}");
        assert_eq!(python(&json!("a")), "a");
    }
}
