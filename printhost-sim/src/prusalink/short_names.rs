//! The short names of FAT, by which the firmware calls files: eight letters, three for the end.

use super::store::{Tree, children, leaf, parent};

/// The short name of a file or folder in its folder. Entries that come first in the alphabet come first here, as on a
/// disk to which they were written in that order.
pub(super) fn short_name(tree: &Tree, path: &str) -> String {
    let name = leaf(path);
    if is_short(name) {
        return name.to_owned();
    }
    let (stem, end) = squeezed(name);
    let begins_alike = |other: &&String| {
        let other = leaf(other);
        !is_short(other) && squeezed(other) == (stem.clone(), end.clone())
    };
    let number = 1 + children(tree, parent(path))
        .map(|(path, _)| path)
        .filter(begins_alike)
        .take_while(|p| *p != path)
        .count();
    let tail = format!("~{number}");
    let kept: String = stem.chars().take(8 - tail.len()).collect();
    if end.is_empty() { format!("{kept}{tail}") } else { format!("{kept}{tail}.{end}") }
}

/// As [`short_name`], for every element of a path.
pub(super) fn short_path(tree: &Tree, path: &str) -> String {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    ends.map(|end| short_name(tree, &path[..end])).collect::<Vec<_>>().join("/")
}

/// The path with full names of one whose elements may be short.
pub(super) fn full_path(tree: &Tree, path: &str) -> String {
    let mut full = String::new();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let wanted = name.to_uppercase();
        let found = children(tree, &full).map(|(path, _)| path).find(|path| {
            leaf(path).to_uppercase() == wanted || short_name(tree, path).to_uppercase() == wanted
        });
        full = match (found, full.is_empty()) {
            (Some(path), _) => path.clone(),
            (None, true) => name.to_owned(),
            (None, false) => format!("{full}/{name}"),
        };
    }
    full
}

fn is_short(name: &str) -> bool {
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "_-~$!#".contains(c);
    (1..=8).contains(&stem.len()) && end.len() <= 3 && stem.chars().chain(end.chars()).all(allowed)
}

/// The letters that are left of a long name, before they are cut.
fn squeezed(name: &str) -> (String, String) {
    let letters = |text: &str, most| -> String {
        let kept = text.chars().filter(|c| !" .".contains(*c));
        kept.map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_uppercase() } else { '_' })
            .take(most)
            .collect()
    };
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
    (letters(stem, 6), letters(end, 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prusalink::store::{File, Store};

    #[test]
    fn short_names_are_numbered_and_lead_back_to_the_full_ones() {
        let mut store = Store::new(std::time::Duration::ZERO);
        for path in ["longest name.gcode", "longest name 2.gcode", "A.G", "in ö/übung.gcode"] {
            let file = File { size: 1, sha1_hex: String::new(), data: None, changed: 0 };
            store.insert(path, file);
        }
        let tree = store.disk();
        let short: Vec<String> = tree.keys().map(|path| short_path(tree, path)).collect();
        assert_eq!(short, ["A.G", "IN_~1", "IN_~1/_BUNG~1.GCO", "LONGES~1.GCO", "LONGES~2.GCO"]);
        for (short, full) in short.iter().zip(tree.keys()) {
            assert_eq!(full_path(tree, short), *full);
            assert_eq!(full_path(tree, full), *full);
        }
        assert_eq!(full_path(tree, "in ö/other.gcode"), "in ö/other.gcode");
    }
}
