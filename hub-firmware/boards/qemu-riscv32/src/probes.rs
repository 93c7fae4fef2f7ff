//! Negative controls: each breaks the memory budget on purpose and must end the run.

// Sound: it is not meant to be. The write past the budget is the experiment; nothing is there.
#![allow(unsafe_code)]

use alloc::vec::Vec;
use core::hint::black_box;

use crate::{
    console::println,
    exit::{Exit, exit},
    heap, layout,
};

/// Runs the probe called `name`. Coming to the end of it is the failure.
pub(crate) fn run(name: &str) -> ! {
    match name {
        "ram-end" => {
            println!("probe: writing at {:#010x}, one word past the budget", layout::ram_end());
            unsafe { (layout::ram_end() as *mut u32).write_volatile(1) }
        }
        "heap" => {
            let too_much = heap::size() + 1;
            println!("probe: allocating {too_much} bytes");
            black_box(Vec::<u8>::with_capacity(too_much));
        }
        _ => panic!("there is no probe {name}"),
    }
    println!("probe: {name} was not stopped");
    exit(Exit::NotStopped)
}
