//! Who may call: keys, users, tokens, and clients that are trusted.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::{self, HeaderMap};
use serde_json::{Value, json};
use sha2::{Digest, Sha512};
use tokio::time::Instant;

use super::config::MoonrakerConfig;
use super::failure::{Answer, Failure};
use super::form::sha256_hex;
use super::params::Params;
use super::shared::Shared;
use crate::clock::unix_time;
use crate::uri::query_value;

const ONE_SHOT: Duration = Duration::from_secs(5);
/// Seconds a refresh token is valid: `login_timeout` of 90 days.
const REFRESH: f64 = 90.0 * 24.0 * 3600.0;
const SOURCE: &str = "moonraker";
const TRUSTED: &str = "_TRUSTED_USER_";
const KEY_USER: &str = "_API_KEY_USER_";

#[derive(Debug)]
pub(super) struct Access {
    key: String,
    trusted: bool,
    force_logins: bool,
    token_lifetime: f64,
    users: BTreeMap<String, User>,
    one_shot: HashMap<String, (Instant, String)>,
    secret: String,
    given: u64,
    started: f64,
}

#[derive(Debug)]
struct User {
    password: String,
    created_on: f64,
    /// The login that tokens belong to; unset while logged out.
    login: Option<u64>,
}

impl Access {
    pub(super) fn new(config: &MoonrakerConfig, seed: &str) -> Self {
        let created_on = unix_time();
        let user = |(name, password): &(String, String)| {
            (name.clone(), User { password: password.clone(), created_on, login: None })
        };
        Self {
            key: config.api_key.clone(),
            trusted: config.trusted,
            force_logins: config.force_logins,
            token_lifetime: config.token_lifetime.as_secs_f64(),
            users: config.users.iter().map(user).collect(),
            one_shot: HashMap::new(),
            secret: format!("{seed} {created_on}"),
            given: 0,
            started: created_on,
        }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The server ends, and what it kept in memory only.
    pub(super) fn forget(&mut self) {
        self.one_shot.clear();
    }

    /// The user behind a request. A wrong key or token is refused even from a trusted client.
    pub(super) fn who(&mut self, headers: &HeaderMap, query: Option<&str>) -> Answer<String> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bearer = text(header::AUTHORIZATION.as_str())
            .and_then(|value| value.strip_prefix("Bearer ").map(|token| token.trim().to_owned()));
        let token = bearer.or_else(|| text("x-access-token")).or_else(|| query_value(query, "access_token"));
        if let Some(token) = token {
            return self.by_token(&token);
        }
        if let Some(token) = query_value(query, "token") {
            let known = self.one_shot.remove(&token);
            // One that is not valid is none.
            if let Some((_, user)) = known.filter(|(given, _)| given.elapsed() <= ONE_SHOT) {
                return Ok(user);
            }
        }
        if let Some(key) = text("x-api-key") {
            return self.by_key(&key);
        }
        if self.needs_login() {
            return Err(refused("Unauthorized, Force Logins Enabled"));
        }
        if self.trusted { Ok(TRUSTED.to_owned()) } else { Err(refused("Unauthorized")) }
    }

    fn needs_login(&self) -> bool {
        self.force_logins && !self.users.is_empty()
    }

    pub(super) fn by_key(&self, key: &str) -> Answer<String> {
        if key == self.key { Ok(KEY_USER.to_owned()) } else { Err(refused("Invalid API Key")) }
    }

    pub(super) fn by_token(&self, token: &str) -> Answer<String> {
        self.token_user(token, "access").ok_or_else(|| refused("JWT Decode Error"))
    }

    fn token_user(&self, token: &str, kind: &str) -> Option<String> {
        let (message, signature) = token.rsplit_once('.')?;
        if signature != self.signature(message) {
            return None;
        }
        let payload = URL_SAFE_NO_PAD.decode(message.split_once('.')?.1).ok()?;
        let payload: Value = serde_json::from_slice(&payload).ok()?;
        let name = payload["username"].as_str()?;
        let valid = payload["token_type"] == kind
            && payload["exp"].as_f64()? >= unix_time()
            && self.users.get(name)?.login == Some(payload["login"].as_u64()?);
        valid.then(|| name.to_owned())
    }

    fn token(&self, name: &str, login: u64, kind: &str, lifetime: f64) -> String {
        let now = unix_time();
        let head = json!({ "alg": "EdDSA", "typ": "JWT", "kid": sha256_hex(self.secret.as_bytes()) });
        let payload = json!({
            "iss": "Moonraker", "aud": "Moonraker", "iat": now, "exp": now + lifetime, "username": name,
            "token_type": kind, "login": login,
        });
        let [head, payload] = [head, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{head}.{payload}");
        let signature = self.signature(&message);
        format!("{message}.{signature}")
    }

    /// As long as a real signature, and as hard to guess for those who do not know the secret.
    fn signature(&self, message: &str) -> String {
        URL_SAFE_NO_PAD.encode(Sha512::digest(format!("{}{message}", self.secret)))
    }

    fn random(&mut self) -> String {
        self.given += 1;
        sha256_hex(format!("{}{}", self.secret, self.given).as_bytes())[..32].to_owned()
    }

    fn log_in(&mut self, name: &str, action: &str) -> Value {
        self.given += 1;
        let login = self.users.get(name).and_then(|user| user.login).unwrap_or(self.given);
        if let Some(user) = self.users.get_mut(name) {
            user.login = Some(login);
        }
        json!({
            "username": name,
            "token": self.token(name, login, "access", self.token_lifetime),
            "source": SOURCE,
            "refresh_token": self.token(name, login, "refresh", REFRESH),
            "action": action,
        })
    }

    fn describe(&self, name: &str) -> Value {
        let created_on = self.users.get(name).map_or(self.started, |user| user.created_on);
        json!({ "username": name, "source": SOURCE, "created_on": created_on })
    }
}

fn refused(why: &str) -> Failure {
    Failure::hidden(401, why)
}

/// Whether a path can be asked for by anybody.
pub(super) fn is_open(path: &str) -> bool {
    matches!(path, "/access/info" | "/access/login" | "/access/refresh_jwt")
}

pub(super) fn info(shared: &Shared) -> Answer {
    let access = &shared.lock().access;
    let login_required = access.needs_login();
    Ok(json!({
        "default_source": SOURCE,
        "available_sources": [SOURCE],
        "login_required": login_required,
        "trusted": access.trusted && !login_required,
    }))
}

pub(super) fn login(shared: &Shared, params: &Params) -> Answer {
    let (name, password) = (params.needed("username")?, params.needed("password")?);
    let access = &mut shared.lock().access;
    let user = access.users.get(&name);
    let user = user.ok_or_else(|| Failure::bad(format!("Unregistered User: {name}")))?;
    if user.password != password {
        return Err(Failure::bad("Invalid Password"));
    }
    Ok(access.log_in(&name, "user_logged_in"))
}

pub(super) fn refresh(shared: &Shared, params: &Params) -> Answer {
    let token = params.needed("refresh_token")?;
    let access = &shared.lock().access;
    let name =
        access.token_user(&token, "refresh").ok_or_else(|| Failure::new(401, "Invalid Refresh Token"))?;
    let login = access.users.get(&name).and_then(|user| user.login).unwrap_or_default();
    Ok(json!({
        "username": name,
        "token": access.token(&name, login, "access", access.token_lifetime),
        "source": SOURCE,
        "action": "user_jwt_refresh",
    }))
}

pub(super) fn logout(shared: &Shared, who: &str) -> Answer {
    let mut inner = shared.lock();
    let user = inner
        .access
        .users
        .get_mut(who)
        .ok_or_else(|| Failure::bad(format!("Invalid log out request for user {who}")))?;
    user.login = None;
    for client in inner.clients.open.values_mut().filter(|client| client.user.as_deref() == Some(who)) {
        client.user = None;
    }
    inner.notify("notify_user_logged_out", Some(json!([{ "username": who }])));
    Ok(json!({ "username": who, "action": "user_logged_out" }))
}

pub(super) fn user(shared: &Shared, who: &str) -> Answer {
    Ok(shared.lock().access.describe(who))
}

pub(super) fn users(shared: &Shared) -> Answer {
    let access = &shared.lock().access;
    let users: Vec<Value> = access.users.keys().map(|name| access.describe(name)).collect();
    Ok(json!({ "users": users }))
}

pub(super) fn create_user(shared: &Shared, params: &Params) -> Answer {
    let (name, password) = (params.needed("username")?, params.needed("password")?);
    let mut inner = shared.lock();
    if inner.access.users.contains_key(&name) || name.starts_with('_') {
        return Err(Failure::bad(format!("User {name} already exists")));
    }
    inner.access.users.insert(name.clone(), User { password, created_on: unix_time(), login: None });
    inner.notify("notify_user_created", Some(json!([{ "username": name }])));
    Ok(inner.access.log_in(&name, "user_created"))
}

pub(super) fn delete_user(shared: &Shared, params: &Params, who: &str) -> Answer {
    let name = params.needed("username")?;
    if name == who {
        return Err(Failure::bad("Cannot delete logged in user"));
    }
    let mut inner = shared.lock();
    if inner.access.users.remove(&name).is_none() {
        return Err(Failure::bad(format!("No registered user: {name}")));
    }
    inner.notify("notify_user_deleted", Some(json!([{ "username": name }])));
    Ok(json!({ "username": name, "action": "user_deleted" }))
}

pub(super) fn change_password(shared: &Shared, params: &Params, who: &str) -> Answer {
    let (old, new) = (params.needed("password")?, params.needed("new_password")?);
    let access = &mut shared.lock().access;
    let user = access
        .users
        .get_mut(who)
        .ok_or_else(|| Failure::bad(format!("Invalid Reset Request for user {who}")))?;
    if user.password != old {
        return Err(Failure::bad("Invalid Password"));
    }
    user.password = new;
    Ok(json!({ "username": who, "action": "user_password_reset" }))
}

pub(super) fn one_shot_token(shared: &Shared, who: &str) -> Answer {
    let access = &mut shared.lock().access;
    let token = access.random();
    access.one_shot.retain(|_, (given, _)| given.elapsed() <= ONE_SHOT);
    access.one_shot.insert(token.clone(), (Instant::now(), who.to_owned()));
    Ok(json!(token))
}

pub(super) fn api_key(shared: &Shared) -> Answer {
    Ok(json!(shared.lock().access.key))
}

pub(super) fn new_api_key(shared: &Shared) -> Answer {
    let access = &mut shared.lock().access;
    access.key = access.random();
    Ok(json!(access.key))
}
