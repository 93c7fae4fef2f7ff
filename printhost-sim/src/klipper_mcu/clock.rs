//! The micro-controller's clock, of which the host is told 32 bits.

use std::time::Duration;

use super::dictionary::FREQUENCY;

/// It has been on for a while when a host comes, so that no time near the start is below zero.
const HEAD_START: u64 = 5 * FREQUENCY;

/// Ticks at a time since the simulator's start.
pub(super) fn ticks(time: Duration) -> u64 {
    let whole = time.as_secs() * FREQUENCY;
    HEAD_START + whole + u64::from(time.subsec_nanos()) * FREQUENCY / 1_000_000_000
}

/// How long from one tick to another; nothing when it is over.
pub(super) fn until(then: u64, now: u64) -> Duration {
    let ticks = then.saturating_sub(now);
    Duration::new(ticks / FREQUENCY, (ticks % FREQUENCY * 1_000_000_000).div_ceil(FREQUENCY) as u32)
}

/// The tick closest to now whose lower 32 bits these are.
pub(super) fn near(clock: u32, now: u64) -> u64 {
    now.saturating_add_signed(clock.wrapping_sub(now as u32).cast_signed().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_32_bits_is_the_closest_time_before_or_after_now() {
        let now = (7 << 32) + 10;
        assert_eq!(near(20, now), now + 10);
        assert_eq!(near(u32::MAX, now), now - 11);
        assert_eq!(near(0x8000_0009, now), now + 0x7fff_ffff);
        assert_eq!(near(0x8000_000b, now), now - 0x7fff_ffff);
    }

    #[test]
    fn whoever_waits_until_a_tick_is_not_too_early() {
        let start = Duration::from_nanos(12_345);
        for more in [0, 1, 15, 16_000_000, 123_456_789] {
            let then = ticks(start) + more;
            assert!(ticks(start + until(then, ticks(start))) >= then, "{more}");
        }
        assert_eq!(until(1, 2), Duration::ZERO);
    }
}
