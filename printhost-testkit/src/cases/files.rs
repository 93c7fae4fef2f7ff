//! Listings, downloads, deletions, moves.

use alloc::{format, string::String, vec::Vec};

use embedded_io_async::{ErrorType, Write};
use printhost_core::{ErrorKind, Page, PrintHost as _};
use sha1::{Digest as _, Sha1};

use super::{
    LARGE, LONG, SMALL, all_files, break_with, can, connected_host, expect_kind, print_long, put, seen,
    stored, until_activity,
};
use crate::{
    Activity, Bench, Content, Fault,
    case::{Claim, Doing as _, ensure},
    cases::honesty::Nowhere,
};

/// Hashes what is written to it.
#[derive(Default)]
struct Digest {
    sha1: Sha1,
    len: u64,
}

impl ErrorType for Digest {
    type Error = core::convert::Infallible;
}

impl Write for Digest {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        self.sha1.update(buf);
        self.len += buf.len() as u64;
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

pub(crate) async fn pages_make_up_the_whole_listing<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    for i in 0..7 {
        put(bench, &format!("page {i}.gcode"), SMALL, 0).await?;
    }
    let expected = all_files(bench).await?;
    for size in [1, 3, 7, 100] {
        let (mut page, mut all, mut shown) = (Page::first(size), Vec::new(), Vec::new());
        loop {
            let part = host.files("", page).await?;
            ensure!(part.entries.len() <= usize::from(size), "a page of {size} has {}", part.entries.len());
            for entry in &part.entries {
                ensure!(!shown.contains(&entry.path), "pages of {size} show {:?} twice", entry.path);
                shown.push(entry.path.clone());
            }
            all.extend(part.entries.into_iter().filter(|entry| !entry.is_folder).map(|entry| entry.path));
            ensure!(all.len() <= expected.len(), "pages of {size} show more files than there are: {all:?}");
            if !part.more {
                break;
            }
            page = page.next();
        }
        all.sort();
        ensure!(all == expected, "in pages of {size}: {all:?}, and there are {expected:?}");
    }
    Ok(())
}

pub(crate) async fn listing_tells_size_and_hash_of_a_file<B: Bench>(bench: &B) -> Claim {
    let host = connected_host(bench).await?;
    put(bench, "listed.gcode", SMALL + 5, 0).await?;
    let listing = host.files("", Page::first(100)).await?;
    let entry = listing.entries.iter().find(|entry| entry.path == "listed.gcode");
    let entry = entry.ok_or_else(|| crate::case::Why::Fail("it is not listed".into()))?;
    ensure!(!entry.is_folder && entry.size == Some(SMALL + 5), "{entry:?}");
    let sha1 = Content::new(SMALL + 5, 0).sha1();
    ensure!(!can(&host).hash_verification || entry.sha1.is_none_or(|told| told == sha1), "{entry:?}");
    Ok(())
}

pub(crate) async fn missing_files_are_not_found<B: Bench>(bench: &B) -> Claim {
    let host = connected_host(bench).await?;
    let can = can(&host);
    let missing = ["missing.gcode", "no folder/missing.gcode"];
    for path in missing.into_iter().take(1 + usize::from(can.folders)) {
        let mut results = Vec::new();
        if can.download {
            results.push(("download", host.download(path, &mut Nowhere).await.map(drop)));
        }
        if can.delete {
            results.push(("delete", host.delete(path).await));
        }
        if can.file_info {
            results.push(("file info", host.file_info(path).await.map(drop)));
        }
        if can.move_file {
            results.push(("move", host.move_file(path, "other.gcode").await.map(drop)));
        }
        for (what, result) in results {
            expect_kind(result, &[ErrorKind::NotFound], &format!("{what} of {path}"))?;
        }
    }
    if can.folders {
        expect_kind(host.files("no folder", Page::first(1)).await, &[ErrorKind::NotFound], "a listing")?;
    }
    Ok(())
}

pub(crate) async fn download_is_what_was_stored<B: Bench>(bench: &B) -> Claim {
    put(bench, "down.gcode", LARGE, 0).await?;
    let mut got = Digest::default();
    let told = bench.host().download("down.gcode", &mut got).await?;
    ensure!(told == LARGE && got.len == LARGE, "{told} bytes are told, {} came", got.len);
    ensure!(<[u8; 20]>::from(got.sha1.finalize()) == Content::new(LARGE, 0).sha1(), "other bytes came");
    Ok(())
}

pub(crate) async fn cut_download_is_an_error<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    put(bench, "down.gcode", LARGE, 0).await?;
    host.connect().await?;
    break_with(bench, Fault::ResetAnswerAt(LARGE / 2)).await?;
    let result = host.download("down.gcode", &mut Digest::default()).await;
    expect_kind(result, &[ErrorKind::Disconnected], "a cut download").map(drop)
}

pub(crate) async fn deleted_file_is_gone<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    put(bench, "gone.gcode", SMALL, 0).await?;
    put(bench, "kept.gcode", SMALL, 0).await?;
    host.delete("gone.gcode").await?;
    let left = all_files(bench).await?;
    ensure!(left == ["kept.gcode"], "left are {left:?}");
    expect_kind(host.delete("gone.gcode").await, &[ErrorKind::NotFound], "deleting it again").map(drop)
}

pub(crate) async fn file_being_printed_cannot_be_deleted<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let path = print_long(bench, &host, "busy.gcode").await?;
    expect_kind(host.delete(&path).await, &[ErrorKind::Conflict], "deleting a file that is being printed")?;
    ensure!(stored(bench, &path).await?.is_some(), "it is gone");
    let printer = seen(bench).await?;
    ensure!(printer.activity == Activity::Printing, "the printer is {printer:?}");
    Ok(())
}

pub(crate) async fn folder_with_something_in_it_is_not_deleted<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    put(bench, "orders/part.gcode", SMALL, 0).await?;
    expect_kind(host.delete("orders").await, &[ErrorKind::Conflict], "deleting a folder that is in use")?;
    ensure!(stored(bench, "orders/part.gcode").await?.is_some(), "its file is gone");
    host.delete("orders/part.gcode").await?;
    host.delete("orders").await.doing("deleting an empty folder")?;
    Ok(())
}

pub(crate) async fn moved_file_keeps_its_content_and_replaces_nothing<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    put(bench, "one.gcode", SMALL, 0).await?;
    put(bench, "two.gcode", SMALL + 1, 0).await?;
    expect_kind(host.move_file("one.gcode", "two.gcode").await, &[ErrorKind::Exists], "moving over a file")?;
    let two = stored(bench, "two.gcode").await?;
    ensure!(two.is_some_and(|s| s.len == SMALL + 1), "the other file is now {two:?}");
    let to = host.move_file("one.gcode", "three.gcode").await?;
    let three = stored(bench, &to).await?;
    ensure!(three.is_some_and(|s| s.len == SMALL), "moved to {to:?}, where {three:?} is");
    let files: Vec<String> = all_files(bench).await?;
    ensure!(files.len() == 2 && !files.iter().any(|path| path == "one.gcode"), "{files:?}");
    Ok(())
}

pub(crate) async fn folders_are_created_once<B: Bench>(bench: &B) -> Claim {
    let host = connected_host(bench).await?;
    for _ in 0..2 {
        let path = host.create_folder("new folder").await?;
        ensure!(path == "new folder", "{path:?}");
        let listing = host.files("", Page::first(100)).await?;
        let named = listing.entries.iter().filter(|entry| entry.is_folder && entry.path == path).count();
        ensure!(named == 1, "{listing:?}");
    }
    if can(&host).upload {
        put(bench, "new folder/kept.gcode", SMALL, 0).await?;
        host.create_folder("new folder").await?;
        ensure!(stored(bench, "new folder/kept.gcode").await?.is_some(), "creating it again emptied it");
    }
    Ok(())
}

pub(crate) async fn file_info_agrees_with_what_is_stored<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    put(bench, "known.gcode", SMALL, 1).await?;
    let info = host.file_info("known.gcode").await?;
    ensure!(info.entry.path == "known.gcode" && info.entry.size == Some(SMALL), "{info:?}");
    let sha1 = Content::new(SMALL, 1).sha1();
    ensure!(info.entry.sha1.is_none_or(|told| told == sha1), "{info:?}");
    // The file that is printed, too.
    super::somebody_else(
        bench,
        crate::Deed::Store { path: "long.gcode".into(), len: super::size_of(LONG), seconds: LONG },
    )
    .await?;
    super::somebody_else(bench, crate::Deed::Start("long.gcode".into())).await?;
    until_activity(bench, Activity::Printing).await?;
    ensure!(host.file_info("long.gcode").await?.entry.size == Some(super::size_of(LONG)), "while it prints");
    Ok(())
}
