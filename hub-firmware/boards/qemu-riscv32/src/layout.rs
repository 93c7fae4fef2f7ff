//! Where the linker put things, from riscv-rt's `link.x` and our `memory.x`.

// Sound: of these symbols only the addresses are taken, except for `_config`: initialised memory
// of that size, which the linker gives to nothing and nobody writes once we run.
#![allow(unsafe_code)]

use core::ops::Range;

unsafe extern "C" {
    static __sdata: u8;
    static __sheap: u8;
    static __eheap: u8;
    static __estack: u8;
    static _stack_start: u8;
    static _config: [u8; 4096];
}

/// Variables: `.data` and `.bss`.
pub(crate) fn statics() -> Range<usize> {
    &raw const __sdata as usize..&raw const __sheap as usize
}

/// The heap.
pub(crate) fn heap() -> Range<usize> {
    &raw const __sheap as usize..&raw const __eheap as usize
}

/// The stack, which grows from the end of this range to its start.
pub(crate) fn stack() -> Range<usize> {
    &raw const __estack as usize..ram_end()
}

/// The first address past the memory budget.
pub(crate) fn ram_end() -> usize {
    &raw const _stack_start as usize
}

/// The flash kept for the configuration.
pub(crate) fn config() -> &'static [u8] {
    unsafe { &_config }
}
