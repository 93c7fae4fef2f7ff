//! The one external interrupt of this board, that of the network card.
//!
//! The interrupt routine only claims the interrupt and wakes a task. The card's driver, which
//! owns the card, quiets it and then calls [`completed`]; until then the interrupt controller
//! holds back further interrupts.

// Sound: interrupts are enabled after the clock and the interrupt controller are set up, and
// from no critical section.
#![allow(unsafe_code)]

use core::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    task::Waker,
};

use embassy_sync::waitqueue::AtomicWaker;
use riscv::{interrupt::Interrupt, register::mie};

use crate::registers::{INTERRUPT_CLAIM, INTERRUPT_ENABLE, INTERRUPT_THRESHOLD, interrupt_priority};

/// Of an external interrupt that is claimed and not completed; 0 is no interrupt.
static CLAIMED: AtomicU32 = AtomicU32::new(0);

static WAKER: AtomicWaker = AtomicWaker::new();

/// Lets timer interrupts and this external interrupt through.
pub(crate) fn enable(source: u32) {
    interrupt_priority(source).write(1);
    INTERRUPT_ENABLE.write(1 << source);
    INTERRUPT_THRESHOLD.write(0);
    unsafe {
        mie::set_mext();
        mie::set_mtimer();
        riscv::interrupt::enable();
    }
}

/// Has the next external interrupt wake this task.
pub(crate) fn wake_on_next(waker: &Waker) {
    WAKER.register(waker);
}

/// Whether an interrupt waits for its driver.
pub(crate) fn is_claimed() -> bool {
    CLAIMED.load(Relaxed) != 0
}

/// Says that the device no longer asserts the claimed interrupt.
pub(crate) fn completed() {
    INTERRUPT_CLAIM.write(CLAIMED.swap(0, Relaxed));
}

#[riscv_rt::core_interrupt(Interrupt::MachineExternal)]
fn on_external() {
    let source = INTERRUPT_CLAIM.read();
    if source != 0 {
        CLAIMED.store(source, Relaxed);
        WAKER.wake();
    }
}
