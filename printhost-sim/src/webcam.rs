//! A webcam that every simulated server may have: one picture, for ever.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::http::Reply;
use crate::uri::query_value;

/// A picture of a printer that never moves: 64 × 48 pixels, drawn for this simulator.
pub(crate) const SNAPSHOT: &[u8] = include_bytes!("../assets/snapshot.jpg");
const BOUNDARY: &str = "simulated-frame";

/// `GET /webcam/`, with `action=snapshot` or `action=stream`, as mjpg-streamer serves them.
pub(crate) fn answer(query: Option<&str>) -> Reply {
    match query_value(query, "action").as_deref() {
        Some("snapshot") => picture("image/jpeg", Bytes::from_static(SNAPSHOT)),
        Some("stream") => {
            // The stream ends after its first frame, and a viewer asks again.
            let head = format!(
                "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
                SNAPSHOT.len()
            );
            let frame = [head.as_bytes(), SNAPSHOT, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
            picture("multipart/x-mixed-replace; boundary=simulated-frame", frame.into())
        }
        _ => {
            let mut reply = Response::new(Full::default());
            *reply.status_mut() = StatusCode::NOT_FOUND;
            reply
        }
    }
}

/// An answer with an image.
pub(crate) fn picture(content_type: &'static str, data: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(data));
    let mut set = |name: HeaderName, value| reply.headers_mut().insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, content_type);
    set(header::CACHE_CONTROL, "no-store");
    reply
}
