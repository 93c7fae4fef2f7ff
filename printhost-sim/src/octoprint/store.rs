//! The storage "local": files and folders in memory.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::StoredFile;
use super::job::USER;
use super::machine::{Selected, unix_time};
use super::print::Source;
use super::uri::percent_encode_path;

/// Total and free bytes the storage claims.
const TOTAL: u64 = 270_553_174_016;

/// All files by path, and all folders, empty or not.
#[derive(Debug, Default)]
pub(super) struct Store {
    files: BTreeMap<String, File>,
    folders: BTreeSet<String>,
}

/// A complete upload.
#[derive(Debug)]
pub(super) struct File {
    pub(super) size: u64,
    pub(super) sha1_hex: String,
    pub(super) data: Option<Bytes>,
    /// The name as the client sent it.
    pub(super) display: String,
    pub(super) userdata: Option<Value>,
    date: u64,
    prints: Vec<PrintRecord>,
}

#[derive(Debug)]
struct PrintRecord {
    date: f64,
    /// Unset when the print failed.
    seconds: Option<f64>,
}

impl File {
    pub(super) fn new(size: u64, sha1_hex: String, data: Option<Bytes>, display: String) -> Self {
        let date = unix_time() as u64;
        Self { size, sha1_hex, data, display, userdata: None, date, prints: Vec::new() }
    }

    pub(super) fn date(&self) -> u64 {
        self.date
    }
}

impl Store {
    pub(super) fn files(&self) -> Vec<StoredFile> {
        let public = |(path, file): (&String, &File)| StoredFile {
            path: path.clone(),
            size: file.size,
            sha1_hex: file.sha1_hex.clone(),
            data: file.data.clone(),
        };
        self.files.iter().map(public).collect()
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    pub(super) fn is_folder(&self, path: &str) -> bool {
        self.folders.contains(path)
    }

    /// Stores or replaces a file and creates the folders above it.
    pub(super) fn insert(&mut self, path: &str, file: File) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.create_folder(folder);
        }
        self.files.insert(path.to_owned(), file);
    }

    pub(super) fn create_folder(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        self.folders.extend(ends.map(|end| path[..end].to_owned()));
    }

    pub(super) fn remove_file(&mut self, path: &str) -> bool {
        self.files.remove(path).is_some()
    }

    pub(super) fn remove_folder(&mut self, path: &str) {
        self.files.retain(|file, _| !is_below(file, path));
        self.folders.retain(|folder| folder != path && !is_below(folder, path));
    }

    pub(super) fn selection(&self, path: &str) -> Option<Selected> {
        let file = self.files.get(path)?;
        let times: Vec<f64> = file.prints.iter().filter_map(|print| print.seconds).collect();
        Some(Selected {
            path: path.to_owned(),
            size: file.size,
            date: file.date,
            last_print_time: times.last().copied(),
            average_print_time: average(&times),
        })
    }

    pub(super) fn print_source(&self, path: &str) -> Option<Source> {
        let file = self.files.get(path)?;
        Some(file.data.clone().map_or(Source::Unkept(file.size), Source::Content))
    }

    /// Remembers the end of a print; `seconds` is unset when it failed.
    pub(super) fn printed(&mut self, path: &str, seconds: Option<f64>) {
        if let Some(file) = self.files.get_mut(path) {
            file.prints.push(PrintRecord { date: unix_time(), seconds });
        }
    }

    /// The body of a listing; `base` is `http://host:port`.
    pub(super) fn listing(&self, base: &str, recursive: bool) -> Value {
        let used: u64 = self.files.values().map(|file| file.size).sum();
        json!({
            "files": self.children("", base, if recursive { usize::MAX } else { 1 }),
            "free": TOTAL.saturating_sub(used),
            "total": TOTAL,
        })
    }

    /// A file or folder as JSON. A folder shows its children, and theirs when `recursive`.
    pub(super) fn entry(&self, path: &str, base: &str, recursive: bool) -> Option<Value> {
        if let Some(file) = self.files.get(path) {
            return Some(file_json(path, file, base));
        }
        self.is_folder(path).then(|| self.folder_json(path, base, if recursive { usize::MAX } else { 2 }))
    }

    /// The entries directly in `folder`; `levels` counts how deep entries are shown at all.
    fn children(&self, folder: &str, base: &str, levels: usize) -> Vec<Value> {
        if levels == 0 {
            return Vec::new();
        }
        let files = self.files.iter().filter(|(path, _)| parent(path) == folder);
        let folders = self.folders.iter().filter(|path| parent(path) == folder);
        let files = files.map(|(path, file)| file_json(path, file, base));
        files.chain(folders.map(|path| self.folder_json(path, base, levels))).collect()
    }

    fn folder_json(&self, path: &str, base: &str, levels: usize) -> Value {
        let below: Vec<&File> =
            self.files.iter().filter(|(file, _)| is_below(file, path)).map(|(_, file)| file).collect();
        let succeeded = below.iter().flat_map(|file| &file.prints).filter(|print| print.seconds.is_some());
        let succeeded = succeeded.count();
        let all: usize = below.iter().map(|file| file.prints.len()).sum();
        json!({
            "children": self.children(path, base, levels - 1),
            "date": below.iter().map(|file| file.date).max().unwrap_or_else(|| unix_time() as u64),
            "display": leaf(path),
            "name": leaf(path),
            "origin": "local",
            "path": path,
            "prints": { "success": succeeded, "failure": all - succeeded },
            "refs": { "resource": resource(base, path) },
            "size": below.iter().map(|file| file.size).sum::<u64>(),
            "type": "folder",
            "typePath": ["folder"],
        })
    }
}

/// The last component of a path.
pub(super) fn leaf(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether OctoPrint accepts files with this name.
pub(super) fn is_printable(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    matches!(extension.as_deref(), Some("gcode" | "gco" | "g"))
}

pub(super) fn refs(base: &str, path: &str) -> Value {
    json!({ "download": format!("{base}/downloads/files/local/{}", percent_encode_path(path)),
            "resource": resource(base, path) })
}

pub(super) fn resource(base: &str, path: &str) -> String {
    format!("{base}/api/files/local/{}", percent_encode_path(path))
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn file_json(path: &str, file: &File, base: &str) -> Value {
    let mut json = json!({
        "date": file.date,
        "display": file.display,
        "hash": file.sha1_hex,
        "name": leaf(path),
        "origin": "local",
        "path": path,
        "refs": refs(base, path),
        "size": file.size,
        "type": "machinecode",
        "typePath": ["machinecode", "gcode"],
        "user": USER,
    });
    if let Some(userdata) = &file.userdata {
        json["userdata"] = userdata.clone();
    }
    if let Some(last) = file.prints.last() {
        let times: Vec<f64> = file.prints.iter().filter_map(|print| print.seconds).collect();
        let mut record = json!({ "date": last.date, "success": last.seconds.is_some() });
        if let Some(seconds) = last.seconds {
            record["printTime"] = json!(seconds);
        }
        json["prints"] =
            json!({ "success": times.len(), "failure": file.prints.len() - times.len(), "last": record });
        let profile = |seconds: Option<f64>| {
            seconds.map_or_else(|| Value::Object(Map::new()), |seconds| json!({ "_default": seconds }))
        };
        json["statistics"] = json!({
            "averagePrintTime": profile(average(&times)),
            "lastPrintTime": profile(times.last().copied()),
        });
    }
    json
}

fn average(times: &[f64]) -> Option<f64> {
    (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        let mut store = Store::default();
        for path in ["a.gcode", "sub/deep/b.gcode"] {
            store.insert(path, File::new(3, "00".into(), None, leaf(path).into()));
        }
        store
    }

    #[test]
    fn a_flat_listing_shows_folders_without_children() {
        let listing = store().listing("http://h", false);
        assert_eq!(listing["files"].as_array().map(Vec::len), Some(2));
        assert_eq!(listing["files"][1]["path"], "sub");
        assert_eq!(listing["files"][1]["size"], 3);
        assert_eq!(listing["files"][1]["children"], json!([]));
    }

    #[test]
    fn a_folder_shows_one_level_unless_recursive() {
        let shallow = store().entry("sub", "http://h", false).unwrap_or_default();
        assert_eq!(shallow["children"][0]["path"], "sub/deep");
        assert_eq!(shallow["children"][0]["children"], json!([]));
        let deep = store().entry("sub", "http://h", true).unwrap_or_default();
        assert_eq!(deep["children"][0]["children"][0]["path"], "sub/deep/b.gcode");
    }

    #[test]
    fn removing_a_folder_removes_what_is_below_it_and_nothing_else() {
        let mut store = store();
        store.create_folder("sub2");
        store.remove_folder("sub");
        assert_eq!(store.files().len(), 1);
        assert!(store.is_folder("sub2") && !store.is_folder("sub") && !store.is_folder("sub/deep"));
    }
}
