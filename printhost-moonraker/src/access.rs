//! Being let in: tokens for a user and a password, and what to say when it does not work.

use alloc::{format, string::String, vec::Vec};

use printhost_core::{Error, ErrorKind, Result, Secret};
use printhost_net::{BaseUrl, Body, Login, NO_BODY, Net, rest::Rest};
use serde::de::DeserializeOwned;

use crate::{
    Moonraker,
    api::{Call, DIALECT},
    config::Means,
    wire::{
        self,
        rpc::{Answer, quoted},
    },
};

const LOGIN: &str = "/access/login";
const REFRESH: &str = "/access/refresh_jwt";

/// What renews a login. Whoever holds the lock is the only one who logs in.
#[derive(Debug, Default)]
pub(crate) struct Renewal {
    refresh: Option<Secret>,
}

impl<N: Net> Moonraker<N> {
    /// Sees to it that there is a token other than the `refused` one, if it takes one. Several requests that are refused
    /// at the same time log in once.
    pub(crate) async fn renew(
        &self,
        operation: &'static str,
        base: &BaseUrl,
        refused: Option<&Secret>,
    ) -> Result<()> {
        let Means::User { name, password } = &self.config.means else { return Ok(()) };
        let mut renewal = self.renewal.lock().await;
        let has = self.config.login.token(&base.origin);
        if has.is_some() && has.as_ref() != refused {
            return Ok(());
        }
        if let Some(refresh) = renewal.refresh.clone() {
            let body = format!(r#"{{"refresh_token":{}}}"#, quoted(refresh.expose()));
            match self.tokens(operation, base, REFRESH, password, Some(&refresh), &body).await {
                Ok(tokens) => {
                    self.config.login.renew(&base.origin, Some(tokens.token.into()));
                    return Ok(());
                }
                Err(e) if e.http_status().is_some_and(|status| status < 500) => renewal.refresh = None,
                Err(e) => return Err(e),
            }
        }
        let body = format!(r#"{{"username":{},"password":{}}}"#, quoted(name), quoted(password.expose()));
        // A wrong password is 400.
        let tokens = self.tokens(operation, base, LOGIN, password, None, &body).await.map_err(|e| match e
            .http_status()
        {
            Some(status @ (400 | 401 | 403)) => Error::new(ErrorKind::Unauthorized, operation)
                .with_http(status)
                .with_detail("Moonraker does not accept the user or the password"),
            _ => e,
        })?;
        renewal.refresh = tokens.refresh_token.map(Secret::from);
        if let Some(refresh) = &renewal.refresh {
            self.config.login.hide(refresh.clone());
        }
        self.config.login.renew(&base.origin, Some(tokens.token.into()));
        Ok(())
    }

    /// Nothing of what is answered here ever becomes part of an error, but for a refusal without the secrets.
    async fn tokens(
        &self,
        operation: &'static str,
        base: &BaseUrl,
        path: &str,
        password: &Secret,
        refresh: Option<&Secret>,
        body: &str,
    ) -> Result<wire::Tokens> {
        let stranger = Login::none().hiding(password.clone());
        refresh.into_iter().for_each(|refresh| stranger.hide(refresh.clone()));
        let rest = Rest::new(&self.net, &stranger, &DIALECT);
        let response =
            rest.exchange(base, Call::post_json(operation, path), Body::bytes(body.as_bytes())).await?;
        let answer = rest.json_body(operation, response).await?;
        let tokens: Option<Answer<wire::Tokens>> = serde_json::from_slice(&answer).ok();
        tokens.map(|answer| answer.result).ok_or_else(|| {
            Error::new(ErrorKind::Protocol, operation).with_detail("the login brought no token")
        })
    }

    /// Says what Moonraker wants instead of what it has refused.
    pub(crate) async fn explain(&self, base: &BaseUrl, refused: Error) -> Error {
        let stranger = Login::none();
        let rest = Rest::new(&self.net, &stranger, &DIALECT);
        let call = Call::get(refused.operation(), "/access/info");
        let Ok(response) = rest.exchange(base, call, NO_BODY).await else { return refused };
        let Ok(answer) = rest.json_body(refused.operation(), response).await else { return refused };
        let Ok(info) = parse::<wire::AccessInfo>(&answer) else { return refused };
        let sources: Vec<&str> = info.available_sources.iter().take(4).map(|s| s.0.as_str()).collect();
        let users = match sources.as_slice() {
            [] => String::from("a user and a password"),
            sources => format!("a user and a password ({})", sources.join(", ")),
        };
        let why = match &self.config.means {
            Means::Trusted if info.login_required == Some(true) => {
                format!("Moonraker asks for an API key, or for {users}")
            }
            Means::Trusted => {
                format!("Moonraker does not trust this client's address; it takes an API key, or {users}")
            }
            Means::Key(_) => format!("Moonraker does not accept the API key; it also takes {users}"),
            Means::User { .. } => {
                "Moonraker does not accept the user or the password; it also takes an API key".into()
            }
        };
        // It may repeat what it has been shown.
        refused.with_detail(self.config.login.redact(&why))
    }
}

fn parse<T: DeserializeOwned>(answer: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice::<Answer<T>>(answer).map(|answer| answer.result)
}
