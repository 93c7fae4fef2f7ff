//! Commands on a file or folder: select, unselect, copy, move, analyse and upload to the SD card.

use std::sync::Arc;

use hyper::{StatusCode, header};
use serde_json::{Value, json};

use super::access::Who;
use super::files::{base, file_event, selected_inside};
use super::job::json_body;
use super::reply::{self, Reply};
use super::server::Incoming1;
use super::shared::Shared;
use super::state::State;
use super::store::{is_printable, leaf, parent, refs, resource};
use crate::uri::is_true;

const EXISTS: &str = "File or folder does already exist";

pub(super) async fn command(
    shared: &Arc<Shared>,
    who: &Who,
    origin: &'static str,
    path: &str,
    request: Incoming1,
) -> Reply {
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let command = body["command"].as_str().unwrap_or_default();
    if command == "unselect" {
        return unselect(shared, origin, path);
    }
    let (is_file, exists) = {
        let inner = shared.lock();
        if origin == "local" {
            let is_file = inner.store.file(path).is_some();
            (is_file, is_file || inner.store.is_folder(path))
        } else {
            let contains = inner.machine.sd.contains(path);
            (contains, contains)
        }
    };
    match command {
        "copy" | "move" if origin != "local" => {
            reply::bad_request(&format!("Unsupported target for {command}"))
        }
        "select" | "copy" | "move" | "analyse" | "uploadSd" | "slice" if !exists => reply::not_found(),
        "select" | "analyse" | "uploadSd" | "slice" if !is_file => reply::not_found(),
        "select" if !who.may("FILES_SELECT") => reply::forbidden(),
        "select" => select(shared, who, origin, path, &body["print"]),
        "copy" | "move" | "analyse" | "uploadSd" if !who.may("FILES_UPLOAD") => reply::forbidden(),
        "copy" | "move" => match body["destination"].as_str() {
            Some(destination) => relocate(shared, path, destination, command == "move"),
            None => reply::bad_request("Mandatory parameters missing"),
        },
        "analyse" => {
            shared.analyse(path);
            reply::no_content()
        }
        "uploadSd" => upload_to_card(shared, who, path),
        "slice" => reply::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Cannot slice file, no slicer available"),
        _ => reply::bad_request("command is invalid"),
    }
}

fn select(shared: &Arc<Shared>, who: &Who, origin: &str, path: &str, print: &Value) -> Reply {
    let print = match print {
        Value::Bool(print) => *print,
        Value::String(print) => is_true(print),
        _ => false,
    };
    {
        let mut inner = shared.lock();
        if inner.machine.state != State::Operational {
            return reply::conflict("Printer is already printing, cannot select a new file");
        }
        let user = who.user();
        let selection = if origin == "local" {
            inner.store.selection(path, &user)
        } else {
            inner.machine.sd.selection(path, &user)
        };
        let Some(selection) = selection else { return reply::not_found() };
        inner.machine.select(selection);
    }
    if print {
        shared.start_print();
    }
    reply::no_content()
}

/// The real server answers these as pages of text, not as JSON.
fn unselect(shared: &Shared, origin: &str, path: &str) -> Reply {
    let machine = &mut shared.lock().machine;
    let Some(selected) = &machine.selected else {
        let text = "Cannot unselect current file when there is no file selected";
        return reply::text(StatusCode::CONFLICT, text);
    };
    if path != "current" && !(selected.origin == origin && selected.path == path) {
        return reply::text(StatusCode::BAD_REQUEST, "Only the currently selected file can be unselected");
    }
    if machine.state.is_busy() {
        let text = "Printer is already printing, cannot unselect current file";
        return reply::text(StatusCode::CONFLICT, text);
    }
    machine.deselect();
    reply::no_content()
}

/// Copies or moves a file or folder, into a folder when the destination is one.
fn relocate(shared: &Shared, path: &str, destination: &str, moves: bool) -> Reply {
    let mut inner = shared.lock();
    let destination = destination.trim_matches('/');
    if destination.split('/').any(|component| matches!(component, "" | "." | "..")) {
        return reply::conflict("Exception thrown by storage, bad folder/file name?");
    }
    let is_folder = inner.store.is_folder(path);
    let destination = if inner.store.is_folder(destination) {
        format!("{destination}/{}", leaf(path))
    } else {
        destination.to_owned()
    };
    let verb = if moves { "move" } else { "copy" };
    if inner.store.exists(&destination) {
        return reply::conflict(EXISTS);
    }
    if !is_folder && !is_printable(leaf(&destination)) {
        let text = format!("Could not {verb} {} to {destination}, invalid type", leaf(path));
        return reply::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &text);
    }
    let folder = parent(&destination);
    if !folder.is_empty() && !inner.store.is_folder(folder) || moves && is_within(&destination, path) {
        let text = format!("Could not {verb} {path} to {destination}");
        return reply::error(StatusCode::INTERNAL_SERVER_ERROR, &text);
    }
    if moves && selected_inside(&inner, path) {
        if inner.machine.state.is_busy() {
            return reply::conflict("Trying to move a file or folder that is currently in use");
        }
        inner.machine.deselect();
    }
    // The answer keeps the name that a file had before, as the real one does.
    let name = inner.store.file(path).map_or_else(|| leaf(path).to_owned(), |file| file.display.clone());
    inner.store.relocate(path, &destination, moves);
    for (kind, payload) in relocation_events(path, &destination, is_folder, moves) {
        inner.machine.event(kind, payload);
    }
    inner.machine.files_updated();
    drop(inner);
    let base = base(shared);
    let location = resource(&base, &destination);
    let links = if is_folder { json!({ "resource": location }) } else { refs(&base, &destination) };
    let body = json!({ "name": name, "origin": "local", "path": destination, "refs": links });
    let mut reply = reply::json(StatusCode::CREATED, &body);
    reply::set(&mut reply, header::LOCATION, &location);
    reply
}

fn relocation_events(from: &str, to: &str, is_folder: bool, moves: bool) -> Vec<(&'static str, Value)> {
    let folder = |path: &str| json!({ "storage": "local", "path": path, "name": leaf(path) });
    let mut moved = json!({
        "storage": "local",
        "source_path": from,
        "source_name": leaf(from),
        "destination_path": to,
        "destination_name": leaf(to),
    });
    match (is_folder, moves) {
        (true, true) => {
            vec![("FolderRemoved", folder(from)), ("FolderAdded", folder(to)), ("FolderMoved", moved)]
        }
        (true, false) => vec![("FolderAdded", folder(to))],
        (false, true) => {
            moved["source_type"] = json!(["machinecode", "gcode"]);
            moved["destination_type"] = json!(["machinecode", "gcode"]);
            let (removed, added) = (file_event(from, "move"), file_event(to, "move"));
            vec![("FileRemoved", removed), ("FileAdded", added), ("FileMoved", moved)]
        }
        (false, false) => vec![("FileAdded", file_event(to, "copy"))],
    }
}

fn upload_to_card(shared: &Arc<Shared>, who: &Who, path: &str) -> Reply {
    let remote = match shared.copy_to_card(path, &who.user(), false, false) {
        Ok(remote) => remote,
        Err(reply) => return *reply,
    };
    let location = format!("{}/api/files/sdcard//{remote}", base(shared));
    let body = json!({
        "effectivePrint": false,
        "effectiveSelect": false,
        "file": {
            "name": format!("/{remote}"),
            "origin": "sdcard",
            "path": format!("/{remote}"),
            "refs": { "resource": location },
        },
    });
    let mut reply = reply::json(StatusCode::CREATED, &body);
    reply::set(&mut reply, header::LOCATION, &location);
    reply
}

fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
