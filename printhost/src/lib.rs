#![cfg_attr(feature = "tokio", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "tokio"),
    doc = "Talk to networked 3D printers; see the feature `tokio` for hosts."
)]
#![doc = include_str!("../CALLS.md")]
#![no_std]
extern crate alloc;

#[cfg(any(feature = "bambu", feature = "moonraker", feature = "octoprint", feature = "prusalink"))]
mod any_host;
mod follow;
mod printer_url;

#[cfg(any(feature = "bambu", feature = "moonraker", feature = "octoprint", feature = "prusalink"))]
pub use any_host::AnyHost;
#[cfg(all(
    feature = "tokio",
    any(feature = "bambu", feature = "moonraker", feature = "octoprint", feature = "prusalink")
))]
pub use any_host::{DynHost, Host};
pub use follow::{JobEnd, follow};
pub use printer_url::{PrinterUrl, PrinterUrlError, Protocol};
#[cfg(feature = "bambu")]
pub use printhost_bambu as bambu;
#[cfg(feature = "tokio")]
pub use printhost_core::dynamic::{DynPrintHost, DynRead, DynWrite};
pub use printhost_core::{
    Attended, Axes, Backoff, Camera, Capabilities, Clock, Command, Confirmation, Entropy, Error, ErrorKind,
    Event, EventBus, Events, Fan, FileEntry, FileInfo, FilePage, HashOnly, Hashed, Heater, HeaterId,
    HostInfo, IfExists, Job, JobEvent, JobTracker, Memory, Outcome, Page, Phase, Position, PrintHost,
    PrinterStatus, Progress, RemotePath, Result, Retry, SUBSCRIBERS, Secret, Started, Then, Throttle,
    Thumbnail, Upload, Uploaded, Verified, Verify, beside,
};
#[cfg(feature = "moonraker")]
pub use printhost_moonraker as moonraker;
pub use printhost_net::{self as net, BaseUrl, Net, Trust};
#[cfg(feature = "tokio")]
pub use printhost_net_tokio::{self as net_tokio, HyperNet};
#[cfg(feature = "octoprint")]
pub use printhost_octoprint as octoprint;
#[cfg(feature = "prusalink")]
pub use printhost_prusalink as prusalink;
