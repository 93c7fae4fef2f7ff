//! The Moonraker driver against a host in memory that answers whatever it likes. What comes of it is judged by another
//! reading of the same JSON, after what a real Moonraker and Klipper have sent.

pub mod error;
pub mod listing;
pub mod metadata;
pub mod model;
pub mod push;

use printhost_core::Secret;
use printhost_moonraker::{Config, Moonraker};
use printhost_net::{BaseUrl, Limits, Net};

use crate::host::{self, Answer, Memory};

/// In answers, to be taken out of everything that is shown.
pub const KEY: &str = "SECRETKEY";

const INFO: &str = r#""result":{"klippy_connected":true,"klippy_state":"ready","moonraker_version":"v0.11.0","api_version_string":"1.6.0"}"#;

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
        ("GET", "/server/info") => host::response("200 OK", format!("{{{INFO}}}").as_bytes()),
        (method, target) => rest(method, target),
    }
}

/// A driver that has not connected yet.
pub fn driver<'a>(network: &'a Memory<'a>) -> Moonraker<&'a Memory<'a>> {
    Moonraker::new(network, Config::with_key(BaseUrl::parse("http://h").expect("good"), Secret::new(KEY)))
}

/// A network whose host answers so.
pub fn network(answer: Answer<'_>) -> Memory<'_> {
    host::network(answer, limits())
}

/// Beyond what an answer takes: heads, pieces, the driver's own.
pub fn bound(data: &[u8], net: &impl Net) -> usize {
    4 * data.len().min(net.parts().limits().json) + 32 * 1024
}
