//! The webcam, as OctoPrint and the server before it give it.

use bytes::Bytes;
use hyper::StatusCode;

use super::reply::{self, Reply};
use super::shared::Shared;
use crate::webcam::{self, SNAPSHOT};

/// `GET /webcam/`.
pub(super) fn answer(shared: &Shared, query: Option<&str>) -> Reply {
    match shared.config.webcam {
        true => webcam::answer(query),
        false => reply::tornado_error(StatusCode::BAD_GATEWAY),
    }
}

/// `GET /downloads/camera/current`: the picture, fetched by OctoPrint from its camera.
pub(super) fn current(shared: &Shared) -> Reply {
    match shared.config.webcam {
        true => webcam::picture("image/jpeg", Bytes::from_static(SNAPSHOT)),
        false => reply::tornado_error(StatusCode::NOT_FOUND),
    }
}
