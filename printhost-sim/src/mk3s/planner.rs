//! The queue of moves between the commands and the motors.

use std::collections::VecDeque;
use std::time::Duration;

/// How many moves it holds. A command that brings one more is not acknowledged before the oldest has ended.
pub(super) const BLOCKS: usize = 15;

/// When each move that was accepted ends.
#[derive(Debug, Default)]
pub(super) struct Planner {
    ends: VecDeque<Duration>,
}

impl Planner {
    /// Takes a move, and tells when its command is acknowledged.
    pub(super) fn push(&mut self, takes: Duration, now: Duration) -> Duration {
        self.forget_ended(now);
        let accepted = match self.ends.len().checked_sub(BLOCKS) {
            Some(at) => self.ends[at],
            None => now,
        };
        self.ends.push_back(self.is_idle_at(now) + takes);
        accepted
    }

    /// When the last move has ended; now, if there is none.
    pub(super) fn is_idle_at(&self, now: Duration) -> Duration {
        self.ends.back().copied().unwrap_or(now).max(now)
    }

    /// Drops every move, as a stopped print does.
    pub(super) fn clear(&mut self) {
        self.ends.clear();
    }

    fn forget_ended(&mut self, now: Duration) {
        while self.ends.front().is_some_and(|end| *end <= now) {
            self.ends.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn moves_are_acknowledged_at_once_until_the_queue_is_full_and_then_at_the_motors_pace() {
        let mut planner = Planner::default();
        for _ in 0..BLOCKS {
            assert_eq!(planner.push(SECOND, Duration::ZERO), Duration::ZERO);
        }
        assert_eq!(planner.push(SECOND, Duration::ZERO), SECOND);
        assert_eq!(planner.push(SECOND, SECOND), 2 * SECOND);
        assert_eq!(planner.is_idle_at(SECOND), (BLOCKS as u32 + 2) * SECOND);
        planner.clear();
        assert_eq!(planner.is_idle_at(SECOND), SECOND);
        assert_eq!(planner.push(SECOND, 5 * SECOND), 5 * SECOND);
        assert_eq!(planner.is_idle_at(5 * SECOND), 6 * SECOND);
    }
}
