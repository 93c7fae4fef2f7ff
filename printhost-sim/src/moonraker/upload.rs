//! Uploads: `POST /server/files/upload`, and as OctoPrint's clients send them.

use std::sync::Arc;

use hyper::{StatusCode, header};
use serde_json::json;

use super::failure::Failure;
use super::form::{Form, sha256_hex};
use super::klippy::Phase;
use super::reply::{self, Reply};
use super::shared::Shared;
use super::store::{DATA, File, Place, ROOTS, is_printable};
use crate::http::Incoming1;
use crate::uri::percent_encode_path;

/// Bytes in the body of an upload.
pub(super) const LONGEST: u64 = 1 << 30;

/// Stores what was sent, but only when all of it was. The answer's `Location` is below `base`.
pub(super) async fn upload(shared: &Arc<Shared>, user: &str, base: &str, request: Incoming1) -> Reply {
    let Some(form) = Form::read(request, shared.config.keep_content_up_to).await else {
        return reply::failed(&Failure::hidden(400, "The form is incomplete"));
    };
    match store(shared, user, base, form).await {
        Ok(reply) => reply,
        Err(failure) => reply::failed(&failure),
    }
}

async fn store(shared: &Arc<Shared>, user: &str, base: &str, form: Form) -> Result<Reply, Failure> {
    let file = form.file.filter(|file| !file.name.is_empty());
    let file = file.ok_or_else(|| Failure::hidden(400, "Multipart filename omitted"))?;
    if let Some(expected) = form.checksum.filter(|sum| !sum.eq_ignore_ascii_case(&file.sha256_hex)) {
        let message = format!("File checksum mismatch: expected {expected}, calculated {}", file.sha256_hex);
        return Err(Failure::hidden(422, message));
    }
    let root = form.root.map_or_else(|| "gcodes".to_owned(), |root| root.to_ascii_lowercase());
    let path = format!("{}/{}", form.path.unwrap_or_default(), file.name);
    let place = Place::below(&root, &path).filter(|place| !place.path.is_empty() && place.root != "logs");
    let place = place.ok_or_else(|| {
        let known = ROOTS.iter().any(|(name, _)| *name == root);
        Failure::hidden(
            400,
            match known {
                true => format!("Cannot write to path: {}", resolved(&root, &path)),
                false => format!("Root {root} not available"),
            },
        )
    })?;
    let print = {
        let mut inner = shared.lock();
        if inner.is_loaded(&place) {
            return Err(Failure::hidden(403, "File is loaded, upload not permitted"));
        }
        if inner.store.is_folder(&place) {
            return Err(Failure::hidden(400, format!("{} is a directory", place.absolute())));
        }
        inner.store.remove_file(&place);
        let free = inner.store.free();
        if file.size > free {
            let data = file.data.map(|data| data.slice(..free as usize));
            let hash = sha256_hex(data.as_deref().unwrap_or_default());
            inner.store.insert(place, File::new(data, free, hash));
            return Err(Failure::hidden(500, "Unable to save file"));
        }
        inner.store.insert(place.clone(), File::new(file.data, file.size, file.sha256_hex));
        let idle = inner.link.up
            && inner.klippy.phase != Phase::Gone
            && !matches!(inner.machine.print.state, "printing" | "paused");
        form.print && idle && is_printable(&place)
    };
    let started = print && shared.start_print(&place.path, user).await.is_ok();
    let inner = shared.lock();
    let item = inner.store.item(&place);
    inner.file_changed("create_file", &place, None);
    let mut body = json!({ "action": "create_file", "item": item });
    if is_printable(&place) {
        body["print_started"] = json!(started);
        body["print_queued"] = json!(false);
    }
    let mut reply = reply::json(StatusCode::CREATED, &body);
    let location = format!("{base}/{}/{}", place.root, percent_encode_path(&place.path));
    reply::set(&mut reply, header::LOCATION, &location);
    Ok(reply)
}

/// Where a path that leads out of its root would end.
fn resolved(root: &str, path: &str) -> String {
    let mut parts: Vec<&str> = DATA.split('/').chain([root]).collect();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
