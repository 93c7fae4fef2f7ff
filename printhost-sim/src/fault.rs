//! Faults: what networks, servers and disks do at the wrong moment.

use std::time::Duration;

/// Something that goes wrong with a request, once it is injected with
/// [`OctoPrintSim::inject`](crate::OctoPrintSim::inject).
///
/// "Performed" means that everything the request asks for happens; "answer" is what the client would have got.
/// Bytes are those of a message's body, counted after the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Takes this many bytes of the request (or all, if it has fewer) and resets the connection (TCP RST).
    /// The request is not performed.
    ResetAfterReceiving(u64),
    /// Performs the request, sends this many bytes of the answer and resets the connection (TCP RST).
    /// An answer without a body is lost whole.
    ResetAfterSending(u64),
    /// Takes this many bytes of the request and then does nothing more: it neither reads nor answers nor hangs
    /// up. The request is not performed.
    StallAfterReceiving(u64),
    /// Performs the request, sends this many bytes of the answer and then nothing more, without hanging up. Of an
    /// answer without a body nothing is sent.
    StallAfterSending(u64),
    /// Answers with this status before any of the body is read, and closes the connection once the client has
    /// heard it. The request is not performed. A number that is no status is sent as 500.
    EarlyStatus(u16),
    /// Performs the request, announces the whole answer and closes the connection (TCP FIN) after this many bytes
    /// of it. An answer without a body is lost whole.
    TruncateAnswer(u64),
    /// Stores an upload with one bit of this byte (counted from 0) flipped, so that its hash is not that of what
    /// was sent. A shorter file is stored intact, and other requests are not affected.
    FlipBit {
        /// The byte.
        byte: u64,
    },
    /// Performs the request and closes the connection (TCP FIN) instead of answering.
    LoseAnswer,
    /// Performs the request at once and answers after this much real time.
    DelayAnswer(Duration),
}

/// The requests to which a [`Fault`] happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct On {
    method: Option<String>,
    path: String,
    skip: u32,
    times: Option<u32>,
}

/// Names an injected fault, to clear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

/// A fault that still waits for requests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injected {
    /// Its name.
    pub id: FaultId,
    /// What will happen.
    pub fault: Fault,
    /// To which requests.
    pub on: On,
    /// How often it has happened.
    pub hits: u32,
}

impl On {
    /// The next request with this method whose path, as sent, begins so.
    pub fn request(method: impl Into<String>, path_prefix: impl Into<String>) -> Self {
        Self { method: Some(method.into()), path: path_prefix.into(), skip: 0, times: Some(1) }
    }

    /// The next request whose path, as sent, begins so.
    pub fn path(path_prefix: impl Into<String>) -> Self {
        Self { method: None, path: path_prefix.into(), skip: 0, times: Some(1) }
    }

    /// The next `times` such requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// All such requests until the fault is cleared.
    #[must_use]
    pub fn until_cleared(mut self) -> Self {
        self.times = None;
        self
    }

    /// Lets so many of them pass first.
    #[must_use]
    pub fn after(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method) && path.starts_with(&self.path)
    }
}

impl FaultId {
    /// The number by which the command line's control route names it.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// The injected faults, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<Injected>,
    given: u64,
}

impl Faults {
    pub(crate) fn inject(&mut self, fault: Fault, on: On) -> FaultId {
        self.given += 1;
        let id = FaultId(self.given);
        if on.times != Some(0) {
            self.waiting.push(Injected { id, fault, on, hits: 0 });
        }
        id
    }

    pub(crate) fn clear(&mut self, id: FaultId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.id != id);
        self.waiting.len() < before
    }

    pub(crate) fn clear_all(&mut self) {
        self.waiting.clear();
    }

    pub(crate) fn waiting(&self) -> Vec<Injected> {
        self.waiting.clone()
    }

    /// The fault that happens to this request: of those that match, the one injected first.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let at = self.waiting.iter_mut().position(|waiting| {
            let matches = waiting.on.matches(method, path);
            let passes = matches && waiting.on.skip > 0;
            waiting.on.skip -= u32::from(passes);
            matches && !passes
        })?;
        let hit = &mut self.waiting[at];
        hit.hits += 1;
        let fault = hit.fault;
        if hit.on.times.is_some_and(|times| hit.hits >= times) {
            self.waiting.remove(at);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_happens_as_often_as_it_was_told_and_to_nothing_else() {
        let mut faults = Faults::default();
        faults.inject(Fault::LoseAnswer, On::request("POST", "/api/job").after(1).times(2));
        assert_eq!(faults.take("GET", "/api/job"), None);
        assert_eq!(faults.take("POST", "/api/files/local"), None);
        let hits: Vec<_> = (0..4).map(|_| faults.take("POST", "/api/job").is_some()).collect();
        assert_eq!(hits, [false, true, true, false]);
        assert!(faults.waiting().is_empty());
    }

    #[test]
    fn the_oldest_matching_fault_comes_first_and_clearing_removes_it() {
        let mut faults = Faults::default();
        let first = faults.inject(Fault::LoseAnswer, On::path("/api").until_cleared());
        faults.inject(Fault::EarlyStatus(503), On::path("/api"));
        assert_eq!(faults.take("GET", "/api/job"), Some(Fault::LoseAnswer));
        assert_eq!(faults.waiting()[0].hits, 1);
        assert!(faults.clear(first) && !faults.clear(first));
        assert_eq!(faults.take("GET", "/api/job"), Some(Fault::EarlyStatus(503)));
        assert_eq!(faults.take("GET", "/api/job"), None);
    }
}
