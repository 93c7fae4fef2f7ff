//! How deep the stack grew: it is painted at boot, and the paint that is gone was used.

// Sound: only words of the stack region are touched, below everything in use when painting, and
// volatile, so the compiler assumes nothing about them.
#![allow(unsafe_code)]

use core::{arch::asm, mem::size_of};

use crate::layout;

const PAINT: u32 = 0xA5A5_5A5A;

/// Left alone below the stack pointer, for the frame of the painting function itself.
const MARGIN: usize = 256;

/// Paints the unused part of the stack. Call it first thing.
#[inline(never)]
pub(crate) fn paint() {
    let stack_pointer: usize;
    unsafe { asm!("mv {}, sp", out(reg) stack_pointer, options(nomem, nostack, preserves_flags)) };
    for word in (layout::stack().start..stack_pointer - MARGIN).step_by(size_of::<u32>()) {
        unsafe { (word as *mut u32).write_volatile(PAINT) }
    }
}

/// The bytes there are.
pub(crate) fn size() -> usize {
    layout::stack().len()
}

/// The most bytes that were in use at once since boot.
pub(crate) fn peak() -> usize {
    let stack = layout::stack();
    let deepest = stack
        .clone()
        .step_by(size_of::<u32>())
        .find(|word| unsafe { (*word as *const u32).read_volatile() } != PAINT);
    stack.end - deepest.unwrap_or(stack.end)
}
