#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod api;
mod config;
mod events;
mod files;
mod host;
mod jobs;
mod map;
mod upload;
mod wire;

pub use config::Config;
pub use host::OctoPrint;
