//! Uploads and new folders: `POST /api/files/local` and `/sdcard`.

use std::sync::Arc;

use hyper::{StatusCode, header};
use serde_json::{Value, json};

use super::access::Who;
use super::files::{base, file_event};
use super::form::{Form, Uploaded};
use super::reply::{self, Reply};
use super::server::Incoming1;
use super::shared::Shared;
use super::state::State;
use super::store::{File, is_printable, leaf, refs, resource};

const BAD_NAME: &str = "Can not upload file, invalid file name";

/// The storage a path below `/api/files/` uploads to; none when it names a file or no storage.
pub(super) fn location(path: &str) -> Option<&str> {
    path.strip_prefix("/api/files/").filter(|location| !location.is_empty() && !location.contains('/'))
}

/// Stores what was sent, but only when all of it was.
pub(super) async fn upload(shared: &Arc<Shared>, who: &Who, request: Incoming1) -> Reply {
    let location = location(request.uri().path()).unwrap_or_default().to_owned();
    let Some(mut form) = Form::read(request, shared.config.keep_content_up_to).await else {
        return reply::bad_request("Can not upload file, the request is incomplete");
    };
    let on_card = match location.as_str() {
        "local" => false,
        "sdcard" => {
            if let Some(refused) = shared.card_refuses() {
                return refused;
            }
            true
        }
        _ => return reply::not_found(),
    };
    match (form.file.take(), form.folder_name.take()) {
        (Some(file), _) => store(shared, who, file, form, on_card),
        (None, Some(name)) if !on_card => create_folder(shared, &name, form.path.as_deref()),
        _ => reply::bad_request("No file to upload and no folder to create"),
    }
}

fn store(shared: &Arc<Shared>, who: &Who, file: Uploaded, form: Form, on_card: bool) -> Reply {
    let Some(path) = join(form.path.as_deref(), &file.name) else { return reply::bad_request(BAD_NAME) };
    let mut inner = shared.lock();
    if !is_printable(leaf(&path)) {
        let text = "Could not upload file, invalid type";
        return reply::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    let selected = inner.machine.is_selected("local", &path);
    if selected && inner.machine.state.is_busy() {
        return reply::conflict("Trying to overwrite file that is currently being printed");
    }
    if inner.store.is_folder(&path) {
        return reply::conflict("Could not upload file, a folder of that name exists");
    }
    if form.no_overwrite && inner.store.file(&path).is_some() {
        return reply::conflict("File already exists and noOverwrite was set");
    }
    let display = file.name.rsplit('/').next().unwrap_or_default().to_owned();
    let mut stored = File::new(file.size, file.sha1_hex, file.data, display, who.user());
    stored.find_thumbnail(&path, shared.config.thumbnails);
    stored.userdata = form.userdata;
    inner.store.insert(&path, stored);
    inner.machine.event("FileAdded", file_event(&path, "add"));
    inner.machine.files_updated();

    // A printer that is busy or gone makes neither an error nor a print.
    let ready = inner.machine.state == State::Operational;
    let (print, select) =
        (form.print && ready && who.may("PRINT"), form.select && ready && who.may("FILES_SELECT"));
    if (print || select || selected)
        && !on_card
        && let Some(selection) = inner.store.selection(&path, &who.user())
    {
        inner.machine.select(selection);
    }
    drop(inner);
    if shared.config.analysis {
        shared.analyse(&path);
    }
    let remote = match on_card.then(|| shared.copy_to_card(&path, &who.user(), select, print)) {
        Some(Ok(remote)) => Some(remote),
        Some(Err(refused)) => return *refused,
        None => None,
    };
    if print && !on_card {
        shared.start_print();
    }
    let event = json!({
        "name": leaf(&path),
        "path": path,
        "target": if on_card { "sdcard" } else { "local" },
        "select": form.select,
        "print": form.print,
        "effective_select": select,
        "effective_print": print,
    });
    shared.lock().machine.event("Upload", event);
    let base = base(shared);
    let entry = json!({ "name": leaf(&path), "origin": "local", "path": path, "refs": refs(&base, &path) });
    let mut files = json!({ "local": entry });
    let mut location = resource(&base, &path);
    if let Some(remote) = remote {
        location = format!("{base}/api/files/sdcard//{remote}");
        files["sdcard"] = json!({
            "name": format!("/{remote}"),
            "origin": "sdcard",
            "path": format!("/{remote}"),
            "refs": { "resource": location },
        });
    }
    let body =
        json!({ "done": !on_card, "effectivePrint": print, "effectiveSelect": select, "files": files });
    created(&body, &location)
}

fn create_folder(shared: &Shared, name: &str, path: Option<&str>) -> Reply {
    let Some(path) = join(path, name) else {
        return reply::bad_request("Can not create folder, invalid folder name");
    };
    let mut inner = shared.lock();
    if inner.store.file(&path).is_some() {
        return reply::conflict("Can not create folder, a file of that name exists");
    }
    if !inner.store.is_folder(&path) {
        inner.store.create_folder(&path);
        let payload = json!({ "storage": "local", "path": path, "name": leaf(&path) });
        inner.machine.event("FolderAdded", payload);
        inner.machine.files_updated();
    }
    let location = resource(&base(shared), &path);
    let folder = json!({
        "name": leaf(&path),
        "origin": "local",
        "path": path,
        "refs": { "resource": location },
    });
    created(&json!({ "done": true, "folder": folder }), &location)
}

fn created(body: &Value, location: &str) -> Reply {
    let mut reply = reply::json(StatusCode::CREATED, body);
    reply::set(&mut reply, header::LOCATION, location);
    reply
}

/// Folder and name as one sanitised path; none when a component is not allowed.
fn join(folder: Option<&str>, name: &str) -> Option<String> {
    if name.is_empty() || name.ends_with('/') {
        return None;
    }
    let components = folder.unwrap_or_default().split('/').chain(name.split('/'));
    let components: Option<Vec<String>> =
        components.filter(|component| !component.is_empty()).map(sanitised).collect();
    components.map(|components| components.join("/"))
}

/// A component without characters that some file system forbids, and not hidden.
fn sanitised(component: &str) -> Option<String> {
    if component == ".." || component.contains('\\') {
        return None;
    }
    let allowed = |c: &char| !c.is_control() && !r#"<>:"|?*"#.contains(*c);
    let name: String = component.chars().filter(allowed).collect();
    let name = name.trim().trim_start_matches('.');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_sanitised_but_never_leaves_the_storage() {
        assert_eq!(
            join(Some("sub/deep/"), "in folder ü.gcode").as_deref(),
            Some("sub/deep/in folder ü.gcode")
        );
        assert_eq!(join(None, ".hidden.gcode").as_deref(), Some("hidden.gcode"));
        assert_eq!(join(Some(""), "a:b?.gcode").as_deref(), Some("ab.gcode"));
        for (folder, name) in [(Some("../../etc"), "x.gcode"), (None, "../x.gcode"), (None, ""), (None, "..")]
        {
            assert_eq!(join(folder, name), None);
        }
    }
}
