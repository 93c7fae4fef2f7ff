//! Requests to OctoPrint's REST interface, and what its refusals mean.

use alloc::vec::Vec;

use printhost_core::{Error, ErrorKind, Result, Retry};
pub(crate) use printhost_net::rest::Call;
use printhost_net::{
    Body, Login, NO_BODY, Net, Streamed,
    http::ResponseOf,
    json,
    rest::{Dialect, Refusal, Rest, not_json},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{OctoPrint, wire};

/// What is OctoPrint's own in its interface.
pub(crate) const DIALECT: Dialect = Dialect::new(
    "/api/version",
    |body| json::from_slice::<wire::Failure>(body).ok().map(|failure| failure.error),
    judge,
);

/// Asks OctoPrint 2.0 for its own shapes instead of those of 1.x.
pub(crate) const SECOND_SHAPE: (&str, &str) = ("X-OctoPrint-Api-Version", "2.0.0");

/// Reads JSON; what is wrong with it may quote it.
pub(crate) fn parse<T: DeserializeOwned>(login: &Login, operation: &'static str, bytes: &[u8]) -> Result<T> {
    json::from_slice(bytes).map_err(|error| not_json(login, operation, bytes, error))
}

impl<N: Net> OctoPrint<N> {
    /// OctoPrint's interface, with our key.
    pub(crate) const fn rest(&self) -> Rest<'_, N> {
        Rest::new(&self.net, &self.login, &DIALECT)
    }

    /// Sends one request to where OctoPrint lives, which is found out first; a status of 300 and above becomes an error.
    pub(crate) async fn request(
        &self,
        call: Call<'_>,
        body: Body<'_, Streamed<'_>>,
    ) -> Result<ResponseOf<'_, N>> {
        let base = self.base(call.operation).await?;
        self.rest().exchange(&base, call, body).await
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
        let body = self.rest().json_body(operation, response).await?;
        match json::is_plain(&body, self.net.parts().limits().json)
            || body.trim_ascii_start().starts_with(b"<")
        {
            true => Ok(body),
            false => Err(Error::new(ErrorKind::Protocol, operation).with_detail(json::NOT_PLAIN)),
        }
    }

    /// The JSON of an answer.
    pub(crate) fn parse<T: DeserializeOwned>(&self, operation: &'static str, bytes: &[u8]) -> Result<T> {
        parse(&self.login, operation, bytes)
    }

    /// Refuses an answer that a proxy has compressed although nobody asked for that.
    pub(crate) fn uncompressed(&self, operation: &'static str, response: &ResponseOf<'_, N>) -> Result<()> {
        self.rest().uncompressed(operation, response)
    }
}

/// A request's body.
pub(crate) fn json(operation: &'static str, body: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(body).map_err(|e| Error::new(ErrorKind::InvalidInput, operation).with_detail(e))
}

/// OctoPrint answers a missing or wrong key with 403 to a GET, but with 400 "CSRF validation failed" to everything
/// else; and what is too large with a bare 400 (1.11.8).
fn judge(refusal: &mut Refusal) {
    let says = |words| refusal.words.contains(words);
    let connecting = refusal.operation == "connect";
    refusal.kind = match refusal.status {
        400 if says("CSRF") => ErrorKind::Unauthorized,
        400 if refusal.is_empty && !refusal.method.is_safe() => ErrorKind::TooLarge,
        409 if !connecting && says("already exist") => ErrorKind::Exists,
        409 if !connecting && says("does not have a heated") => ErrorKind::Unsupported,
        _ => refusal.kind,
    };
    // Of a 404 OctoPrint says no more than its web framework does, which is about typing addresses.
    if refusal.status == 404 && refusal.words.starts_with("The requested URL") {
        refusal.words.clear();
    }
}

#[cfg(test)]
mod tests {
    use printhost_net::Method;

    use super::*;

    #[test]
    fn refusals_say_what_to_do() {
        let kind = |method, status, words: &str| {
            let mut refusal = Refusal::new("status", method, status, words);
            judge(&mut refusal);
            refusal.kind
        };
        assert_eq!(kind(Method::Post, 400, "CSRF validation failed"), ErrorKind::Unauthorized);
        assert_eq!(kind(Method::Post, 400, ""), ErrorKind::TooLarge);
        assert_eq!(kind(Method::Get, 400, ""), ErrorKind::InvalidInput);
        assert_eq!(kind(Method::Get, 403, "no permission"), ErrorKind::Forbidden);
        assert_eq!(kind(Method::Post, 409, "File already exists and noOverwrite was set"), ErrorKind::Exists);
        assert_eq!(kind(Method::Post, 409, "File or folder does already exist"), ErrorKind::Exists);
        assert_eq!(kind(Method::Post, 409, "Printer is not operational"), ErrorKind::Conflict);
        assert_eq!(kind(Method::Post, 409, "Printer does not have a heated chamber"), ErrorKind::Unsupported);
        assert_eq!(kind(Method::Post, 415, "Could not upload file, invalid type"), ErrorKind::InvalidInput);
        let mut unknown = Refusal::new("status", Method::Get, 404, "The requested URL was not found");
        judge(&mut unknown);
        assert_eq!((unknown.kind, unknown.words.as_str()), (ErrorKind::NotFound, ""));
    }
}
