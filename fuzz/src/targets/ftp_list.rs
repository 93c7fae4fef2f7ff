//! FTP listings: what another writer listed comes out as it went in, however it is cut; no name leads out of the folder.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_net::proto::ftp::{Entry, EntryKind, Listing, MAX_LINE, nlst_name};

use super::text;
use crate::{cuts, memory};

pub fn run(data: &[u8]) {
    // The line, and a name as long.
    memory::within(3 * MAX_LINE, || {
        let mut listing = Listing::new();
        let mut rest = data;
        while !rest.is_empty() {
            let (used, entry) = listing.decode(rest);
            drop(entry);
            rest = &rest[used..];
        }
        listing.finish()
    });
    let whole = decode(&[data]);
    for entry in &whole.0 {
        assert!(is_safe(&entry.name), "{entry:?}");
        assert_eq!(entry.size.is_some(), entry.kind == EntryKind::File);
        assert!((1..=12).contains(&entry.modified.month) && (1..=31).contains(&entry.modified.day));
    }
    for pieces in cuts::of(data) {
        assert_eq!(decode(&pieces), whole);
    }
    if let Ok(line) = std::str::from_utf8(data) {
        for folder in ["", "cache", "/model/"] {
            assert!(nlst_name(folder, line).is_none_or(|name| is_safe(name) && line.ends_with(name)));
        }
    }
    let _ = listed(&mut Unstructured::new(data));
}

/// The entries, how many lines there were, and how many were passed over.
fn decode(pieces: &[&[u8]]) -> (Vec<Entry>, u32, u32) {
    let mut listing = Listing::new();
    let mut entries = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let (used, entry) = listing.decode(rest);
            assert!(used > 0 && (entry.is_some() || used == rest.len()), "it makes no headway");
            entries.extend(entry);
            rest = &rest[used..];
        }
    }
    entries.extend(listing.finish());
    (entries, listing.lines(), listing.skipped())
}

fn is_safe(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= 255
        && !name.chars().any(|c| matches!(c, '/' | '\\') || c.is_control())
}

fn listed(u: &mut Unstructured<'_>) -> Result<()> {
    let (mut wire, mut expected, mut odd) = (String::from("total 8\r\n"), Vec::new(), 0);
    for _ in 0..u.int_in_range(1..=4)? {
        let name = text(u)?;
        if name.contains(['\r', '\n']) {
            continue;
        }
        let kind = *u.choose(&['-', 'd', 'l', 's', 'c'])?;
        let (owner, group) = (*u.choose(&["0", "1000", "ftp", "jan"])?, *u.choose(&["", " 0", " jan"])?);
        let size = u.arbitrary::<u64>()?;
        let (month, name_of_month) = *u.choose(&[(1, "Jan"), (6, "Jun"), (12, "Dec")])?;
        let day = u.int_in_range(1..=31_u8)?;
        let (last, year, time) = match u.arbitrary()? {
            true => ("12:34".to_owned(), None, Some((12, 34))),
            false => (" 2025".to_owned(), Some(2025), None),
        };
        let target = if kind == 'l' { " -> ../../etc/passwd" } else { "" };
        wire.push_str(&format!(
            "{kind}rw-r--r--    1 {owner}{group} {size:>8} {name_of_month} {day:>2} {last} {name}{target}\r\n"
        ));
        // Where a name has an arrow of its own, the first one counts.
        let line = format!("{name}{target}");
        let shown = if kind == 'l' { line.split(" -> ").next().unwrap_or_default() } else { name };
        match kind {
            '-' | 'd' | 'l' if is_safe(shown) => {
                let size = (kind == '-').then_some(size);
                expected.push((shown.to_owned(), kind, size, month, day, year, time));
            }
            'd' if matches!(name, "." | "..") => {}
            _ => odd += 1,
        }
    }
    let (entries, _, skipped) = decode(&[wire.as_bytes()]);
    let entries: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            let kind = match entry.kind {
                EntryKind::File => '-',
                EntryKind::Folder => 'd',
                _ => 'l',
            };
            let at = entry.modified;
            (entry.name, kind, entry.size, at.month, at.day, at.year, at.time)
        })
        .collect();
    assert_eq!((entries, skipped), (expected, odd), "{wire}");
    Ok(())
}
