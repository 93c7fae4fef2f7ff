#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod api;
mod config;
mod download;
mod events;
mod files;
mod folders;
mod host;
mod jobs;
mod map;
mod names;
mod upload;
mod wire;

pub use config::Config;
pub use host::PrusaLink;
