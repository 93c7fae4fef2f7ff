//! What the tryouts of real servers demand.

use std::time::{Duration, Instant};

use crate::steps::Result;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// An error that shows what is there instead, unless something holds.
pub(crate) fn ensure(holds: bool, instead: &impl std::fmt::Display) -> Result {
    crate::steps::ensure(holds, &format!("unexpected: {instead}"))
}

/// Until what was asked for is there, or cannot be asked for; the last that was there instead is the error.
pub(crate) fn poll<T>(ask: impl FnMut() -> Result<Result<T>>) -> Result<T> {
    poll_for(PATIENCE, ask)
}

/// As [`poll`], for no longer than this.
pub(crate) fn poll_for<T>(most: Duration, mut ask: impl FnMut() -> Result<Result<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        match ask()? {
            Ok(found) => return Ok(found),
            Err(instead) if started.elapsed() > most => {
                return Err(format!("{instead}, for {} s", most.as_secs()));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
