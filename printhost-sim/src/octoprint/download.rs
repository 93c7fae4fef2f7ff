//! Downloads of files and of the thumbnails in them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap};
use hyper::{Response, StatusCode};

use super::analysis;
use super::reply::{self, Reply};
use super::shared::Shared;
use super::store::leaf;
use crate::http::byte_range;
use crate::uri::percent_encode_path;
use crate::webcam::picture;

pub(super) fn download(shared: &Shared, path: &str, headers: &HeaderMap) -> Reply {
    let inner = shared.lock();
    let Some(file) = inner.store.file(path) else { return reply::tornado_error(StatusCode::NOT_FOUND) };
    let Some(data) = file.data.clone() else {
        return reply::tornado_error(StatusCode::INSUFFICIENT_STORAGE);
    };
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let range = match range.map(|range| byte_range(range, data.len())) {
        Some(Some(range)) if range.is_empty() => {
            let mut reply = reply::tornado_error(StatusCode::RANGE_NOT_SATISFIABLE);
            reply::set(&mut reply, header::CONTENT_RANGE, &format!("bytes */{}", data.len()));
            return reply;
        }
        Some(range) => range,
        None => None,
    };
    let mut reply = Response::new(Full::<Bytes>::default());
    reply::set(&mut reply, header::CONTENT_TYPE, "text/plain");
    reply::set(&mut reply, header::ACCEPT_RANGES, "bytes");
    reply::set(&mut reply, header::ETAG, &format!("\"{}\"", file.date()));
    let name = percent_encode_path(leaf(path));
    let disposition = format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}");
    reply::set(&mut reply, header::CONTENT_DISPOSITION, &disposition);
    *reply.body_mut() = Full::new(match range {
        Some(range) => {
            *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
            let text = format!("bytes {}-{}/{}", range.start, range.end - 1, data.len());
            reply::set(&mut reply, header::CONTENT_RANGE, &text);
            data.slice(range)
        }
        None => data,
    });
    reply
}

/// The picture of a file, as the plugin for PrusaSlicer's thumbnails serves it.
pub(super) fn thumbnail(shared: &Shared, path: &str) -> Reply {
    let inner = shared.lock();
    let Some(stem) = path.strip_suffix(".png").filter(|_| shared.config.thumbnails) else {
        return reply::not_found();
    };
    let file = ["gcode", "gco", "g"].iter().find_map(|end| inner.store.file(&format!("{stem}.{end}")));
    let png = file.and_then(|file| analysis::thumbnail(file.data.as_ref()?));
    png.map_or_else(reply::not_found, |png| picture("image/png", png))
}
