use alloc::{string::String, vec::Vec};
use core::time::Duration;

use crate::{Error, ErrorKind, Result};

/// A checked path on a host: relative, segments separated by `/`.
///
/// Refused with [`ErrorKind::InvalidInput`], before anything is sent: the empty path, an empty segment (so also a
/// leading, trailing or doubled `/`), a segment `.` or `..`, a control character (NUL, line breaks, …), a `\`, a
/// segment of more than 255 bytes, more than 1024 bytes in all. Everything else passes, quotes, blanks and
/// non-ASCII letters included; a host may still store it under a changed name, which [`crate::Uploaded::path`]
/// then tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemotePath<'a>(&'a str);

impl<'a> RemotePath<'a> {
    /// Checks a path.
    pub fn parse(path: &'a str) -> Result<Self> {
        let refuse = |why: &'static str| Err(Error::new(ErrorKind::InvalidInput, "path").with_detail(why));
        if path.is_empty() {
            return refuse("the file name is empty");
        }
        if path.len() > 1024 {
            return refuse("the path is longer than 1024 bytes");
        }
        if path.chars().any(|c| c.is_control() || c == '\\') {
            return refuse("the path contains a control character or a backslash");
        }
        for segment in path.split('/') {
            match segment {
                "" => {
                    return refuse(
                        "the path has an empty segment; write it without leading, trailing or doubled /",
                    );
                }
                "." | ".." => return refuse("the path contains . or .. as a segment"),
                _ if segment.len() > 255 => return refuse("a segment of the path is longer than 255 bytes"),
                _ => {}
            }
        }
        Ok(Self(path))
    }

    /// The whole path.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The last segment.
    pub fn name(self) -> &'a str {
        self.0.rsplit_once('/').map_or(self.0, |(_, name)| name)
    }

    /// Everything before the last segment, without the `/`; empty at the root.
    pub fn folder(self) -> &'a str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Which part of a listing to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// How many entries to skip.
    pub offset: u32,
    /// How many entries to return at most.
    pub limit: u16,
}

impl Page {
    /// The first `limit` entries.
    pub const fn first(limit: u16) -> Self {
        Self { offset: 0, limit }
    }

    /// The page after this one.
    pub const fn next(self) -> Self {
        Self { offset: self.offset.saturating_add(self.limit as u32), limit: self.limit }
    }
}

/// One file or folder of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileEntry {
    /// The path on the host, as [`crate::PrintHost::start`], `download` and `delete` take it.
    pub path: String,
    /// A folder; the other fields are then usually absent.
    pub is_folder: bool,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Upload or modification time, seconds since 1970-01-01 UTC.
    pub modified: Option<u64>,
    /// The SHA-1 of the content, where the host keeps one.
    pub sha1: Option<[u8; 20]>,
}

/// What a host knows of one file. Every `None` and every empty list means that it did not say.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FileInfo {
    /// What a listing shows of it.
    pub entry: FileEntry,
    /// How long it will print, as analysed by the host or promised by the slicer.
    pub print_time: Option<Duration>,
    /// Filament it will take, mm, by tool.
    pub filament: Vec<f32>,
    /// Its pictures.
    pub thumbnails: Vec<Thumbnail>,
}

/// A picture of a file, to be fetched by [`crate::PrintHost::thumbnail`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thumbnail {
    /// Where the host keeps it; means something to the driver only.
    pub source: String,
    /// Width and height in pixels, if told.
    pub size: Option<(u32, u32)>,
}

/// A page of a folder's listing, in the host's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilePage {
    /// The entries.
    pub entries: Vec<FileEntry>,
    /// True when there are entries after this page.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn paths_that_could_leave_their_folder_or_break_a_header_are_refused() {
        let long = "x".repeat(256);
        let deep = "abc/".repeat(300) + "x";
        for path in [
            "", "/", "/abs", "a/", "a//b", ".", "..", "a/../b", "a\0b", "a\r\nb", "a\\b", "\u{85}", &long,
            &deep,
        ] {
            assert_eq!(RemotePath::parse(path).unwrap_err().kind(), ErrorKind::InvalidInput, "{path:?}");
        }
        for path in ["a", "a b/ü \"q\" 'x' %2F.gcode", &"x".repeat(255), "...", "日本.gcode"] {
            assert_eq!(RemotePath::parse(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn page_after_the_last_possible_one_is_no_overflow() {
        let page = Page { offset: u32::MAX - 1, limit: 500 };
        assert_eq!(page.next().offset, u32::MAX);
    }

    #[test]
    fn path_splits_into_folder_and_name() {
        let path = RemotePath::parse("a/b/c.gcode").unwrap();
        assert_eq!((path.folder(), path.name()), ("a/b", "c.gcode"));
        let path = RemotePath::parse("c.gcode").unwrap();
        assert_eq!(format!("{}|{}", path.folder(), path.name()), "|c.gcode");
    }
}
