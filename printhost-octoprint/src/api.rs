//! Requests to OctoPrint's REST interface, and what its refusals mean.

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use embedded_io_async::Read;
use printhost_core::{Error, ErrorKind, Result, Retry};
use printhost_net::{BaseUrl, Body, Method, NO_BODY, Net, Request, http::ResponseOf};
use serde::{Serialize, de::DeserializeOwned};

use crate::{OctoPrint, wire};

/// How much of a refusal is read, in bytes.
const REFUSAL: usize = 1024;
/// The longest wait a host can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Beyond the usual.
pub(crate) struct Call<'a> {
    pub operation: &'static str,
    pub method: Method,
    pub path: &'a str,
    pub content_type: Option<&'a str>,
    pub answer: Option<Duration>,
}

impl<N: Net> OctoPrint<N> {
    /// Sends one request to `base`; a status of 300 and above becomes an error.
    pub(crate) async fn request_at<R: Read + ?Sized>(
        &self,
        base: &BaseUrl,
        call: Call<'_>,
        body: Body<'_, R>,
    ) -> Result<ResponseOf<'_, N>> {
        let key = self.config.api_key.expose();
        let fields = [("X-Api-Key", key), ("Content-Type", call.content_type.unwrap_or_default())];
        let fields = if call.content_type.is_some() { &fields[..] } else { &fields[..1] };
        let target = base.target(call.path);
        let mut request = Request::new(call.operation, call.method, &base.origin, &target).headers(fields);
        request.answer = call.answer;
        let mut response = self.net.parts().send(&request, body).await?;
        if (200..300).contains(&response.status()) {
            return Ok(response);
        }
        let json = response.header("content-type").is_some_and(|t| t.contains("json"));
        let html = response.header("content-type").is_some_and(|t| t.contains("html"));
        let location = response.header("location").filter(|l| !l.is_empty()).map(|l| self.without_key(l));
        let seconds = response.header("retry-after").and_then(|v| v.parse().ok());
        // A refusal without a readable body is still that refusal.
        let text = response.read_start(REFUSAL).await.unwrap_or_default();
        let detail = match serde_json::from_slice::<wire::Failure>(&text) {
            Ok(failure) => failure.error,
            Err(_) if json || html => String::new(),
            Err(_) => String::from_utf8_lossy(&text).into_owned(),
        };
        let detail = self.without_key(&detail);
        let status = response.status();
        let mut error = refusal(call.operation, call.method, status, &detail, text.is_empty());
        match (status, location) {
            (300..400, Some(location)) => {
                error =
                    Error::new(ErrorKind::Redirected, call.operation).with_http(status).with_detail(location);
            }
            _ if html => error = error.with_detail("the host answered with an HTML page"),
            _ => {}
        }
        // When to come back says nothing about whether the host has acted.
        if let (Some(seconds), Retry::Safe) = (seconds, error.retry()) {
            error = error.with_retry(Retry::After(Duration::from_secs(seconds).min(LONGEST_WAIT)));
        }
        Err(error)
    }

    /// A host may repeat what it was sent.
    pub(crate) fn without_key(&self, text: &str) -> String {
        self.config.api_key.redact(text)
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
        self.parse(operation, &self.get_bytes(operation, path).await?)
    }

    /// Apart from [`Self::get`], so that it exists once and not for every type of answer.
    async fn get_bytes(&self, operation: &'static str, path: &str) -> Result<Vec<u8>> {
        let call = Call { operation, method: Method::Get, path, content_type: None, answer: None };
        let response = self.request(call, NO_BODY).await?;
        self.body(operation, response).await
    }

    /// POST of some JSON. The status settles it: an answer whose body is then cut does not undo what was done.
    pub(crate) async fn post(
        &self,
        operation: &'static str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<()> {
        self.post_response(operation, path, body).await?.finish().await;
        Ok(())
    }

    /// POST of some JSON.
    pub(crate) async fn post_response(
        &self,
        operation: &'static str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<ResponseOf<'_, N>> {
        let json = serde_json::to_vec(body)
            .map_err(|e| Error::new(ErrorKind::InvalidInput, operation).with_detail(e))?;
        let content_type = Some("application/json");
        let call = Call { operation, method: Method::Post, path, content_type, answer: None };
        self.request(call, Body::bytes(&json)).await
    }

    /// The body of an answer, bounded by [`printhost_net::Limits::json`].
    pub(crate) async fn body(
        &self,
        operation: &'static str,
        mut response: ResponseOf<'_, N>,
    ) -> Result<Vec<u8>> {
        self.uncompressed(operation, &response)?;
        let max = self.net.parts().limits().json;
        response.read_to_end(max).await.map_err(|e| e.in_operation(operation))
    }

    /// The JSON of an answer.
    pub(crate) fn parse<T: DeserializeOwned>(&self, operation: &'static str, bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|e| self.not_json(operation, bytes, &e))
    }

    /// What is wrong with some JSON may quote it.
    pub(crate) fn not_json(&self, operation: &'static str, bytes: &[u8], error: &serde_json::Error) -> Error {
        let what = match bytes.trim_ascii_start().starts_with(b"<") {
            true => HTML.into(),
            false => self.without_key(&format!("{error}")),
        };
        Error::new(ErrorKind::Protocol, operation).with_detail(what)
    }

    /// Refuses an answer that a proxy has compressed although nobody asked for that.
    pub(crate) fn uncompressed(&self, operation: &'static str, response: &ResponseOf<'_, N>) -> Result<()> {
        match response.header("content-encoding") {
            Some(coding) if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") => {
                let what = self.without_key(&format!("the answer is compressed ({coding}) unasked"));
                Err(Error::new(ErrorKind::Protocol, operation).with_detail(what))
            }
            _ => Ok(()),
        }
    }
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
        409 => ErrorKind::Conflict,
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
        assert_eq!(kind(Method::Post, 409, "Printer is not operational"), ErrorKind::Conflict);
        assert_eq!(kind(Method::Post, 415, "Could not upload file, invalid type"), ErrorKind::InvalidInput);
        assert_eq!(kind(Method::Get, 405, ""), ErrorKind::Protocol);
        assert_eq!(refusal("connect", Method::Get, 404, "", true).kind(), ErrorKind::Protocol);
        assert_eq!(refusal("x", Method::Post, 502, "", true).retry(), Retry::ReadFirst);
        assert_eq!(refusal("x", Method::Get, 502, "", true).retry(), Retry::Safe);
    }
}
