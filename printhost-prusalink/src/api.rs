//! Requests to PrusaLink's interface, and what its refusals mean.

use alloc::vec::Vec;
use core::fmt::Display;

use printhost_core::{Error, ErrorKind, Result};
pub(crate) use printhost_net::rest::Call;
use printhost_net::{
    Body, Method, NO_BODY, Net, Streamed,
    http::ResponseOf,
    json,
    rest::{Dialect, Refusal, Rest, not_json},
};
use serde::de::DeserializeOwned;

use crate::{PrusaLink, host::Home, wire};

/// What is PrusaLink's own in its interface.
pub(crate) const DIALECT: Dialect = Dialect::new(
    "/api/version",
    |body| json::from_slice::<wire::Failure>(body).ok().and_then(wire::Failure::words),
    judge,
);

/// Without it refusals are plain text. The firmware only looks at how it begins.
pub(crate) const JSON: (&str, &str) = ("Accept", "application/json");

/// A request whose refusal can be read.
pub(crate) const fn call<'a>(operation: &'static str, method: Method, path: &'a str) -> Call<'a> {
    Call::new(operation, method, path).headers(&[JSON])
}

impl<N: Net> PrusaLink<N> {
    /// PrusaLink's interface, with our credentials.
    pub(crate) const fn rest(&self) -> Rest<'_, N> {
        Rest::new(&self.net, &self.config.login, &DIALECT)
    }

    /// Sends one request; a status of 300 and above becomes an error. To be called with a turn ([`Self::turn`]).
    pub(crate) async fn request(
        &self,
        home: &Home,
        call: Call<'_>,
        body: Body<'_, Streamed<'_>>,
    ) -> Result<ResponseOf<'_, N>> {
        self.rest().exchange(&home.base, call, body).await
    }

    /// GET, and the JSON of the answer.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        home: &Home,
        path: &str,
    ) -> Result<T> {
        let answer = self.get_if_any(operation, home, path).await?;
        answer.ok_or_else(|| Error::new(ErrorKind::Protocol, operation).with_detail("the answer is empty"))
    }

    /// As [`Self::get`]; `None` where there is nothing (204).
    pub(crate) async fn get_if_any<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        home: &Home,
        path: &str,
    ) -> Result<Option<T>> {
        match self.get_bytes(call(operation, Method::Get, path), home).await? {
            None => Ok(None),
            Some(bytes) => self.parse(operation, &bytes).map(Some),
        }
    }

    /// Apart from [`Self::get_if_any`], so that it exists once and not for every type of answer.
    async fn get_bytes(&self, call: Call<'_>, home: &Home) -> Result<Option<Vec<u8>>> {
        let _turn = self.turn(call.operation).await?;
        let response = self.request(home, call, NO_BODY).await?;
        if response.status() == 204 {
            response.finish().await;
            return Ok(None);
        }
        self.body(call.operation, response).await.map(Some)
    }

    /// The body of an answer, bounded by [`printhost_net::Limits::json`], and in few words.
    pub(crate) async fn body(&self, operation: &'static str, response: ResponseOf<'_, N>) -> Result<Vec<u8>> {
        let body = self.rest().json_body(operation, response).await?;
        let is_page = body.trim_ascii_start().starts_with(b"<");
        match is_page || json::is_plain(&body, self.net.parts().limits().json) {
            true => Ok(body),
            false => Err(Error::new(ErrorKind::Protocol, operation).with_detail(json::NOT_PLAIN)),
        }
    }

    /// Sends what has no body; the status settles it.
    pub(crate) async fn send(&self, home: &Home, call: Call<'_>) -> Result<()> {
        let _turn = self.turn(call.operation).await?;
        self.request(home, call, NO_BODY).await?.finish().await;
        Ok(())
    }

    /// The JSON of an answer; what is wrong with it may quote it.
    pub(crate) fn parse<T: DeserializeOwned>(&self, operation: &'static str, bytes: &[u8]) -> Result<T> {
        let refuse = |error: &dyn Display| not_json(&self.config.login, operation, bytes, error);
        match json::from_slice(bytes) {
            // A list could be taken for an object's fields in their order.
            Ok(_) if !bytes.trim_ascii_start().starts_with(b"{") => Err(refuse(&"this is no JSON object")),
            told => told.map_err(|error| refuse(&error)),
        }
    }
}

/// What is done with a path.
const FILES: [&str; 8] =
    ["upload", "download", "start", "files", "file info", "thumbnail", "delete", "create folder"];

/// The Pi (0.8.1) answers a wrong key with 403, the firmware a path outside of its storage.
fn judge(refusal: &mut Refusal) {
    let words = refusal.words.as_str();
    let says = |text| words.contains(text);
    if refusal.operation == "connect" {
        return;
    }
    refusal.kind = match refusal.status {
        400 if says("upload has failed") => ErrorKind::Disconnected,
        403 if says("X-Api-Key") => ErrorKind::Unauthorized,
        403 if FILES.contains(&refusal.operation) => ErrorKind::NotFound,
        // A job that is over, or another one: never one that a command was meant for.
        404 if says("current job") || says("Not Current Job") => ErrorKind::Conflict,
        409 if says("lready exist") || says("lready Exist") => ErrorKind::Exists,
        409 if says("nother transfer") => ErrorKind::Busy,
        410 => ErrorKind::Unsupported,
        411 => ErrorKind::InvalidInput,
        501 if refusal.method == Method::Put => ErrorKind::InvalidInput,
        _ => refusal.kind,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_mean_what_they_say() {
        let kind = |operation, method, status, body: &str| {
            let words = (DIALECT.words)(body.as_bytes()).unwrap_or_else(|| body.into());
            let mut refusal = Refusal::new(operation, method, status, &words);
            judge(&mut refusal);
            refusal.kind
        };
        use Method::{Delete, Get, Post, Put};
        // PrusaLink 0.8.1 on a Pi.
        for (operation, method, status, body, meaning) in [
            ("status", Get, 403, "Bad X-Api-Key.", ErrorKind::Unauthorized),
            (
                "file info",
                Get,
                404,
                r#"{"title":"File Not Found","message":"File you want was not found.","url":"http://x/error/not-found"}"#,
                ErrorKind::NotFound,
            ),
            (
                "pause",
                Put,
                404,
                r#"{"title":"Not Current Job","message":"Given job id does not belong to current job"}"#,
                ErrorKind::Conflict,
            ),
            (
                "upload",
                Put,
                409,
                r#"{"title":"File Already Exists","message":"File already exists."}"#,
                ErrorKind::Exists,
            ),
            ("start", Post, 409, r#"{"message":"Printer is not in state to print."}"#, ErrorKind::Conflict),
            (
                "delete",
                Delete,
                409,
                r#"{"message":"Directory can't be deleted, because it's not empty."}"#,
                ErrorKind::Conflict,
            ),
            (
                "upload",
                Put,
                411,
                r#"{"message":"Missing Content-Length header or no content in request."}"#,
                ErrorKind::InvalidInput,
            ),
            ("upload", Put, 400, "File Upload Failed\nFile upload has failed", ErrorKind::Disconnected),
            // The firmware, as its source says.
            (
                "upload",
                Put,
                409,
                r#"{"title":"409: Conflict","message":"File already exists"}"#,
                ErrorKind::Exists,
            ),
            (
                "upload",
                Put,
                409,
                r#"{"title":"409: Conflict","message":"Another transfer in progress"}"#,
                ErrorKind::Busy,
            ),
            (
                "upload",
                Put,
                409,
                r#"{"title":"409: Conflict","message":"File is busy"}"#,
                ErrorKind::Conflict,
            ),
            (
                "upload",
                Put,
                501,
                r#"{"message":"0-sized files aren't implemented"}"#,
                ErrorKind::InvalidInput,
            ),
            ("upload", Put, 507, r#"{"title":"507: Insufficient Storage"}"#, ErrorKind::StorageFull),
            (
                "upload",
                Put,
                422,
                r#"{"message":"Filename contains invalid characters"}"#,
                ErrorKind::InvalidInput,
            ),
            ("file info", Get, 403, r#"{"title":"403: Forbidden"}"#, ErrorKind::NotFound),
        ] {
            assert_eq!(kind(operation, method, status, body), meaning, "{status} {body}");
        }
    }

    #[test]
    fn words_of_a_refusal_have_no_address_in_them() {
        let words = |body: &[u8]| (DIALECT.words)(body);
        let pi = br#"{"title":"File Not Found","message":"File you want was not found.","url":"http://10.0.0.7/error"}"#;
        assert_eq!(words(pi).as_deref(), Some("File you want was not found."));
        assert_eq!(words(br#"{"code":1,"title":"T","text":"Text"}"#).as_deref(), Some("Text"));
        assert_eq!(words(b"<html>"), None);
    }
}
