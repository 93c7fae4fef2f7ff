#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod access;
mod api;
mod cameras;
mod commands;
mod config;
mod console;
mod download;
mod events;
mod files;
mod folders;
mod history;
mod host;
mod jobs;
mod keeper;
mod live;
mod map;
mod memory;
mod motion;
mod queue;
mod upload;
mod wire;

pub use config::Config;
pub use history::{HistoryEntry, HistoryTotals};
pub use host::Moonraker;
pub use memory::CONNECTIONS;
pub use queue::{JobQueue, QueuedJob};
