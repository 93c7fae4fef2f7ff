//! Listing files, one of them, and deletion.

use http_body_util::Full;
use hyper::header::{self, HeaderMap};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::reply::{self, Reply};
use super::server::Incoming1;
use super::shared::{Inner, Shared};
use super::store::leaf;
use crate::uri::{is_true, query_value, sha1_hex};

/// `GET /api/files`, `/local` and `/sdcard`.
pub(super) fn list(shared: &Shared, path: &str, request: &Incoming1) -> Reply {
    let inner = shared.lock();
    let on_card = || inner.machine.sd.listing(&base(shared));
    if path == "files/sdcard" {
        return reply::ok(&json!({ "files": on_card() }));
    }
    let mut body = inner.store.listing(&base(shared), recursive(request));
    if path == "files"
        && let Some(files) = body["files"].as_array_mut()
    {
        files.extend(on_card());
    }
    with_etag(&body, request.headers())
}

/// One file or folder.
pub(super) fn info(shared: &Shared, origin: &str, path: &str, request: &Incoming1) -> Reply {
    let inner = shared.lock();
    let found = if origin == "local" {
        inner.store.entry(path, &base(shared), recursive(request))
    } else {
        let path = path.trim_start_matches('/');
        inner.machine.sd.listing(&base(shared)).into_iter().find(|file| file["path"] == path)
    };
    found.map_or_else(reply::not_found, |body| with_etag(&body, request.headers()))
}

pub(super) fn delete(shared: &Shared, origin: &str, path: &str) -> Reply {
    let mut inner = shared.lock();
    if origin == "sdcard" {
        return delete_from_card(&mut inner, path);
    }
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

fn delete_from_card(inner: &mut Inner, path: &str) -> Reply {
    if !inner.machine.sd.contains(path) {
        return reply::not_found();
    }
    let selected = inner.machine.is_selected("sdcard", path.trim_start_matches('/'));
    if selected && inner.machine.state.is_busy() {
        return reply::conflict("Trying to delete a file that is currently in use");
    }
    if selected {
        inner.machine.deselect();
    }
    inner.machine.sd.remove(path);
    inner.machine.type_line(&format!("M30 {path}"));
    inner.machine.type_line("M20");
    reply::no_content()
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
pub(super) fn selected_inside(inner: &Inner, path: &str) -> bool {
    inner.machine.selected.as_ref().is_some_and(|selected| {
        selected.origin == "local"
            && selected.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
