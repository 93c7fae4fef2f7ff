//! JSON-RPC 2.0, over a WebSocket or in the body of a request.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::calls::{self, Caller};
use super::failure::{Answer, Failure};
use super::params::Params;
use super::shared::Shared;

/// Where a message came from.
#[derive(Debug, Clone)]
pub(super) enum From {
    Client(u64),
    /// A user known by the request.
    Request(String),
}

/// Answers a message; none when there is nothing to answer.
pub(super) async fn answer(shared: &Arc<Shared>, text: &str, from: From) -> Option<String> {
    let Ok(message) = serde_json::from_str::<Value>(text) else {
        return Some(error(&Value::Null, -32700, "Parse error").to_string());
    };
    match message {
        Value::Array(messages) => {
            let mut answers = Vec::new();
            for message in &messages {
                answers.extend(one(shared, message, &from).await);
            }
            (!answers.is_empty()).then(|| Value::Array(answers).to_string())
        }
        message => one(shared, &message, &from).await.map(|answer| answer.to_string()),
    }
}

async fn one(shared: &Arc<Shared>, message: &Value, from: &From) -> Option<Value> {
    let Some(object) = message.as_object() else {
        return Some(error(&Value::Null, -32600, "Invalid Request"));
    };
    let id = object.get("id").cloned();
    let named = id.clone().unwrap_or_default();
    if object.get("jsonrpc") != Some(&json!("2.0")) {
        return Some(error(&named, -32600, "Invalid Request"));
    }
    // Without a method it is taken for an answer.
    let method = object.get("method")?;
    let Some(method) = method.as_str() else { return Some(error(&named, -32600, "Invalid Request")) };
    let result = match object.get("params") {
        None => perform(shared, method, Map::new(), from).await,
        Some(Value::Object(params)) => perform(shared, method, params.clone(), from).await,
        Some(_) => return id.map(|id| error(&id, -32602, "Invalid params:")),
    };
    let id = id?;
    Some(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "result": result, "id": id }),
        Err(failure) => json!({ "jsonrpc": "2.0", "error": failure.rpc(), "id": id }),
    })
}

async fn perform(shared: &Arc<Shared>, method: &str, params: Map<String, Value>, from: &From) -> Answer {
    if !calls::exists(shared, method) {
        return Err(Failure::not_found());
    }
    let params = Params(params);
    let of_sockets = matches!(method, "server.connection.identify" | "server.websocket.id");
    if of_sockets && matches!(from, From::Request(_)) {
        return Err(Failure::new(404, "Method not found for transport HTTP"));
    }
    let client = match from {
        From::Client(client) => Some(*client),
        From::Request(_) => None,
    };
    if let Some(client) = client.filter(|_| method == "server.connection.identify") {
        return identify(shared, &params, client);
    }
    let user = match from {
        From::Client(client) => shared.lock().clients.open.get(client).and_then(|client| client.user.clone()),
        From::Request(user) => Some(user.clone()),
    };
    let open = matches!(method, "access.info" | "access.login" | "access.refresh_jwt");
    if user.is_none() && !open {
        return Err(Failure::unauthorized());
    }
    let caller = Caller { user: user.unwrap_or_default(), client };
    let result = calls::call(shared, method, &params, &caller).await?;
    // Whoever logs in by a WebSocket may use it from then on.
    if method == "access.login"
        && let Some(name) = result["username"].as_str()
        && let Some(client) = client
        && let Some(client) = shared.lock().clients.open.get_mut(&client)
    {
        client.user = Some(name.to_owned());
    }
    Ok(result)
}

/// Names a WebSocket, and lets it in if it brings a key or a token.
fn identify(shared: &Shared, params: &Params, id: u64) -> Answer {
    let mut inner = shared.lock();
    let by = match (params.text("access_token"), params.text("api_key")) {
        (Some(token), _) => Some(inner.access.by_token(&token)?),
        (None, Some(key)) => Some(inner.access.by_key(&key)?),
        (None, None) => None,
    };
    let client = inner.clients.open.get_mut(&id).ok_or_else(Failure::unauthorized)?;
    let user = by.or_else(|| client.user.clone()).ok_or_else(Failure::unauthorized)?;
    if let Some(identity) = &client.identity {
        return Err(Failure::bad(format!("Connection already identified: {{{identity}}}")));
    }
    let mut identity = Vec::new();
    for (argument, name) in
        [("client_name", "name"), ("version", "version"), ("type", "type"), ("url", "url")]
    {
        identity.push(format!("'{name}': '{}'", params.needed(argument)?));
    }
    client.user = Some(user);
    client.identity = Some(identity.join(", "));
    Ok(json!({ "connection_id": id }))
}

fn error(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "error": { "code": code, "message": message }, "id": id })
}
