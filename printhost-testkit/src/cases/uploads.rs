//! A file arrives whole, or not at all.

use alloc::{format, string::String, vec::Vec};
use core::{cell::Cell, future::poll_fn, pin::pin, task::Poll};

use printhost_core::{ErrorKind, PrintHost as _, Retry, Started, Upload, Uploaded, Verified, Verify};

use super::{
    LARGE, LONG, SMALL, all_files, break_with, can, connected_host, expect_kind, put, seen, size_of, stored,
    until_activity, upload,
};
use crate::{
    Activity, Bench, Broken, Content, Fault, Slow,
    case::{Claim, Doing as _, ensure},
};

/// Far enough into a large file that nothing else that a driver sends gets there.
pub(crate) const MIDDLE: u64 = LARGE / 2;

pub(crate) async fn upload_is_stored_whole<B: Bench>(bench: &B) -> Claim {
    let host = connected_host(bench).await?;
    let content = Content::new(LARGE, 0);
    let uploaded = upload(&host, "whole.gcode", &content).await?;
    is_stored(bench, &uploaded, &content).await?;
    ensure!(uploaded.path == "whole.gcode", "a plain name became {:?}", uploaded.path);
    ensure!(uploaded.started == Started::NotAsked, "{:?}", uploaded.started);
    ensure!(
        !can(&host).hash_verification || is_hash_of(uploaded.verified, &content),
        "{:?}",
        uploaded.verified
    );
    let mut body = content.clone();
    let size_only = Upload::new("size only.gcode", content.len(), &mut body).verify_size_only();
    let uploaded = host.upload(size_only).await?;
    ensure!(!is_hash_of(uploaded.verified, &content), "nobody asked for a hash ({:?})", Verify::Size);
    is_stored(bench, &uploaded, &content).await?;
    ensure!(seen(bench).await?.prints == 0, "something is printed that nobody asked for");
    Ok(())
}

/// The host has compared what it stored with this.
fn is_hash_of(verified: Verified, content: &Content) -> bool {
    [Verified::Sha1(content.sha1()), Verified::Sha256(content.sha256())].contains(&verified)
}

/// The oracle has exactly this.
async fn is_stored<B: Bench>(bench: &B, uploaded: &Uploaded, content: &Content) -> Claim {
    let stored = stored(bench, &uploaded.path).await?;
    ensure!(stored.is_some(), "{:?} is not stored", uploaded.path);
    let matches =
        |s: crate::Stored| s.len == content.len() && s.sha1.is_none_or(|sha1| sha1 == content.sha1());
    ensure!(stored.is_some_and(matches), "{stored:?} is stored instead of {} bytes", content.len());
    ensure!(uploaded.len == content.len(), "{} bytes are told", uploaded.len);
    Ok(())
}

pub(crate) async fn upload_of_an_empty_file_is_stored_or_refused<B: Bench>(bench: &B) -> Claim {
    let content = Content::new(0, 0);
    match upload(&bench.host(), "empty.gcode", &content).await {
        Ok(uploaded) => is_stored(bench, &uploaded, &content).await,
        Err(error) => {
            ensure!(all_files(bench).await?.is_empty(), "refused ({error}), and stored");
            Ok(())
        }
    }
}

pub(crate) async fn upload_into_folders_is_stored_there<B: Bench>(bench: &B) -> Claim {
    let content = Content::new(SMALL, 0);
    let uploaded = upload(&bench.host(), "orders/week 47/part.gcode", &content).await?;
    ensure!(uploaded.path == "orders/week 47/part.gcode", "{:?}", uploaded.path);
    is_stored(bench, &uploaded, &content).await
}

pub(crate) async fn upload_with_an_awkward_name_is_found_under_the_path_returned<B: Bench>(
    bench: &B,
) -> Claim {
    let host = bench.host();
    let content = Content::new(SMALL, 0);
    for name in [
        "größe 1 µm.gcode",
        "it's 100% + #1.gcode",
        "a \"quoted\" one.gcode",
        "日本 🖨.gcode",
        "a;b&c=d?e.gcode",
    ] {
        match upload(&host, name, &content).await {
            Ok(uploaded) => is_stored(bench, &uploaded, &content).await?,
            Err(error) => {
                let refused = matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported);
                ensure!(refused, "{name:?}: {error}");
                ensure!(all_files(bench).await?.is_empty(), "{name:?} was refused, and something is stored");
            }
        }
        super::reset(bench).await?;
    }
    Ok(())
}

pub(crate) async fn existing_file_is_kept_unless_replacing_was_asked_for<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let (old, new) = (Content::new(SMALL, 0), Content::new(SMALL + 1, 0));
    put(bench, "there.gcode", old.len(), 0).await?;
    expect_kind(upload(&host, "there.gcode", &new).await, &[ErrorKind::Exists], "an upload over a file")?;
    let is = |s: Option<crate::Stored>, c: &Content| s.is_some_and(|s| s.len == c.len());
    ensure!(is(stored(bench, "there.gcode").await?, &old), "the file was replaced unasked");
    let mut body = new.clone();
    let uploaded = host.upload(Upload::new("there.gcode", new.len(), &mut body).replacing()).await?;
    is_stored(bench, &uploaded, &new).await?;
    ensure!(all_files(bench).await?.len() == 1, "there is more than one file now");
    Ok(())
}

/// Nothing is listed, and the host is as good as ever.
async fn nothing_is_left<B: Bench>(bench: &B, host: &B::Host) -> Claim {
    break_with(bench, Fault::None).await?;
    let files = all_files(bench).await?;
    ensure!(files.is_empty(), "the host lists {files:?}");
    let content = Content::new(SMALL, 0);
    let uploaded = upload(host, "next.gcode", &content).await.doing("the next upload")?;
    is_stored(bench, &uploaded, &content).await
}

pub(crate) async fn source_that_ends_early_stores_nothing<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    for (has, promised) in [(0, 1), (SMALL, SMALL + 1), (MIDDLE, LARGE)] {
        let mut body = Content::new(has, 0);
        let result = host.upload(Upload::new("short.gcode", promised, &mut body)).await;
        expect_kind(result, &[ErrorKind::Source], "an upload that ends early")?;
    }
    nothing_is_left(bench, &host).await
}

pub(crate) async fn source_that_fails_stores_nothing<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let mut body = Broken::new(Content::new(LARGE, 0), MIDDLE as usize);
    let result = host.upload(Upload::new("broken.gcode", LARGE, &mut body)).await;
    expect_kind(result, &[ErrorKind::Source], "an upload whose source fails")?;
    nothing_is_left(bench, &host).await
}

pub(crate) async fn dropped_upload_is_never_listed<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    for at in [0, 1, MIDDLE as usize, LARGE as usize - 1] {
        let reached = Cell::new(false);
        let mut body = Slow::new(Content::new(LARGE, 0), at, &reached);
        {
            let mut work = pin!(host.upload(Upload::new("dropped.gcode", LARGE, &mut body)));
            let ended = poll_fn(|cx| match work.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if reached.get() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            let ended: Option<printhost_core::Result<Uploaded>> = ended.await;
            ensure!(ended.is_none(), "it ended before it was dropped: {ended:?}");
        }
    }
    nothing_is_left(bench, &host).await
}

pub(crate) async fn cut_upload_is_never_listed<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    host.connect().await?;
    for at in [4 << 10, MIDDLE, LARGE - (8 << 10)] {
        break_with(bench, Fault::ResetAt(at)).await?;
        let result = upload(&host, "cut.gcode", &Content::new(LARGE, 0)).await;
        // Where a file ends with its connection, the size alone tells that it was cut.
        const CUT: &[ErrorKind] = &[ErrorKind::Disconnected, ErrorKind::Unconfirmed, ErrorKind::Corrupted];
        let error = expect_kind(result, CUT, "a cut upload")?;
        let honest = error.kind() != ErrorKind::Unconfirmed || error.retry() == Retry::ReadFirst;
        ensure!(honest, "{error}, and {:?}", error.retry());
    }
    nothing_is_left(bench, &host).await
}

pub(crate) async fn stalled_upload_is_a_timeout_and_never_listed<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    host.connect().await?;
    break_with(bench, Fault::StallAt(16 << 10)).await?;
    let result = upload(&host, "stalled.gcode", &Content::new(64 * LARGE, 0)).await;
    expect_kind(result, &[ErrorKind::Timeout], "an upload to a host that takes no more")?;
    nothing_is_left(bench, &host).await
}

pub(crate) async fn lost_answer_to_an_upload_is_settled_by_reading<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    host.connect().await?;
    let content = Content::new(LARGE, 0);
    break_with(bench, Fault::LoseAnswer).await?;
    match upload(&host, "answer lost.gcode", &content).await {
        Ok(uploaded) => is_stored(bench, &uploaded, &content).await,
        Err(error) => {
            ensure!(error.kind() == ErrorKind::Unconfirmed, "{error}, though the host has everything");
            ensure!(error.retry() == Retry::ReadFirst, "{:?}", error.retry());
            Ok(())
        }
    }
}

pub(crate) async fn damaged_upload_is_found_out_and_never_printed<B: Bench>(bench: &B) -> Claim {
    let host = connected_host(bench).await?;
    host.connect().await?;
    let content = Content::new(LARGE, 0);
    break_with(bench, Fault::FlipAt(MIDDLE)).await?;
    let mut body = content.clone();
    let result = host.upload(Upload::new("damaged.gcode", content.len(), &mut body).and_print()).await;
    expect_kind(result, &[ErrorKind::Corrupted], "an upload that is damaged on its way")?;
    let printer = seen(bench).await?;
    ensure!(printer.prints == 0, "the damaged file is printed: {printer:?}");
    let left: Vec<String> = all_files(bench).await?;
    ensure!(left.is_empty() || !can(&host).delete, "the damaged file is still there: {left:?}");
    Ok(())
}

pub(crate) async fn damage_is_found_by_reading_the_upload_back<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    host.connect().await?;
    let content = Content::new(LARGE, 0);
    break_with(bench, Fault::FlipAt(MIDDLE)).await?;
    let mut body = content.clone();
    let result = host.upload(Upload::new("damaged.gcode", content.len(), &mut body).read_back()).await;
    expect_kind(result, &[ErrorKind::Corrupted], "an upload that is damaged on its way")?;
    break_with(bench, Fault::None).await?;
    let mut body = content.clone();
    let uploaded = host.upload(Upload::new("sound.gcode", content.len(), &mut body).read_back()).await?;
    let read_back = uploaded.verified == Verified::ReadBack(content.sha1());
    ensure!(read_back || is_hash_of(uploaded.verified, &content), "{:?}", uploaded.verified);
    is_stored(bench, &uploaded, &content).await
}

pub(crate) async fn upload_and_print_begins_one_print<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let content = Content::new(size_of(LONG), LONG);
    let mut body = content.clone();
    let uploaded = host.upload(Upload::new("now.gcode", content.len(), &mut body).and_print()).await?;
    is_stored(bench, &uploaded, &content).await?;
    ensure!(matches!(uploaded.started, Started::Yes(_)), "{:?}", uploaded.started);
    until_activity(bench, Activity::Printing).await?;
    let printer = seen(bench).await?;
    ensure!(printer.prints == 1 && printer.file.as_deref() == Some(&*uploaded.path), "{printer:?}");
    // While it prints, another one is stored and honestly not started.
    let mut body = Content::new(SMALL, 0);
    let other = host.upload(Upload::new("not now.gcode", SMALL, &mut body).and_print()).await?;
    let told = matches!(&other.started, Started::No(error) if error.kind() == ErrorKind::Conflict);
    ensure!(told, "{}", format!("of a busy printer: {:?}", other.started));
    ensure!(seen(bench).await?.prints == 1, "another print has begun");
    Ok(())
}
