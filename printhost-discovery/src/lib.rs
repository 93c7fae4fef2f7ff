#![doc = include_str!("../README.md")]

mod address;
mod announcement;
mod catalog;
mod discovery;
mod mdns;
mod printer;
mod text;

use std::time::Duration;

pub use address::Address;
pub use discovery::{Change, Discovery, Options};
pub use printer::{DiscoveredPrinter, Kind, PrinterId};
use printhost_core::Result;

/// Looks for printers for this long, and returns those that are there at the end, by name.
///
/// Most answer within a second. Three seconds also reach those that miss the first question.
///
/// # Errors
///
/// Those of [`Discovery::new`].
///
/// # Panics
///
/// Outside of a tokio runtime with time enabled. ([`Discovery`] itself runs anywhere.)
pub async fn discover(options: Options, duration: Duration) -> Result<Vec<DiscoveredPrinter>> {
    let discovery = Discovery::new(options)?;
    tokio::time::sleep(duration).await;
    Ok(discovery.printers())
}
