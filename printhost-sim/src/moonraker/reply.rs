//! Responses as Tornado sends them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::ext::ReasonPhrase;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::failure::Failure;
pub(super) use crate::http::Reply;
use crate::uri::{json_ascii, sha1_hex};

const SERVER: &str = "TornadoServer/6.5.8";

/// A reply with this body and Tornado's header fields.
pub(super) fn plain(status: StatusCode, content_type: &str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    set(&mut reply, header::SERVER, SERVER);
    set(&mut reply, header::CONTENT_TYPE, content_type);
    reply
}

pub(super) fn json(status: StatusCode, body: &Value) -> Reply {
    plain(status, "application/json; charset=UTF-8", json_ascii(&body.to_string()).into())
}

/// A successful answer to a GET, which has an entity tag.
pub(super) fn tagged(body: &Value, known: Option<&HeaderValue>) -> Reply {
    let text = json_ascii(&body.to_string());
    let tag = format!("\"{}\"", sha1_hex(text.as_bytes()));
    let same = known.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut reply = match same {
        true => plain(StatusCode::NOT_MODIFIED, "application/json; charset=UTF-8", Bytes::new()),
        false => plain(StatusCode::OK, "application/json; charset=UTF-8", text.into()),
    };
    set(&mut reply, header::ETAG, &tag);
    reply
}

pub(super) fn failed(failure: &Failure) -> Reply {
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = failure.reason();
    let error = json!({ "code": failure.status, "message": reason, "traceback": failure.traceback() });
    let mut reply = json(status, &json!({ "error": error }));
    if let Ok(reason) = ReasonPhrase::try_from(reason) {
        reply.extensions_mut().insert(reason);
    }
    reply
}

/// What Tornado answers to a body that is announced as too long: nothing but the status.
pub(super) fn body_too_long() -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::BAD_REQUEST;
    set(&mut reply, header::CONNECTION, "close");
    reply
}

/// Sets a field; a text that is no header value is left out.
pub(super) fn set(reply: &mut Reply, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}
