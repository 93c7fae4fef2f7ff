//! The printer's SD card.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::machine::Selected;
use super::print::Source;

/// The card and what is on it.
#[derive(Debug)]
pub(super) struct Sd {
    /// Whether the card is initialised.
    pub(super) ready: bool,
    files: BTreeMap<String, SdFile>,
}

#[derive(Debug)]
struct SdFile {
    size: u64,
    data: Option<Bytes>,
}

impl Sd {
    pub(super) fn new(ready: bool) -> Self {
        Self { ready, files: BTreeMap::new() }
    }

    /// The short name a file gets on the card: eight characters and `gco`.
    pub(super) fn short_name(&self, name: &str) -> String {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_ascii_lowercase();
        let stem: String = stem.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        let stem = if stem.is_empty() { "file".to_owned() } else { stem };
        let plain = format!("{}.gco", stem.get(..8).unwrap_or(&stem));
        if stem.len() <= 8 || !self.files.contains_key(&plain) {
            return plain;
        }
        (1..)
            .map(|number| format!("{}~{number}.gco", &stem[..6]))
            .find(|name| !self.files.contains_key(name))
            .unwrap_or(plain)
    }

    pub(super) fn insert(&mut self, name: &str, size: u64, data: Option<Bytes>) {
        self.files.insert(name.to_owned(), SdFile { size, data });
    }

    pub(super) fn contains(&self, path: &str) -> bool {
        self.ready && self.files.contains_key(plain(path))
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.files.remove(plain(path));
    }

    /// The card's part of a listing; empty while it is not ready.
    pub(super) fn listing(&self, base: &str) -> Vec<Value> {
        let entry = |(name, file): (&String, &SdFile)| {
            json!({
                "display": name,
                "name": name,
                "origin": "sdcard",
                "path": name,
                "refs": { "resource": format!("{base}/api/files/sdcard/{name}") },
                "size": file.size,
                "type": "machinecode",
                "typePath": ["machinecode", "gcode"],
            })
        };
        if self.ready { self.files.iter().map(entry).collect() } else { Vec::new() }
    }

    /// The lines of the answer to `M20`.
    pub(super) fn listing_lines(&self) -> Vec<String> {
        let line = |(name, file): (&String, &SdFile)| format!("{} {}", name.to_ascii_uppercase(), file.size);
        if self.ready { self.files.iter().map(line).collect() } else { Vec::new() }
    }

    pub(super) fn selection(&self, path: &str, user: &str) -> Option<Selected> {
        let name = plain(path);
        let file = self.files.get(name).filter(|_| self.ready)?;
        Some(Selected {
            origin: "sdcard",
            path: name.to_owned(),
            display: name.to_owned(),
            size: file.size,
            date: None,
            user: user.to_owned(),
            last_print_time: None,
            average_print_time: None,
            estimated: None,
            filament: Value::Null,
        })
    }

    pub(super) fn print_source(&self, path: &str) -> Option<Source> {
        let file = self.files.get(plain(path))?;
        Some(file.data.clone().map_or(Source::Unkept(file.size), Source::Content))
    }
}

/// OctoPrint names files on the card with and without a leading slash.
fn plain(path: &str) -> &str {
    path.trim_start_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_on_the_card_is_short_and_unique() {
        let mut sd = Sd::new(true);
        assert_eq!(sd.short_name("sdtest.gcode"), "sdtest.gco");
        assert_eq!(sd.short_name("ü.gcode"), "file.gco");
        let long = sd.short_name("Benchy with long name.gcode");
        assert_eq!(long, "benchywi.gco");
        sd.insert(&long, 1, None);
        assert_eq!(sd.short_name("benchy with another name.gcode"), "benchy~1.gco");
    }

    #[test]
    fn a_card_that_is_not_ready_shows_nothing() {
        let mut sd = Sd::new(true);
        sd.insert("a.gco", 5, None);
        assert_eq!(sd.listing_lines(), ["A.GCO 5"]);
        assert!(sd.contains("/a.gco"));
        sd.ready = false;
        assert!(sd.listing("").is_empty() && sd.listing_lines().is_empty() && !sd.contains("a.gco"));
    }
}
