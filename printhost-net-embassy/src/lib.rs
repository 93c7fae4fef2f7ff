#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod conn;
mod dial;
mod sockets;
#[cfg(feature = "tls-core")]
mod tls;

pub use conn::{ConnError, EmbassyConn, EmbassyReader, EmbassyWriter};
#[cfg(feature = "tls-core")]
pub use dial::embassy_net_with_tls;
pub use dial::{EmbassyClock, EmbassyDial, EmbassyNet, embassy_net};
pub use sockets::Sockets;
#[cfg(feature = "tls-core")]
pub use tls::{Date, Tls, TlsFailure};
