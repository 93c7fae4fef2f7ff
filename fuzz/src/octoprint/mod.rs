//! The OctoPrint driver against a host in memory that answers whatever it likes. What comes of it is judged by
//! another reading of the same JSON, after OctoPrint's documentation.

pub mod error;
pub mod file;
pub mod job;
pub mod listing;
pub mod made;
pub mod model;
pub mod printer;
pub mod push;

use printhost_core::Secret;
use printhost_net::{BaseUrl, Limits, Net};
use printhost_octoprint::{Config, OctoPrint};

use crate::host::{self, Answer, Memory};

/// In answers, to be taken out of everything that is shown.
pub const KEY: &str = "SECRETKEY";

const VERSION: &[u8] = br#"{"api":"0.1","server":"1.11.8","text":"OctoPrint 1.11.8"}"#;

/// Small, so that an input can reach them.
pub fn limits() -> Limits {
    let mut limits = Limits::DEVICE;
    limits.chunk = 256;
    limits
}

/// Answers what every connection begins with, and leaves the rest to `rest`.
pub fn answer(head: &str, rest: impl FnOnce(&str, &str) -> Vec<u8>) -> Vec<u8> {
    let mut words = head.split(' ');
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("GET", "/api/version") => host::response("200 OK", VERSION),
        (method, target) => rest(method, target),
    }
}

/// A driver that has not connected yet.
pub fn driver<'a>(network: &'a Memory<'a>) -> OctoPrint<&'a Memory<'a>> {
    OctoPrint::new(network, Config::new(BaseUrl::parse("http://h").expect("good"), Secret::new(KEY)))
}

/// A network whose host answers so.
pub fn network(answer: Answer<'_>) -> Memory<'_> {
    host::network(answer, limits())
}

/// Beyond what an answer takes: heads, pieces, the driver's own.
pub fn bound(data: &[u8], net: &impl Net) -> usize {
    let limits = net.parts().limits();
    4 * data.len().min(limits.json) + 32 * 1024
}
