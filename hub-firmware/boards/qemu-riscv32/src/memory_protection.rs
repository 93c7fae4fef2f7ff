//! Enforces the memory budget: the machine has more RAM than the budget, and using it must fail.

// Sound: only takes accesses away, and only to memory the linker gave to nothing.
#![allow(unsafe_code)]

use riscv::register::{Permission, Range, pmpaddr0, pmpaddr1, pmpcfg0};

use crate::layout;

/// Denies every access at or above the end of RAM until the next reset.
///
/// Two regions, both of the kind "from the end of the previous one to this address". Both are
/// locked, because the rules bind machine mode, where all of this program runs, only when locked.
/// Devices that access memory themselves are not bound; the network card is given addresses
/// inside the budget only.
pub(crate) fn enforce_budget() {
    const EVERYTHING: usize = usize::MAX;
    const LOCKED: bool = true;
    unsafe {
        // Addresses are in units of four bytes.
        pmpaddr0::write(layout::ram_end() >> 2);
        pmpaddr1::write(EVERYTHING);
        // Code, constants, device registers and the budget; then all that lies above.
        pmpcfg0::set_pmp(0, Range::TOR, Permission::RWX, LOCKED);
        pmpcfg0::set_pmp(1, Range::TOR, Permission::NONE, LOCKED);
    }
    assert!(pmpcfg0::read().into_config(1).locked, "this processor has no memory protection");
}
