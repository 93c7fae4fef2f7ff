#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod any_host;
mod attended;
mod backoff;
mod camera;
mod capabilities;
mod clock;
mod command;
#[cfg(feature = "dyn")]
pub mod dynamic;
mod error;
mod event;
mod file;
mod host;
mod job_tracker;
mod pipe;
mod reader;
mod reconnect;
mod secret;
mod status;
mod upload;

pub use attended::Attended;
pub use backoff::Backoff;
pub use camera::Camera;
pub use capabilities::Capabilities;
pub use clock::{Clock, Entropy, within};
pub use command::{Axes, Command, Confirmation, HeaterId, Outcome};
pub use error::{Error, ErrorKind, Result, Retry};
pub use event::{EVENT_QUEUE, Event, EventBus, Events, JobEvent, SUBSCRIBERS};
pub use file::{FileEntry, FileInfo, FilePage, Page, RemotePath, Thumbnail};
pub use host::{HostInfo, Memory, PrintHost, beside};
pub use job_tracker::JobTracker;
pub use pipe::{Pipe, PipeReader, PollRead, SourceError};
pub use reader::{HashOnly, Hashed, Progress, Throttle};
pub use reconnect::Reconnect;
pub use secret::Secret;
pub use status::{Fan, Heater, Job, Phase, Position, PrinterStatus};
pub use upload::{IfExists, Started, Then, Upload, Uploaded, Verified, Verify};

#[doc(hidden)]
pub mod macro_support {
    pub use alloc::{boxed::Box, string::String, vec::Vec};
    pub use core::{convert::Infallible, result};
    pub use embedded_io_async::{Read, Write};
}
