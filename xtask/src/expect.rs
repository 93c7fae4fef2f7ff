//! What the tryouts of real servers demand.

use std::time::{Duration, Instant};

use crate::steps::Result;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An error that shows what is there instead, unless something holds.
pub(crate) fn ensure(holds: bool, instead: &impl std::fmt::Display) -> Result {
    if holds { Ok(()) } else { Err(format!("unexpected: {instead}")) }
}

/// Until what was asked for is there, or cannot be asked for; the last that was there instead is the error.
pub(crate) fn poll(mut ask: impl FnMut() -> Result<Result>) -> Result {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = ask()?;
        if found.is_ok() || Instant::now() > deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
