//! Blocks on the wire: length, sequence number, content, CRC-16 and a mark at the end.
//!
//! The host repeats what was not acknowledged; the number of the next block that is expected is the acknowledgement.

/// Length and number in front, checksum and mark behind.
const AROUND: usize = 5;
const LONGEST: usize = 64;
const MARK: u8 = 0x7e;
/// The upper half of every sequence number.
const DIRECTION: u8 = 0x10;

/// What came over the wire.
#[derive(Debug, PartialEq)]
pub(super) enum Arrival {
    /// The content of the next block, to be acknowledged once it is obeyed.
    Block(Vec<u8>),
    /// Something damaged, repeated or out of turn: the number that is expected is to be told.
    Nothing,
}

/// Finds blocks in what arrives.
#[derive(Debug)]
pub(super) struct Receiver {
    buffer: Vec<u8>,
    expected: u8,
    /// Everything up to the next mark is part of something damaged.
    is_lost: bool,
}

impl Receiver {
    pub(super) fn new() -> Self {
        Self { buffer: Vec::new(), expected: DIRECTION, is_lost: false }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next arrival, when it is there completely.
    pub(super) fn next(&mut self) -> Option<Arrival> {
        if self.is_lost {
            let Some(mark) = self.buffer.iter().position(|byte| *byte == MARK) else {
                self.buffer.clear();
                return None;
            };
            self.buffer.drain(..=mark);
            self.is_lost = false;
            return Some(Arrival::Nothing);
        }
        // A mark alone keeps both sides in step.
        let marks = self.buffer.iter().take_while(|byte| **byte == MARK).count();
        self.buffer.drain(..marks);
        let len = usize::from(*self.buffer.first()?);
        if !(AROUND..=LONGEST).contains(&len) {
            self.is_lost = true;
            return self.next();
        }
        let block = self.buffer.get(..len)?;
        let (inner, end) = block.split_at(len - 3);
        if end[2] != MARK || crc16(inner).to_be_bytes() != end[..2] || inner[1] & 0xf0 != DIRECTION {
            self.is_lost = true;
            return self.next();
        }
        let (number, content) = (inner[1], inner[2..].to_vec());
        self.buffer.drain(..len);
        if number != self.expected {
            return Some(Arrival::Nothing);
        }
        self.expected = DIRECTION | (number + 1) & 0x0f;
        Some(Arrival::Block(content))
    }

    /// A block to the host, which acknowledges all that has arrived.
    pub(super) fn block(&self, content: &[u8]) -> Vec<u8> {
        block(self.expected, content)
    }
}

/// A block of so little content that its length fits.
fn block(number: u8, content: &[u8]) -> Vec<u8> {
    let mut block = vec![(content.len() + AROUND) as u8, number];
    block.extend_from_slice(content);
    let crc = crc16(&block);
    block.extend(crc.to_be_bytes());
    block.push(MARK);
    block
}

/// CRC-16/MCRF4XX.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 })
    })
}

#[cfg(test)]
pub(super) fn from_host(number: u8, content: &[u8]) -> Vec<u8> {
    block(DIRECTION | number & 0x0f, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(receiver: &mut Receiver) -> Vec<Arrival> {
        std::iter::from_fn(|| receiver.next()).collect()
    }

    fn content(text: &str) -> Arrival {
        Arrival::Block(text.into())
    }

    #[test]
    fn the_checksum_is_the_catalogues() {
        // CRC-16/MCRF4XX of the catalogue of parametrised CRC algorithms.
        assert_eq!(crc16(b"123456789"), 0x6f91);
    }

    #[test]
    fn blocks_arrive_in_turn_however_they_are_cut() {
        let sent: Vec<u8> = (0..20).flat_map(|number| from_host(number, &[number])).collect();
        for size in [1, 3, 64] {
            let mut receiver = Receiver::new();
            let mut seen = Vec::new();
            for piece in sent.chunks(size) {
                receiver.push(piece);
                seen.extend(arrivals(&mut receiver));
            }
            let all: Vec<_> = (0..20).map(|number| Arrival::Block(vec![number])).collect();
            assert_eq!(seen, all);
        }
    }

    #[test]
    fn what_is_repeated_or_comes_too_early_is_not_taken() {
        let mut receiver = Receiver::new();
        for number in [0, 0, 2, 1] {
            receiver.push(&from_host(number, b"a"));
        }
        assert_eq!(arrivals(&mut receiver), [content("a"), Arrival::Nothing, Arrival::Nothing, content("a")]);
        assert_eq!(receiver.block(b""), block(0x12, b""));
    }

    #[test]
    fn a_damaged_block_is_asked_for_again() {
        let good = from_host(0, b"abc");
        for at in 0..good.len() {
            let mut receiver = Receiver::new();
            let mut bad = good.clone();
            bad[at] ^= 0x04;
            receiver.push(&bad);
            // What is in the buffer of a block that pretends to be longer is let go of by the next ones.
            let mut seen = arrivals(&mut receiver);
            for _ in 0..4 {
                receiver.push(&good);
                seen.extend(arrivals(&mut receiver));
            }
            assert!(seen.contains(&Arrival::Nothing) && seen.contains(&content("abc")), "{at}: {seen:?}");
        }
    }

    #[test]
    fn after_noise_a_block_that_is_repeated_arrives() {
        let mut receiver = Receiver::new();
        receiver.push(b"\x1b\x01\x00\x01\x0e\x11\x04");
        for _ in 0..5 {
            receiver.push(&from_host(0, b"a"));
        }
        assert!(arrivals(&mut receiver).contains(&content("a")));
    }
}
