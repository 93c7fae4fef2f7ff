//! Listing, commands on files, deletion and download.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::job::json_body;
use super::machine::State;
use super::reply::{self, Reply};
use super::server::Incoming1;
use super::shared::{Inner, Shared};
use super::store::leaf;
use super::uri::{is_true, percent_encode_path, query_value, sha1_hex};

pub(super) fn list(shared: &Shared, request: &Incoming1) -> Reply {
    let body = shared.lock().store.listing(&base(shared), recursive(request));
    with_etag(&body, request.headers())
}

/// One file or folder.
pub(super) fn info(shared: &Shared, path: &str, request: &Incoming1) -> Reply {
    match shared.lock().store.entry(path, &base(shared), recursive(request)) {
        Some(body) => with_etag(&body, request.headers()),
        None => reply::not_found(),
    }
}

pub(super) async fn command(shared: &Arc<Shared>, path: &str, request: Incoming1) -> Reply {
    if shared.lock().store.file(path).is_none() {
        return reply::not_found();
    }
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    if body["command"] != "select" {
        return reply::bad_request("command is invalid");
    }
    let print = match &body["print"] {
        Value::Bool(print) => *print,
        Value::String(print) => is_true(print),
        _ => false,
    };
    {
        let mut inner = shared.lock();
        if inner.machine.state != State::Operational {
            return reply::conflict("Printer is already printing, cannot select a new file");
        }
        let Some(selection) = inner.store.selection(path) else { return reply::not_found() };
        inner.machine.select(selection);
    }
    if print {
        shared.start_print();
    }
    reply::no_content()
}

pub(super) fn delete(shared: &Shared, path: &str) -> Reply {
    let mut inner = shared.lock();
    let is_folder = inner.store.is_folder(path);
    if !is_folder && inner.store.file(path).is_none() {
        return reply::not_found();
    }
    let selected_inside = selected_inside(&inner, path);
    if selected_inside && inner.machine.state.is_busy() {
        return reply::conflict("Trying to delete a file that is currently in use");
    }
    if selected_inside {
        inner.machine.deselect();
    }
    if is_folder {
        inner.store.remove_folder(path);
        inner.machine.event("FolderRemoved", json!({ "storage": "local", "path": path, "name": leaf(path) }));
    } else {
        inner.store.remove_file(path);
        inner.machine.event("FileRemoved", file_event(path, "remove"));
    }
    inner.machine.files_updated();
    reply::no_content()
}

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

/// The payload of `FileAdded` and `FileRemoved`.
pub(super) fn file_event(path: &str, operation: &str) -> Value {
    json!({
        "storage": "local",
        "path": path,
        "name": leaf(path),
        "type": ["machinecode", "gcode"],
        "operation": operation,
    })
}

/// What links in answers begin with.
pub(super) fn base(shared: &Shared) -> String {
    format!("http://{}", shared.addr)
}

/// Whether the selected file is at `path` or, when that is a folder, below it.
fn selected_inside(inner: &Inner, path: &str) -> bool {
    inner.machine.selected.as_ref().is_some_and(|selected| {
        selected.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn recursive(request: &Incoming1) -> bool {
    query_value(request.uri().query(), "recursive").is_some_and(|value| is_true(&value))
}

fn with_etag(body: &Value, headers: &HeaderMap) -> Reply {
    let etag = format!("\"{}\"", sha1_hex(body.to_string().as_bytes()));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let mut reply = if known == Some(&etag) {
        let mut reply = Response::new(Full::default());
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        reply
    } else {
        reply::ok(body)
    };
    reply::set(&mut reply, header::ETAG, &etag);
    reply
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
