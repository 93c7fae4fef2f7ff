//! The same bytes in different pieces. How to cut follows from the bytes, so that an input is nothing but what came
//! from the network.

/// Numbers that follow from the input and look random.
pub struct Numbers(u64);

impl Numbers {
    /// For this input.
    pub fn of(input: &[u8]) -> Self {
        // FNV-1a
        Self(
            input
                .iter()
                .fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)),
        )
    }

    /// Below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

/// Single bytes, then two ways of irregular pieces.
pub fn of(input: &[u8]) -> [Vec<&[u8]>; 3] {
    let mut numbers = Numbers::of(input);
    let (a, b) = input.split_at(numbers.below(input.len() + 1));
    [input.chunks(1).collect(), vec![a, b], irregular(input, &mut numbers)]
}

fn irregular<'a>(mut input: &'a [u8], numbers: &mut Numbers) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while !input.is_empty() {
        let (piece, rest) = input.split_at((1 + numbers.below(24)).min(input.len()));
        pieces.push(piece);
        input = rest;
    }
    pieces
}
