#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod dial;
mod sockets;

pub use dial::{EmbassyClock, EmbassyDial, EmbassyNet, embassy_net};
pub use sockets::{EmbassyConn, Sockets};
