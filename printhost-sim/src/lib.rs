#![doc = include_str!("../README.md")]

mod fault;
#[cfg(all(feature = "mk3s", target_os = "linux"))]
mod mk3s;
mod octoprint;
mod prusalink;
mod wire;

pub use fault::{Fault, FaultId, Injected, On};
#[cfg(all(feature = "mk3s", target_os = "linux"))]
pub use mk3s::{Mk3sButton, Mk3sConfig, Mk3sReport, Mk3sSim};
pub use octoprint::{AppRequest, Group, OctoPrintSim, Request, SimConfig, StoredFile, User};
pub use prusalink::{PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim};
