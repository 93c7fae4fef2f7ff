#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod relay;

pub use relay::{Relay, RelayEvent, Relayed, relay};
