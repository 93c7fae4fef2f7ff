//! From numbers that may be anything to those that make sense.

use core::time::Duration;

/// 1.0 is 100 %.
pub(crate) fn percent(factor: f64) -> Option<u16> {
    count(factor * 100.0 + 0.5)?.try_into().ok()
}

/// Nobody waits longer than a century.
pub(crate) fn seconds(seconds: f64) -> Option<Duration> {
    (0.0..3.2e9).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// What can be counted, without its fraction.
pub(crate) fn count(number: f64) -> Option<u64> {
    (0.0..9e15).contains(&number).then_some(number as u64)
}

pub(crate) fn pixels(number: f64) -> Option<u32> {
    count(number)?.try_into().ok()
}

/// A measured number that there is.
pub(crate) fn measured(number: f64) -> Option<f32> {
    Some(number as f32).filter(|number| number.is_finite())
}
