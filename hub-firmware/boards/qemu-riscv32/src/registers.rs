//! The device registers of QEMU's `virt` machine that this board uses.
//!
//! Every address is written down here and nowhere else, so that the drivers need no `unsafe`.
//! Source: `virt_memmap` in QEMU's `hw/riscv/virt.c`.

// Sound: a `Register` can only be made here, and every one names a device register of the stated
// width. None of these registers makes a device read or write memory.
#![allow(unsafe_code)]

use core::marker::PhantomData;

/// Writing here ends the emulation ("sifive_test").
pub(crate) const TEST_FINISH: Register<u32> = Register::at(0x0010_0000);

/// The core-local timer: the time at which it interrupts, and the time. Both are 64 bits wide.
pub(crate) const TIMER_COMPARE_LOW: Register<u32> = Register::at(0x0200_4000);
pub(crate) const TIMER_COMPARE_HIGH: Register<u32> = Register::at(0x0200_4004);
pub(crate) const TIME_LOW: Register<u32> = Register::at(0x0200_BFF8);
pub(crate) const TIME_HIGH: Register<u32> = Register::at(0x0200_BFFC);

/// The interrupt controller, as seen by hart 0 in machine mode (context 0).
pub(crate) const INTERRUPT_ENABLE: Register<u32> = Register::at(0x0C00_2000);
pub(crate) const INTERRUPT_THRESHOLD: Register<u32> = Register::at(0x0C20_0000);
pub(crate) const INTERRUPT_CLAIM: Register<u32> = Register::at(0x0C20_0004);

/// The console, a 16550 UART.
pub(crate) const UART_DATA: Register<u8> = Register::at(0x1000_0000);
pub(crate) const UART_LINE_STATUS: Register<u8> = Register::at(0x1000_0005);

/// The priority of an external interrupt; 0 switches it off.
pub(crate) fn interrupt_priority(source: u32) -> Register<u32> {
    assert!((1..32).contains(&source), "external interrupt {source}");
    Register::at(0x0C00_0000 + 4 * source as usize)
}

/// One device register.
pub(crate) struct Register<T> {
    address: usize,
    width: PhantomData<T>,
}

impl<T: Copy> Register<T> {
    const fn at(address: usize) -> Self {
        Self { address, width: PhantomData }
    }

    pub(crate) fn read(&self) -> T {
        unsafe { (self.address as *const T).read_volatile() }
    }

    pub(crate) fn write(&self, value: T) {
        unsafe { (self.address as *mut T).write_volatile(value) }
    }
}
