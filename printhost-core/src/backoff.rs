use core::time::Duration;

use crate::Entropy;

/// Delays between attempts: doubling from a first delay to a ceiling, each with up to a quarter of jitter taken
/// off so that many printers do not come back in step.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    ceiling: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `first` and never waits longer than `ceiling`.
    pub const fn new(first: Duration, ceiling: Duration) -> Self {
        Self { first, ceiling, next: first }
    }

    /// The delay before the next attempt; each call doubles it.
    pub fn delay(&mut self, entropy: &impl Entropy) -> Duration {
        let base = self.next.min(self.ceiling);
        self.next = base.saturating_mul(2).min(self.ceiling);
        let mut byte = [0];
        entropy.fill(&mut byte);
        base - base / 1024 * u32::from(byte[0])
    }

    /// Back to the first delay, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn delay_doubles_to_its_ceiling_and_resets() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        let seconds: [u64; 5] = core::array::from_fn(|_| backoff.delay(&Fixed(0)).as_secs());
        assert_eq!(seconds, [1, 2, 4, 5, 5]);
        backoff.reset();
        assert_eq!(backoff.delay(&Fixed(0)), Duration::from_secs(1));
    }

    #[test]
    fn jitter_takes_off_at_most_a_quarter() {
        let mut backoff = Backoff::new(Duration::from_secs(4), Duration::from_secs(4));
        let delay = backoff.delay(&Fixed(255));
        assert!(delay >= Duration::from_secs(3) && delay < Duration::from_secs(4), "{delay:?}");
    }
}
