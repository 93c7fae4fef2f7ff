//! The PrusaLink driver against a host in memory that answers whatever it likes. What comes of it is judged by another
//! reading of the same JSON, after PrusaLink's specification and what a real one answered.

pub mod error;
pub mod listing;
pub mod model;
pub mod status;

use printhost_core::Secret;
use printhost_net::{BaseUrl, Limits, Net};
use printhost_prusalink::{Config, PrusaLink};

use crate::host::{self, Answer, Memory};

/// In answers, to be taken out of everything that is shown.
pub const KEY: &str = "SECRETKEY";

const VERSION: &[u8] =
    br#"{"text":"PrusaLink 0.8.1","server":"0.8.1","sdk":"0.8.1","capabilities":{"upload-by-put":true}}"#;
const STORAGE: &[u8] = br#"{"storage_list":[{"path":"/local","name":"PrusaLink gcodes"}]}"#;

/// Answers what every connection begins with, and leaves the rest to `rest`.
pub fn answer(head: &str, rest: impl FnOnce(&str, &str) -> Vec<u8>) -> Vec<u8> {
    let mut words = head.split(' ');
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("GET", "/api/version") => host::response("200 OK", VERSION),
        ("GET", "/api/v1/storage") => host::response("200 OK", STORAGE),
        (method, target) => rest(method, target),
    }
}

/// A driver that has not connected yet.
pub fn driver<'a>(network: &'a Memory<'a>) -> PrusaLink<&'a Memory<'a>> {
    PrusaLink::new(network, Config::new(BaseUrl::parse("http://h").expect("good"), Secret::new(KEY)))
}

/// A network whose host answers so.
pub fn network(answer: Answer<'_>) -> Memory<'_> {
    let mut limits = Limits::DEVICE;
    limits.chunk = 256;
    host::network(answer, limits)
}

/// Beyond what an answer takes: heads, pieces, the driver's own.
pub fn bound(data: &[u8], net: &impl Net) -> usize {
    4 * data.len().min(net.parts().limits().json) + 32 * 1024
}
