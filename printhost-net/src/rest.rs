//! What drivers of REST hosts have in common: requests with credentials, refusals as typed errors with the host's own
//! words, and JSON within limits.

mod answers;
mod pictures;

pub use pictures::has_scheme;

use alloc::{format, string::String, vec::Vec};
use core::{fmt::Display, time::Duration};

use embedded_io_async::Read;
use printhost_core::{Error, ErrorKind, Result, Retry};

use crate::{BaseUrl, Body, Login, Method, NO_BODY, Net, Request, http::ResponseOf};

/// How much of a refusal is read, in bytes.
pub const REFUSAL: usize = 1024;
/// The longest address of a redirect that is followed, in bytes.
pub const LOCATION: usize = 1024;
/// How many redirects lead to a host at most.
const MAX_REDIRECTS: usize = 3;
/// The longest wait a host can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// A request, but for its body, the host and the credentials.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The user's operation, for errors. In `"connect"` nobody knows yet whether this is the right kind of host, and
    /// refusals are taken accordingly.
    pub operation: &'static str,
    /// What to do.
    pub method: Method,
    /// Path and query below the host's prefix, percent-encoded.
    pub path: &'a str,
    /// Further header fields.
    pub headers: &'a [(&'a str, &'a str)],
    /// As [`Request::answer`].
    pub answer: Option<Duration>,
}

impl<'a> Call<'a> {
    /// A call without further header fields.
    pub const fn new(operation: &'static str, method: Method, path: &'a str) -> Self {
        Self { operation, method, path, headers: &[], answer: None }
    }

    /// A call that reads.
    pub const fn get(operation: &'static str, path: &'a str) -> Self {
        Self::new(operation, Method::Get, path)
    }

    /// A POST whose body is JSON.
    pub const fn post_json(operation: &'static str, path: &'a str) -> Self {
        Self::new(operation, Method::Post, path).headers(&[("Content-Type", "application/json")])
    }

    /// With these header fields, in place of others.
    pub const fn headers(mut self, headers: &'a [(&'a str, &'a str)]) -> Self {
        self.headers = headers;
        self
    }
}

/// What one kind of host has of its own.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Dialect {
    /// A path that reads, needs credentials, and is answered shortly.
    pub probe: &'static str,
    /// The host's own words in the body of a refusal, if that is JSON as the host writes it.
    pub words: fn(&[u8]) -> Option<String>,
    /// Corrects the usual meaning of a refusal.
    pub judge: fn(&mut Refusal),
}

impl Dialect {
    /// A dialect.
    pub const fn new(
        probe: &'static str,
        words: fn(&[u8]) -> Option<String>,
        judge: fn(&mut Refusal),
    ) -> Self {
        Self { probe, words, judge }
    }
}

/// An answer with a status of 300 and above, on its way to be an [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The user's operation.
    pub operation: &'static str,
    /// What was asked for.
    pub method: Method,
    /// The status.
    pub status: u16,
    /// What it means: as usual in HTTP, until [`Dialect::judge`] knows better.
    pub kind: ErrorKind,
    /// The host's own words, without secrets. Empty when it has none, or shows a page.
    pub words: String,
    /// There was no body at all.
    pub is_empty: bool,
}

impl Refusal {
    /// A refusal with its usual meaning.
    pub fn new(operation: &'static str, method: Method, status: u16, words: &str) -> Self {
        // Whatever answers like that has not been found to be the right kind of host yet.
        let connecting = operation == "connect";
        let kind = match status {
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
            409 | 412 => ErrorKind::Conflict,
            400 | 414 | 415 | 422 => ErrorKind::InvalidInput,
            _ => ErrorKind::Protocol,
        };
        Self { operation, method, status, kind, words: words.into(), is_empty: words.is_empty() }
    }

    /// The error. [`Retry`] is that of its kind, but [`Retry::ReadFirst`] where a host or a proxy before it has failed
    /// at a request that changes something: it may have acted.
    pub fn error(&self) -> Error {
        let error = Error::new(self.kind, self.operation).with_http(self.status).with_detail(&self.words);
        match self.kind {
            ErrorKind::HostFault | ErrorKind::Timeout if !self.method.is_safe() => {
                error.with_retry(Retry::ReadFirst)
            }
            _ => error,
        }
    }
}

/// One host's REST interface.
#[derive(Debug)]
pub struct Rest<'a, N> {
    net: &'a N,
    login: &'a Login,
    dialect: &'a Dialect,
}

impl<'a, N: Net> Rest<'a, N> {
    /// A host that is spoken to over `net`, with these credentials.
    pub const fn new(net: &'a N, login: &'a Login, dialect: &'a Dialect) -> Self {
        Self { net, login, dialect }
    }

    /// Sends one request with the credentials; a status of 300 and above becomes an error, with the host's own words
    /// as its detail and no secret in it.
    ///
    /// - A body that streams is begun only when the credentials have been accepted: a GET of [`Dialect::probe`] comes
    ///   first, with a key once, with a user and a password every time. If that is refused, so is this.
    /// - [`ErrorKind::Unauthorized`] says what the host asks for instead, if that is something else.
    /// - Further errors are those of [`crate::Parts::send`]. Nothing that may have acted is repeated.
    pub async fn exchange<R: Read + ?Sized>(
        &self,
        base: &BaseUrl,
        call: Call<'_>,
        mut body: Body<'_, R>,
    ) -> Result<ResponseOf<'a, N>> {
        if body.is_streamed() && self.login.wants_proof(&base.origin) {
            let probe = Call::get(call.operation, self.dialect.probe);
            let response = self.once(base, &probe, &mut { NO_BODY }).await?;
            response.finish().await;
        }
        self.once(base, &call, &mut body).await
    }

    /// Follows the redirects of a GET from `from`, to the same host only ([`BaseUrl::redirected`]); returns where that
    /// led and the answer.
    pub async fn settle(&self, from: &BaseUrl, call: Call<'_>) -> Result<(BaseUrl, ResponseOf<'a, N>)> {
        let mut base = from.clone();
        for _ in 0..=MAX_REDIRECTS {
            match self.once(&base, &call, &mut { NO_BODY }).await {
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

    async fn once<R: Read + ?Sized>(
        &self,
        base: &BaseUrl,
        call: &Call<'_>,
        body: &mut Body<'_, R>,
    ) -> Result<ResponseOf<'a, N>> {
        let target = base.target(call.path);
        let mut request =
            Request::new(call.operation, call.method, &base.origin, &target).headers(call.headers);
        request.answer = call.answer;
        let mut response = self.login.send(self.net, &request, body).await?;
        if !(200..300).contains(&response.status()) {
            return Err(self.refused(call, &mut response).await);
        }
        if call.path == self.dialect.probe {
            self.login.prove(&base.origin);
        }
        Ok(response)
    }

    async fn refused(&self, call: &Call<'_>, response: &mut ResponseOf<'_, N>) -> Error {
        let status = response.status();
        let is = |kind| response.header("content-type").is_some_and(|t| t.contains(kind));
        let (json, html) = (is("json"), is("html"));
        let location = response.header("location").filter(|l| (1..=LOCATION).contains(&l.len()));
        let location = location.map(|l| self.login.redact(l));
        let seconds = response.header("retry-after").and_then(|v| v.parse().ok());
        let fields: Vec<&str> = response.headers("www-authenticate").collect();
        let asks = if status == 401 { self.login.hint(&fields) } else { None };
        // A refusal without a readable body is still that refusal.
        let text = response.read_start(REFUSAL).await.unwrap_or_default();
        // A page's head may come without anything of a page in it: a host's own words as text/html.
        let page = html && text.trim_ascii_start().starts_with(b"<");
        // A list could be taken for an object's fields in their order.
        let object = text.trim_ascii_start().starts_with(b"{");
        let words = match object.then(|| (self.dialect.words)(&text)).flatten() {
            Some(words) => words,
            None if json || page => String::new(),
            None => readable(&text),
        };
        let mut refusal = Refusal::new(call.operation, call.method, status, &self.login.redact(&words));
        refusal.is_empty = text.is_empty();
        (self.dialect.judge)(&mut refusal);
        let mut error = refusal.error();
        match (status, location) {
            (300..400, Some(location)) => {
                error =
                    Error::new(ErrorKind::Redirected, call.operation).with_http(status).with_detail(location);
            }
            _ if asks.is_some() => error = error.with_detail(self.login.redact(&asks.unwrap_or_default())),
            _ if page => error = error.with_detail("the host answered with an HTML page"),
            _ => {}
        }
        // When to come back says nothing about whether the host has acted.
        if let (Some(seconds), Retry::Safe) = (seconds, error.retry()) {
            error = error.with_retry(Retry::After(Duration::from_secs(seconds).min(LONGEST_WAIT)));
        }
        error
    }
}

/// A text, in which a `?` stands for bytes that are not UTF-8: never longer than they are.
fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push('?');
        }
    }
    text
}

/// [`ErrorKind::Protocol`] for a body that is not the expected JSON: an HTML page if it begins like one, or else what
/// a parser says of it, which may quote it.
pub fn not_json(login: &Login, operation: &'static str, bytes: &[u8], error: impl Display) -> Error {
    match bytes.trim_ascii_start().starts_with(b"<") {
        true => Error::new(ErrorKind::Protocol, operation).with_detail("an HTML page instead of JSON"),
        false => unexpected(login, operation, error),
    }
}

/// [`ErrorKind::Protocol`] for an answer that makes no sense, in a text that may quote it.
pub fn unexpected(login: &Login, operation: &'static str, what: impl Display) -> Error {
    Error::new(ErrorKind::Protocol, operation).with_detail(login.redact(&format!("{what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_means_what_http_says() {
        let kind = |operation, status| Refusal::new(operation, Method::Get, status, "").kind;
        for (status, meaning, while_connecting) in [
            (304, ErrorKind::Protocol, ErrorKind::Protocol),
            (400, ErrorKind::InvalidInput, ErrorKind::Protocol),
            (401, ErrorKind::Unauthorized, ErrorKind::Unauthorized),
            (403, ErrorKind::Forbidden, ErrorKind::Unauthorized),
            (404, ErrorKind::NotFound, ErrorKind::Protocol),
            (405, ErrorKind::Protocol, ErrorKind::Protocol),
            (408, ErrorKind::Timeout, ErrorKind::Timeout),
            (409, ErrorKind::Conflict, ErrorKind::Protocol),
            (413, ErrorKind::TooLarge, ErrorKind::TooLarge),
            (429, ErrorKind::Busy, ErrorKind::Busy),
            (503, ErrorKind::HostFault, ErrorKind::HostFault),
            (507, ErrorKind::StorageFull, ErrorKind::StorageFull),
        ] {
            assert_eq!(
                (kind("status", status), kind("connect", status)),
                (meaning, while_connecting),
                "{status}"
            );
        }
    }

    #[test]
    fn failure_at_a_request_that_changes_something_leaves_its_outcome_open() {
        let retry = |method, status| Refusal::new("x", method, status, "").error().retry();
        assert_eq!(retry(Method::Post, 502), Retry::ReadFirst);
        assert_eq!(retry(Method::Delete, 408), Retry::ReadFirst);
        assert_eq!(retry(Method::Get, 502), Retry::Safe);
        assert_eq!(retry(Method::Put, 409), Retry::Never);
    }
}
