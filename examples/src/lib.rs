//! Small programs a user of printhost would copy. Each is a portable function, generic over the network, with a thin
//! `main` for a computer in `src/bin`; on a microcontroller the same function gets an embassy network.

mod print_and_follow;
mod watch;

pub use print_and_follow::print_and_follow;
pub use watch::watch;

/// The example of the repository's README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
