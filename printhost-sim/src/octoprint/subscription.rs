//! What a client of the push channel wants to be told.

use fancy_regex::Regex;
use serde_json::{Value, json};

/// The state of a `subscribe` message; a new channel gets everything.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) state: bool,
    pub(super) logs: Lines,
    pub(super) messages: Lines,
    pub(super) events: Names,
    pub(super) plugins: Names,
}

/// Which lines of the terminal.
#[derive(Debug)]
pub(super) enum Lines {
    All,
    None,
    /// Those in which the expression is found.
    Matching(Regex),
}

/// Which events, or the messages of which plugins.
#[derive(Debug)]
pub(super) enum Names {
    All,
    None,
    Only(Vec<String>),
}

impl Default for Subscription {
    fn default() -> Self {
        Self { state: true, logs: Lines::All, messages: Lines::All, events: Names::All, plugins: Names::All }
    }
}

impl Subscription {
    /// Takes over a `subscribe` message; what it does not mention is not wanted.
    pub(super) fn change(&mut self, wanted: &Value) {
        let state = &wanted["state"];
        let all = state == &json!(true);
        self.state = all || state.is_object();
        self.logs = if all { Lines::All } else { Lines::wanted(&state["logs"]) };
        self.messages = if all { Lines::All } else { Lines::wanted(&state["messages"]) };
        self.events = Names::wanted(&wanted["events"]);
        self.plugins = Names::wanted(&wanted["plugins"]);
    }
}

impl Lines {
    fn wanted(value: &Value) -> Self {
        match value {
            Value::Bool(true) => Self::All,
            Value::String(expression) => Regex::new(expression).map_or(Self::None, Self::Matching),
            _ => Self::None,
        }
    }

    pub(super) fn pick(&self, lines: Vec<String>) -> Vec<String> {
        match self {
            Self::All => lines,
            Self::None => Vec::new(),
            Self::Matching(expression) => {
                lines.into_iter().filter(|line| expression.is_match(line).unwrap_or(false)).collect()
            }
        }
    }
}

impl Names {
    fn wanted(value: &Value) -> Self {
        match value {
            Value::Bool(true) => Self::All,
            Value::Array(names) => {
                Self::Only(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => Self::None,
        }
    }

    pub(super) fn include(&self, name: &Value) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Only(names) => names.iter().any(|wanted| name == wanted.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_picks_the_lines_it_is_found_in() {
        let mut subscription = Subscription::default();
        subscription
            .change(&json!({ "state": { "logs": "M11[45]", "messages": false }, "events": ["Home"] }));
        let lines = ["Send: M114", "Send: M105", "Send: M115"].map(str::to_owned).to_vec();
        assert_eq!(subscription.logs.pick(lines.clone()), ["Send: M114", "Send: M115"]);
        assert!(subscription.messages.pick(lines.clone()).is_empty());
        assert!(
            subscription.events.include(&json!("Home")) && !subscription.events.include(&json!("ZChange"))
        );
        assert!(!subscription.plugins.include(&json!("appkeys")));
        subscription.change(&json!({ "state": { "logs": "(" } }));
        assert!(subscription.logs.pick(lines).is_empty(), "no expression at all");
    }
}
