//! The memory that survives a reset, as the debug command `D3` reads and writes it.

/// Bytes of an ATmega2560.
const SIZE: usize = 4096;
/// Where the names of the eight steel sheets are, and their distance.
const SHEETS: usize = 0x0D49;
const SHEET_SIZE: usize = 11;
const SHEET_NAME_SIZE: usize = 7;
/// Bytes a line of a dump.
const LINE: usize = 16;

/// Zeros, but for the names of the sheets.
#[derive(Debug)]
pub(super) struct Eeprom(Vec<u8>);

impl Eeprom {
    pub(super) fn new() -> Self {
        let mut bytes = vec![0; SIZE];
        for number in 0..8 {
            let name = match number {
                0 => "Smooth1".to_owned(),
                1 => "Smooth2".to_owned(),
                2 => "Textur1".to_owned(),
                3 => "Textur2".to_owned(),
                custom => format!("Custom{}", custom - 3),
            };
            let at = SHEETS + number * SHEET_SIZE;
            bytes[at..at + SHEET_NAME_SIZE].copy_from_slice(name.as_bytes());
        }
        Self(bytes)
    }

    /// The lines that `D3` with these arguments prints, after it has written what it was to write. What lies beyond
    /// the memory's end is neither written nor read.
    pub(super) fn debug(&mut self, arguments: &str) -> Vec<String> {
        let word =
            |letter: char| arguments.split_whitespace().find_map(|argument| argument.strip_prefix(letter));
        let start = word('A').and_then(address).unwrap_or(0).min(SIZE);
        let mut count = word('C').and_then(|count| count.parse().ok()).unwrap_or(SIZE);
        if let Some(at) = arguments.find('X') {
            let written = hex(&arguments[at + 1..]);
            count = written.len();
            for (cell, byte) in self.0[start..].iter_mut().zip(written) {
                *cell = byte;
            }
        }
        let end = start.saturating_add(count).min(SIZE);
        let lines = self.0[start..end].chunks(LINE).enumerate();
        lines
            .map(|(number, bytes)| {
                let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{:04x}  {}", start + number * LINE, bytes.join(" "))
            })
            .collect()
    }
}

/// Hexadecimal behind `0x` or `x`, or else decimal.
fn address(text: &str) -> Option<usize> {
    match text.split_once('x') {
        Some((_, digits)) => usize::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Pairs of digits, up to the first that is none.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.chars().filter(|char| *char != ' ').map_while(|char| char.to_digit(16)).collect();
    digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_in_lines_of_sixteen_bytes() {
        let mut eeprom = Eeprom::new();
        assert_eq!(eeprom.debug("Ax0D05 X0000002a"), ["0d05  00 00 00 2a"]);
        assert_eq!(eeprom.debug("AxD05 C4"), ["0d05  00 00 00 2a"]);
        assert_eq!(eeprom.debug("A3333 C4"), ["0d05  00 00 00 2a"]);
        let sheets = eeprom.debug("AxD49 C88");
        assert_eq!(sheets.len(), 6);
        assert_eq!(sheets[0], "0d49  53 6d 6f 6f 74 68 31 00 00 00 00 53 6d 6f 6f 74");
        assert!(sheets[1].starts_with("0d59  68 32 "));
    }

    #[test]
    fn the_end_of_the_memory_is_the_end() {
        let mut eeprom = Eeprom::new();
        assert_eq!(eeprom.debug("A0xfff X0102"), ["0fff  01"]);
        assert_eq!(eeprom.debug("A0x1000 C4"), Vec::<String>::new());
        assert_eq!(eeprom.debug("A99999999999999999999 Xq C99999999999999999999"), Vec::<String>::new());
        assert_eq!(eeprom.debug("").len(), SIZE / LINE);
    }
}
