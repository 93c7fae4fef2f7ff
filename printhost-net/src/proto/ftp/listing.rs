use alloc::{borrow::ToOwned, string::String, vec::Vec};

use printhost_core::RemotePath;

/// The longest line of a listing that is read, in bytes.
pub const MAX_LINE: usize = 1024;

/// What an entry of a listing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link to a file or to a folder: a listing does not say.
    Link,
}

/// A date of a listing: the server's own time, whatever that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Modified {
    /// The year; not told of what was changed within half a year or so.
    pub year: Option<u16>,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// Hour and minute; told when the year is not.
    pub time: Option<(u8, u8)>,
}

/// An entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The name as the server writes it, blanks included; without control characters, `/` and `\`, not `.` nor `..`, and
    /// of at most 255 bytes.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// The size of a file, in bytes.
    pub size: Option<u64>,
    /// When it was changed.
    pub modified: Modified,
}

impl Entry {
    /// Reads a line as `ls -l` writes it. `None` for everything else, and for a name that is no name of one entry of the
    /// folder, such as `../x`.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, kind, size, modified) = columns(line)?;
        is_name(name).then(|| Self { name: name.to_owned(), kind, size, modified })
    }
}

/// What a line has that `ls -l` writes, whatever the name.
fn columns(line: &str) -> Option<(&str, EntryKind, Option<u64>, Modified)> {
    let kind = match line.bytes().next()? {
        b'-' => EntryKind::File,
        b'd' => EntryKind::Folder,
        b'l' => EntryKind::Link,
        _ => return None,
    };
    // Rights, links, owner and group, of which some leave one or the other out; then size and date.
    let mut rest = line;
    let mut size = "";
    for column in 0..9 {
        let (word, after) = next_word(rest)?;
        if column >= 3
            && let Some((modified, name)) = date(rest)
            && let Some(size) = number(size)
        {
            let name = match kind {
                EntryKind::Link => name.split_once(" -> ").map_or(name, |(name, _)| name),
                _ => name,
            };
            let size = (kind == EntryKind::File).then_some(size);
            return Some((name, kind, size, modified));
        }
        (size, rest) = (word, after);
    }
    None
}

fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    let end = text.find(' ')?;
    (end > 0).then(|| text.split_at(end))
}

fn number<T: core::str::FromStr>(text: &str) -> Option<T> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// `Jun 17 12:14 name` or `Jun 17  2025 name`: the date, and the name behind one blank.
fn date(text: &str) -> Option<(Modified, &str)> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (month, rest) = next_word(text)?;
    let month = MONTHS.iter().position(|m| month.eq_ignore_ascii_case(m))? as u8 + 1;
    let (day, rest) = next_word(rest)?;
    let day = number(day).filter(|day| (1..=31).contains(day))?;
    let (last, rest) = next_word(rest)?;
    let (year, time) = match last.split_once(':') {
        None => (Some(number(last)?), None),
        Some((hour, minute)) => {
            let hour = number(hour).filter(|hour| *hour < 24)?;
            (None, Some((hour, number(minute).filter(|minute| *minute < 60)?)))
        }
    };
    rest.strip_prefix(' ').map(|name| (Modified { year, month, day, time }, name))
}

fn is_name(name: &str) -> bool {
    !name.contains('/') && RemotePath::parse(name).is_ok()
}

/// The name in a line of NLST's answer for `folder`: some answer with whole paths. `None` for what is not in the folder.
pub fn nlst_name<'a>(folder: &str, line: &'a str) -> Option<&'a str> {
    let name = match line.rsplit_once('/') {
        None => line,
        Some((before, name)) => {
            let before = before.strip_prefix("./").unwrap_or(before);
            (before.trim_matches('/') == folder.trim_matches('/')).then_some(name)?
        }
    };
    is_name(name).then_some(name)
}

/// Turns the bytes of a listing into entries, with memory bounded by [`MAX_LINE`].
///
/// Lines that are none of an entry are counted: too long ones, other formats, names that are not UTF-8 or that lead out of
/// the folder, sockets and devices. `total`, `.`, `..` and empty lines are not counted.
#[derive(Debug, Default)]
pub struct Listing {
    line: Vec<u8>,
    /// Passing over the rest of a line that is too long.
    is_too_long: bool,
    lines: u32,
    skipped: u32,
}

impl Listing {
    /// A decoder at the start of a listing.
    pub const fn new() -> Self {
        Self { line: Vec::new(), is_too_long: false, lines: 0, skipped: 0 }
    }

    /// How many lines were passed over so far, although something stood there.
    pub const fn skipped(&self) -> u32 {
        self.skipped
    }

    /// How many lines there were so far, of whatever kind.
    pub const fn lines(&self) -> u32 {
        self.lines
    }

    /// Takes bytes; returns how many were used, and an entry once there is one. Call again with the rest.
    pub fn decode(&mut self, input: &[u8]) -> (usize, Option<Entry>) {
        let mut used = 0;
        while let Some(end) = input[used..].iter().position(|byte| *byte == b'\n') {
            self.take(&input[used..used + end]);
            used += end + 1;
            if let Some(entry) = self.end_line() {
                return (used, Some(entry));
            }
        }
        self.take(&input[used..]);
        (input.len(), None)
    }

    /// At the end: the last line need not have an end of its own.
    pub fn finish(&mut self) -> Option<Entry> {
        if self.line.is_empty() && !self.is_too_long { None } else { self.end_line() }
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.is_too_long || self.line.len() + bytes.len() > MAX_LINE {
            (self.is_too_long, self.line) = (true, Vec::new());
            return;
        }
        if self.line.capacity() == 0 && !bytes.is_empty() {
            self.line.reserve_exact(MAX_LINE);
        }
        self.line.extend_from_slice(bytes);
    }

    fn end_line(&mut self) -> Option<Entry> {
        self.lines = self.lines.saturating_add(1);
        let entry = match self.is_too_long {
            true => Err(()),
            false => read(&self.line),
        };
        self.is_too_long = false;
        self.line.clear();
        if entry.is_err() {
            self.skipped = self.skipped.saturating_add(1);
        }
        entry.ok().flatten()
    }
}

/// `Err` for what counts as passed over.
fn read(line: &[u8]) -> Result<Option<Entry>, ()> {
    let line = core::str::from_utf8(line).map_err(|_| ())?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let is_total = line.strip_prefix("total ").is_some_and(|blocks| number::<u64>(blocks.trim()).is_some());
    if line.is_empty() || is_total || is_dots(line) {
        return Ok(None);
    }
    Entry::parse(line).map(Some).ok_or(())
}

/// A folder's line for itself or for the one above it, and no name that ends like that.
fn is_dots(line: &str) -> bool {
    matches!(columns(line), Some(("." | "..", EntryKind::Folder, ..)))
}
