#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod api;
mod cameras;
mod config;
mod download;
mod events;
mod files;
mod folders;
mod host;
mod jobs;
mod map;
mod memory;
mod names;
mod transfer;
mod upload;
mod wire;

pub use config::Config;
pub use host::PrusaLink;
pub use memory::CONNECTIONS;
pub use transfer::Transfer;
