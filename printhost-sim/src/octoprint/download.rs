//! Downloads of files and of the thumbnails in them.

use std::ops::Range;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap};
use hyper::{Response, StatusCode};

use super::reply::{self, Reply};
use super::shared::Shared;
use super::store::leaf;
use super::uri::percent_encode_path;
use super::{analysis, webcam};

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
    let picture = file.and_then(|file| analysis::thumbnail(file.data.as_ref()?));
    picture.map_or_else(reply::not_found, |png| webcam::picture("image/png", png))
}

/// One range of bytes; none when the header is not understood, empty when it cannot be satisfied.
fn byte_range(header: &str, length: usize) -> Option<Range<usize>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let suffix: usize = last.parse().ok()?;
        return Some(length.saturating_sub(suffix)..length);
    }
    let first: usize = first.parse().ok()?;
    let end =
        if last.is_empty() { length } else { last.parse::<usize>().ok()?.saturating_add(1).min(length) };
    Some(if first < end { first..end } else { 0..0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_first_to_last_inclusive_or_a_suffix() {
        assert_eq!(byte_range("bytes=0-9", 598), Some(0..10));
        assert_eq!(byte_range("bytes=590-", 598), Some(590..598));
        assert_eq!(byte_range("bytes=-8", 598), Some(590..598));
        assert_eq!(byte_range("bytes=0-9999", 598), Some(0..598));
        assert!(byte_range("bytes=598-", 598).is_some_and(|range| range.is_empty()));
        assert_eq!(byte_range("lines=1-2", 598), None);
    }
}
