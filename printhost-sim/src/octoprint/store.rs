//! The storage "local": files and folders in memory.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::machine::Selected;
use super::print::Source;
use super::{StoredFile, analysis};
use crate::clock::unix_time;
use crate::uri::percent_encode_path;

/// Total and free bytes the storage claims.
pub(super) const TOTAL: u64 = 270_553_174_016;

/// All files by path, and all folders, empty or not.
#[derive(Debug, Default)]
pub(super) struct Store {
    files: BTreeMap<String, File>,
    folders: BTreeSet<String>,
}

/// A complete upload.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) size: u64,
    pub(super) sha1_hex: String,
    pub(super) data: Option<Bytes>,
    /// The name as the client sent it.
    pub(super) display: String,
    pub(super) userdata: Option<Value>,
    /// Who uploaded it.
    user: String,
    /// The member `gcodeAnalysis`, once the file was analysed.
    pub(super) analysis: Option<Value>,
    /// Where its picture is, if it has one and the plugin for that is simulated.
    thumbnail: Option<String>,
    date: u64,
    prints: Vec<PrintRecord>,
}

#[derive(Debug, Clone)]
struct PrintRecord {
    date: f64,
    /// Unset when the print failed.
    seconds: Option<f64>,
}

impl File {
    pub(super) fn new(
        size: u64,
        sha1_hex: String,
        data: Option<Bytes>,
        display: String,
        user: String,
    ) -> Self {
        let date = unix_time() as u64;
        Self {
            size,
            sha1_hex,
            data,
            display,
            userdata: None,
            user,
            analysis: None,
            thumbnail: None,
            date,
            prints: Vec::new(),
        }
    }

    /// Looks for a picture in the file that is stored as `path`, if that is `wanted`.
    pub(super) fn find_thumbnail(&mut self, path: &str, wanted: bool) {
        let found = wanted && self.data.as_ref().and_then(analysis::thumbnail).is_some();
        let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
        let stem = percent_encode_path(stem);
        self.thumbnail =
            found.then(|| format!("plugin/prusaslicerthumbnails/thumbnail/{stem}.png?{}", self.date));
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

    pub(super) fn file_mut(&mut self, path: &str) -> Option<&mut File> {
        self.files.get_mut(path)
    }

    pub(super) fn exists(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.is_folder(path)
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

    /// Copies or moves a file, or a folder with what is below it, to a path that does not exist yet.
    pub(super) fn relocate(&mut self, from: &str, to: &str, moves: bool) {
        let is_folder = self.is_folder(from);
        let new_path = |path: &str| {
            let rest = path.strip_prefix(from)?;
            (rest.is_empty() || is_folder && rest.starts_with('/')).then(|| format!("{to}{rest}"))
        };
        let folders: Vec<String> = self.folders.iter().filter_map(|folder| new_path(folder)).collect();
        let files: Vec<(String, File)> =
            self.files.iter().filter_map(|(path, file)| Some((new_path(path)?, file.clone()))).collect();
        if moves {
            self.files.remove(from);
            if is_folder {
                self.remove_folder(from);
            }
        }
        self.folders.extend(folders);
        for (path, mut file) in files {
            file.display = leaf(&path).to_owned();
            let had_thumbnail = file.thumbnail.is_some();
            file.find_thumbnail(&path, had_thumbnail);
            if !moves {
                file.prints.clear();
            }
            self.files.insert(path, file);
        }
    }

    pub(super) fn selection(&self, path: &str, user: &str) -> Option<Selected> {
        let file = self.files.get(path)?;
        let times: Vec<f64> = file.prints.iter().filter_map(|print| print.seconds).collect();
        Some(Selected {
            origin: "local",
            path: path.to_owned(),
            display: file.display.clone(),
            size: file.size,
            date: Some(file.date),
            user: user.to_owned(),
            estimated: file.analysis.as_ref().and_then(|analysis| analysis["estimatedPrintTime"].as_f64()),
            filament: file.analysis.as_ref().map_or(Value::Null, |analysis| analysis["filament"].clone()),
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

pub(super) fn parent(path: &str) -> &str {
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
        "user": file.user,
    });
    if let Some(analysis) = &file.analysis {
        json["gcodeAnalysis"] = analysis.clone();
    }
    if let Some(thumbnail) = &file.thumbnail {
        json["thumbnail"] = json!(thumbnail);
        json["thumbnail_src"] = json!("prusaslicerthumbnails");
    }
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
            store.insert(path, File::new(3, "00".into(), None, leaf(path).into(), "_api".into()));
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
    fn a_folder_is_copied_with_what_is_below_it_and_moved_away_from_where_it_was() {
        let mut store = store();
        store.relocate("sub", "copy", false);
        assert!(store.file("copy/deep/b.gcode").is_some() && store.file("sub/deep/b.gcode").is_some());
        store.relocate("sub", "moved", true);
        assert!(store.file("moved/deep/b.gcode").is_some() && !store.exists("sub"));
        store.relocate("a.gcode", "moved/c.gcode", true);
        assert!(store.file("a.gcode").is_none());
        assert_eq!(store.file("moved/c.gcode").map(|file| file.display.as_str()), Some("c.gcode"));
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
