#![doc = include_str!("../README.md")]

mod octoprint;

pub use octoprint::{OctoPrintSim, Request, SimConfig, StoredFile};
