//! The open WebSockets, and what each of them wants to hear.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

/// Websockets are numbered from here, as real ones have the addresses of Python objects.
const FIRST_ID: u64 = 140_268_949_590_000;

/// What a client's task is to do.
#[derive(Debug)]
pub(super) enum Outgoing {
    Text(String),
    /// The server goes away, and says so.
    GoAway,
    HangUp,
}

/// One WebSocket. What is sent to it arrives in the order in which it was sent.
#[derive(Debug)]
pub(super) struct Client {
    outgoing: mpsc::UnboundedSender<Outgoing>,
    /// Set while it may call and hear.
    pub(super) user: Option<String>,
    /// How the client has named itself, in Python's words.
    pub(super) identity: Option<String>,
    pub(super) subscription: Option<Subscription>,
}

/// The objects whose changes a client wants, with the fields it wants of each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Subscription {
    pub(super) wanted: Wanted,
    /// What the client knows.
    pub(super) known: Map<String, Value>,
}

/// Objects and, unless all, some of their fields.
pub(super) type Wanted = BTreeMap<String, Option<Vec<String>>>;

#[derive(Debug)]
pub(super) struct Clients {
    next: u64,
    pub(super) open: BTreeMap<u64, Client>,
}

impl Default for Clients {
    fn default() -> Self {
        Self { next: FIRST_ID, open: BTreeMap::new() }
    }
}

impl Clients {
    pub(super) fn add(&mut self, user: Option<String>, outgoing: mpsc::UnboundedSender<Outgoing>) -> u64 {
        self.next += 16;
        self.open.insert(self.next, Client { outgoing, user, identity: None, subscription: None });
        self.next
    }

    pub(super) fn notify(&self, method: &str, params: Option<Value>) {
        let mut message = json!({ "jsonrpc": "2.0", "method": method });
        if let Some(params) = params {
            message["params"] = params;
        }
        let text = message.to_string();
        for client in self.open.values().filter(|client| client.user.is_some()) {
            client.send(text.clone());
        }
    }

    pub(super) fn has_subscriptions(&self) -> bool {
        self.open.values().any(|client| client.subscription.is_some())
    }

    pub(super) fn forget_subscriptions(&mut self) {
        for client in self.open.values_mut() {
            client.subscription = None;
        }
    }

    pub(super) fn hang_up(&self) {
        for client in self.open.values() {
            let _ = client.outgoing.send(Outgoing::HangUp);
        }
    }

    pub(super) fn say_farewell(&self) {
        for client in self.open.values() {
            let _ = client.outgoing.send(Outgoing::GoAway);
        }
    }
}

impl Client {
    /// A client that has gone hears nothing.
    pub(super) fn send(&self, text: String) {
        let _ = self.outgoing.send(Outgoing::Text(text));
    }
}

impl Subscription {
    /// What has changed since the client was told; from then on it is known.
    pub(super) fn news(&mut self, now: &Map<String, Value>) -> Map<String, Value> {
        let mut news = Map::new();
        for (name, fields) in &self.wanted {
            let Some(now) = now.get(name).map(|object| pick(object, fields.as_deref())) else { continue };
            let known = self.known.entry(name.clone()).or_insert_with(|| json!({}));
            let changed: Map<String, Value> =
                now.into_iter().filter(|(field, value)| known.get(field) != Some(value)).collect();
            for (field, value) in &changed {
                known[field] = value.clone();
            }
            if !changed.is_empty() {
                news.insert(name.clone(), Value::Object(changed));
            }
        }
        news
    }
}

/// Some fields of an object, or all.
pub(super) fn pick(object: &Value, fields: Option<&[String]>) -> Map<String, Value> {
    let Some(object) = object.as_object() else { return Map::new() };
    let wanted = |field: &String| fields.is_none_or(|fields| fields.contains(field));
    object
        .iter()
        .filter(|(field, _)| wanted(field))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_news_and_only_of_the_fields_that_are_wanted() {
        let wanted = Wanted::from([("extruder".to_owned(), Some(vec!["target".to_owned()]))]);
        let mut subscription = Subscription { wanted, known: Map::new() };
        let now = |target: f64, temperature: f64| {
            let object = json!({ "extruder": { "target": target, "temperature": temperature } });
            object.as_object().cloned().unwrap_or_default()
        };
        assert_eq!(
            Value::Object(subscription.news(&now(0.0, 20.0))),
            json!({ "extruder": { "target": 0.0 } })
        );
        assert!(subscription.news(&now(0.0, 21.0)).is_empty());
        assert_eq!(
            Value::Object(subscription.news(&now(9.0, 21.0))),
            json!({ "extruder": { "target": 9.0 } })
        );
    }
}
