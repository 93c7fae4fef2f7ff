//! Sliced projects, as slicers for Bambu Lab printers write them.

use alloc::{format, string::String, vec::Vec};
use core::{convert::Infallible, fmt::Write as _};

use embedded_io_async::{ErrorType, Read};
use md5::Md5;
use sha1::{Digest, Sha1};

use crate::Content;

/// How an entry of a ZIP archive begins, and one of its directory, and the end of that.
const ENTRY: u32 = 0x0403_4B50;
const LISTED: u32 = 0x0201_4B50;
const END: u32 = 0x0605_4B50;
/// Version 2.0, names in UTF-8, stored as it is; and the first of January 1980.
const HOW: [u16; 5] = [20, 0x0800, 0, 0, 0x0021];

const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/>
<Default Extension="gcode" ContentType="text/x.gcode"/>
</Types>
"#;
const RELATIONSHIPS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Target="/3D/3dmodel.model" Id="rel-1" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>
</Relationships>
"#;
const MODEL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<model unit="millimeter" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"><resources/><build/></model>
"#;
/// What some printers look for before they print.
const BEFORE: &str = "; HEADER_BLOCK_START\n; total layer number: 1\n; HEADER_BLOCK_END\n; CONFIG_BLOCK_START\n; CONFIG_BLOCK_END\n; EXECUTABLE_BLOCK_START\n; layer num/total_layer_count: 1/1\n";
const AFTER: &str = "\n; EXECUTABLE_BLOCK_END\n";

/// A sliced project (`.gcode.3mf`) made up as it is read: a ZIP archive of some plates, each with G-code that prints for some
/// seconds. Of the G-code nothing is held, so that a microcontroller can send one.
#[derive(Clone, Debug)]
pub struct Project {
    parts: Vec<Part>,
    /// The one that is read, and how far.
    part: usize,
    taken: usize,
    made: Option<Content>,
    len: u64,
}

#[derive(Clone, Debug)]
enum Part {
    Bytes(Vec<u8>),
    Made(Content),
}

impl Project {
    /// Plates of these numbers, each of `len` bytes of G-code and a little more.
    pub fn new(plates: &[u16], len: u64, seconds: u32) -> Self {
        Self::with_ballast(plates, len, seconds, 0)
    }

    /// As [`Self::new`], after so many bytes that no printer reads.
    pub fn with_ballast(plates: &[u16], len: u64, seconds: u32, ballast: u64) -> Self {
        let text = |text: &str| alloc::vec![Part::Bytes(text.into())];
        let mut archive = Archive::default();
        archive.add("[Content_Types].xml", text(CONTENT_TYPES));
        archive.add("_rels/.rels", text(RELATIONSHIPS));
        archive.add("3D/3dmodel.model", text(MODEL));
        if ballast > 0 {
            archive.add("Auxiliaries/ballast.txt", alloc::vec![Part::Made(Content::new(ballast, 0))]);
        }
        for plate in plates {
            let name = format!("Metadata/plate_{plate}");
            let before = Part::Bytes(format!("{BEFORE}; plate {plate}\n").into());
            let gcode =
                alloc::vec![before, Part::Made(Content::new(len, seconds)), Part::Bytes(AFTER.into())];
            let mut md5 = Md5::new();
            each(&gcode, |piece| md5.update(piece));
            let md5 = md5.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"));
            archive.add(&format!("{name}.gcode"), gcode);
            archive.add(&format!("{name}.gcode.md5"), text(&md5));
            archive.add(&format!("{name}.json"), text(r#"{"bed_type":"textured_plate","filament_ids":[0]}"#));
        }
        archive.add("Metadata/slice_info.config", text(&slice_info(plates, seconds)));
        archive.add("Metadata/model_settings.config", text(&model_settings(plates)));
        archive.finish()
    }

    /// Its length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Never: an archive without plates has something in it.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The SHA-1 of the whole.
    pub fn sha1(&self) -> [u8; 20] {
        let mut sha1 = Sha1::new();
        each(&self.parts, |piece| sha1.update(piece));
        sha1.finalize().into()
    }

    /// The next bytes; 0 at the end.
    pub fn fill(&mut self, buf: &mut [u8]) -> usize {
        let mut n = 0;
        while let Some(part) = self.parts.get(self.part).filter(|_| n < buf.len()) {
            let now = match part {
                Part::Bytes(bytes) => {
                    let left = &bytes[self.taken..];
                    let now = left.len().min(buf.len() - n);
                    buf[n..n + now].copy_from_slice(&left[..now]);
                    self.taken += now;
                    now
                }
                Part::Made(content) => self.made.get_or_insert_with(|| content.clone()).fill(&mut buf[n..]),
            };
            n += now;
            if now == 0 {
                (self.part, self.taken, self.made) = (self.part + 1, 0, None);
            }
        }
        n
    }
}

impl ErrorType for Project {
    type Error = Infallible;
}

impl Read for Project {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.fill(buf))
    }
}

/// Everything in order, piece by piece.
fn each(parts: &[Part], mut take: impl FnMut(&[u8])) {
    for part in parts {
        match part {
            Part::Bytes(bytes) => take(bytes),
            Part::Made(content) => {
                let (mut content, mut piece) = (content.clone(), [0; 512]);
                while let n @ 1.. = content.fill(&mut piece) {
                    take(&piece[..n]);
                }
            }
        }
    }
}

/// A ZIP archive that is put together, nothing in it compressed.
#[derive(Default)]
struct Archive {
    parts: Vec<Part>,
    directory: Vec<u8>,
    entries: u16,
    len: u64,
}

impl Archive {
    fn add(&mut self, name: &str, parts: Vec<Part>) {
        let (mut crc, mut size) = (!0, 0);
        each(&parts, |piece| {
            crc = piece.iter().fold(crc, |crc, byte| crc32(crc, *byte));
            size += piece.len() as u32;
        });
        let mut told = Vec::new();
        HOW.iter().for_each(|field| told.extend(field.to_le_bytes()));
        [!crc, size, size].iter().for_each(|field| told.extend(field.to_le_bytes()));
        told.extend((name.len() as u16).to_le_bytes());
        told.extend([0, 0]);
        let offset = self.len as u32;
        self.directory.extend(LISTED.to_le_bytes());
        self.directory.extend(HOW[0].to_le_bytes());
        self.directory.extend(&told);
        // No comment, the only disk, no attributes.
        self.directory.extend([0; 10]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        let head = [&ENTRY.to_le_bytes()[..], &told, name.as_bytes()].concat();
        self.len += head.len() as u64 + u64::from(size);
        self.entries += 1;
        self.parts.push(Part::Bytes(head));
        self.parts.extend(parts);
    }

    fn finish(mut self) -> Project {
        let (offset, size) = (self.len as u32, self.directory.len() as u32);
        self.directory.extend(END.to_le_bytes());
        [0, 0, self.entries, self.entries]
            .iter()
            .for_each(|field| self.directory.extend(field.to_le_bytes()));
        [size, offset].iter().for_each(|field| self.directory.extend(field.to_le_bytes()));
        self.directory.extend([0, 0]);
        let len = self.len + self.directory.len() as u64;
        self.parts.push(Part::Bytes(self.directory));
        Project { parts: self.parts, part: 0, taken: 0, made: None, len }
    }
}

/// One byte of a CRC-32, as ZIP has it.
fn crc32(crc: u32, byte: u8) -> u32 {
    (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
}

fn slice_info(plates: &[u16], seconds: u32) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<config>\n<header>\n<header_item key=\"X-BBL-Client-Type\" value=\"slicer\"/>\n</header>\n",
    );
    for plate in plates {
        // A string takes whatever is written.
        let _ = writeln!(
            text,
            "<plate>\n<metadata key=\"index\" value=\"{plate}\"/>\n<metadata key=\"prediction\" value=\"{seconds}\"/>\n<metadata key=\"weight\" value=\"1.00\"/>\n<filament id=\"1\" tray_info_idx=\"GFL99\" type=\"PLA\" color=\"#FFFFFF\" used_m=\"0.33\" used_g=\"1.00\"/>\n</plate>"
        );
    }
    text + "</config>\n"
}

fn model_settings(plates: &[u16]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<config>\n");
    for plate in plates {
        let _ = writeln!(
            text,
            "<plate>\n<metadata key=\"plater_id\" value=\"{plate}\"/>\n<metadata key=\"gcode_file\" value=\"Metadata/plate_{plate}.gcode\"/>\n</plate>"
        );
    }
    text + "</config>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_is_the_same_in_whatever_pieces_it_is_read() {
        let read = |piece: usize| {
            let (mut project, mut all) = (Project::with_ballast(&[1, 12], 5_000, 3, 700), Vec::new());
            let mut buf = alloc::vec![0; piece];
            while let n @ 1.. = project.fill(&mut buf) {
                all.extend_from_slice(&buf[..n]);
            }
            assert_eq!((project.len(), project.sha1()), (all.len() as u64, Sha1::digest(&all).into()));
            all
        };
        let whole = read(100_000);
        assert_eq!((&read(7), &read(1)), (&whole, &whole));
    }
}
