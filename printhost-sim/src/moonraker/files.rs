//! Calls about files and folders.

use serde_json::{Value, json};

use super::failure::{Answer, Failure};
use super::params::{Params, python};
use super::shared::{Inner, Shared};
use super::store::{Place, ROOTS, Store, is_printable, permissions};

impl Inner {
    /// Whether this is the file that is being printed, or a folder around it.
    pub(super) fn is_loaded(&self, place: &Place) -> bool {
        let loaded = self.machine.sd.file.as_deref().and_then(Place::gcode);
        loaded.is_some_and(|loaded| loaded == *place || loaded.is_within(place))
    }

    pub(super) fn file_changed(&self, action: &str, place: &Place, source: Option<&Place>) {
        let mut change = json!({ "action": action, "item": self.store.item(place) });
        if let Some(source) = source {
            change["source_item"] = json!({ "path": source.path, "root": source.root });
        }
        self.notify("notify_filelist_changed", Some(json!([change])));
    }

    fn unused(&self, place: &Place) -> Answer<()> {
        match self.is_loaded(place) {
            true => Err(Failure::new(403, "File currently in use")),
            false => Ok(()),
        }
    }

    /// Metadata, with the latest print of the file.
    fn metadata(&self, filename: &str) -> Answer {
        let found = self.store.metadata(filename.trim_start_matches('/'));
        let mut metadata =
            found.ok_or_else(|| Failure::new(404, format!("Metadata not available for <{filename}>")))?;
        let print = self.history.last_print(filename);
        metadata["print_start_time"] = json!(print.map(|(_, start)| start));
        metadata["job_id"] = json!(print.map(|(id, _)| id));
        Ok(metadata)
    }
}

pub(super) fn list(shared: &Shared, params: &Params) -> Answer {
    let root = params.get("root").map_or_else(|| "gcodes".to_owned(), python);
    if !ROOTS.iter().any(|(known, _)| *known == root) {
        return Err(Failure::bad(format!("Failed to build file list, invalid path: {root}: None")));
    }
    let inner = shared.lock();
    let wanted = |place: &Place| place.root == root && (root != "gcodes" || is_printable(place));
    let files = inner.store.files().filter(|(place, _)| wanted(place)).map(|(place, file)| {
        json!({
            "path": place.path,
            "modified": file.modified,
            "size": file.size,
            "permissions": permissions(place),
        })
    });
    Ok(files.collect())
}

pub(super) fn roots() -> Answer {
    let root = |(name, permissions): (&str, &str)| json!({ "name": name, "path": format!("/home/pi/printer_data/{name}"), "permissions": permissions });
    Ok(ROOTS.into_iter().map(root).collect())
}

pub(super) fn metadata(shared: &Shared, params: &Params) -> Answer {
    let filename = params.needed("filename")?;
    let mut metadata = shared.lock().metadata(&filename)?;
    metadata["filename"] = json!(filename);
    Ok(metadata)
}

pub(super) fn metascan(shared: &Shared, params: &Params) -> Answer {
    let filename = params.needed("filename")?;
    if !shared.lock().store.has_gcode(&filename) {
        return Err(Failure::new(404, format!("File '{filename}' does not exist")));
    }
    metadata(shared, params)
}

pub(super) fn thumbnails(shared: &Shared, params: &Params) -> Answer {
    let filename = params.needed("filename")?;
    // A file of which nothing is known has no pictures.
    let metadata = shared.lock().metadata(&filename).unwrap_or_default();
    let folder = filename.trim_start_matches('/').rsplit_once('/').map(|(folder, _)| folder);
    let listed = metadata["thumbnails"].as_array().into_iter().flatten().map(|picture| {
        let relative = picture["relative_path"].as_str().unwrap_or_default();
        let path = folder.map_or_else(|| relative.to_owned(), |folder| format!("{folder}/{relative}"));
        json!({
            "width": picture["width"],
            "height": picture["height"],
            "size": picture["size"],
            "thumbnail_path": path,
        })
    });
    Ok(listed.collect())
}

pub(super) fn directory(shared: &Shared, params: &Params) -> Answer {
    let path = params.text("path").unwrap_or_else(|| "gcodes".to_owned());
    let inner = shared.lock();
    let place = folder(&inner.store, &path)?;
    let dirs: Vec<Value> =
        inner.store.folders_in(&place).map(|(place, made)| Store::folder_json(place, made)).collect();
    let mut listed = Vec::new();
    for (place, file) in inner.store.files_in(&place) {
        let mut entry = json!({
            "filename": place.name(),
            "modified": file.modified,
            "size": file.size,
            "permissions": permissions(place),
        });
        if params.flag("extended")
            && let Ok(Value::Object(metadata)) = inner.metadata(&place.path)
            && place.root == "gcodes"
            && let Some(entry) = entry.as_object_mut()
        {
            entry.extend(metadata);
        }
        listed.push(entry);
    }
    Ok(json!({
        "dirs": dirs,
        "files": listed,
        "disk_usage": inner.store.disk_usage(),
        "root_info": { "name": place.root, "permissions": permissions(&place) },
    }))
}

pub(super) fn create_directory(shared: &Shared, params: &Params) -> Answer {
    let path = params.needed("path")?;
    let place = writable(&path)?;
    let mut inner = shared.lock();
    if inner.store.is_folder(&place) || inner.store.file(&place).is_some() {
        return Err(Failure::bad(format!("[Errno 17] File exists: '{}'", place.absolute())));
    }
    if !inner.store.is_folder(&place.parent()) {
        return Err(Failure::bad(format!("[Errno 2] No such file or directory: '{}'", place.absolute())));
    }
    inner.store.create_folders(&place);
    inner.file_changed("create_dir", &place, None);
    Ok(json!({ "action": "create_dir", "item": inner.store.item(&place) }))
}

pub(super) fn delete_directory(shared: &Shared, params: &Params) -> Answer {
    let path = params.needed("path")?;
    let place = writable(&path)?;
    let mut inner = shared.lock();
    if !inner.store.is_folder(&place) {
        return Err(Failure::bad(format!("Directory does not exist ({path})")));
    }
    if params.flag("force") {
        inner.unused(&place)?;
    } else if !inner.store.is_empty(&place) {
        return Err(Failure::bad(format!("[Errno 39] Directory not empty: '{}'", place.absolute())));
    }
    inner.store.remove_folder(&place);
    inner.file_changed("delete_dir", &place, None);
    Ok(json!({ "action": "delete_dir", "item": inner.store.item(&place) }))
}

/// Moves or copies; into a folder when the destination is one.
pub(super) fn relocate(shared: &Shared, params: &Params, moves: bool) -> Answer {
    let (source, dest) = (params.needed("source")?, params.needed("dest")?);
    let (from, mut to) = (writable(&source)?, place(&dest)?);
    let mut inner = shared.lock();
    let is_folder = inner.store.is_folder(&from);
    if !is_folder && inner.store.file(&from).is_none() {
        return Err(Failure::bad(format!("File {} does not exist", from.absolute())));
    }
    if inner.store.is_folder(&to) {
        to = to.child(from.name());
    }
    if !inner.store.is_folder(&to.parent()) {
        return Err(Failure::bad(format!("[Errno 2] No such file or directory: '{}'", to.absolute())));
    }
    if to == from || to.is_within(&from) {
        return Err(Failure::bad(format!("Cannot move or copy {source} to {dest}")));
    }
    if moves {
        inner.unused(&from)?;
    }
    inner.unused(&to)?;
    inner.store.relocate(&from, &to, moves);
    let action = match (moves, is_folder) {
        (true, true) => "move_dir",
        (true, false) => "move_file",
        (false, true) => "create_dir",
        (false, false) => "create_file",
    };
    inner.file_changed(action, &to, moves.then_some(&from));
    let mut answer = json!({ "action": action, "item": inner.store.item(&to) });
    if moves {
        answer["source_item"] = json!({ "path": from.path, "root": from.root });
    }
    Ok(answer)
}

pub(super) fn delete_file(shared: &Shared, params: &Params) -> Answer {
    let path = params.needed("path")?;
    let invalid = || Failure::bad(format!("Invalid file path: {path}"));
    let place = writable(&path).map_err(|_| invalid())?;
    let mut inner = shared.lock();
    if inner.store.file(&place).is_none() {
        return Err(invalid());
    }
    inner.unused(&place)?;
    inner.store.remove_file(&place);
    inner.file_changed("delete_file", &place, None);
    Ok(json!({ "action": "delete_file", "item": inner.store.item(&place) }))
}

fn place(path: &str) -> Answer<Place> {
    Place::parse(path).ok_or_else(|| {
        let root = path.trim_matches('/').split('/').next().unwrap_or_default();
        Failure::bad(format!("Invalid root path ({root})"))
    })
}

/// A place that may be changed, which a root itself may not.
fn writable(path: &str) -> Answer<Place> {
    let place = place(path)?;
    match !place.path.is_empty() && permissions(&place) == "rw" {
        true => Ok(place),
        false => Err(Failure::bad(format!("Cannot modify {path}"))),
    }
}

fn folder(store: &Store, path: &str) -> Answer<Place> {
    let place = place(path)?;
    match store.is_folder(&place) {
        true => Ok(place),
        false => Err(Failure::bad(format!("Directory does not exist ({})", place.absolute()))),
    }
}
