//! Which plates of a project are sliced: what another reader finds in all of the file, and another writer has put into an
//! archive's directory, however it is cut.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    pin::pin,
    task::{Context, Poll, Waker},
};

use embedded_io_async::{ErrorType, Read};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

use crate::{cuts, memory};

// The driver's own, which nothing else shows.
#[expect(dead_code, reason = "its reading back is not judged here")]
#[path = "../../../printhost-bambu/src/plates.rs"]
mod plates;

const SIGNATURE: [u8; 4] = *b"PK\x01\x02";

pub fn run(data: &[u8]) {
    let expected = told(&found(data));
    for pieces in cuts::of(data).into_iter().chain([vec![data]]) {
        // The error's words alone are on the heap.
        assert_eq!(memory::within(1024, || scanned(&pieces)), expected, "{data:?}");
    }
    let _ = written(&mut Unstructured::new(data));
}

/// The only plate, or what is said of all of them.
type Told = std::result::Result<u16, String>;

fn scanned(pieces: &[&[u8]]) -> Told {
    let mut scanned = plates::Scanned::when(true, Pieces { piece: &[], rest: pieces.iter() });
    let mut buf = [0; 64];
    while finish(scanned.read(&mut buf)).unwrap_or_default() > 0 {}
    let (plates, _) = scanned.finish().unwrap_or_else(|| unreachable!("it is a project"));
    plates.choose("start", None).map_err(|error| error.detail().unwrap_or_default().into())
}

fn told(plates: &BTreeSet<u16>) -> Told {
    let first: Vec<_> = plates.iter().take(12).map(ToString::to_string).collect();
    match plates.len() {
        0 => Err("no plate of the project is sliced".into()),
        1 => Ok(*plates.first().unwrap_or(&0)),
        len => {
            let more = if len > 12 { " and more" } else { "" };
            Err(format!("which plate? the project has {}{more}", first.join(", ")))
        }
    }
}

/// By looking at all of it at once.
fn found(data: &[u8]) -> BTreeSet<u16> {
    let mut plates = BTreeSet::new();
    let mut at = 0;
    while at + 46 <= data.len() {
        if data[at..at + 4] != SIGNATURE {
            at += 1;
            continue;
        }
        let len = usize::from(data[at + 28]) | usize::from(data[at + 29]) << 8;
        at += 46;
        // No longer one can be a plate's.
        if len <= 24 {
            plates.extend(data.get(at..at + len).and_then(plate));
            at += len;
        }
    }
    plates
}

/// `Metadata/plate_N.gcode`
fn plate(name: &[u8]) -> Option<u16> {
    let name = std::str::from_utf8(name).ok()?;
    let (before, rest) = name.split_once('_')?;
    let (digits, kind) = rest.split_once('.')?;
    let is_number = matches!(digits.len(), 1..=3) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = is_number.then(|| digits.bytes().fold(0, |n, digit| 10 * n + u16::from(digit - b'0')))?;
    (before == "Metadata/plate" && kind == "gcode" && number > 0).then_some(number)
}

/// An archive as others write it: files, and then a directory with more in it than names.
fn written(u: &mut Unstructured<'_>) -> Result<()> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    let mut plates = BTreeSet::new();
    for _ in 0..u.int_in_range(0..=20)? {
        let number = u.int_in_range(0..=1010)?;
        let name = match u.int_in_range(0..=7)? {
            0 => format!("Metadata/plate_{number}.gcode.md5"),
            1 => format!("Metadata/plate_{number}.png"),
            2 => format!("Metadata/top_{number}.png"),
            3 => format!("3D/Objects/Metadata/plate_{number}.gcode"),
            4 => "Metadata/model_settings.config".into(),
            _ => format!("Metadata/plate_{number}.gcode"),
        };
        plates.extend(plate(name.as_bytes()));
        let content = plain(u, 60)?;
        archive.extend(b"PK\x03\x04");
        archive.extend([0; 22]);
        archive.extend((name.len() as u16).to_le_bytes());
        archive.extend([0; 2]);
        archive.extend(name.as_bytes());
        archive.extend(content);
        let (extra, comment) = (plain(u, 30)?, plain(u, 30)?);
        directory.extend(SIGNATURE);
        directory.extend(plain(u, 24)?.into_iter().chain([0; 24]).take(24));
        for len in [name.len(), extra.len(), comment.len()] {
            directory.extend((len as u16).to_le_bytes());
        }
        directory.extend([0; 12]);
        directory.extend(name.as_bytes());
        directory.extend(extra);
        directory.extend(comment);
    }
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06");
    archive.extend([0; 18]);
    assert_eq!(found(&archive), plates);
    for pieces in cuts::of(&archive) {
        assert_eq!(scanned(&pieces), told(&plates));
    }
    Ok(())
}

/// Bytes among which nothing begins an entry of a directory: what happens to look like one is beyond anybody who reads an
/// archive from its beginning.
fn plain(u: &mut Unstructured<'_>, most: usize) -> Result<Vec<u8>> {
    let len = u.int_in_range(0..=most)?;
    let bytes = u.bytes(len.min(u.len()))?;
    Ok(bytes.iter().map(|byte| if *byte == SIGNATURE[3] { 7 } else { *byte }).collect())
}

/// Hands out one piece after the other, as far as there is room.
struct Pieces<'a> {
    piece: &'a [u8],
    rest: std::slice::Iter<'a, &'a [u8]>,
}

impl ErrorType for Pieces<'_> {
    type Error = Infallible;
}

impl Read for Pieces<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> std::result::Result<usize, Infallible> {
        while self.piece.is_empty() {
            let Some(next) = self.rest.next() else { return Ok(0) };
            self.piece = next;
        }
        let n = self.piece.len().min(buf.len());
        let (now, later) = self.piece.split_at(n);
        buf[..n].copy_from_slice(now);
        self.piece = later;
        Ok(n)
    }
}

fn finish<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("nothing waits"),
    }
}
