//! What printers and networks do at the wrong moment.

use std::collections::VecDeque;
use std::time::Duration;

/// Something that goes wrong, once it is injected with [`BambuSim::inject`](crate::BambuSim::inject): with the next
/// transfer of a file that it can happen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BambuFault {
    /// An upload: takes this many bytes, and resets both connections (TCP RST). The part stays stored.
    ResetAfterReceiving(u64),
    /// An upload: takes this many bytes and nothing more, without a word. The part stays stored.
    StallAfterReceiving(u64),
    /// A download: sends this many bytes, and resets both connections.
    ResetAfterSending(u64),
    /// An upload: stored with one bit of this byte flipped. A shorter file is stored intact.
    FlipBit {
        /// The byte, counted from 0.
        byte: u64,
    },
    /// An upload: only this many bytes are stored, and success is told.
    Truncate(u64),
    /// An upload: stored whole, and confirmed late.
    LateCompletion(Duration),
    /// An upload: stored whole, and confirmed right after the answer to the next question about files.
    AnswerBeforeCompletion,
    /// An upload: stored whole, and never confirmed.
    NoCompletion,
    /// An upload: stored whole, and both connections reset instead of a confirmation.
    ResetAfterStoring,
    /// An upload: stored whole, and then called broken (426), as by a P2S.
    BrokenThoughWhole,
    /// An upload: refused with this reply code, such as 552 or 553, before any of it is taken.
    Refuse(u16),
}

impl BambuFault {
    const fn is_of_downloads(self) -> bool {
        matches!(self, Self::ResetAfterSending(_))
    }
}

/// The faults that wait for transfers, oldest first.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    faults: VecDeque<(u64, BambuFault)>,
    given: u64,
}

impl Waiting {
    pub(super) fn inject(&mut self, fault: BambuFault) -> u64 {
        self.given += 1;
        self.faults.push_back((self.given, fault));
        self.given
    }

    pub(super) fn all(&self) -> Vec<(u64, BambuFault)> {
        self.faults.iter().copied().collect()
    }

    pub(super) fn clear(&mut self, number: u64) -> bool {
        let before = self.faults.len();
        self.faults.retain(|(waiting, _)| *waiting != number);
        self.faults.len() < before
    }

    pub(super) fn clear_all(&mut self) {
        self.faults.clear();
    }

    /// The fault that happens to this transfer.
    pub(super) fn take(&mut self, download: bool) -> Option<BambuFault> {
        let at = self.faults.iter().position(|(_, fault)| fault.is_of_downloads() == download)?;
        self.faults.remove(at).map(|(_, fault)| fault)
    }
}
