//! Responses as Flask and Tornado word them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::ext::ReasonPhrase;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode, header};
use serde_json::{Value, json};

pub(super) use crate::http::Reply;
use crate::uri::json_ascii;

const NOT_FOUND: &str = "The requested URL was not found on the server. \
    If you entered the URL manually please check your spelling and try again.";
const FORBIDDEN: &str = "You don't have the permission to access the requested resource. \
    It is either read-protected or not readable by the server.";
pub(super) const NOT_OPERATIONAL: &str = "Printer is not operational";

/// JSON as Flask prints it: indented, keys sorted, ASCII only.
pub(super) fn json(status: StatusCode, body: &Value) -> Reply {
    let text = json_ascii(&serde_json::to_string_pretty(body).expect("a Value always serialises")) + "\n";
    let mut reply = flask(status, "application/json", text.into());
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=0"));
    reply
}

pub(super) fn ok(body: &Value) -> Reply {
    json(StatusCode::OK, body)
}

pub(super) fn no_content() -> Reply {
    flask(StatusCode::NO_CONTENT, "text/plain", Bytes::new())
}

/// `{"error": text}`.
pub(super) fn error(status: StatusCode, text: &str) -> Reply {
    json(status, &json!({ "error": text }))
}

pub(super) fn conflict(text: &str) -> Reply {
    error(StatusCode::CONFLICT, text)
}

pub(super) fn bad_request(text: &str) -> Reply {
    error(StatusCode::BAD_REQUEST, text)
}

pub(super) fn not_found() -> Reply {
    error(StatusCode::NOT_FOUND, NOT_FOUND)
}

pub(super) fn method_not_allowed() -> Reply {
    error(StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed for the requested URL.")
}

/// A request without a valid key: 403 when it only reads, else a failed CSRF check.
pub(super) fn unauthorised(reads: bool) -> Reply {
    let mut reply =
        if reads { error(StatusCode::FORBIDDEN, FORBIDDEN) } else { bad_request("CSRF validation failed") };
    reply.headers_mut().insert(header::VARY, HeaderValue::from_static("Cookie"));
    reply
}

pub(super) fn forbidden() -> Reply {
    error(StatusCode::FORBIDDEN, FORBIDDEN)
}

pub(super) fn internal_error() -> Reply {
    let text = "The server encountered an internal error and was unable to complete your request. \
        Either the server is overloaded or there is an error in the application.";
    error(StatusCode::INTERNAL_SERVER_ERROR, text)
}

/// An answer that is plain text.
pub(super) fn text(status: StatusCode, text: &'static str) -> Reply {
    flask(status, "text/html; charset=utf-8", text.into())
}

/// A page for people.
pub(super) fn page(text: &str) -> Reply {
    let html = format!("<!DOCTYPE html><html><title>OctoPrint</title><body>{text}</body></html>");
    flask(StatusCode::OK, "text/html; charset=utf-8", html.into())
}

/// An error page of Tornado, which serves uploads and downloads below Flask.
pub(super) fn tornado_error(status: StatusCode) -> Reply {
    let line = format!("{}: {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let html = format!("<html><title>{line}</title><body>{line}</body></html>");
    let mut reply = Response::new(Full::from(html));
    *reply.status_mut() = status;
    set(&mut reply, header::CONTENT_TYPE, "text/html; charset=UTF-8");
    reply
}

/// What Tornado answers to a body that is announced as too long: nothing but the status.
pub(super) fn body_too_long() -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::BAD_REQUEST;
    set(&mut reply, header::CONNECTION, "close");
    reply
}

pub(super) fn set(reply: &mut Reply, name: HeaderName, value: &str) {
    let value = HeaderValue::from_str(value).expect("simulator headers are ASCII");
    reply.headers_mut().insert(name, value);
}

fn flask(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let reason = status.canonical_reason().unwrap_or_default().to_uppercase();
    if let Ok(reason) = ReasonPhrase::try_from(reason) {
        reply.extensions_mut().insert(reason);
    }
    for (name, value) in [
        ("content-type", content_type),
        ("x-clacks-overhead", "GNU Terry Pratchett"),
        ("server-timing", "app;dur=1"),
        ("x-robots-tag", "noindex, nofollow, noimageindex"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "sameorigin"),
    ] {
        reply.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    reply
}
