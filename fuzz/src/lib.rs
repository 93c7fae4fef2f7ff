//! What is fuzzed, and against what it is judged. `cargo xtask fuzz` builds this with coverage and runs it.

extern crate alloc;

pub mod bambu;
pub mod cuts;
pub mod host;
pub mod json;
pub mod memory;
pub mod moonraker;
pub mod octoprint;
pub mod prusalink;
pub mod targets;
