//! What is to be known of a project before it is started, seen as the file passes: which plates are sliced, from the
//! archive's directory, and its MD5.

use core::{convert::Infallible, fmt};

use embedded_io_async::{ErrorType, Read, Write};
use md5::{Digest as _, Md5};
use printhost_core::{Error, ErrorKind, Result};
use sha1::Sha1;

/// How an entry of a ZIP archive's directory begins, how long it is before its name, and where the name's length stands.
const SIGNATURE: &[u8] = b"PK\x01\x02";
const HEAD: usize = 46;
const NAME_LEN: usize = 28;
const BEFORE: &[u8] = b"Metadata/plate_";
const AFTER: &[u8] = b".gcode";
/// No plate has a higher number.
const PLATES: usize = 999;
const LONGEST: usize = BEFORE.len() + 3 + AFTER.len();

/// What is to be known of a project that passes by.
#[derive(Clone)]
pub(crate) struct Project {
    plates: Plates,
    /// An entry of the directory, as far as it has come.
    entry: [u8; HEAD + LONGEST],
    have: usize,
    md5: Md5,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self { plates: Plates::NONE, entry: [0; HEAD + LONGEST], have: 0, md5: Md5::new() }
    }

    /// The plates there were, and the MD5 of the whole.
    pub(crate) fn finish(self) -> (Plates, [u8; 16]) {
        (self.plates, self.md5.finalize().into())
    }

    /// Takes the next piece of the file.
    fn take(&mut self, piece: &[u8]) {
        self.md5.update(piece);
        self.look(piece);
    }

    fn look(&mut self, piece: &[u8]) {
        for byte in piece {
            if self.have < SIGNATURE.len() && *byte != SIGNATURE[self.have] {
                self.have = 0;
                if *byte != SIGNATURE[0] {
                    continue;
                }
            }
            self.entry[self.have] = *byte;
            self.have += 1;
            if self.have < HEAD {
                continue;
            }
            let len = usize::from(u16::from_le_bytes([self.entry[NAME_LEN], self.entry[NAME_LEN + 1]]));
            if len > LONGEST || self.have == HEAD + len {
                if let Some(plate) = self.entry.get(HEAD..HEAD + len).and_then(number) {
                    self.plates.0[plate / 64] |= 1 << (plate % 64);
                }
                self.have = 0;
            }
        }
    }
}

/// Reads what another reader reads, and looks at it if it is a project.
pub(crate) struct Scanned<R> {
    reader: R,
    project: Option<Project>,
}

impl<R> Scanned<R> {
    pub(crate) fn when(is_project: bool, reader: R) -> Self {
        Self { reader, project: is_project.then(Project::new) }
    }

    /// What was seen of it.
    pub(crate) fn finish(self) -> Option<(Plates, [u8; 16])> {
        self.project.map(Project::finish)
    }
}

impl<R: ErrorType> ErrorType for Scanned<R> {
    type Error = R::Error;
}

impl<R: Read> Read for Scanned<R> {
    async fn read(&mut self, buf: &mut [u8]) -> core::result::Result<usize, R::Error> {
        let n = self.reader.read(buf).await?;
        if let Some(project) = &mut self.project {
            project.take(&buf[..n]);
        }
        Ok(n)
    }
}

/// Keeps nothing of a file that is read back but what is to be known of it.
pub(crate) struct Glance {
    sha1: Sha1,
    project: Project,
}

impl Glance {
    pub(crate) fn new() -> Self {
        Self { sha1: Sha1::new(), project: Project::new() }
    }

    /// The SHA-1 of the whole.
    pub(crate) fn sha1(self) -> [u8; 20] {
        self.sha1.finalize().into()
    }

    /// The plates there were.
    pub(crate) fn plates(self) -> Plates {
        self.project.finish().0
    }
}

impl ErrorType for Glance {
    type Error = Infallible;
}

impl Write for Glance {
    async fn write(&mut self, buf: &[u8]) -> core::result::Result<usize, Infallible> {
        self.sha1.update(buf);
        self.project.take(buf);
        Ok(buf.len())
    }

    async fn flush(&mut self) -> core::result::Result<(), Infallible> {
        Ok(())
    }
}

/// The plates of a project that have G-code, one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plates([u64; PLATES / 64 + 1]);

impl Plates {
    const NONE: Self = Self([0; PLATES / 64 + 1]);

    fn all(&self) -> impl Iterator<Item = u16> {
        (1..=PLATES).filter(|plate| self.0[plate / 64] & 1 << (plate % 64) != 0).map(|plate| plate as u16)
    }

    /// The one that is asked for, or the only one there is: which to start of others is for the caller to say.
    pub(crate) fn choose(&self, operation: &'static str, wanted: Option<u16>) -> Result<u16> {
        let mut all = self.all();
        let why = match (wanted, all.next(), all.next()) {
            (None, Some(plate), None) => return Ok(plate),
            (Some(wanted), ..) if self.all().any(|plate| plate == wanted) => return Ok(wanted),
            (_, None, _) => "no plate of the project is sliced".into(),
            (None, ..) => alloc::format!("which plate? the project has {self}"),
            (Some(wanted), ..) => alloc::format!("there is no plate {wanted}; the project has {self}"),
        };
        Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why))
    }
}

/// The first dozen of them.
impl fmt::Display for Plates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, plate) in self.all().take(12).enumerate() {
            write!(f, "{}{plate}", if n > 0 { ", " } else { "" })?;
        }
        f.write_str(if self.all().nth(12).is_some() { " and more" } else { "" })
    }
}

/// The number of a plate from the name of its G-code.
fn number(name: &[u8]) -> Option<usize> {
    let digits = name.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
    let number = core::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
    number.parse().ok().filter(|plate| (1..=PLATES).contains(plate))
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec::Vec};

    use super::*;

    fn entry(name: &str) -> Vec<u8> {
        let mut entry = [SIGNATURE, &[7; HEAD - 4]].concat();
        entry[NAME_LEN..NAME_LEN + 2].copy_from_slice(&(name.len() as u16).to_le_bytes());
        entry.extend_from_slice(name.as_bytes());
        entry
    }

    fn plates(content: &[u8], piece: usize) -> Plates {
        let mut project = Project::new();
        content.chunks(piece).for_each(|piece| project.take(piece));
        project.finish().0
    }

    #[test]
    fn plates_are_found_in_the_directory_and_nowhere_else() {
        let mut content = b"PPK\x01Metadata/plate_9.gcode PK\x01".to_vec();
        for name in [
            "Metadata/plate_2.gcode",
            "Metadata/plate_3.gcode.md5",
            "Metadata/plate_4.png",
            "Metadata/plate_0.gcode",
            "Metadata/plate_+5.gcode",
            "Metadata/plate_.gcode",
            "",
            "Metadata/plate_999.gcode",
            "a/Metadata/plate_6.gcode",
        ] {
            content.extend(entry(name));
            content.extend_from_slice(b"PKxP");
        }
        for piece in [1, 7, 64, 10_000] {
            let plates = plates(&content, piece);
            assert!(plates.all().eq([2, 999]), "{piece}: {plates}");
            assert_eq!(plates.choose("start", None).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(
                (plates.choose("start", Some(2)), plates.choose("start", Some(999))),
                (Ok(2), Ok(999))
            );
            let other = plates.choose("start", Some(3)).unwrap_err();
            assert_eq!(other.kind(), ErrorKind::InvalidInput);
            assert!(other.detail().unwrap().contains("2, 999"), "{other}");
        }
    }

    #[test]
    fn only_plate_is_told_and_of_many_a_dozen() {
        assert_eq!(plates(&entry("Metadata/plate_12.gcode"), 5).choose("start", None), Ok(12));
        let names = (1..=13).map(|n| entry(&alloc::format!("Metadata/plate_{n}.gcode")));
        let many = plates(&names.flatten().collect::<Vec<_>>(), 100);
        assert_eq!(many.to_string(), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and more");
        assert!(plates(b"no archive", 3).choose("start", None).is_err());
    }

    /// RFC 1321.
    #[test]
    fn md5_is_that_of_the_whole_however_it_comes() {
        for piece in [1, 3, 26] {
            let mut project = Project::new();
            b"abcdefghijklmnopqrstuvwxyz".chunks(piece).for_each(|piece| project.take(piece));
            assert_eq!(project.finish().1, 0xC3FC_D3D7_6192_E400_7DFB_496C_CA67_E13B_u128.to_be_bytes());
        }
    }
}
