#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;
#[cfg(feature = "runner")]
extern crate std;

mod bench;
mod case;
mod cases;
mod content;
pub mod mutants;
mod oracle;
mod project;
mod remote_oracle;
#[cfg(feature = "runner")]
pub mod runner;

pub use bench::Bench;
pub use case::{CASES, Case, Needs, Verdict, run};
pub use content::{Broken, Content, Slow};
pub use oracle::{Activity, Answer, Deed, Fault, Oracle, Question, Seen, Stored};
pub use project::Project;
pub use remote_oracle::RemoteOracle;
