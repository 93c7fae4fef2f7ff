//! Which plates of a project are sliced, read from the archive's directory as the file passes.

use core::fmt;

use embedded_io_async::{ErrorType, Read};
use printhost_core::{Error, ErrorKind, Result};

/// How an entry of a ZIP archive's directory begins, how long it is before its name, and where the name's length stands.
const SIGNATURE: &[u8] = b"PK\x01\x02";
const HEAD: usize = 46;
const NAME_LEN: usize = 28;
const BEFORE: &[u8] = b"Metadata/plate_";
const AFTER: &[u8] = b".gcode";
/// No plate has a higher number.
const PLATES: usize = 999;
const LONGEST: usize = BEFORE.len() + 3 + AFTER.len();

/// Reads what another reader reads, and looks for plates in it.
pub(crate) struct Scanned<R> {
    reader: R,
    pub(crate) plates: Plates,
}

impl<R> Scanned<R> {
    pub(crate) const fn new(reader: R) -> Self {
        Self { reader, plates: Plates::NONE }
    }
}

impl<R: ErrorType> ErrorType for Scanned<R> {
    type Error = R::Error;
}

impl<R: Read> Read for Scanned<R> {
    async fn read(&mut self, buf: &mut [u8]) -> core::result::Result<usize, R::Error> {
        let n = self.reader.read(buf).await?;
        self.plates.look(&buf[..n]);
        Ok(n)
    }
}

/// The plates of a project that have G-code, one bit each.
#[derive(Clone)]
pub(crate) struct Plates {
    found: [u64; PLATES / 64 + 1],
    /// An entry of the directory, as far as it has come.
    entry: [u8; HEAD + LONGEST],
    have: usize,
}

impl Plates {
    const NONE: Self = Self { found: [0; PLATES / 64 + 1], entry: [0; HEAD + LONGEST], have: 0 };

    /// Takes the next piece of the file.
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
                    self.found[plate / 64] |= 1 << (plate % 64);
                }
                self.have = 0;
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = u16> {
        (1..=PLATES).filter(|plate| self.found[plate / 64] & 1 << (plate % 64) != 0).map(|plate| plate as u16)
    }

    /// The only plate there is; which to start of others is for the caller to say.
    pub(crate) fn only(&self, operation: &'static str) -> Result<u16> {
        let mut all = self.all();
        let why = match (all.next(), all.next()) {
            (Some(plate), None) => return Ok(plate),
            (None, _) => "no plate of the project is sliced".into(),
            _ => alloc::format!("which plate? the project has {self}"),
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
        let mut plates = Plates::NONE;
        content.chunks(piece).for_each(|piece| plates.look(piece));
        plates
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
            assert_eq!(plates.only("start").unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn only_plate_is_told_and_of_many_a_dozen() {
        assert_eq!(plates(&entry("Metadata/plate_12.gcode"), 5).only("start"), Ok(12));
        let names = (1..=13).map(|n| entry(&alloc::format!("Metadata/plate_{n}.gcode")));
        let many = plates(&names.flatten().collect::<Vec<_>>(), 100);
        assert_eq!(many.to_string(), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and more");
        assert!(plates(b"no archive", 3).only("start").is_err());
    }
}
