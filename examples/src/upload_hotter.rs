use alloc::{string::String, vec::Vec};
use core::fmt::Write as _;

use embedded_io_async::{ErrorType, Read};
use printhost::{Error, ErrorKind, PrintHost, Progress, Result, Upload, Uploaded};

/// Uploads G-code with all nozzle temperatures shifted by so many degrees: for a spool that wants it hotter than the
/// slicer thought. `report` gets the bytes sent and the bytes in all.
///
/// An upload has to know its length, and a file that is changed on its way has another length than before. So the file
/// is read twice, from wherever `open` gets it; nothing holds the whole of it.
pub async fn upload_hotter<H: PrintHost, R: Read>(
    host: &H,
    path: &str,
    by: i16,
    mut open: impl AsyncFnMut() -> core::result::Result<R, R::Error>,
    mut report: impl FnMut(u64, u64),
) -> Result<Uploaded> {
    let failed = |error: R::Error| Error::new(ErrorKind::Source, "upload").with_detail(error);
    let (mut first, mut len, mut buf) = (Hotter::new(open().await.map_err(failed)?, by), 0, [0; 512]);
    loop {
        match first.read(&mut buf).await.map_err(failed)? {
            0 => break,
            n => len += n as u64,
        }
    }
    let again = Hotter::new(open().await.map_err(failed)?, by);
    let mut body = Progress::new(again, |done| report(done, len));
    host.upload(Upload::new(path, len, &mut body)).await
}

/// G-code from a reader, with the nozzle's targets (`M104`, `M109`) shifted. A target of 0, which is off, stays 0.
#[derive(Debug)]
pub struct Hotter<R> {
    reader: R,
    by: i16,
    /// What was read and not yet cut into lines.
    ahead: [u8; 256],
    next: usize,
    end: usize,
    /// A line, or a piece of one that is longer than any command.
    line: Vec<u8>,
    given: usize,
    /// The line is not complete, or goes on in the next piece.
    is_open: bool,
}

const LONGEST: usize = 128;

impl<R: Read> Hotter<R> {
    /// Shifts by so many degrees.
    pub const fn new(reader: R, by: i16) -> Self {
        Self { reader, by, ahead: [0; 256], next: 0, end: 0, line: Vec::new(), given: 0, is_open: false }
    }

    /// Takes the next line, or piece of a long one; it is empty at the end.
    async fn next_line(&mut self) -> core::result::Result<(), R::Error> {
        let is_begin = !self.is_open;
        (self.given, self.is_open) = (0, true);
        self.line.clear();
        while self.is_open && self.line.len() < LONGEST {
            if self.next == self.end {
                (self.next, self.end) = (0, self.reader.read(&mut self.ahead).await?);
                if self.end == 0 {
                    break;
                }
            }
            let byte = self.ahead[self.next];
            self.next += 1;
            self.line.push(byte);
            self.is_open = byte != b'\n';
        }
        if is_begin && let Some(line) = shifted(&self.line, self.by) {
            self.line = line.into_bytes();
        }
        Ok(())
    }
}

impl<R: ErrorType> ErrorType for Hotter<R> {
    type Error = R::Error;
}

impl<R: Read> Read for Hotter<R> {
    async fn read(&mut self, buf: &mut [u8]) -> core::result::Result<usize, R::Error> {
        if self.given == self.line.len() && !buf.is_empty() {
            self.next_line().await?;
        }
        let n = buf.len().min(self.line.len() - self.given);
        buf[..n].copy_from_slice(&self.line[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

/// A line that sets a nozzle's target, with another target.
fn shifted(line: &[u8], by: i16) -> Option<String> {
    let line = core::str::from_utf8(line).ok()?;
    let code = line.split(';').next()?;
    let command = code.split_whitespace().next()?;
    if !matches!(command, "M104" | "M109") {
        return None;
    }
    let number = code.find([' ', '\t']).and_then(|from| Some(from + code[from..].find(['S', 'R'])? + 1))?;
    let digits =
        code[number..].find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(code.len() - number);
    let target: f32 = code[number..number + digits].parse().ok().filter(|target| *target > 0.0)?;
    let mut new = String::from(&line[..number]);
    let _ = write!(new, "{}", (target + f32::from(by)).max(0.0));
    new.push_str(&line[number + digits..]);
    Some(new)
}

#[cfg(test)]
mod tests {
    use embassy_futures::block_on;

    use super::*;

    fn read_in_pieces(mut reader: impl Read, piece: usize) -> String {
        let (mut all, mut buf) = (Vec::new(), alloc::vec![0; piece]);
        loop {
            match block_on(reader.read(&mut buf)).unwrap() {
                0 => return String::from_utf8(all).unwrap(),
                n => all.extend_from_slice(&buf[..n]),
            }
        }
    }

    #[test]
    fn nozzle_targets_are_shifted_and_nothing_else() {
        let long = "; ".repeat(300);
        let before = alloc::format!(
            "M104 S200 ; first\nM109 T0 R195.5\r\nM140 S60\nM104 S0\nG1 X1\n;M104 S200\n{long}M104 S9\nM104 S99"
        );
        let after = alloc::format!(
            "M104 S215 ; first\nM109 T0 R210.5\r\nM140 S60\nM104 S0\nG1 X1\n;M104 S200\n{long}M104 S9\nM104 S114"
        );
        for piece in [1, 7, 4096] {
            assert_eq!(read_in_pieces(Hotter::new(before.as_bytes(), 15), piece), after);
        }
    }
}
