#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod admission;
mod relay;

pub use admission::{Budget, Permit, status, status_memory};
pub use relay::{Relay, RelayEvent, Relayed, relay};
