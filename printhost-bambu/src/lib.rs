#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod codes;
mod commands;
mod config;
mod desk;
mod drops;
mod effects;
mod events;
mod extras;
mod files;
mod host;
mod jobs;
mod keeper;
mod live;
mod map;
mod memory;
mod models;
mod plates;
mod printed;
mod quirks;
mod stages;
mod start_options;
mod upload;
mod url_form;
mod wire;

pub use config::Config;
pub use extras::{Blower, Lamp};
pub use host::Bambu;
pub use memory::CONNECTIONS;
pub use models::Model;
pub use stages::stage_name;
pub use start_options::{BedType, Calibrate, Spool, StartOptions};
pub use url_form::UrlForm;

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
