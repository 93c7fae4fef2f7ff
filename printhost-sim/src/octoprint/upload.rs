//! Uploads and new folders: `POST /api/files/local`, a multipart form.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyDataStream, BodyExt};
use hyper::body::Incoming;
use hyper::{StatusCode, header};
use multer::{Field, Multipart};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::files::{base, file_event};
use super::machine::State;
use super::reply::{self, Reply};
use super::server::Incoming1;
use super::shared::Shared;
use super::store::{File, is_printable, leaf, refs, resource};
use super::uri::{hex, is_true, percent_decode};

const BAD_NAME: &str = "Can not upload file, invalid file name";

/// The storage a path below `/api/files/` uploads to; none when it names a file or no storage.
pub(super) fn location(path: &str) -> Option<&str> {
    path.strip_prefix("/api/files/").filter(|location| !location.is_empty() && !location.contains('/'))
}

/// Stores what was sent, but only when all of it was.
pub(super) async fn upload(shared: &Arc<Shared>, request: Incoming1) -> Reply {
    let location = location(request.uri().path()).unwrap_or_default().to_owned();
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = content_type.and_then(|value| multer::parse_boundary(value).ok());
    let mut body = request.into_body();
    let form = match boundary {
        Some(boundary) => Form::read(&mut body, boundary, shared.config.keep_content_up_to).await,
        None => Ok(Form::default()),
    };
    // What follows the closing boundary belongs to the body too, and it may be cut there.
    let mut complete = form.is_ok();
    while let Some(frame) = body.frame().await {
        complete &= frame.is_ok();
    }
    let mut form = match form {
        Ok(form) if complete => form,
        _ => return reply::bad_request("Can not upload file, the request is incomplete"),
    };
    match location.as_str() {
        "local" => {}
        "sdcard" => {
            let text = "Can not upload to SD card, printer is either not operational or already busy";
            return reply::conflict(text);
        }
        _ => return reply::not_found(),
    }
    match (form.file.take(), form.folder_name.take()) {
        (Some(file), _) => store(shared, file, form),
        (None, Some(name)) => create_folder(shared, &name, form.path.as_deref()),
        (None, None) => reply::bad_request("No file to upload and no folder to create"),
    }
}

#[derive(Default)]
struct Form {
    file: Option<Uploaded>,
    folder_name: Option<String>,
    path: Option<String>,
    print: bool,
    select: bool,
    no_overwrite: bool,
    userdata: Option<Value>,
}

/// The part `file`, hashed and, unless it is too long, kept.
struct Uploaded {
    name: String,
    size: u64,
    sha1_hex: String,
    data: Option<Bytes>,
}

impl Form {
    async fn read(body: &mut Incoming, boundary: String, keep: u64) -> Result<Self, multer::Error> {
        let mut form = Self::default();
        let mut parts = Multipart::new(BodyDataStream::new(body), boundary);
        while let Some(part) = parts.next_field().await? {
            match part.name().unwrap_or_default() {
                "file" => form.file = Some(Uploaded::read(part, keep).await?),
                "foldername" => form.folder_name = Some(part.text().await?),
                "path" => form.path = Some(part.text().await?),
                "print" => form.print = is_true(&part.text().await?),
                "select" => form.select = is_true(&part.text().await?),
                "noOverwrite" => form.no_overwrite = is_true(&part.text().await?),
                "userdata" => form.userdata = serde_json::from_str(&part.text().await?).ok(),
                _ => drop(part.bytes().await?),
            }
        }
        Ok(form)
    }
}

impl Uploaded {
    async fn read(mut part: Field<'_>, keep: u64) -> Result<Self, multer::Error> {
        let disposition = part.headers().get(header::CONTENT_DISPOSITION);
        let disposition = disposition.map_or(&[][..], |value| value.as_bytes());
        let name = file_name(&String::from_utf8_lossy(disposition)).unwrap_or_default();
        let mut hash = Sha1::new();
        let mut size = 0;
        let mut data = Some(Vec::new());
        while let Some(chunk) = part.chunk().await? {
            hash.update(&chunk);
            size += chunk.len() as u64;
            if size > keep {
                data = None;
            }
            if let Some(data) = &mut data {
                data.extend_from_slice(&chunk);
            }
        }
        Ok(Self { name, size, sha1_hex: hex(&hash.finalize()), data: data.map(Bytes::from) })
    }
}

fn store(shared: &Arc<Shared>, file: Uploaded, form: Form) -> Reply {
    let Some(path) = join(form.path.as_deref(), &file.name) else { return reply::bad_request(BAD_NAME) };
    let mut inner = shared.lock();
    if !is_printable(leaf(&path)) {
        let text = "Could not upload file, invalid type";
        return reply::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    let selected = inner.machine.is_selected(&path);
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
    let mut stored = File::new(file.size, file.sha1_hex, file.data, display);
    stored.userdata = form.userdata;
    inner.store.insert(&path, stored);
    inner.machine.event("FileAdded", file_event(&path, "add"));
    inner.machine.files_updated();

    // A printer that is busy or gone makes neither an error nor a print.
    let ready = inner.machine.state == State::Operational;
    let (print, select) = (form.print && ready, form.select && ready);
    if (print || select || selected)
        && let Some(selection) = inner.store.selection(&path)
    {
        inner.machine.select(selection);
    }
    drop(inner);
    if print {
        shared.start_print();
    }
    let event = json!({
        "name": leaf(&path),
        "path": path,
        "target": "local",
        "select": form.select,
        "print": form.print,
        "effective_select": select,
        "effective_print": print,
    });
    shared.lock().machine.event("Upload", event);
    let base = base(shared);
    let entry = json!({ "name": leaf(&path), "origin": "local", "path": path, "refs": refs(&base, &path) });
    let body = json!({
        "done": true,
        "effectivePrint": print,
        "effectiveSelect": select,
        "files": { "local": entry },
    });
    created(&body, &resource(&base, &path))
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

/// The file name in a Content-Disposition; the extended one of RFC 5987 wins.
fn file_name(disposition: &str) -> Option<String> {
    let (mut plain, mut extended) = (None, None);
    let mut rest = disposition.split_once(';')?.1;
    while !rest.trim().is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value),
            "filename*" => extended = extended_value(&value),
            _ => {}
        }
        rest = after.trim_start().trim_start_matches(';');
    }
    extended.or(plain)
}

/// The text up to the closing quote, and what follows that.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => text.push(chars.next()?.1),
            _ => text.push(c),
        }
    }
    None
}

fn extended_value(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    charset.eq_ignore_ascii_case("utf-8").then(|| percent_decode(encoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extended_file_name_wins() {
        let both = r#"form-data; name="file"; filename="u.gcode"; filename*=UTF-8''%C3%BC%20x.gcode"#;
        assert_eq!(file_name(both).as_deref(), Some("ü x.gcode"));
        let plain = r#"form-data; filename="a \"b\"; c.gcode"; name=file"#;
        assert_eq!(file_name(plain).as_deref(), Some("a \"b\"; c.gcode"));
        assert_eq!(file_name("form-data; name=path"), None);
    }

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
