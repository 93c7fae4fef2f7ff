//! The card: files and folders.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use bytes::Bytes;
use sha1::Sha1;
use sha2::Digest as _;

use super::BambuFile;

const FOLDERS: [&str; 8] =
    ["cache", "image", "ipcam", "logger", "model", "timelapse", "timelapse/thumbnail", "verify_job"];

#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) size: u64,
    pub(super) sha1: String,
    /// Unless it was too long to be kept.
    pub(super) data: Option<Bytes>,
    pub(super) changed: SystemTime,
    /// The upload that still writes it.
    writer: Option<u64>,
}

/// Paths have no slash at either end; the root is empty.
#[derive(Debug)]
pub(super) struct Store {
    files: BTreeMap<String, File>,
    folders: BTreeSet<String>,
    uploads: u64,
}

impl Store {
    pub(super) fn new() -> Self {
        let folders = FOLDERS.iter().map(|name| (*name).to_owned()).collect();
        Self { files: BTreeMap::new(), folders, uploads: 0 }
    }

    pub(super) fn files(&self) -> Vec<BambuFile> {
        let files = self.files.iter().map(|(path, file)| BambuFile {
            path: path.clone(),
            size: file.size,
            sha1_hex: file.sha1.clone(),
            data: file.data.clone(),
        });
        files.collect()
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    pub(super) fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.folders.contains(path)
    }

    /// Bytes in all files but one, which is to be replaced.
    pub(super) fn used_without(&self, path: &str) -> u64 {
        self.files.iter().filter(|(name, _)| *name != path).map(|(_, file)| file.size).sum()
    }

    /// What is directly within a folder: folders first.
    pub(super) fn list(&self, folder: &str) -> Vec<(String, Option<File>)> {
        let inner = |path: &str| -> Option<String> {
            let rest = if folder.is_empty() { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
            (!rest.is_empty() && !rest.contains('/')).then(|| rest.to_owned())
        };
        let folders = self.folders.iter().filter_map(|path| Some((inner(path)?, None)));
        let files = self.files.iter().filter_map(|(path, file)| Some((inner(path)?, Some(file.clone()))));
        folders.chain(files).collect()
    }

    /// As somebody else stores it: with the folders above it.
    pub(super) fn place(&mut self, path: &str, file: File) {
        let ends = path.match_indices('/').map(|(at, _)| path[..at].to_owned());
        self.folders.extend(ends);
        self.put(path, file);
    }

    pub(super) fn put(&mut self, path: &str, file: File) {
        self.files.insert(path.to_owned(), file);
    }

    /// Begins an upload, which empties what there is. Its number.
    pub(super) fn begin(&mut self, path: &str) -> u64 {
        self.uploads += 1;
        self.put(path, File { writer: Some(self.uploads), ..Arriving::new(0).finish() });
        self.uploads
    }

    /// The file that an upload writes, wherever it is by now; none once it was deleted or begun anew.
    pub(super) fn written_by(&mut self, upload: u64) -> Option<&mut File> {
        self.files.values_mut().find(|file| file.writer == Some(upload))
    }

    pub(super) fn delete(&mut self, path: &str) -> bool {
        self.files.remove(path).is_some()
    }

    pub(super) fn make_folder(&mut self, path: &str) -> bool {
        let free = !path.is_empty() && !self.files.contains_key(path) && self.is_folder(parent(path));
        free && self.folders.insert(path.to_owned())
    }

    /// Removes a folder that is empty.
    pub(super) fn remove_folder(&mut self, path: &str) -> bool {
        self.list(path).is_empty() && self.folders.remove(path)
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> bool {
        if !self.is_folder(parent(to)) || self.is_folder(to) {
            return false;
        }
        let Some(file) = self.files.remove(from) else { return false };
        self.files.insert(to.to_owned(), file);
        true
    }
}

/// The folder that holds a path.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A file on its way here.
pub(super) struct Arriving {
    pub(super) size: u64,
    digest: Sha1,
    kept: Option<Vec<u8>>,
    keep_up_to: u64,
}

impl Arriving {
    pub(super) fn new(keep_up_to: u64) -> Self {
        Self { size: 0, digest: Sha1::default(), kept: Some(Vec::new()), keep_up_to }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.digest.update(bytes);
        if self.size > self.keep_up_to {
            self.kept = None;
        }
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
    }

    pub(super) fn finish(self) -> File {
        let sha1: String = self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        File {
            size: self.size,
            sha1,
            data: self.kept.map(Bytes::from),
            changed: SystemTime::now(),
            writer: None,
        }
    }
}
