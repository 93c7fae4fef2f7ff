#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod map;
mod models;
mod stages;
mod wire;

pub use models::Model;
pub use stages::stage_name;

/// What a printer reports, and how its messages are read.
pub mod report {
    pub use crate::{
        map::status,
        wire::{
            feed::{Ack, Feed, Merged, Told, Unread},
            report::*,
        },
    };
}
