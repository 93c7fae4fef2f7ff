//! What happens when the program cannot go on: each cause has its own exit code.

// Sound: the two exported names and signatures are those that riscv-rt's trap code calls.
#![allow(unsafe_code)]

use core::{alloc::Layout, panic::PanicInfo};

use riscv::register::{mcause, mepc, mtval};

use crate::{
    console::println,
    exit::{Exit, exit},
    heap,
};

#[panic_handler]
fn on_panic(info: &PanicInfo) -> ! {
    println!("{info}");
    exit(Exit::Panic)
}

#[alloc_error_handler]
fn on_heap_exhausted(layout: Layout) -> ! {
    println!("heap exhausted: {} bytes wanted, {} of {} used", layout.size(), heap::used(), heap::size());
    exit(Exit::HeapExhausted)
}

#[unsafe(export_name = "ExceptionHandler")]
extern "C" fn on_exception(_registers: &riscv_rt::TrapFrame) -> ! {
    // 1, 5 and 7 are the access faults: of an instruction fetch, a load and a store.
    let cause = mcause::read().code();
    println!("exception {cause} at {:#010x}, address {:#010x}", mepc::read(), mtval::read());
    exit(Exit::Exception)
}

#[unsafe(export_name = "DefaultHandler")]
extern "C" fn on_unexpected_interrupt() -> ! {
    println!("unexpected interrupt {}", mcause::read().code());
    exit(Exit::Exception)
}
