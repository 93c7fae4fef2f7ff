#![doc = include_str!("../README.md")]

#[cfg(feature = "bambu")]
pub mod bambu;
#[cfg(all(any(feature = "klipper-mcu", feature = "mk3s"), target_os = "linux"))]
mod board;
mod clock;
mod fault;
mod gcode;
mod heater;
mod http;
#[cfg(all(feature = "klipper-mcu", target_os = "linux"))]
mod klipper_mcu;
mod lives;
#[cfg(all(feature = "mk3s", target_os = "linux"))]
mod mk3s;
mod moonraker;
mod multipart;
mod octoprint;
mod prusalink;
#[cfg(all(any(feature = "klipper-mcu", feature = "mk3s"), target_os = "linux"))]
mod pty;
mod uri;
mod webcam;
mod wire;

#[cfg(feature = "bambu")]
pub use bambu::{
    BambuCertificate, BambuConfig, BambuControl, BambuFault, BambuFile, BambuFtps, BambuModel, BambuMqtt,
    BambuOverLimit, BambuSessions, BambuSim,
};
pub use fault::{Fault, FaultId, Injected, On};
pub use http::Request;
#[cfg(all(feature = "klipper-mcu", target_os = "linux"))]
pub use klipper_mcu::{KlipperMcuReport, KlipperMcuSim, KlipperMcuSteps};
#[cfg(all(feature = "mk3s", target_os = "linux"))]
pub use mk3s::{Mk3sButton, Mk3sConfig, Mk3sReport, Mk3sSim};
pub use moonraker::{MoonrakerConfig, MoonrakerFile, MoonrakerSim};
pub use octoprint::{AppRequest, Group, OctoPrintSim, SimConfig, StoredFile, User};
pub use prusalink::{PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim};
