//! Small programs a user of printhost would copy. Each is a portable function, generic over the network or the host,
//! with a thin `main` for a computer in `src/bin`; on a microcontroller the same function gets an embassy network.
#![no_std]
extern crate alloc;

#[cfg(feature = "embassy")]
mod bare_metal;
mod guard;
mod keep_line;
mod print_and_follow;
mod upload_hotter;
mod watch;

#[cfg(feature = "embassy")]
pub use bare_metal::{Buffers, print_from_flash};
pub use guard::{Guarded, Limits, guard};
pub use keep_line::keep_line;
pub use print_and_follow::print_and_follow;
pub use upload_hotter::{Hotter, upload_hotter};
pub use watch::watch;

/// The tutorial. Its driver is the package `tutorial-driver`.
#[allow(rustdoc::invalid_rust_codeblocks, reason = "the blocks are pieces of files")]
pub mod write_a_driver {
    // Read by rustdoc only: the text is not in the package.
    #![cfg_attr(doc, doc = include_str!("../../docs/write-a-driver.md"))]
}

/// The example of the repository's README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
