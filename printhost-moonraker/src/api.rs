//! Questions and orders: over the websocket while it is open, and by HTTP otherwise.
//!
//! What only reads is a GET there, so that it may be repeated; orders are JSON-RPC on both ways, whose refusals bring
//! Klipper's own words. Of those HTTP itself often says no more than "Unknown" (Moonraker 0.11).

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{pin::pin, time::Duration};

use printhost_core::{Error, ErrorKind, Result, Retry, within};
pub(crate) use printhost_net::rest::Call;
use printhost_net::{
    BaseUrl, Body, Net,
    http::ResponseOf,
    proto::json_events::JsonEvent,
    rest::{Dialect, Refusal, Rest, not_json},
};
use serde::de::DeserializeOwned;

use crate::{
    Moonraker,
    config::Means,
    wire::{
        self, Members, ServerInfo,
        rpc::{Answer, Failure},
    },
};

/// What is Moonraker's own in its interface.
pub(crate) const DIALECT: Dialect =
    Dialect::new("/server/info", |body| wire::rpc::refusal(body).map(|failure| failure.message), judge);

/// Who waits decides for how long.
const NO_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// JSON-RPC by HTTP.
const RPC: &str = "/server/jsonrpc";

/// A question, for both ways.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub operation: &'static str,
    pub method: &'a str,
    /// JSON, or nothing.
    pub params: &'a str,
    /// Path and query.
    pub path: &'a str,
}

impl<N: Net> Moonraker<N> {
    /// Moonraker's interface, with our credentials.
    pub(crate) const fn rest(&self) -> Rest<'_, N> {
        Rest::new(&self.net, &self.config.login, &DIALECT)
    }

    /// Whether the login is one with tokens.
    pub(crate) const fn takes_tokens(&self) -> bool {
        matches!(self.config.means, Means::User { .. })
    }

    /// Sends one request whose body, if it has one, is in memory. A token that has expired is renewed: what was refused
    /// with 401 has done nothing, so it is sent again.
    pub(crate) async fn request(
        &self,
        base: &BaseUrl,
        call: Call<'_>,
        body: &[u8],
    ) -> Result<ResponseOf<'_, N>> {
        let mut token = None;
        if self.takes_tokens() {
            Box::pin(self.renew(call.operation, base, None)).await?;
            token = self.config.login.token(&base.origin);
        }
        match self.request_once(base, call, body).await {
            Err(e) if e.http_status() == Some(401) && token.is_some() => {
                Box::pin(self.renew(call.operation, base, token.as_ref())).await?;
                self.request_once(base, call, body).await
            }
            answered => answered,
        }
    }

    async fn request_once(&self, base: &BaseUrl, call: Call<'_>, body: &[u8]) -> Result<ResponseOf<'_, N>> {
        let body = if call.method.is_safe() || body.is_empty() { Body::none() } else { Body::bytes(body) };
        self.rest().exchange(base, call, body).await
    }

    /// What was asked for. What only reads goes by HTTP when the websocket fails it, or cannot carry its answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, question: Question<'_>) -> Result<T> {
        self.parse(question.operation, &self.ask_bytes(question).await?)
    }

    /// Apart from [`Self::ask`], so that it exists once and not for every type of answer.
    pub(crate) async fn ask_bytes(&self, question: Question<'_>) -> Result<Vec<u8>> {
        let Question { operation, method, params, path } = question;
        if self.with_live(|live| live.open) {
            let parts = self.net.parts();
            let call = pin!(self.link.call(operation, |id| wire::rpc::call(method, params, id)));
            if let Ok(answer) = within(parts.clock(), parts.limits().answer, operation, call).await {
                return checked(&self.config.login, operation, answer.into_bytes());
            }
        }
        self.get_bytes(operation, path).await
    }

    /// GET, and what is in `result`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, operation: &'static str, path: &str) -> Result<T> {
        self.parse(operation, &self.get_bytes(operation, path).await?)
    }

    pub(crate) async fn get_bytes(&self, operation: &'static str, path: &str) -> Result<Vec<u8>> {
        let base = self.base(operation).await?;
        let response = self.request(&base, Call::get(operation, path), &[]).await?;
        self.rest().json_body(operation, response).await
    }

    /// GET, and some of what is in `result`: of an answer that may be of any size.
    pub(crate) async fn get_members(
        &self,
        operation: &'static str,
        path: &str,
        members: Members,
        take: &mut (dyn FnMut(usize, JsonEvent<'_>) + Send),
    ) -> Result<()> {
        let base = self.base(operation).await?;
        let response = self.request(&base, Call::get(operation, path), &[]).await?;
        self.members(operation, response, members, take).await
    }

    /// Some of what is in the `result` of an answer.
    pub(crate) async fn members(
        &self,
        operation: &'static str,
        response: ResponseOf<'_, N>,
        mut members: Members,
        take: &mut (dyn FnMut(usize, JsonEvent<'_>) + Send),
    ) -> Result<()> {
        let wrong = |_| Error::new(ErrorKind::Protocol, operation).with_detail("an answer that is not JSON");
        let mut feed = |piece: &[u8]| members.feed(piece, take).map(|()| true).map_err(wrong);
        self.rest().each_piece(operation, response, &mut feed).await?;
        members.finish().map_err(wrong)
    }

    /// What Moonraker says of itself.
    pub(crate) async fn server_info(&self, operation: &'static str) -> Result<ServerInfo> {
        let mut info = ServerInfo::default();
        self.get_members(operation, DIALECT.probe, ServerInfo::MEMBERS, &mut |n, value| info.take(n, value))
            .await?;
        Ok(info)
    }

    /// Sends what changes something, once. [`Retry::ReadFirst`] when it may have been carried out and nobody knows.
    pub(crate) async fn send(&self, operation: &'static str, method: &str, params: &str) -> Result<Vec<u8>> {
        let parts = self.net.parts();
        let sent = pin!(self.send_and_wait(operation, method, params));
        match within(parts.clock(), parts.limits().answer, operation, sent).await {
            Err(e) if e.kind() == ErrorKind::Timeout => Err(e.with_retry(Retry::ReadFirst)),
            answered => answered,
        }
    }

    /// As [`Self::send`], without a time limit: some of Klipper's commands are answered when they have been carried out.
    pub(crate) async fn send_and_wait(
        &self,
        operation: &'static str,
        method: &str,
        params: &str,
    ) -> Result<Vec<u8>> {
        if self.with_live(|live| live.open) {
            let call = self.link.call(operation, |id| wire::rpc::call(method, params, id)).await;
            match call {
                Ok(answer) => return self.settled(operation, answer.into_bytes()),
                // It was not sent, and can be sent in another way.
                Err(e)
                    if matches!(e.kind(), ErrorKind::NotRunning | ErrorKind::Disconnected)
                        && e.retry() != Retry::ReadFirst => {}
                Err(e) => return Err(e),
            }
        }
        let base = self.base(operation).await?;
        let body = wire::rpc::call(method, params, 1);
        let mut call = Call::post_json(operation, RPC);
        call.answer = Some(NO_LIMIT);
        let response = self.request(&base, call, body.as_bytes()).await?;
        // It has been carried out or refused; an answer that cannot be read does not undo that.
        let answer = self.rest().json_body(operation, response).await;
        let answer = answer.map_err(|e| e.with_retry(Retry::ReadFirst))?;
        self.settled(operation, answer)
    }

    /// An answer to what changes something. The status says nothing here: without a result nothing was accepted yet.
    fn settled(&self, operation: &'static str, answer: Vec<u8>) -> Result<Vec<u8>> {
        let answer = checked(&self.config.login, operation, answer)?;
        match wire::rpc::has_result(&answer) {
            true => Ok(answer),
            false => Err(not_json(&self.config.login, operation, &answer, "an answer without a result")
                .with_retry(Retry::ReadFirst)),
        }
    }

    /// As [`Self::send`], where the answer brings something.
    pub(crate) async fn send_for<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        method: &str,
        params: &str,
    ) -> Result<T> {
        let answer = self.send(operation, method, params).await?;
        self.parse(operation, &answer).map_err(|e| e.with_retry(Retry::ReadFirst))
    }

    /// What is in `result`.
    pub(crate) fn parse<T: DeserializeOwned>(&self, operation: &'static str, bytes: &[u8]) -> Result<T> {
        let answer: serde_json::Result<Answer<T>> = serde_json::from_slice(bytes);
        answer
            .map(|answer| answer.result)
            .map_err(|error| not_json(&self.config.login, operation, bytes, error))
    }
}

/// An answer that is no refusal.
pub(crate) fn checked(
    login: &printhost_net::Login,
    operation: &'static str,
    answer: Vec<u8>,
) -> Result<Vec<u8>> {
    match wire::rpc::refusal(&answer) {
        None => Ok(answer),
        Some(Failure { code, message }) => {
            let words = login.redact(&message);
            Err(refused(operation, code.unwrap_or_default(), &words))
        }
    }
}

/// What a refusal of JSON-RPC means. Its codes are those of HTTP, but for some.
fn refused(operation: &'static str, code: i32, words: &str) -> Error {
    let status = match code {
        // Any 401, and parameters that are wrong.
        -32602 if words.contains("nauthorized") => 401,
        -32602 => 400,
        // Any 404; what has to do with the printer is only known once Klipper has been there.
        -32601 if words == "Method not found" => 503,
        -32601 => 404,
        code => u16::try_from(code).ok().filter(|status| (400..600).contains(status)).unwrap_or(500),
    };
    let mut refusal = Refusal::new(operation, printhost_net::Method::Post, status, words);
    judge(&mut refusal);
    let error = Error::new(refusal.kind, operation).with_detail(first_line(&refusal.words));
    match refusal.kind {
        // An answer that says so: nothing was lost on the way.
        ErrorKind::HostFault => error.with_retry(Retry::ReadFirst),
        _ => error,
    }
}

/// Klipper's messages have advice about its own commands in further lines.
fn first_line(words: &str) -> &str {
    words.trim().lines().next().unwrap_or_default()
}

/// Moonraker answers 503 when Klipper is not there, and Klipper's own refusals are 400 whatever they mean; of files it
/// says 403 for those in use, and 400 for whatever else is wrong with them.
fn judge(refusal: &mut Refusal) {
    let words = refusal.words.as_str();
    let says = |text| words.contains(text);
    if refusal.operation == "connect" {
        return;
    }
    refusal.kind = match refusal.status {
        503 if says("Klippy") || says("Method not found") => ErrorKind::Conflict,
        400 | 404 if says("Unable to open file") || says("does not exist") || says("not found") => {
            ErrorKind::NotFound
        }
        404 if says("Metadata not available") => ErrorKind::NotFound,
        400 if says("File exists") || says("already exists") => ErrorKind::Exists,
        400 if says("Directory not empty") => ErrorKind::Conflict,
        400 if words.starts_with("Requested temperature") => ErrorKind::InvalidInput,
        400 if words.starts_with("Malformed command") || words.starts_with("Error on") => {
            ErrorKind::InvalidInput
        }
        // Too long for Moonraker: it closes the connection with that, and nothing else.
        400 if refusal.is_empty && !refusal.method.is_safe() => ErrorKind::TooLarge,
        // A file that is printed, or loaded.
        403 if matches!(refusal.operation, "upload" | "delete" | "move file") => ErrorKind::Conflict,
        // It hands out files only.
        403 if matches!(refusal.operation, "download" | "thumbnail") => ErrorKind::NotFound,
        422 => ErrorKind::Corrupted,
        400 if COMMANDS.contains(&refusal.operation) => ErrorKind::Conflict,
        _ => refusal.kind,
    };
    if words == "Unknown" {
        refusal.words = String::new();
    }
}

/// What Klipper itself refuses: because of what the printer is doing, as a rule.
const COMMANDS: [&str; 14] = [
    "start",
    "pause",
    "resume",
    "cancel",
    "gcode",
    "set temperature",
    "home",
    "jog",
    "extrude",
    "select tool",
    "speed factor",
    "flow factor",
    "restart host",
    "restart firmware",
];

#[cfg(test)]
mod tests {
    use printhost_net::Method;

    use super::*;

    #[test]
    fn refusals_of_both_ways_mean_the_same() {
        for (operation, code, words, meaning) in [
            ("status", -32602, "Unauthorized", ErrorKind::Unauthorized),
            ("status", -32601, "Method not found", ErrorKind::Conflict),
            ("pause", 503, "Klippy Host not connected", ErrorKind::Conflict),
            ("start", 400, "Unable to open file", ErrorKind::NotFound),
            ("start", 400, "SD busy", ErrorKind::Conflict),
            ("gcode", 400, "Extrude below minimum temp\nSee the", ErrorKind::Conflict),
            (
                "gcode",
                400,
                "MCU 'mcu' shutdown: ADC out of range\nThis generally occurs when a heater temperature exceeds",
                ErrorKind::Conflict,
            ),
            (
                "set temperature",
                400,
                "Requested temperature (999.0) out of range (5.0:280.0)",
                ErrorKind::InvalidInput,
            ),
            ("file info", -32601, "Metadata not available for <nope.gcode>", ErrorKind::NotFound),
            ("create folder", 400, "[Errno 17] File exists: '/x'", ErrorKind::Exists),
            ("delete", 400, "[Errno 39] Directory not empty: '/x'", ErrorKind::Conflict),
            ("delete", 403, "File currently in use", ErrorKind::Conflict),
            ("files", 400, "Directory does not exist (/x)", ErrorKind::NotFound),
            ("files", -32700, "Parse error", ErrorKind::HostFault),
        ] {
            let error = refused(operation, code, words);
            assert_eq!(error.kind(), meaning, "{code} {words}");
            assert!(error.detail().is_some_and(|detail| words.starts_with(detail)));
        }
        let http = |operation, status, words: &str| {
            let mut refusal = Refusal::new(operation, Method::Post, status, words);
            judge(&mut refusal);
            refusal.kind
        };
        assert_eq!(http("upload", 422, "Unprocessable Entity"), ErrorKind::Corrupted);
        assert_eq!(http("upload", 413, ""), ErrorKind::TooLarge);
        assert_eq!(http("upload", 400, ""), ErrorKind::TooLarge);
        assert_eq!(http("upload", 403, "Forbidden"), ErrorKind::Conflict);
        assert_eq!(http("upload", 504, ""), ErrorKind::HostFault);
        assert_eq!(http("upload", 401, "Unauthorized"), ErrorKind::Unauthorized);
        assert_eq!(http("connect", 403, ""), ErrorKind::Unauthorized);
    }
}
