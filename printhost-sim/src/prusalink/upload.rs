//! What is stored: `PUT /api/v1/files/…`.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::header::{self, HeaderMap};
use sha1::{Digest, Sha1};
use tokio::time::{Instant, sleep, timeout};

use super::config::PrusaLinkFamily;
use super::files::Place;
use super::reply::{Reply, Words, Wrong};
use super::shared::{Shared, Transfer};
use super::short_names::full_path;
use super::store::{Entry, File, is_gcode, leaf, parent, unix_time};
use crate::http::{FlippedByte, Incoming1};
use crate::uri::hex;

/// The Pi reads in blocks of so many bytes, and a last one of a single byte not at all.
const PI_BLOCK: u64 = 65_365;
/// How long the firmware waits for more of a body.
const BUDDY_PATIENCE: Duration = Duration::from_secs(10);
/// How often the Pi looks whether a file that is to be printed is shown, and how long it waits in between.
const PI_LOOKS: u32 = 10;
const PI_LOOK: Duration = Duration::from_millis(100);

/// Keeps the only place for a transfer, and gives it back.
struct Slot<'a>(&'a Shared);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.lock().transfer = None;
    }
}

impl<'a> Slot<'a> {
    fn take(shared: &'a Shared, path: &str, size: u64, to_print: bool) -> Option<Self> {
        let mut inner = shared.lock();
        if inner.transfer.is_some() {
            return None;
        }
        inner.transfers += 1;
        let id = inner.transfers;
        let path = path.to_owned();
        let transfer =
            Transfer { id, path, size, transferred: 0, to_print, since: Instant::now(), stopped: false };
        inner.transfer = Some(transfer);
        Some(Self(shared))
    }
}

/// Why a body was not taken whole.
enum Cut {
    Broken,
    Stopped,
    Stalled,
}

pub(super) async fn put(shared: &Arc<Shared>, words: &Words, place: Place, request: Incoming1) -> Reply {
    match words.family {
        PrusaLinkFamily::Pi => pi(shared, words, place, request).await,
        PrusaLinkFamily::Buddy => buddy(shared, words, place, request).await,
    }
}

async fn pi(shared: &Arc<Shared>, words: &Words, place: Place, request: Incoming1) -> Reply {
    let path = match place {
        Place::Here(path) => path,
        Place::Card(_) => return words.wrong(Wrong::CARD),
        Place::Nowhere => return words.wrong(Wrong::NO_LOCATION),
    };
    if path.chars().any(|c| "\\?\"%¯°#ˇ".contains(c)) {
        return words.wrong(Wrong::CHARACTERS);
    }
    let headers = request.headers().clone();
    if is_set(&headers, "create-folder") {
        shared.lock().store.create_folders(&path);
        return words.done(201);
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_bytes = kind == "application/octet-stream";
    if !is_bytes && kind != "text/x.gcode" {
        return words.wrong(Wrong::TYPE);
    }
    let Some(size) = length(&headers).filter(|size| *size > 0) else { return words.wrong(Wrong::NO_LENGTH) };
    let overwrite = is_set(&headers, "overwrite");
    let exists = shared.lock().store.disk().contains_key(&path);
    if exists && !overwrite {
        return words.wrong(Wrong::EXISTS);
    }
    let to_print = is_set(&headers, "print-after-upload");
    let Some(slot) = Slot::take(shared, &path, size, to_print) else { return words.internal_error() };
    let file = match take(shared, request, size, None).await {
        Ok(file) if size <= 1 || size % PI_BLOCK != 1 => file,
        _ => return words.wrong(Wrong::UPLOAD),
    };
    drop(slot);
    if is_bytes {
        // It looks at what was there before, and so it fails where nothing was.
        if !exists {
            return words.internal_error();
        }
        shared.lock().store.remove(&path);
        return words.wrong(Wrong::TYPE);
    }
    shared.lock().store.insert(&path, file);
    if to_print {
        let mut looks = 0;
        while !shared.lock().store.shown().contains_key(&path) && looks < PI_LOOKS {
            sleep(PI_LOOK).await;
            looks += 1;
        }
        if !shared.start_print(&path) {
            return words.wrong(Wrong::NO_STATE_TO_PRINT);
        }
    }
    words.done(201)
}

async fn buddy(shared: &Arc<Shared>, words: &Words, place: Place, request: Incoming1) -> Reply {
    let Place::Here(path) = place else { return words.wrong(Wrong::of(403, "")) };
    let headers = request.headers().clone();
    let path = full_path(shared.lock().store.disk(), &path);
    if is_set(&headers, "create-folder") {
        let store = &mut shared.lock().store;
        if store.disk().contains_key(&path) {
            return words.wrong(Wrong::of(409, "Already exists"));
        }
        if !store.is_folder(parent(&path)) {
            return words.wrong(Wrong::of(500, "Error creating directory"));
        }
        store.create_folders(&path);
        return words.done(201);
    }
    let Some(size) = length(&headers) else { return words.wrong(Wrong::of(411, "")) };
    if size == 0 {
        return words.wrong(Wrong::of(501, "0-sized files aren't implemented"));
    }
    let to_print = ["?1", "1", "true"].iter().any(|yes| says(&headers, "print-after-upload", yes));
    let Some(slot) = Slot::take(shared, &path, size, to_print) else {
        return words.wrong(Wrong::of(409, "Another transfer in progress"));
    };
    let overwrite = is_set(&headers, "overwrite");
    let refused = {
        let inner = shared.lock();
        let job = inner.machine.job.as_ref();
        if inner.store.used() + size > shared.config.room {
            Some(Wrong::of(507, "USB drive full"))
        } else if !is_gcode(leaf(&path)) {
            Some(Wrong::of(415, "Not a GCODE"))
        } else if path.chars().any(|c| "\\?\"%:*<>|".contains(c)) {
            Some(Wrong::of(422, "Filename contains invalid characters"))
        } else if overwrite && job.is_some_and(|job| job.path == path) {
            Some(Wrong::of(409, "File is busy"))
        } else {
            None
        }
    };
    if let Some(refused) = refused {
        return words.wrong(refused);
    }
    let file = match take(shared, request, size, Some(BUDDY_PATIENCE)).await {
        Ok(file) => file,
        Err(Cut::Stalled) => return words.wrong(Wrong::of(408, "")),
        Err(Cut::Broken | Cut::Stopped) => return words.wrong(Wrong::of(400, "Truncated body")),
    };
    drop(slot);
    {
        let store = &mut shared.lock().store;
        match store.disk().get(&path) {
            Some(Entry::File(_)) if !overwrite => return words.wrong(Wrong::of(409, "File already exists")),
            Some(Entry::Folder { .. }) => {
                return words.wrong(Wrong::of(422, "Filename contains invalid characters"));
            }
            _ => store.insert(&path, file),
        }
    }
    if to_print && !shared.start_print(&path) {
        return words.wrong(Wrong::of(409, "Can't print right now"));
    }
    words.done(201)
}

/// Takes a body whole, and counts on the way.
async fn take(
    shared: &Shared,
    request: Incoming1,
    size: u64,
    patience: Option<Duration>,
) -> Result<File, Cut> {
    let flipped = request.extensions().get::<FlippedByte>().copied();
    let mut body = request.into_body();
    let mut digest = Sha1::new();
    let mut data = (size <= shared.config.keep_content_up_to).then(BytesMut::new);
    let mut taken = 0_u64;
    while taken < size {
        let frame = match patience {
            Some(patience) => timeout(patience, body.frame()).await.map_err(|_| Cut::Stalled)?,
            None => body.frame().await,
        };
        let frame = frame.ok_or(Cut::Broken)?.map_err(|_| Cut::Broken)?;
        let Ok(bytes) = frame.into_data() else { continue };
        let mut bytes = BytesMut::from(bytes);
        if let Some(at) = flipped.and_then(|byte| usize::try_from(byte.0.checked_sub(taken)?).ok())
            && let Some(byte) = bytes.get_mut(at)
        {
            *byte ^= 1;
        }
        digest.update(&bytes);
        taken += bytes.len() as u64;
        if let Some(data) = &mut data {
            data.extend_from_slice(&bytes);
        }
        if let Some(transfer) = &mut shared.lock().transfer {
            transfer.transferred = taken;
            if transfer.stopped {
                return Err(Cut::Stopped);
            }
        }
    }
    let data = data.map(BytesMut::freeze);
    Ok(File { size, sha1_hex: hex(&digest.finalize()), data, changed: unix_time() })
}

/// Nothing but `?1` is true.
fn is_set(headers: &HeaderMap, name: &str) -> bool {
    says(headers, name, "?1")
}

fn says(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|told| told.as_bytes() == value.as_bytes())
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
