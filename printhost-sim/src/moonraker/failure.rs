//! Why a call is refused, and how HTTP and JSON-RPC say so.

use serde_json::{Value, json};

/// A refused call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    /// The HTTP status.
    pub(super) status: u16,
    pub(super) message: String,
    /// Over HTTP only the status' own reason is told outside the traceback.
    hidden: bool,
}

/// What a call gives.
pub(super) type Answer<T = Value> = Result<T, Failure>;

impl Failure {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), hidden: false }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// One of the answers of Tornado's handlers, which keep their message to themselves.
    pub(super) fn hidden(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), hidden: true }
    }

    pub(super) fn unauthorized() -> Self {
        Self::hidden(401, "Unauthorized")
    }

    pub(super) fn not_found() -> Self {
        Self::hidden(404, "")
    }

    pub(super) fn no_klippy() -> Self {
        Self::new(503, "Klippy Host not connected")
    }

    pub(super) fn missing(argument: &str) -> Self {
        Self::bad(format!("No data for argument: {argument}"))
    }

    /// The member `error` of a JSON-RPC response.
    pub(super) fn rpc(&self) -> Value {
        let (code, message) = match self.status {
            404 if self.hidden => (-32601, "Method not found"),
            404 => (-32601, self.message.as_str()),
            401 => (-32602, "Unauthorized"),
            status => (i64::from(status), self.message.as_str()),
        };
        json!({ "code": code, "message": message })
    }

    /// The reason phrase, which is the message in the body too. Tornado refuses some texts as a reason.
    pub(super) fn reason(&self) -> String {
        if self.hidden {
            let status = hyper::StatusCode::from_u16(self.status).ok();
            return status.and_then(|status| status.canonical_reason()).unwrap_or("Unknown").to_owned();
        }
        if self.message.contains('<') || self.message.chars().any(char::is_control) {
            return "Unknown".to_owned();
        }
        self.message.clone()
    }

    /// The member `traceback`: real ones are longer, and end like this.
    pub(super) fn traceback(&self) -> String {
        let head = "Traceback (most recent call last):\n\n  File \"simulated\"\n\n";
        let status = self.status;
        if self.hidden {
            let detail = match self.message.is_empty() {
                true => String::new(),
                false => format!(" ({})", self.message),
            };
            return format!("{head}tornado.web.HTTPError: HTTP {status}: {}{detail}\n", self.reason());
        }
        let message = &self.message;
        format!(
            "{head}moonraker.utils.exceptions.ServerError: {message}\n\n\nThe above exception was the direct cause \
             of the following exception:\n\n\n{head}tornado.web.HTTPError: HTTP {status}: {message}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_tornado_takes_for_no_reason_is_told_in_the_traceback_only() {
        let failure = Failure::bad("Extrude below minimum temp\nSee the option");
        assert_eq!(failure.reason(), "Unknown");
        assert!(failure.traceback().ends_with("HTTP 400: Extrude below minimum temp\nSee the option\n"));
        assert_eq!(failure.rpc()["message"], "Extrude below minimum temp\nSee the option");
        assert_eq!(Failure::bad("SD busy").reason(), "SD busy");
        assert_eq!(Failure::hidden(403, "File currently in use").reason(), "Forbidden");
    }

    #[test]
    fn any_404_is_an_unknown_method_and_any_401_bad_parameters() {
        assert_eq!(Failure::new(404, "Metadata not available for <a>").rpc()["code"], -32601);
        assert_eq!(Failure::unauthorized().rpc(), json!({ "code": -32602, "message": "Unauthorized" }));
        assert_eq!(Failure::no_klippy().rpc()["code"], 503);
    }
}
