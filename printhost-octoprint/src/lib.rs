#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod api;
pub mod app_keys;
mod cameras;
mod commands;
mod config;
mod connection;
mod console;
mod events;
mod files;
mod folders;
mod heaters;
mod host;
mod jobs;
mod map;
mod member;
mod memory;
mod pictures;
mod profiles;
mod sd_card;
mod system;
mod upload;
mod users;
mod wire;

pub use config::Config;
pub use connection::{ConnectTo, ConnectionSettings, Connector};
pub use heaters::{FilamentUse, HeaterState};
pub use host::OctoPrint;
pub use jobs::JobDetails;
pub use memory::CONNECTIONS;
pub use profiles::PrinterProfile;
pub use system::{PrinterFailure, SystemCommand, SystemInfo};
pub use users::User;
