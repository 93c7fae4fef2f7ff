//! Numbers that differ from run to run.

use core::cell::Cell;

/// A small pseudo-random generator (SplitMix64).
///
/// **Not cryptographic.** The seed is a clock reading, which can be guessed. It serves for
/// WebSocket mask keys, port numbers and retry jitter; never for keys or tokens.
pub(crate) struct Entropy {
    state: Cell<u64>,
}

impl Entropy {
    /// Seeds the generator with a clock reading, and with `extra` when there is some.
    pub(crate) fn new(ticks: u64, extra: &[u8]) -> Self {
        const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
        const FNV_PRIME: u64 = 0x0100_0000_01B3;
        let state = extra
            .iter()
            .fold(ticks ^ FNV_OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
        Self { state: Cell::new(state) }
    }

    fn next(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.state.set(state);
        let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}

impl printhost::Entropy for Entropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(size_of::<u64>()) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
