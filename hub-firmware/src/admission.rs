use core::cell::Cell;

use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};
use printhost::{
    Error, ErrorKind, Memory, Net, PrintHost, PrinterStatus, Result, Retry,
    net::{Dial as _, Origin},
};

/// The heap that operations may take together. What does not fit is refused before it begins, so that no allocation
/// fails in the middle.
///
/// Every operation declares what it takes at most ([`PrintHost::memory`], `printhost_net`'s `memory`s) and holds a
/// [`Permit`] for it while it goes on. There may be several at once.
///
/// The declarations are for one thread, as a chip's executor has: what its tasks never have at the same time is counted
/// once.
#[derive(Debug)]
pub struct Budget {
    /// `None` admits everything.
    bytes: Option<usize>,
    promised: Mutex<CriticalSectionRawMutex, Cell<usize>>,
}

impl Budget {
    /// So many bytes.
    pub const fn new(bytes: usize) -> Self {
        Self { bytes: Some(bytes), promised: Mutex::new(Cell::new(0)) }
    }

    /// Fifteen sixteenths of a heap. The rest is for what the allocator loses between allocations, and for the last
    /// statuses that drivers keep between two operations.
    pub const fn of_heap(bytes: usize) -> Self {
        Self::new(bytes - bytes / 16)
    }

    /// For a machine with memory enough: everything is admitted, and nothing counted.
    pub const fn unlimited() -> Self {
        Self { bytes: None, promised: Mutex::new(Cell::new(0)) }
    }

    /// Promises memory to an operation, until the permit is dropped.
    ///
    /// [`ErrorKind::Busy`] when others have so much of it that it does not fit: try again later. When it would not fit
    /// even alone, the error says that trying again is of no use ([`Retry::Never`]).
    pub fn admit(&self, operation: &'static str, bytes: usize) -> Result<Permit<'_>> {
        let Some(all) = self.bytes else { return Ok(Permit { budget: self, bytes: 0 }) };
        self.promised.lock(|promised| {
            let free = all - promised.get();
            if bytes <= free {
                promised.set(promised.get() + bytes);
                return Ok(Permit { budget: self, bytes });
            }
            let error = Error::new(ErrorKind::Busy, operation).with_detail(format_args!(
                "it may need {bytes} bytes of memory, and {free} of {all} are free"
            ));
            Err(if bytes > all { error.with_retry(Retry::Never) } else { error })
        })
    }
}

/// Memory that is promised to an operation. Dropping it gives the memory back.
#[derive(Debug)]
#[must_use = "dropped, it gives the memory back"]
pub struct Permit<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Permit<'_> {
    /// How much it is.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.budget.promised.lock(|promised| promised.set(promised.get() - self.bytes));
    }
}

/// A permit of an operation that uses the network. Dropping it also closes idle connections, before it gives the memory
/// back: they go on taking it.
pub(crate) struct Admitted<'a, N: Net> {
    net: &'a N,
    permit: Permit<'a>,
}

impl<'a, N: Net> Admitted<'a, N> {
    pub(crate) fn new(net: &'a N, budget: &'a Budget, operation: &'static str, bytes: usize) -> Result<Self> {
        Ok(Self { net, permit: budget.admit(operation, bytes)? })
    }
}

impl<N: Net> Drop for Admitted<'_, N> {
    fn drop(&mut self) {
        if self.permit.budget.bytes.is_some() {
            self.net.parts().close_idle();
        }
    }
}

/// Reads a printer's status, if there is memory for it: [`ErrorKind::Busy`] otherwise.
pub async fn status_of<N: Net, H: PrintHost>(net: &N, host: &H, budget: &Budget) -> Result<PrinterStatus> {
    let _admitted = Admitted::new(net, budget, "status", status_memory(net, host))?;
    host.status().await
}

/// What [`status_of`] takes at most, in bytes; [`usize::MAX`] when the driver has not counted.
pub fn status_memory<N: Net, H: PrintHost>(net: &N, host: &H) -> usize {
    let Some(memory) = host.memory(0) else { return usize::MAX };
    let connection = net.parts().dialer().memory_together(&mut [memory.connection]);
    memory.call + connection + memory.opening + net.parts().idle_memory() + memory.transient
}

/// What the connections take at most of an operation that runs a host, does calls one after the other, and has one
/// connection to another server meanwhile.
pub(crate) fn connections<N: Net>(net: &N, memory: &Memory, other: &Origin) -> usize {
    let dialer = net.parts().dialer();
    let mut each = alloc::vec![memory.connection; memory.connections + 1];
    each[0] = dialer.memory(other);
    dialer.memory_together(&mut each) + memory.opening.max(dialer.opening_memory(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_until_a_permit_is_dropped() {
        let budget = Budget::new(100);
        let first = budget.admit("relay", 60).unwrap();
        let second = budget.admit("status", 40).unwrap();
        let refused = budget.admit("relay", 60).unwrap_err();
        assert_eq!(
            (refused.kind(), refused.retry(), refused.operation()),
            (ErrorKind::Busy, Retry::Safe, "relay")
        );
        assert_eq!(refused.detail(), Some("it may need 60 bytes of memory, and 0 of 100 are free"));
        drop(second);
        assert_eq!(budget.admit("relay", 60).unwrap_err().kind(), ErrorKind::Busy);
        drop(first);
        assert_eq!(budget.admit("relay", 100).unwrap().bytes(), 100);
    }

    #[test]
    fn what_can_never_fit_is_not_worth_another_try() {
        let budget = Budget::of_heap(80);
        assert_eq!(budget.admit("relay", 76).unwrap_err().retry(), Retry::Never);
        assert_eq!(budget.admit("relay", usize::MAX).unwrap_err().kind(), ErrorKind::Busy);
        drop(budget.admit("relay", 75).unwrap());
        assert!(Budget::unlimited().admit("relay", usize::MAX).is_ok());
    }
}
