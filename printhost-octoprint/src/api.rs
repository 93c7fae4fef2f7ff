//! Requests to OctoPrint's REST interface, and what its refusals mean.

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use embedded_io_async::Read;
use printhost_core::{Error, ErrorKind, Result, Retry, Secret};
use printhost_net::{BaseUrl, Body, Method, NO_BODY, Net, Request, http::ResponseOf};
use serde::{Serialize, de::DeserializeOwned};

use crate::{OctoPrint, json, wire};

/// How much of a refusal is read, in bytes.
pub(crate) const REFUSAL: usize = 1024;
/// The longest address of a redirect, in bytes.
pub(crate) const LOCATION: usize = 1024;
/// How many redirects lead to an OctoPrint at most.
const MAX_REDIRECTS: usize = 3;
/// The longest wait a host can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A request, but for its body and where it goes.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub operation: &'static str,
    pub method: Method,
    pub path: &'a str,
    pub content_type: Option<&'a str>,
    pub answer: Option<Duration>,
    /// Asks OctoPrint 2.0 for its own shapes instead of those of 1.x.
    pub second_shape: bool,
}

impl<'a> Call<'a> {
    pub(crate) const fn new(operation: &'static str, method: Method, path: &'a str) -> Self {
        Self { operation, method, path, content_type: None, answer: None, second_shape: false }
    }

    pub(crate) const fn get(operation: &'static str, path: &'a str) -> Self {
        Self::new(operation, Method::Get, path)
    }

    pub(crate) const fn post_json(operation: &'static str, path: &'a str) -> Self {
        Self { content_type: Some("application/json"), ..Self::new(operation, Method::Post, path) }
    }

    pub(crate) const fn in_second_shape(mut self) -> Self {
        self.second_shape = true;
        self
    }
}

/// Sends one request to `base`, with the key if there is one; a status of 300 and above becomes an error, without
/// `secret` in it.
pub(crate) async fn exchange<'n, N: Net, R: Read + ?Sized>(
    net: &'n N,
    base: &BaseUrl,
    key: Option<&Secret>,
    secret: &Secret,
    call: Call<'_>,
    body: Body<'_, R>,
) -> Result<ResponseOf<'n, N>> {
    let mut fields = Vec::with_capacity(3);
    fields.extend(key.map(|key| ("X-Api-Key", key.expose())));
    fields.extend(call.content_type.map(|value| ("Content-Type", value)));
    fields.extend(call.second_shape.then_some(("X-OctoPrint-Api-Version", "2.0.0")));
    let target = base.target(call.path);
    let mut request = Request::new(call.operation, call.method, &base.origin, &target).headers(&fields);
    request.answer = call.answer;
    let mut response = net.parts().send(&request, body).await?;
    if (200..300).contains(&response.status()) {
        return Ok(response);
    }
    let json = response.header("content-type").is_some_and(|t| t.contains("json"));
    let html = response.header("content-type").is_some_and(|t| t.contains("html"));
    let location = response.header("location").filter(|l| (1..=LOCATION).contains(&l.len()));
    let location = location.map(|l| secret.redact(l));
    let seconds = response.header("retry-after").and_then(|v| v.parse().ok());
    // A refusal without a readable body is still that refusal.
    let text = response.read_start(REFUSAL).await.unwrap_or_default();
    // A page's head may come without anything of a page in it: OctoPrint's own words as text/html.
    let page = html && text.trim_ascii_start().starts_with(b"<");
    let detail = match json::from_slice::<wire::Failure>(&text) {
        Ok(failure) => failure.error,
        Err(_) if json || page => String::new(),
        Err(_) => String::from_utf8_lossy(&text).into_owned(),
    };
    let detail = secret.redact(&detail);
    let status = response.status();
    let mut error = refusal(call.operation, call.method, status, &detail, text.is_empty());
    match (status, location) {
        (300..400, Some(location)) => {
            error = Error::new(ErrorKind::Redirected, call.operation).with_http(status).with_detail(location);
        }
        _ if page => error = error.with_detail("the host answered with an HTML page"),
        _ => {}
    }
    // When to come back says nothing about whether the host has acted.
    if let (Some(seconds), Retry::Safe) = (seconds, error.retry()) {
        error = error.with_retry(Retry::After(Duration::from_secs(seconds).min(LONGEST_WAIT)));
    }
    Err(error)
}

/// Follows the redirects of a GET from `base`, to the same host only; returns where that led and the answer.
pub(crate) async fn settle<'n, N: Net>(
    net: &'n N,
    from: &BaseUrl,
    key: Option<&Secret>,
    secret: &Secret,
    call: Call<'_>,
) -> Result<(BaseUrl, ResponseOf<'n, N>)> {
    let mut base = from.clone();
    for _ in 0..=MAX_REDIRECTS {
        match exchange(net, &base, key, secret, call, NO_BODY).await {
            Ok(response) => return Ok((base, response)),
            Err(e) if e.kind() == ErrorKind::Redirected => {
                let to = base.redirected(call.path, e.detail().unwrap_or_default());
                base = to.map_err(|refused| match e.http_status() {
                    Some(status) => refused.with_http(status),
                    None => refused,
                })?;
            }
            Err(e) => return Err(e),
        }
    }
    Err(Error::new(ErrorKind::Redirected, call.operation).with_detail("the host redirects in a circle"))
}

/// The body of an answer, bounded by [`printhost_net::Limits::json`].
pub(crate) async fn json_body<N: Net>(
    net: &N,
    operation: &'static str,
    mut response: ResponseOf<'_, N>,
    secret: &Secret,
) -> Result<Vec<u8>> {
    if let Some(refused) = compressed(operation, response.header("content-encoding"), secret) {
        return Err(refused);
    }
    let max = net.parts().limits().json;
    let body = response.read_to_end(max).await.map_err(|e| e.in_operation(operation))?;
    match json::is_plain(&body, max) || body.trim_ascii_start().starts_with(b"<") {
        true => Ok(body),
        false => Err(Error::new(ErrorKind::Protocol, operation).with_detail(json::NOT_PLAIN)),
    }
}

/// Reads JSON; what is wrong with it may quote it.
pub(crate) fn parse<T: DeserializeOwned>(
    operation: &'static str,
    bytes: &[u8],
    secret: &Secret,
) -> Result<T> {
    json::from_slice(bytes).map_err(|error| {
        let what = match bytes.trim_ascii_start().starts_with(b"<") {
            true => HTML.into(),
            false => secret.redact(&format!("{error}")),
        };
        Error::new(ErrorKind::Protocol, operation).with_detail(what)
    })
}

/// Refuses an answer that a proxy has compressed although nobody asked for that.
fn compressed(operation: &'static str, coding: Option<&str>, secret: &Secret) -> Option<Error> {
    let coding = coding.filter(|c| !c.is_empty() && !c.eq_ignore_ascii_case("identity"))?;
    let what = secret.redact(&format!("the answer is compressed ({coding}) unasked"));
    Some(Error::new(ErrorKind::Protocol, operation).with_detail(what))
}

impl<N: Net> OctoPrint<N> {
    /// Sends one request to `base`; a status of 300 and above becomes an error.
    pub(crate) async fn request_at<R: Read + ?Sized>(
        &self,
        base: &BaseUrl,
        call: Call<'_>,
        body: Body<'_, R>,
    ) -> Result<ResponseOf<'_, N>> {
        let key = &self.config.api_key;
        exchange(&self.net, base, Some(key), key, call, body).await
    }

    /// As [`Self::request_at`], where OctoPrint lives as far as known; finds that out first.
    pub(crate) async fn request<R: Read + ?Sized>(
        &self,
        call: Call<'_>,
        body: Body<'_, R>,
    ) -> Result<ResponseOf<'_, N>> {
        let base = self.base(call.operation).await?;
        self.request_at(&base, call, body).await
    }

    /// GET, and the JSON of the answer.
    pub(crate) async fn get<T: DeserializeOwned>(&self, operation: &'static str, path: &str) -> Result<T> {
        self.parse(operation, &self.get_bytes(Call::get(operation, path)).await?)
    }

    /// Apart from [`Self::get`], so that it exists once and not for every type of answer.
    pub(crate) async fn get_bytes(&self, call: Call<'_>) -> Result<Vec<u8>> {
        let response = self.request(call, NO_BODY).await?;
        self.body(call.operation, response).await
    }

    /// POST of some JSON. The status settles it: an answer whose body is then cut does not undo what was done.
    pub(crate) async fn post(&self, operation: &'static str, path: &str, body: Vec<u8>) -> Result<()> {
        self.post_bytes(Call::post_json(operation, path), &body).await?.finish().await;
        Ok(())
    }

    /// POST of some JSON, and the JSON of the answer. An answer that cannot be read does not undo what was done.
    pub(crate) async fn post_for<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T> {
        let response = self.post_bytes(Call::post_json(operation, path), &body).await?;
        let body = self.body(operation, response).await;
        body.and_then(|bytes| self.parse(operation, &bytes)).map_err(|e| e.with_retry(Retry::ReadFirst))
    }

    /// POST of some JSON.
    pub(crate) async fn post_bytes(&self, call: Call<'_>, json: &[u8]) -> Result<ResponseOf<'_, N>> {
        self.request(call, Body::bytes(json)).await
    }

    /// The body of an answer, bounded by [`printhost_net::Limits::json`].
    pub(crate) async fn body(&self, operation: &'static str, response: ResponseOf<'_, N>) -> Result<Vec<u8>> {
        json_body(&self.net, operation, response, &self.config.api_key).await
    }

    /// The JSON of an answer.
    pub(crate) fn parse<T: DeserializeOwned>(&self, operation: &'static str, bytes: &[u8]) -> Result<T> {
        parse(operation, bytes, &self.config.api_key)
    }

    /// Refuses an answer that a proxy has compressed although nobody asked for that.
    pub(crate) fn uncompressed(&self, operation: &'static str, response: &ResponseOf<'_, N>) -> Result<()> {
        compressed(operation, response.header("content-encoding"), &self.config.api_key).map_or(Ok(()), Err)
    }
}

/// A request's body.
pub(crate) fn json(operation: &'static str, body: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(body).map_err(|e| Error::new(ErrorKind::InvalidInput, operation).with_detail(e))
}

/// What a login page or a foreign server is called.
pub(crate) const HTML: &str = "an HTML page instead of JSON";

/// What a status means here. OctoPrint answers a missing or wrong key with 403 to a GET, but with 400 "CSRF
/// validation failed" to everything else; and what is too large with a bare 400 (1.11.8).
fn refusal(operation: &'static str, method: Method, status: u16, detail: &str, empty: bool) -> Error {
    // Whatever answers like that has not been found to be OctoPrint yet.
    let connecting = operation == "connect";
    let kind = match status {
        400 if detail.contains("CSRF") => ErrorKind::Unauthorized,
        400 if empty && !method.is_safe() => ErrorKind::TooLarge,
        401 => ErrorKind::Unauthorized,
        403 if connecting => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        408 => ErrorKind::Timeout,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::Busy,
        507 => ErrorKind::StorageFull,
        500.. => ErrorKind::HostFault,
        _ if connecting => ErrorKind::Protocol,
        404 => ErrorKind::NotFound,
        409 if detail.contains("already exist") => ErrorKind::Exists,
        409 if detail.contains("does not have a heated") => ErrorKind::Unsupported,
        409 => ErrorKind::Conflict,
        412 => ErrorKind::Conflict,
        400 | 414 | 415 => ErrorKind::InvalidInput,
        _ => ErrorKind::Protocol,
    };
    // Of a 404 OctoPrint says no more than its web framework does, which is about typing addresses.
    let detail = if status == 404 && detail.starts_with("The requested URL") { "" } else { detail };
    let error = Error::new(kind, operation).with_http(status).with_detail(detail);
    match kind {
        // A proxy gives up on a host that may well have acted.
        ErrorKind::HostFault | ErrorKind::Timeout if !method.is_safe() => error.with_retry(Retry::ReadFirst),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        let kind = |method, status, detail: &str| {
            refusal("status", method, status, detail, detail.is_empty()).kind()
        };
        assert_eq!(kind(Method::Post, 400, "CSRF validation failed"), ErrorKind::Unauthorized);
        assert_eq!(kind(Method::Post, 400, ""), ErrorKind::TooLarge);
        assert_eq!(kind(Method::Get, 400, ""), ErrorKind::InvalidInput);
        assert_eq!(kind(Method::Get, 403, "no permission"), ErrorKind::Forbidden);
        assert_eq!(refusal("connect", Method::Get, 403, "", true).kind(), ErrorKind::Unauthorized);
        assert_eq!(kind(Method::Post, 409, "File already exists and noOverwrite was set"), ErrorKind::Exists);
        assert_eq!(kind(Method::Post, 409, "File or folder does already exist"), ErrorKind::Exists);
        assert_eq!(kind(Method::Post, 409, "Printer is not operational"), ErrorKind::Conflict);
        assert_eq!(kind(Method::Post, 409, "Printer does not have a heated chamber"), ErrorKind::Unsupported);
        assert_eq!(kind(Method::Post, 415, "Could not upload file, invalid type"), ErrorKind::InvalidInput);
        assert_eq!(kind(Method::Get, 405, ""), ErrorKind::Protocol);
        assert_eq!(refusal("connect", Method::Get, 404, "", true).kind(), ErrorKind::Protocol);
        assert_eq!(refusal("x", Method::Post, 502, "", true).retry(), Retry::ReadFirst);
        assert_eq!(refusal("x", Method::Get, 502, "", true).retry(), Retry::Safe);
    }
}
