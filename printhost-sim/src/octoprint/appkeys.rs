//! Application keys: an application asks, a user decides, and the application fetches its key.

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::access::{Attempts, GLOBAL_USER, Who};
use super::job::json_body;
use super::reply::{self, Reply};
use super::server::Incoming1;
use super::shared::Shared;
use super::{AppRequest, SimConfig};
use crate::uri::query_value;

/// A request that nobody polls for so long is dropped.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Keys that were given, and requests that wait for a decision.
#[derive(Debug)]
pub(super) struct AppKeys {
    keys: Vec<Key>,
    pending: Vec<Pending>,
    requests: Attempts,
    approve_after: Option<u32>,
}

#[derive(Debug)]
struct Key {
    key: String,
    app: String,
    user: String,
}

#[derive(Debug)]
struct Pending {
    app_token: String,
    user_token: String,
    app: String,
    user: Option<String>,
    created: Instant,
    polled: Instant,
    polls: u32,
    /// Who approved it, or none when it was denied.
    decision: Option<Option<String>>,
}

impl AppKeys {
    pub(super) fn new(config: &SimConfig) -> Self {
        Self {
            keys: Vec::new(),
            pending: Vec::new(),
            requests: Attempts::new(config.rate_limits),
            approve_after: config.approve_apps_after,
        }
    }

    /// Whose key this is.
    pub(super) fn user_of(&self, key: &str) -> Option<&str> {
        self.keys.iter().find(|given| given.key == key).map(|given| given.user.as_str())
    }

    pub(super) fn forget_requests(&mut self) {
        self.pending.clear();
        self.requests.forget();
    }

    /// The requests that still wait.
    pub(super) fn waiting(&mut self) -> Vec<AppRequest> {
        self.drop_expired();
        let waiting = self.pending.iter().filter(|pending| pending.decision.is_none());
        waiting.map(|pending| AppRequest { app: pending.app.clone(), user: pending.user.clone() }).collect()
    }

    /// Decides the oldest waiting request that `which` picks.
    fn decide(&mut self, which: impl Fn(&Pending) -> bool, approved_by: Option<&str>) -> bool {
        self.drop_expired();
        let found = self.pending.iter_mut().find(|pending| pending.decision.is_none() && which(pending));
        let Some(pending) = found else { return false };
        pending.decision = Some(approved_by.map(|user| pending.user.clone().unwrap_or(user.to_owned())));
        true
    }

    pub(super) fn decide_app(&mut self, app: &str, approve: bool) -> bool {
        self.decide(|pending| pending.app == app, approve.then_some(GLOBAL_USER))
    }

    fn drop_expired(&mut self) {
        self.pending.retain(|pending| {
            pending.polled.elapsed() < PATIENCE && pending.created.elapsed() < LONGEST_WAIT
        });
    }
}

/// `/plugin/appkeys/…`, most of which needs no key.
pub(super) async fn plugin(shared: &Arc<Shared>, path: &str, who: &Who, request: Incoming1) -> Reply {
    let get = request.method() == Method::GET;
    let post = request.method() == Method::POST;
    match path.split_once('/') {
        None if path == "probe" && get => reply::no_content(),
        None if path == "request" && post => ask(shared, request).await,
        Some(("request", token)) if get => poll(shared, token),
        Some(("auth", token)) if get => dialog(shared, token),
        Some(("decision", token)) if post => {
            let token = token.to_owned();
            decision(shared, &token, who, request).await
        }
        _ => reply::not_found(),
    }
}

async fn ask(shared: &Shared, request: Incoming1) -> Reply {
    let body = json_body(request).await.unwrap_or_default();
    let mut inner = shared.lock();
    let access = &mut inner.access;
    if access.app_keys.requests.too_many() {
        let text = "You have made too many app key requests. Please try again later.";
        return reply::error(StatusCode::TOO_MANY_REQUESTS, text);
    }
    access.app_keys.requests.count();
    let Some(app) = body["app"].as_str().filter(|app| !app.is_empty()) else {
        return reply::bad_request("No app name provided");
    };
    let (app_token, user_token) = (access.secret(), access.secret());
    let user = body["user"].as_str().map(str::to_owned);
    let now = Instant::now();
    access.app_keys.drop_expired();
    access.app_keys.pending.push(Pending {
        app_token: app_token.clone(),
        user_token: user_token.clone(),
        app: app.to_owned(),
        user: user.clone(),
        created: now,
        polled: now,
        polls: 0,
        decision: None,
    });
    let data =
        json!({ "type": "request_access", "app_name": app, "user_token": user_token, "user_id": user });
    inner.machine.plugin("appkeys", data);
    drop(inner);
    let base = format!("http://{}/plugin/appkeys", shared.addr);
    let for_user = user.map(|user| format!("?user={user}")).unwrap_or_default();
    let body = json!({ "app_token": app_token, "auth_dialog": format!("{base}/auth/{app_token}{for_user}") });
    let mut reply = reply::json(StatusCode::CREATED, &body);
    reply::set(&mut reply, header::LOCATION, &format!("{base}/request/{app_token}"));
    reply
}

fn poll(shared: &Shared, token: &str) -> Reply {
    let mut inner = shared.lock();
    let key = inner.access.secret();
    let app_keys = &mut inner.access.app_keys;
    app_keys.drop_expired();
    let Some(at) = app_keys.pending.iter().position(|pending| pending.app_token == token) else {
        return reply::not_found();
    };
    let pending = &mut app_keys.pending[at];
    pending.polls += 1;
    pending.polled = Instant::now();
    if pending.decision.is_none() && app_keys.approve_after.is_some_and(|polls| pending.polls > polls) {
        pending.decision = Some(Some(pending.user.clone().unwrap_or_else(|| GLOBAL_USER.to_owned())));
    }
    let Some(decision) = pending.decision.clone() else {
        return reply::json(StatusCode::ACCEPTED, &json!({ "message": "Awaiting decision" }));
    };
    let ended = app_keys.pending.remove(at);
    inner.machine.plugin("appkeys", json!({ "type": "end_request", "user_token": ended.user_token }));
    let Some(user) = decision else { return reply::not_found() };
    inner.access.app_keys.keys.push(Key { key: key.clone(), app: ended.app, user });
    reply::ok(&json!({ "api_key": key }))
}

/// The page on which a real user decides; here it only says so.
fn dialog(shared: &Shared, token: &str) -> Reply {
    let mut inner = shared.lock();
    inner.access.app_keys.drop_expired();
    if inner.access.app_keys.pending.iter().any(|pending| pending.app_token == token) {
        reply::page("An application asks for access. Decide with the simulator's approve_app or deny_app.")
    } else {
        reply::not_found()
    }
}

async fn decision(shared: &Shared, user_token: &str, who: &Who, request: Incoming1) -> Reply {
    if !who.may("PLUGIN_APPKEYS_GRANT") {
        return reply::forbidden();
    }
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let Some(approve) = body["decision"].as_bool() else { return reply::bad_request("No decision provided") };
    let user = who.user();
    let approved_by = approve.then_some(user.as_str());
    let app_keys = &mut shared.lock().access.app_keys;
    if app_keys.decide(|pending| pending.user_token == user_token, approved_by) {
        reply::no_content()
    } else {
        reply::not_found()
    }
}

/// `GET /api/plugin/appkeys`: the user's keys and the requests that wait for the user.
pub(super) fn list(shared: &Shared, who: &Who, query: Option<&str>) -> Reply {
    let user = who.user();
    let app_keys = &mut shared.lock().access.app_keys;
    app_keys.drop_expired();
    if let Some(app) = query_value(query, "app") {
        let key = app_keys.keys.iter().find(|key| key.user == user && key.app == app);
        return key.map_or_else(reply::not_found, |key| {
            reply::ok(&json!({ "key": { "api_key": key.key, "app_id": key.app, "user_id": key.user } }))
        });
    }
    let keys = app_keys.keys.iter().filter(|key| key.user == user);
    let keys: Vec<Value> = keys.map(|key| json!({ "app_id": key.app, "user_id": key.user })).collect();
    let mut pending = json!({});
    let mine = |pending: &&Pending| {
        pending.decision.is_none() && pending.user.as_ref().is_none_or(|wanted| *wanted == user)
    };
    for request in app_keys.pending.iter().filter(mine) {
        pending[&request.user_token] = json!({
            "app_id": request.app,
            "remote_address": "127.0.0.1",
            "user_id": request.user,
            "user_token": request.user_token,
        });
    }
    reply::ok(&json!({ "keys": keys, "pending": pending }))
}

/// `POST /api/plugin/appkeys`: `generate` and `revoke`.
pub(super) async fn manage(shared: &Shared, who: &Who, request: Incoming1) -> Reply {
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let user = who.user();
    let mut inner = shared.lock();
    match (body["command"].as_str(), body["app"].as_str()) {
        (Some("generate"), Some(app)) => {
            let key = inner.access.secret();
            let entry = Key { key: key.clone(), app: app.to_owned(), user: user.clone() };
            inner.access.app_keys.keys.push(entry);
            reply::ok(&json!({ "api_key": key, "app_id": app, "user_id": user }))
        }
        (Some("revoke"), app) => {
            let key = body["key"].as_str();
            let gone = |given: &Key| {
                given.user == user && (Some(given.app.as_str()) == app || Some(given.key.as_str()) == key)
            };
            inner.access.app_keys.keys.retain(|given| !gone(given));
            reply::no_content()
        }
        (Some("generate"), None) => reply::bad_request("Mandatory parameters missing"),
        _ => reply::bad_request("command is invalid"),
    }
}
