//! The files below the server's roots, in memory.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::config::MoonrakerConfig;
use super::metadata;
use super::print::Source;
use crate::clock::unix_time;
use crate::uri::sha1_hex;

/// Where the roots would be.
pub(super) const DATA: &str = "/home/pi/printer_data";
/// Where the printable files would be.
pub(super) const GCODES: &str = "/home/pi/printer_data/gcodes";
/// Bytes the disk claims to have.
const DISK: u64 = 270_553_174_016;
/// Bytes that are free on it before anything is uploaded.
pub(super) const ROOM: u64 = 244_568_379_392;
const FOLDER_SIZE: u64 = 4096;
const PICTURES: &str = ".thumbs";
/// Names of the roots, and what is allowed there.
pub(super) const ROOTS: [(&str, &str); 3] = [("config", "rw"), ("logs", "r"), ("gcodes", "rw")];

/// A place below a root. The path of the root itself is empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) root: String,
    pub(super) path: String,
}

#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) size: u64,
    pub(super) sha256_hex: String,
    pub(super) data: Option<Bytes>,
    pub(super) modified: f64,
    /// What is known of printable files.
    metadata: Option<Map<String, Value>>,
}

#[derive(Debug)]
pub(super) struct Store {
    files: BTreeMap<Place, File>,
    /// When each was made.
    folders: BTreeMap<Place, f64>,
    /// Bytes of all files together.
    room: u64,
}

impl Place {
    /// A place as calls name it, `gcodes/sub/a.gcode`; none when there is no such root or it leads out of it.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let (root, path) = path.trim_matches('/').split_once('/').unwrap_or((path.trim_matches('/'), ""));
        Self::below(root, path)
    }

    pub(super) fn below(root: &str, path: &str) -> Option<Self> {
        ROOTS.iter().find(|(name, _)| *name == root)?;
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        (!parts.contains(&"..")).then(|| Self { root: root.to_owned(), path: parts.join("/") })
    }

    pub(super) fn gcode(path: &str) -> Option<Self> {
        Self::below("gcodes", path)
    }

    /// The whole path, as the operating system's errors tell it.
    pub(super) fn absolute(&self) -> String {
        format!("{DATA}/{}/{}", self.root, self.path)
    }

    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    pub(super) fn parent(&self) -> Self {
        let path = self.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        Self { root: self.root.clone(), path: path.to_owned() }
    }

    pub(super) fn child(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        Self { root: self.root.clone(), path }
    }

    pub(super) fn is_within(&self, folder: &Self) -> bool {
        let inside = || self.path.strip_prefix(&folder.path).is_some_and(|rest| rest.starts_with('/'));
        self.root == folder.root && (folder.path.is_empty() || inside())
    }

    /// The same place after its folder `from` became `to`.
    fn moved(&self, from: &Self, to: &Self) -> Self {
        let rest = self.path.strip_prefix(&from.path).unwrap_or_default();
        Self { root: to.root.clone(), path: format!("{}{rest}", to.path) }
    }
}

impl File {
    pub(super) fn new(data: Option<Bytes>, size: u64, sha256_hex: String) -> Self {
        Self { size, sha256_hex, data, modified: unix_time(), metadata: None }
    }
}

impl Store {
    pub(super) fn new(config: &MoonrakerConfig) -> Self {
        let mut store = Self { files: BTreeMap::new(), folders: BTreeMap::new(), room: config.room };
        let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let server = format!("[server]\nhost: 127.0.0.1\nport: {}\n", config.port);
        for (path, content) in [
            ("config/moonraker.conf", text(&server)),
            (
                "config/printer.cfg",
                text("[printer]\nkinematics: cartesian\n[virtual_sdcard]\n[pause_resume]\n"),
            ),
            ("logs/klippy.log", text("Start printer\n")),
            ("logs/moonraker.log", text("Starting Moonraker\n")),
        ] {
            if let Some(place) = Place::parse(path) {
                let hash = super::form::sha256_hex(&content);
                store.files.insert(place, File::new(Some(content.clone()), content.len() as u64, hash));
            }
        }
        store
    }

    pub(super) fn file(&self, place: &Place) -> Option<&File> {
        self.files.get(place)
    }

    pub(super) fn is_folder(&self, place: &Place) -> bool {
        place.path.is_empty() || self.folders.contains_key(place)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&Place, &File)> {
        self.files.iter()
    }

    /// Stores a file, with its metadata and pictures if it is printable.
    pub(super) fn insert(&mut self, place: Place, mut file: File) {
        self.create_folders(&place.parent());
        self.forget_pictures(&place);
        if is_printable(&place) {
            let pictures = place.parent().child(PICTURES);
            self.folders.entry(pictures.clone()).or_insert_with(unix_time);
            let content = file.data.clone().unwrap_or_default();
            let mut found = metadata::parse(&content);
            let mut thumbnails = Vec::new();
            for picture in metadata::thumbnails(&content) {
                let name = picture_name(&place, &format!("{}x{}", picture.width, picture.height));
                thumbnails.push(json!({
                    "width": picture.width,
                    "height": picture.height,
                    "size": picture.png.len(),
                    "relative_path": format!("{PICTURES}/{name}"),
                }));
                let hash = super::form::sha256_hex(&picture.png);
                let size = picture.png.len() as u64;
                self.files.insert(pictures.child(&name), File::new(Some(picture.png), size, hash));
            }
            if !thumbnails.is_empty() {
                found.insert("thumbnails".to_owned(), Value::Array(thumbnails));
            }
            let uuid = uuid(&format!("{}{}", place.path, file.modified));
            for (name, value) in [
                ("size", json!(file.size)),
                ("modified", json!(file.modified)),
                ("uuid", json!(uuid)),
                ("file_processors", json!([])),
            ] {
                found.insert(name.to_owned(), value);
            }
            file.metadata = Some(found);
        }
        self.files.insert(place, file);
    }

    pub(super) fn create_folders(&mut self, place: &Place) {
        if !self.is_folder(place) {
            self.create_folders(&place.parent());
            self.folders.insert(place.clone(), unix_time());
        }
    }

    pub(super) fn remove_file(&mut self, place: &Place) {
        self.files.remove(place);
        self.forget_pictures(place);
    }

    pub(super) fn remove_folder(&mut self, place: &Place) {
        self.files.retain(|file, _| !file.is_within(place));
        self.folders.retain(|folder, _| folder != place && !folder.is_within(place));
    }

    pub(super) fn is_empty(&self, place: &Place) -> bool {
        !self.files.keys().chain(self.folders.keys()).any(|inside| inside.is_within(place))
    }

    /// Copies a file or folder, with what is below it; a moved one is gone from where it was.
    pub(super) fn relocate(&mut self, from: &Place, to: &Place, moves: bool) {
        self.create_folders(&to.parent());
        if let Some(mut file) = self.files.get(from).cloned() {
            if moves {
                self.remove_file(from);
            }
            file.metadata = None;
            self.insert(to.clone(), file);
            return;
        }
        let files: Vec<_> = self.files.iter().filter(|(place, _)| place.is_within(from)).collect();
        let files: Vec<_> =
            files.into_iter().map(|(place, file)| (place.moved(from, to), file.clone())).collect();
        let inside = |place: &Place| place == from || place.is_within(from);
        let folders = self.folders.iter().filter(|(place, _)| inside(place));
        let folders: Vec<_> = folders.map(|(place, made)| (place.moved(from, to), *made)).collect();
        if moves {
            self.remove_folder(from);
        }
        self.files.extend(files);
        self.folders.extend(folders);
    }

    /// What is known of a printable file, without the print that used it.
    pub(super) fn metadata(&self, filename: &str) -> Option<Value> {
        let file = self.files.get(&Place::gcode(filename)?)?;
        file.metadata.clone().map(Value::Object)
    }

    pub(super) fn has_gcode(&self, filename: &str) -> bool {
        Place::gcode(filename).is_some_and(|place| self.files.contains_key(&place))
    }

    /// What there is to print, and its length.
    pub(super) fn print_source(&self, filename: &str) -> Option<(Source, u64)> {
        let file = self.files.get(&Place::gcode(filename)?)?;
        Some((file.data.clone().map_or(Source::Unkept(file.size), Source::Content), file.size))
    }

    /// A file or folder as answers and notifications tell it; what is gone has no size.
    pub(super) fn item(&self, place: &Place) -> Value {
        let (modified, size, permissions) = match (self.files.get(place), self.folders.get(place)) {
            (Some(file), _) => (json!(file.modified), file.size, permissions(place)),
            (None, Some(made)) => (json!(made), FOLDER_SIZE, permissions(place)),
            (None, None) => (json!(0), 0, ""),
        };
        json!({
            "path": place.path, "root": place.root, "modified": modified, "size": size, "permissions": permissions,
        })
    }

    /// The files directly in a folder.
    pub(super) fn files_in(&self, folder: &Place) -> impl Iterator<Item = (&Place, &File)> {
        self.files.iter().filter(|(place, _)| place.parent() == *folder)
    }

    /// The folders directly in a folder, and when they were made.
    pub(super) fn folders_in(&self, folder: &Place) -> impl Iterator<Item = (&Place, f64)> {
        self.folders.iter().filter(|(place, _)| place.parent() == *folder).map(|(place, made)| (place, *made))
    }

    pub(super) fn folder_json(place: &Place, made: f64) -> Value {
        json!({
            "modified": made, "size": FOLDER_SIZE, "permissions": permissions(place), "dirname": place.name(),
        })
    }

    pub(super) fn disk_usage(&self) -> Value {
        let free = self.free();
        json!({ "total": DISK, "used": DISK.saturating_sub(free), "free": free })
    }

    /// Bytes there is room for.
    pub(super) fn free(&self) -> u64 {
        self.room.saturating_sub(self.files.values().map(|file| file.size).sum())
    }

    fn forget_pictures(&mut self, place: &Place) {
        let prefix = format!("{}/{}-", PICTURES, stem(place.name()));
        let parent = place.parent();
        self.files.retain(|file, _| {
            let relative = if parent.path.is_empty() {
                Some(file.path.as_str())
            } else {
                file.path.strip_prefix(&parent.path).map(|rest| rest.trim_start_matches('/'))
            };
            file.root != place.root || !relative.is_some_and(|path| path.starts_with(&prefix))
        });
    }
}

pub(super) fn permissions(place: &Place) -> &'static str {
    ROOTS.iter().find(|(root, _)| *root == place.root).map_or("", |(_, permissions)| permissions)
}

/// Whether Klipper prints files of this name.
pub(super) fn is_printable(place: &Place) -> bool {
    let extension = place.name().rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    place.root == "gcodes" && matches!(extension.as_deref(), Some("gcode" | "g" | "gco" | "ufp" | "nc"))
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn picture_name(place: &Place, size: &str) -> String {
    format!("{}-{size}.png", stem(place.name()))
}

/// Something that looks like a random UUID.
pub(super) fn uuid(seed: &str) -> String {
    let hex = sha1_hex(seed.as_bytes());
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out_of_its_root() {
        assert_eq!(Place::parse("gcodes/a//b.gcode").map(|place| place.path).as_deref(), Some("a/b.gcode"));
        for wrong in ["nope/a", "gcodes/../config/a", "", "../gcodes"] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_folder_moves_with_what_is_below_it() {
        let mut store = Store::new(&MoonrakerConfig::default());
        let place = |path: &str| Place::gcode(path).expect("a place");
        store.insert(place("sub/a.gcode"), File::new(Some(Bytes::from_static(b"G28\n")), 4, String::new()));
        store.relocate(&place("sub"), &place("moved/sub"), true);
        assert!(store.has_gcode("moved/sub/a.gcode") && !store.has_gcode("sub/a.gcode"));
        assert!(store.is_folder(&place("moved/sub/.thumbs")) && !store.is_folder(&place("sub")));
        assert!(!store.is_empty(&place("moved")));
        store.remove_folder(&place("moved"));
        assert!(!store.has_gcode("moved/sub/a.gcode"));
    }
}
