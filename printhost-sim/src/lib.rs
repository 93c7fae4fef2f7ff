#![doc = include_str!("../README.md")]

mod fault;
mod octoprint;
mod wire;

pub use fault::{Fault, FaultId, Injected, On};
pub use octoprint::{AppRequest, Group, OctoPrintSim, Request, SimConfig, StoredFile, User};
