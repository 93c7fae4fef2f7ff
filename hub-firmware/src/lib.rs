#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod admission;
mod button;
mod config;
mod on_press;
mod relay;
mod status;

pub use admission::{Budget, Permit, status_memory, status_of};
pub use button::Button;
pub use config::{Config, ConfigError, Order, Station};
pub use on_press::{Told, on_press};
pub use relay::{Relay, RelayEvent, Relayed, SMALL, encrypted_at_once, relay};
pub use status::{Advertisement, Status, Work};
