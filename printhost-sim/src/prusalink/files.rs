//! Files and folders: told, fetched, printed, deleted.

use std::sync::Arc;

use hyper::header::{self, HeaderMap};

use super::config::PrusaLinkFamily;
use super::reply::{Reply, Words, Wrong, set};
use super::shared::Shared;
use super::short_names::full_path;
use super::store::{Entry, children};
use super::{reply, view};
use crate::uri::percent_decode;

/// Where a path below `/api/v1/files` leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the storage that takes files, without slashes at either end.
    Here(String),
    /// On the Pi's SD card, of which there is none.
    Card(String),
    Nowhere,
}

impl Place {
    /// Of what follows `/api/v1/files`, still encoded.
    pub(super) fn of(family: PrusaLinkFamily, path: &str) -> Self {
        let path = percent_decode(path);
        let mut parts = path.trim_matches('/').splitn(2, '/');
        let (storage, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match (family, storage) {
            (PrusaLinkFamily::Pi, "local") | (PrusaLinkFamily::Buddy, "usb") => Self::Here(rest.to_owned()),
            (PrusaLinkFamily::Pi, "sdcard") => Self::Card(rest.to_owned()),
            _ => Self::Nowhere,
        }
    }

    /// Its path, or what to answer.
    pub(super) fn path(self, words: &Words) -> Result<String, Box<Reply>> {
        match (self, words.family) {
            (Self::Here(path), _) if path.split('/').all(|part| part != "..") => Ok(path),
            (Self::Here(_) | Self::Card(_), _) => Err(Box::new(words.wrong(Wrong::NO_FILE))),
            (Self::Nowhere, PrusaLinkFamily::Pi) => Err(Box::new(words.wrong(Wrong::NO_LOCATION))),
            (Self::Nowhere, PrusaLinkFamily::Buddy) => Err(Box::new(words.wrong(Wrong::of(403, "")))),
        }
    }
}

/// `GET` and `HEAD`; the body of the latter is left out by the server.
pub(super) fn info(shared: &Shared, words: &Words, path: &str, headers: &HeaderMap, head: bool) -> Reply {
    let mut inner = shared.lock();
    let tree = inner.store.shown();
    let path = if words.family == PrusaLinkFamily::Buddy { full_path(tree, path) } else { path.to_owned() };
    let root = Entry::Folder { changed: 0 };
    let found = if path.is_empty() { Some(&root) } else { tree.get(&path) };
    let Some(entry) = found else { return words.wrong(Wrong::NO_FILE) };
    let told = view::entry(words.family, tree, &path, entry, true);
    if words.family == PrusaLinkFamily::Buddy {
        return words.json(&told);
    }
    let changed = told["m_timestamp"].as_u64().unwrap_or_default();
    let tag = format!("W/\"{changed:x}{}\"", told["size"]);
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let printed = inner.machine.job.as_ref().is_some_and(|job| job.path == path);
    let mut answer = match (is_known, head) {
        (true, _) => words.done(304),
        (false, true) => words.done(200),
        (false, false) => words.json(&told),
    };
    answer.headers_mut().remove("x-powered-by");
    set(&mut answer, header::ETAG, &tag);
    set(&mut answer, header::LAST_MODIFIED, "Fri, 20 Nov 2026 20:38:34 GMT");
    if !is_known {
        let fields = answer.headers_mut();
        fields.insert("read-only", header::HeaderValue::from_static("False"));
        let printed = if printed { "True" } else { "False" };
        fields.insert("currently-printed", header::HeaderValue::from_static(printed));
    } else {
        answer.headers_mut().remove(header::CONTENT_TYPE);
    }
    answer
}

/// The content of a file, by its path in the storage.
pub(super) fn content(shared: &Shared, words: &Words, path: &str) -> Reply {
    let mut inner = shared.lock();
    let tree = inner.store.shown();
    let path = if words.family == PrusaLinkFamily::Buddy { full_path(tree, path) } else { path.to_owned() };
    let Some(Entry::File(file)) = tree.get(&path) else { return words.wrong(Wrong::NO_FILE) };
    let Some(data) = file.data.clone() else {
        return words.wrong(Wrong::of(507, "the simulator has not kept it"));
    };
    let mut answer = words.bytes("application/octet-stream", data);
    answer.headers_mut().remove("x-powered-by");
    if words.family == PrusaLinkFamily::Pi {
        let name = format!("attachment;filename=\"{}\"", super::store::leaf(&path));
        reply::set(&mut answer, header::CONTENT_DISPOSITION, &name);
    }
    answer
}

/// `POST`: prints it.
pub(super) fn print(shared: &Arc<Shared>, words: &Words, path: &str) -> Reply {
    let path = {
        let mut inner = shared.lock();
        let tree = inner.store.shown();
        let path =
            if words.family == PrusaLinkFamily::Buddy { full_path(tree, path) } else { path.to_owned() };
        if !matches!(tree.get(&path), Some(Entry::File(_))) {
            return words.wrong(Wrong::NO_FILE);
        }
        path
    };
    match (shared.start_print(&path), words.family) {
        (true, _) => words.done(204),
        (false, PrusaLinkFamily::Pi) => words.wrong(Wrong::NO_STATE_TO_PRINT),
        (false, PrusaLinkFamily::Buddy) => words.wrong(Wrong::of(409, "")),
    }
}

pub(super) fn delete(shared: &Shared, words: &Words, path: &str, headers: &HeaderMap) -> Reply {
    let is_pi = words.family == PrusaLinkFamily::Pi;
    let mut inner = shared.lock();
    let path = if is_pi { path.to_owned() } else { full_path(inner.store.disk(), path) };
    let Some(entry) = inner.store.disk().get(&path) else { return words.wrong(Wrong::NO_FILE) };
    let is_folder = matches!(entry, Entry::Folder { .. });
    let is_printed =
        |job: &super::machine::Job| job.path == path || job.path.starts_with(&format!("{path}/"));
    if inner.machine.job.as_ref().is_some_and(is_printed) {
        return words.wrong(if is_pi { Wrong::PRINTED } else { Wrong::of(409, "File is busy") });
    }
    let force = is_pi && headers.get("force").is_some_and(|force| force.as_bytes() == b"?1");
    if is_folder && !force && children(inner.store.disk(), &path).next().is_some() {
        return words.wrong(if is_pi { Wrong::NOT_EMPTY } else { Wrong::NO_FILE });
    }
    inner.store.remove(&path);
    words.done(204)
}
