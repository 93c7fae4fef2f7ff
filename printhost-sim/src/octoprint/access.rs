//! Who asks: keys, sessions, cookies and the token against forged requests.

use std::collections::VecDeque;

use hyper::header::{self, HeaderMap};
use tokio::time::{Duration, Instant};

use super::appkeys::AppKeys;
use super::{SimConfig, permissions};
use crate::uri::{query_value, sha1_hex};

/// The user a global API key stands for.
pub(super) const GLOBAL_USER: &str = "_api";
const LIVE_SESSIONS: usize = 256;
/// So many refused attempts are allowed in so many seconds.
const LIMITS: [(usize, u64); 3] = [(3, 60), (5, 600), (10, 3600)];

/// Who sent a request.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// Unset for a guest.
    pub(super) name: Option<String>,
    pub(super) groups: Vec<&'static str>,
    /// `apikey` or `password`.
    pub(super) mechanism: &'static str,
    /// The session of the cookie, for one who logged in.
    pub(super) session: Option<String>,
}

impl Who {
    pub(super) fn guest() -> Self {
        Self { name: None, groups: vec!["guests"], mechanism: "", session: None }
    }

    pub(super) fn may(&self, permission: &str) -> bool {
        self.groups.iter().any(|group| permissions::has(group, permission))
    }

    /// The name to put on files and jobs.
    pub(super) fn user(&self) -> String {
        self.name.clone().unwrap_or_else(|| GLOBAL_USER.to_owned())
    }
}

/// Accounts, keys and sessions.
#[derive(Debug)]
pub(super) struct Access {
    global_key: String,
    accounts: Vec<Account>,
    pub(super) app_keys: AppKeys,
    /// Sessions and whose they are.
    sessions: VecDeque<(String, String)>,
    given: u64,
    pub(super) refused_logins: Attempts,
    seed: String,
}

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) name: String,
    password: Option<String>,
    pub(super) groups: Vec<&'static str>,
    pub(super) api_key: Option<String>,
}

impl Access {
    pub(super) fn new(config: &SimConfig, seed: String) -> Self {
        let account = |user: &super::User| Account {
            name: user.name.clone(),
            password: Some(user.password.clone()),
            groups: vec![user.group.key()],
            api_key: user.api_key.clone(),
        };
        Self {
            global_key: config.api_key.clone(),
            accounts: config.users.iter().map(account).collect(),
            app_keys: AppKeys::new(config),
            sessions: VecDeque::new(),
            given: 0,
            refused_logins: Attempts::new(config.rate_limits),
            seed,
        }
    }

    /// Forgets everything that a real server only has in memory.
    pub(super) fn forget(&mut self) {
        self.sessions.clear();
        self.app_keys.forget_requests();
        self.refused_logins.forget();
    }

    pub(super) fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    pub(super) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// Whose credentials these are; a guest without valid ones.
    pub(super) fn who(&self, headers: &HeaderMap, query: Option<&str>, port: u16) -> Who {
        let by_key = api_key(headers, query).and_then(|key| self.by_key(&key));
        let by_session = || {
            let session = cookie(headers, &format!("session_P{port}"))?;
            let (_, user) = self.sessions.iter().find(|(open, _)| *open == session)?;
            self.user(user, "password", Some(session))
        };
        by_key.or_else(by_session).unwrap_or_else(Who::guest)
    }

    fn by_key(&self, key: &str) -> Option<Who> {
        if key == self.global_key {
            return self.user(GLOBAL_USER, "apikey", None);
        }
        let account = self.accounts.iter().find(|account| account.api_key.as_deref() == Some(key));
        let name = account.map(|account| account.name.as_str()).or_else(|| self.app_keys.user_of(key))?;
        self.user(name, "apikey", None)
    }

    fn user(&self, name: &str, mechanism: &'static str, session: Option<String>) -> Option<Who> {
        let groups =
            if name == GLOBAL_USER { vec!["admins", "users"] } else { self.account(name)?.groups.clone() };
        Some(Who { name: Some(name.to_owned()), groups, mechanism, session })
    }

    /// The user, if the password is theirs.
    pub(super) fn login(&mut self, name: &str, password: &str) -> Option<Who> {
        let valid = self.account(name).is_some_and(|account| account.password.as_deref() == Some(password));
        if !valid {
            return None;
        }
        let session = self.open_session(name);
        self.user(name, "password", Some(session))
    }

    /// Opens a session, which the push channel accepts, too.
    pub(super) fn open_session(&mut self, user: &str) -> String {
        let session = self.secret() + &self.secret()[..24];
        if self.sessions.len() == LIVE_SESSIONS {
            self.sessions.pop_front();
        }
        self.sessions.push_back((session.clone(), user.to_owned()));
        session
    }

    pub(super) fn close_session(&mut self, session: &str) {
        self.sessions.retain(|(open, _)| open != session);
    }

    /// Whether `auth` is `user:session` of an open session; gives the session.
    pub(super) fn session_of<'a>(&self, auth: &'a str) -> Option<&'a str> {
        let (user, session) = auth.split_once(':')?;
        self.sessions.iter().any(|(open, whose)| open == session && whose == user).then_some(session)
    }

    /// A token for the cookie and the header that together show where a request comes from.
    pub(super) fn csrf_token(&mut self) -> String {
        let nonce = self.secret();
        let signature = self.sign(&nonce);
        format!("{nonce}.{signature}")
    }

    /// Whether the header repeats the cookie's token, and the token is ours.
    pub(super) fn csrf_is_valid(&self, headers: &HeaderMap, port: u16) -> bool {
        let sent = headers.get("x-csrf-token").and_then(|token| token.to_str().ok());
        let Some(token) = sent.filter(|_| cookie(headers, &format!("csrf_token_P{port}")).as_deref() == sent)
        else {
            return false;
        };
        token.split_once('.').is_some_and(|(nonce, signature)| signature == self.sign(nonce))
    }

    /// Forty digits that nobody has got before.
    pub(super) fn secret(&mut self) -> String {
        self.given += 1;
        sha1_hex(format!("{}:{}:{}", self.seed, self.given, self.global_key).as_bytes())
    }

    fn sign(&self, text: &str) -> String {
        sha1_hex(format!("{text}:{}", self.seed).as_bytes())
    }
}

/// Attempts of some kind, which are limited in number.
#[derive(Debug)]
pub(super) struct Attempts {
    limited: bool,
    times: VecDeque<Instant>,
}

impl Attempts {
    pub(super) fn new(limited: bool) -> Self {
        Self { limited, times: VecDeque::new() }
    }

    pub(super) fn forget(&mut self) {
        self.times.clear();
    }

    pub(super) fn count(&mut self) {
        self.times.push_back(Instant::now());
        let most = LIMITS.iter().map(|(count, _)| *count).max().unwrap_or_default();
        while self.times.len() > most {
            self.times.pop_front();
        }
    }

    pub(super) fn too_many(&self) -> bool {
        let within = |seconds| {
            let recent = |time: &&Instant| time.elapsed() < Duration::from_secs(seconds);
            self.times.iter().filter(recent).count()
        };
        self.limited && LIMITS.iter().any(|(count, seconds)| within(*seconds) >= *count)
    }
}

/// The value of a cookie.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// The key of a request, however it is given.
pub(super) fn api_key(headers: &HeaderMap, query: Option<&str>) -> Option<String> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    header("x-api-key").or_else(bearer).map(str::to_owned).or_else(|| query_value(query, "apikey"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn three_refusals_a_minute_are_allowed_and_five_in_ten() {
        let mut attempts = Attempts::new(true);
        for _ in 0..3 {
            assert!(!attempts.too_many());
            attempts.count();
        }
        assert!(attempts.too_many());
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(!attempts.too_many());
        attempts.count();
        attempts.count();
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(attempts.too_many(), "five in ten minutes");
        let unlimited = Attempts { limited: false, ..attempts };
        assert!(!unlimited.too_many());
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "a=1; session_P5000=x.y; b=2".parse().expect("a value"));
        assert_eq!(cookie(&headers, "session_P5000").as_deref(), Some("x.y"));
        assert_eq!(cookie(&headers, "session"), None);
    }
}
