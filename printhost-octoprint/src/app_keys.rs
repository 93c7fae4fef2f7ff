//! Application keys: a key that OctoPrint's user grants with a click, instead of one copied by hand.

use alloc::{format, string::String};
use core::{fmt, time::Duration};

use printhost_core::{Clock, Error, ErrorKind, Result, Retry, Secret};
use printhost_net::{BaseUrl, Body, Login, NO_BODY, Net, proto::percent::encode_component, rest::Rest};

use crate::{
    api::{self, Call, DIALECT, parse},
    wire::{AppKeyAsked, AppKeyGranted, Order},
};

/// How often OctoPrint wants to be asked.
const POLL: Duration = Duration::from_secs(1);
/// Without a question for so long, OctoPrint takes the request for abandoned.
const ABANDONED: Duration = Duration::from_secs(5);
const OPERATION: &str = "application key";

/// Asks OctoPrint for a key for the application `app`; its user then sees a question with that name. With `user`, only
/// that user does. Redirects are followed to the same host, as [`printhost_core::PrintHost::connect`] does.
///
/// - [`ErrorKind::Unsupported`] when this OctoPrint has no application keys (the bundled plugin is disabled, or it is
///   older than 1.3.10).
/// - [`ErrorKind::Busy`] when there were too many requests: 3 a minute, 5 in ten minutes, 10 an hour.
/// - [`ErrorKind::InvalidInput`] for an application without a name.
///
/// The request lives for as long as it is polled: once nobody has for 5 s, OctoPrint drops it and its question
/// disappears. So dropping this or what it returns leaves nothing behind.
pub async fn request_app_key<'n, N: Net>(
    net: &'n N,
    url: &BaseUrl,
    app: &str,
    user: Option<&str>,
) -> Result<AppKeyRequest<'n, N>> {
    if app.trim().is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, OPERATION).with_detail("the application has no name"));
    }
    let login = Login::none();
    let rest = Rest::new(net, &login, &DIALECT);
    let (base, response) = match rest.settle(url, Call::get(OPERATION, "/plugin/appkeys/probe")).await {
        Ok(found) => found,
        Err(e) if matches!(e.http_status(), Some(404 | 405)) => {
            return Err(Error::unsupported(OPERATION).with_detail("there are no application keys here"));
        }
        Err(e) => return Err(e.in_operation(OPERATION)),
    };
    let status = response.status();
    response.finish().await;
    if status != 204 {
        return Err(Error::unsupported(OPERATION)
            .with_http(status)
            .with_detail("there are no application keys here"));
    }
    let body = api::json(OPERATION, &Order { app: Some(app), user, ..Order::default() })?;
    let call = Call::post_json(OPERATION, "/plugin/appkeys/request");
    let response = rest.exchange(&base, call, Body::bytes(&body)).await;
    // A request whose answer is lost is never polled, and so is gone in 5 s.
    let safe = |e: Error| if e.retry() == Retry::ReadFirst { e.with_retry(Retry::Safe) } else { e };
    let bytes = rest.json_body(OPERATION, response.map_err(safe)?).await?;
    let asked: AppKeyAsked = parse(&login, OPERATION, &bytes)?;
    let token: Secret = asked.app_token.into();
    Ok(AppKeyRequest { net, base, login: login.hiding(token.clone()), token, dialog: asked.auth_dialog })
}

/// A request that waits for its user's decision. See [`request_app_key`].
pub struct AppKeyRequest<'n, N: Net> {
    net: &'n N,
    base: BaseUrl,
    login: Login,
    token: Secret,
    dialog: Option<String>,
}

impl<N: Net> AppKeyRequest<'_, N> {
    /// Where the user can decide in a browser, as OctoPrint names itself; since 1.8. The question is also shown to
    /// whoever has OctoPrint open.
    pub fn auth_dialog(&self) -> Option<&str> {
        self.dialog.as_deref()
    }

    /// Asks once whether there is a decision: the key, or `None` while there is none. To be called every second.
    ///
    /// [`ErrorKind::Unauthorized`] when the user has denied it, or nobody asked for 5 s: OctoPrint does not tell which.
    /// OctoPrint hands a key out once: when that answer is lost, so is the key, and the next poll says the same.
    pub async fn poll(&self) -> Result<Option<Secret>> {
        let mut path = String::from("/plugin/appkeys/request/");
        encode_component(&mut path, self.token.expose());
        let call = Call::get(OPERATION, &path);
        let rest = Rest::new(self.net, &self.login, &DIALECT);
        let response = match rest.exchange(&self.base, call, NO_BODY).await {
            Ok(response) => response,
            Err(e) if e.http_status() == Some(404) => {
                return Err(Error::new(ErrorKind::Unauthorized, OPERATION)
                    .with_http(404)
                    .with_detail("denied by the user, or not decided in time"));
            }
            Err(e) => return Err(e),
        };
        if response.status() == 202 {
            response.finish().await;
            return Ok(None);
        }
        let bytes = rest.json_body(OPERATION, response).await?;
        let granted: AppKeyGranted = parse(&self.login, OPERATION, &bytes)?;
        Ok(Some(granted.api_key.into()))
    }

    /// Polls until there is a decision. A broken connection is made good while the request can still be alive.
    /// There is no deadline but OctoPrint's own of ten minutes; dropping the future drops the request.
    pub async fn wait(&self) -> Result<Secret> {
        let clock = self.net.parts().clock();
        let mut asked = clock.now();
        loop {
            match self.poll().await {
                Ok(Some(key)) => return Ok(key),
                Ok(None) => asked = clock.now(),
                Err(e) if e.retry() == Retry::Safe && clock.now() - asked < ABANDONED => {}
                Err(e) => return Err(e),
            }
            clock.sleep(POLL).await;
        }
    }
}

impl<N: Net> fmt::Debug for AppKeyRequest<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The dialog's address has the token in it.
        f.write_str(&format!("AppKeyRequest({})", self.base))
    }
}
