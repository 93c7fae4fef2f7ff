//! What goes wrong in which round, and where: the same for the same seed.

use serde_json::json;

/// As the board has it.
pub(super) const ROUNDS_PER_DRIVER: u32 = 4;

/// The proxies, in the order in which they are started.
const SOURCE: usize = 0;
const PLAIN: usize = 1;
const ENCRYPTED: usize = 2;
/// What the driver opens first and second in a round.
const REQUESTS: u64 = 0;
const PUSH: u64 = 1;

/// Bytes of a handshake that the board sends, and that it is sent: about so many, a resumed one has fewer.
const HANDSHAKE: (u64, u64) = (500, 1500);

/// Whether the board speaks to its printer by TLS in a round: drivers that do and drivers that do not take turns.
pub(super) const fn is_encrypted(round: u32) -> bool {
    ((round - 1) / ROUNDS_PER_DRIVER).is_multiple_of(2)
}

/// The proxy before the printer in a round.
pub(super) const fn printer(round: u32) -> usize {
    if is_encrypted(round) { ENCRYPTED } else { PLAIN }
}

/// What goes wrong in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Nothing,
    SourceStalls,
    SourceDies,
    SourceEndsEarly,
    PrinterStalls,
    UploadIsCut,
    AnswerIsCut,
    PushIsCut,
    PrinterIsGone,
    NetworkIsGone,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Nothing,
        Self::SourceStalls,
        Self::SourceDies,
        Self::SourceEndsEarly,
        Self::PrinterStalls,
        Self::UploadIsCut,
        Self::AnswerIsCut,
        Self::PushIsCut,
        Self::PrinterIsGone,
        Self::NetworkIsGone,
    ];

    /// A fault of one of the proxies, for a round with a file of `size` bytes.
    pub(super) fn fault(
        self,
        random: &mut Random,
        round: u32,
        size: u64,
    ) -> Option<(usize, Option<u64>, serde_json::Value)> {
        let in_file = random.below(size);
        // Behind the file comes the rest of the form, and before it what was asked and told before.
        let (in_upload, in_answers) = (random.below(size + 2000), random.below(6000));
        let in_handshake = random.below(4) == 0;
        let (in_upload, in_answers) = match (is_encrypted(round), in_handshake) {
            (true, true) => (in_upload % HANDSHAKE.0, in_answers % HANDSHAKE.1),
            (true, false) => (in_upload + HANDSHAKE.0, in_answers + HANDSHAKE.1),
            (false, _) => (in_upload, in_answers),
        };
        let printer = printer(round);
        Some(match self {
            Self::SourceStalls => (SOURCE, None, json!({ "StallAnswerAt": in_file })),
            Self::SourceDies => (SOURCE, None, json!({ "ResetAnswerAt": in_file })),
            Self::SourceEndsEarly => (SOURCE, None, json!({ "CloseAnswerAt": in_file })),
            Self::PrinterStalls => (printer, None, json!({ "StallAt": in_upload })),
            Self::UploadIsCut => (printer, Some(REQUESTS), json!({ "ResetAt": in_upload })),
            Self::AnswerIsCut => (printer, Some(REQUESTS), json!({ "ResetAnswerAt": in_answers })),
            Self::PushIsCut => (printer, Some(PUSH), json!({ "ResetAnswerAt": in_answers })),
            Self::Nothing | Self::PrinterIsGone | Self::NetworkIsGone => return None,
        })
    }
}

/// The kinds of as many rounds: over TLS, and without it, each as often as the others, in any order, the loss of the network
/// once in twenty; the last is clean.
pub(super) fn plan(random: &mut Random, rounds: u32) -> Vec<Kind> {
    let mut left = [Vec::new(), Vec::new()];
    let mut with_network = [false, true];
    let mut plan = Vec::new();
    for round in 1..=rounds {
        let way = usize::from(is_encrypted(round));
        if left[way].is_empty() {
            left[way] = shuffled(random, with_network[way]);
            with_network[way] ^= true;
        }
        plan.extend(left[way].pop());
    }
    // A clean round comes last, and every kind stays: it changes places with one that was planned.
    let clean = |round: &u32| {
        is_encrypted(*round) == is_encrypted(rounds) && plan[*round as usize - 1] == Kind::Nothing
    };
    if let Some(clean) = (1..=rounds).rev().find(clean) {
        plan.swap(clean as usize - 1, rounds as usize - 1);
    }
    plan
}

fn shuffled(random: &mut Random, with_network: bool) -> Vec<Kind> {
    let mut kinds = Kind::ALL.to_vec();
    if !with_network {
        kinds.retain(|kind| *kind != Kind::NetworkIsGone);
        kinds.push(Kind::Nothing);
    }
    for i in (1..kinds.len()).rev() {
        kinds.swap(i, random.below(i as u64 + 1) as usize);
    }
    kinds
}

/// SplitMix64: the same numbers for the same seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rounds_have_every_kind_over_tls_the_network_lost_once_and_end_clean() {
        const FEW: u32 = super::super::FEW;
        for seed in 0..100 {
            let plan = plan(&mut Random(seed), FEW);
            assert_eq!((plan.len(), plan.last()), (FEW as usize, Some(&Kind::Nothing)));
            let over_tls: Vec<&Kind> =
                (1..).zip(&plan).filter(|(round, _)| is_encrypted(*round)).map(|(_, kind)| kind).collect();
            assert!(Kind::ALL.iter().all(|kind| over_tls.contains(&kind)), "{plan:?}");
            assert_eq!(plan.iter().filter(|kind| **kind == Kind::NetworkIsGone).count(), 1);
        }
    }

    #[test]
    fn many_rounds_have_every_kind_as_often_over_tls_as_without() {
        let plan = plan(&mut Random(1), super::super::MANY);
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Nothing) {
            let rounds = |encrypted| {
                (1..)
                    .zip(&plan)
                    .filter(|(round, of)| is_encrypted(*round) == encrypted && **of == kind)
                    .count()
            };
            let least = if kind == Kind::NetworkIsGone { 5 } else { 10 };
            assert_eq!((rounds(false), rounds(true)), (least, least), "{kind:?}");
        }
    }

    #[test]
    fn a_quarter_of_the_faults_over_tls_are_in_a_handshake() {
        let mut random = Random(1);
        let mut in_handshakes = |round| {
            let cuts = (0..1000).filter_map(|_| Kind::UploadIsCut.fault(&mut random, round, 100_000));
            cuts.filter(|(.., fault)| fault["ResetAt"].as_u64() < Some(HANDSHAKE.0)).count()
        };
        let (tls, plain) = (in_handshakes(1), in_handshakes(1 + ROUNDS_PER_DRIVER));
        assert!((200..300).contains(&tls) && plain < 30, "{tls}, {plain}");
    }
}
