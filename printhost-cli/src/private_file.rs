//! Replacing small files of this user whole: other processes see the old content or the new one, nothing between.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Who may read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever the system's defaults allow.
    Usual,
    /// Only the owner, from the first byte on, where the system knows such a thing.
    Owner,
}

/// Holds off other `printhost` commands that change the files of this configuration. Released when dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for others; creates the folder if need be.
    pub(crate) fn beside(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let file =
            File::options().create(true).truncate(false).write(true).open(path.with_extension("lock"))?;
        file.lock()?;
        Ok(Self { _file: file })
    }
}

/// The content, or `None` when there is no such file.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes beside it, syncs, and renames. A symbolic link stays one.
pub(crate) fn replace(path: &Path, content: &str, readers: Readers) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let part = Part(path.with_file_name(format!(".{name}.{}.part", std::process::id())));
    let mut file = create(&part.0, readers)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part.0, &path)
}

#[cfg(unix)]
fn create(path: &Path, readers: Readers) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mode = if readers == Readers::Owner { 0o600 } else { 0o666 };
    File::options().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _: Readers) -> io::Result<File> {
    File::options().write(true).create_new(true).open(path)
}

/// Whether somebody else than the owner may read it.
#[cfg(unix)]
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Whether somebody else than the owner may read it.
#[cfg(not(unix))]
pub(crate) fn is_open_to_others(_: &Path) -> bool {
    false
}

/// A file under a temporary name, removed unless it was renamed.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // After the renaming there is nothing of this name.
        let _ = fs::remove_file(&self.0);
    }
}
