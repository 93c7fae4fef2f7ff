//! Stored files and folders, and what is shown of them: the Pi looks at its disk again only after a while.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::clock;
use crate::octoprint::StoredFile;

/// What there is at a path.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Folder { changed: u64 },
    File(File),
}

#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) size: u64,
    pub(super) sha1_hex: String,
    /// Unset for one that was too long to be kept.
    pub(super) data: Option<Bytes>,
    /// Seconds since 1970.
    pub(super) changed: u64,
}

/// Entries by path, without slashes at either end.
pub(super) type Tree = BTreeMap<String, Entry>;

#[derive(Debug)]
pub(super) struct Store {
    disk: Tree,
    lag: Duration,
    /// What the disk was like before each change that is not shown yet, oldest first.
    earlier: VecDeque<(Instant, Tree)>,
}

impl Store {
    pub(super) fn new(lag: Duration) -> Self {
        Self { disk: Tree::new(), lag, earlier: VecDeque::new() }
    }

    /// What is there.
    pub(super) fn disk(&self) -> &Tree {
        &self.disk
    }

    /// What is shown.
    pub(super) fn shown(&mut self) -> &Tree {
        self.forget();
        self.earlier.front().map_or(&self.disk, |(_, tree)| tree)
    }

    pub(super) fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || matches!(self.disk.get(path), Some(Entry::Folder { .. }))
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        match self.disk.get(path)? {
            Entry::File(file) => Some(file),
            Entry::Folder { .. } => None,
        }
    }

    /// Stores a file, with the folders above it.
    pub(super) fn insert(&mut self, path: &str, file: File) {
        self.change(|disk| {
            if let Some((folder, _)) = path.rsplit_once('/') {
                make_folders(disk, folder);
            }
            disk.insert(path.to_owned(), Entry::File(file));
        });
    }

    pub(super) fn create_folders(&mut self, path: &str) {
        self.change(|disk| make_folders(disk, path));
    }

    /// With everything below it.
    pub(super) fn remove(&mut self, path: &str) {
        self.change(|disk| disk.retain(|at, _| at != path && !is_below(at, path)));
    }

    pub(super) fn files(&self) -> Vec<StoredFile> {
        let stored = |(path, entry): (&String, &Entry)| match entry {
            Entry::File(file) => Some(StoredFile {
                path: path.clone(),
                size: file.size,
                sha1_hex: file.sha1_hex.clone(),
                data: file.data.clone(),
            }),
            Entry::Folder { .. } => None,
        };
        self.disk.iter().filter_map(stored).collect()
    }

    pub(super) fn used(&self) -> u64 {
        size_below(&self.disk, "")
    }

    fn change(&mut self, change: impl FnOnce(&mut Tree)) {
        self.forget();
        if !self.lag.is_zero() {
            self.earlier.push_back((Instant::now(), self.disk.clone()));
        }
        change(&mut self.disk);
    }

    fn forget(&mut self) {
        while self.earlier.front().is_some_and(|(at, _)| at.elapsed() >= self.lag) {
            self.earlier.pop_front();
        }
    }
}

/// The entries directly in a folder; the root is the empty path.
pub(super) fn children<'a>(tree: &'a Tree, folder: &'a str) -> impl Iterator<Item = (&'a String, &'a Entry)> {
    tree.iter().filter(move |(path, _)| parent(path) == folder)
}

/// Bytes in all files in a folder and below.
pub(super) fn size_below(tree: &Tree, folder: &str) -> u64 {
    let size = |(path, entry): (&String, &Entry)| match entry {
        Entry::File(file) if folder.is_empty() || is_below(path, folder) => file.size,
        _ => 0,
    };
    tree.iter().map(size).sum()
}

pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub(super) fn leaf(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

pub(super) fn unix_time() -> u64 {
    clock::unix_time() as u64
}

/// Whether a name is that of G-code.
pub(super) fn is_gcode(name: &str) -> bool {
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    matches!(end.as_deref(), Some("gcode" | "gco" | "gc" | "g" | "bgcode" | "bgc"))
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn make_folders(disk: &mut Tree, path: &str) {
    for end in path.match_indices('/').map(|(end, _)| end).chain([path.len()]) {
        disk.entry(path[..end].to_owned()).or_insert_with(|| Entry::Folder { changed: unix_time() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> File {
        File { size, sha1_hex: String::new(), data: None, changed: 0 }
    }

    fn shown(store: &mut Store) -> Vec<String> {
        store.shown().keys().cloned().collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_shown_after_the_lag_and_the_old_state_until_then() {
        let mut store = Store::new(Duration::from_millis(200));
        store.insert("sub/a.gcode", file(1));
        tokio::time::advance(Duration::from_millis(150)).await;
        store.insert("b.gcode", file(2));
        assert!(shown(&mut store).is_empty() && store.disk().len() == 3);
        tokio::time::advance(Duration::from_millis(60)).await;
        assert_eq!(shown(&mut store), ["sub", "sub/a.gcode"]);
        tokio::time::advance(Duration::from_millis(150)).await;
        assert_eq!(shown(&mut store), ["b.gcode", "sub", "sub/a.gcode"]);
    }

    #[tokio::test]
    async fn a_folder_goes_with_what_is_below_it_and_nothing_else() {
        let mut store = Store::new(Duration::ZERO);
        store.insert("sub/deep/a.gcode", file(3));
        store.insert("sub2/b.gcode", file(4));
        assert_eq!((size_below(store.disk(), "sub"), store.used()), (3, 7));
        store.remove("sub");
        assert_eq!(shown(&mut store), ["sub2", "sub2/b.gcode"]);
    }
}
