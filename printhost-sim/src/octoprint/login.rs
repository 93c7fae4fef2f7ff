//! Logging in and out, and who exists on the server.

use std::sync::Arc;

use hyper::{StatusCode, header};
use serde_json::{Value, json};

use super::access::{Account, GLOBAL_USER, Who};
use super::job::json_body;
use super::messages::Message;
use super::permissions;
use super::reply::{self, Reply};
use super::server::Incoming1;
use super::shared::Shared;

/// `POST /api/login`: passively, or with a name and a password.
pub(super) async fn login(shared: &Shared, who: &Who, request: Incoming1) -> Reply {
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let (name, password) = (body["user"].as_str(), body["pass"].as_str());
    let (Some(name), Some(password)) = (name, password) else {
        return if body["passive"] == json!(true) {
            passive(shared, who)
        } else {
            reply::bad_request("Neither user and pass attributes nor passive flag present")
        };
    };
    let mut inner = shared.lock();
    if inner.access.refused_logins.too_many() {
        let text = "You have made too many failed login attempts. Please try again later.";
        return reply::error(StatusCode::TOO_MANY_REQUESTS, text);
    }
    let Some(who) = inner.access.login(name, password) else {
        inner.access.refused_logins.count();
        return reply::forbidden();
    };
    inner.machine.event("UserLoggedIn", json!({ "username": name }));
    let session = who.session.clone().unwrap_or_default();
    let mut reply = reply::ok(&told(inner.access.account(name), &who, &session));
    let cookie = format!("session_P{}={session}; HttpOnly; Path=/; SameSite=Lax", shared.addr.port());
    reply::set(&mut reply, header::SET_COOKIE, &cookie);
    reply
}

fn passive(shared: &Shared, who: &Who) -> Reply {
    let Some(name) = &who.name else {
        return reply::ok(&json!({
            "_credentials_seen": false,
            "_is_external_client": false,
            "needs": permissions_of_guests(),
        }));
    };
    let mut inner = shared.lock();
    let session = who.session.clone().unwrap_or_else(|| inner.access.open_session(name));
    reply::ok(&told(inner.access.account(name), who, &session))
}

pub(super) fn logout(shared: &Shared, who: &Who) -> Reply {
    let mut reply = reply::ok(&json!({ "needs": permissions_of_guests() }));
    if let Some(session) = &who.session {
        let mut inner = shared.lock();
        inner.access.close_session(session);
        inner.machine.event("UserLoggedOut", json!({ "username": who.name }));
        let _ = shared.push.send(Message::LoggedOut(Arc::from(session.as_str())));
        let cookie = format!("session_P{}=; Max-Age=0; Path=/; SameSite=Lax", shared.addr.port());
        reply::set(&mut reply, header::SET_COOKIE, &cookie);
    }
    reply
}

/// A page that gives a browser the token it needs to log in.
pub(super) fn page(shared: &Shared) -> Reply {
    let token = shared.lock().access.csrf_token();
    let mut reply = reply::page("A simulated OctoPrint. It has no user interface.");
    let cookie = format!("csrf_token_P{}={token}; Path=/; SameSite=Lax", shared.addr.port());
    reply::set(&mut reply, header::SET_COOKIE, &cookie);
    reply
}

pub(super) fn current_user(who: &Who) -> Reply {
    reply::ok(&json!({
        "groups": who.groups,
        "name": who.name,
        "permissions": permissions::of(&who.groups),
    }))
}

/// `GET /api/access/users`, and `/api/access/users/NAME`.
pub(super) fn users(shared: &Shared, who: &Who, name: Option<&str>) -> Reply {
    let inner = shared.lock();
    match name {
        None if who.may("ADMIN") => {
            let users: Vec<Value> = inner.access.accounts().iter().map(account).collect();
            reply::ok(&json!({ "users": users }))
        }
        Some(name) if who.may("ADMIN") || who.name.as_deref() == Some(name) => {
            inner.access.account(name).map_or_else(reply::not_found, |user| reply::ok(&account(user)))
        }
        _ => reply::forbidden(),
    }
}

pub(super) fn groups(key: Option<&str>) -> Reply {
    let groups = permissions::groups();
    match key {
        None => reply::ok(&json!({ "groups": groups })),
        Some(key) => groups.iter().find(|group| group["key"] == key).map_or_else(reply::not_found, reply::ok),
    }
}

/// What a login tells of the user.
fn told(user: Option<&Account>, who: &Who, session: &str) -> Value {
    let mut told = user.map_or_else(global_user, account);
    told["_credentials_seen"] = json!("2026-11-20T20:24:26+00:00");
    told["_is_external_client"] = json!(false);
    told["_login_mechanism"] = json!(who.mechanism);
    told["session"] = json!(session);
    told
}

fn account(account: &Account) -> Value {
    user(&account.name, account.api_key.as_deref(), &account.groups)
}

fn global_user() -> Value {
    user(GLOBAL_USER, None, &["admins", "users"])
}

fn user(name: &str, api_key: Option<&str>, groups: &[&str]) -> Value {
    let admin = groups.contains(&"admins");
    json!({
        "active": true,
        "admin": admin,
        "apikey": api_key,
        "groups": groups,
        "name": name,
        "needs": permissions::needs(groups),
        "permissions": [],
        "roles": if admin { vec!["user", "admin"] } else { vec!["user"] },
        "settings": {},
        "user": true,
    })
}

fn permissions_of_guests() -> Value {
    json!({ "group": ["guests"] })
}
