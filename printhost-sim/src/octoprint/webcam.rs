//! The webcam: one picture, for ever.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header};

use super::reply::{self, Reply};
use super::shared::Shared;
use crate::uri::query_value;

/// A picture of a printer that never moves: 64 × 48 pixels, drawn for this simulator.
const SNAPSHOT: &[u8] = include_bytes!("../../assets/snapshot.jpg");
const BOUNDARY: &str = "simulated-frame";

/// `GET /webcam/`, with `action=snapshot` or `action=stream`, as mjpg-streamer serves them.
pub(super) fn answer(shared: &Shared, query: Option<&str>) -> Reply {
    if !shared.config.webcam {
        return reply::tornado_error(StatusCode::BAD_GATEWAY);
    }
    match query_value(query, "action").as_deref() {
        Some("snapshot") => picture("image/jpeg", Bytes::from_static(SNAPSHOT)),
        Some("stream") => {
            // The stream ends after its first frame, and a viewer asks again.
            let head = format!(
                "--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
                SNAPSHOT.len()
            );
            let frame = [head.as_bytes(), SNAPSHOT, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
            picture(&format!("multipart/x-mixed-replace; boundary={BOUNDARY}"), frame.into())
        }
        _ => reply::tornado_error(StatusCode::NOT_FOUND),
    }
}

/// `GET /downloads/camera/current`: the picture, fetched by OctoPrint from its camera.
pub(super) fn current(shared: &Shared) -> Reply {
    match shared.config.webcam {
        true => picture("image/jpeg", Bytes::from_static(SNAPSHOT)),
        false => reply::tornado_error(StatusCode::NOT_FOUND),
    }
}

/// An answer with an image.
pub(super) fn picture(content_type: &str, data: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(data));
    reply::set(&mut reply, header::CONTENT_TYPE, content_type);
    reply::set(&mut reply, header::CACHE_CONTROL, "no-store");
    reply
}
