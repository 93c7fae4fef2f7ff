//! A stepper motor's queue: which steps have been made when.

use std::collections::VecDeque;

use super::clock::near;
use super::dictionary::Reason;

/// Moves that may wait: more than the host is told of.
const MOST_MOVES: usize = 4096;

/// A motor and the steps it was told to make. Times are ticks since the simulator's start.
#[derive(Debug)]
pub(super) struct Stepper {
    pub(super) step_pin: usize,
    /// As the host counts it.
    pub(super) position: i64,
    /// Of the next moves.
    pub(super) forward: bool,
    moves: VecDeque<Move>,
    /// When the last step of the moves that are over was made.
    last: u64,
    /// Obeys when its clock has been set again.
    is_stopped: bool,
}

/// Steps whose intervals change evenly.
#[derive(Debug)]
struct Move {
    interval: i64,
    count: i64,
    add: i64,
    forward: bool,
    made: i64,
}

/// What a motor has done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Travel {
    /// Forward less backward.
    pub(super) distance: i64,
    pub(super) steps: u64,
}

impl Stepper {
    pub(super) fn new(step_pin: usize) -> Self {
        Self { step_pin, position: 0, forward: false, moves: VecDeque::new(), last: 0, is_stopped: false }
    }

    /// Makes what is due.
    pub(super) fn advance(&mut self, now: u64) -> Travel {
        let mut travel = Travel::default();
        while let Some(front) = self.moves.front_mut() {
            let more = front.advance(now.saturating_sub(self.last).cast_signed());
            travel.steps += more.unsigned_abs();
            travel.distance += if front.forward { more } else { -more };
            if front.made < front.count {
                break;
            }
            self.last = self.last.saturating_add_signed(front.ticks_to(front.count));
            self.moves.pop_front();
        }
        self.position += travel.distance;
        travel
    }

    /// To be called when what is due has been made. A step that comes too late is made at once.
    pub(super) fn queue(&mut self, interval: u32, count: u16, add: i16, now: u64) -> Result<(), Reason> {
        if self.is_stopped || count == 0 {
            return Ok(());
        }
        if self.moves.len() == MOST_MOVES {
            return Err(Reason::MoveQueueOverflow);
        }
        if self.moves.is_empty() {
            // The host counts in 32 bits, which after a rest may have been all over once or more.
            let first = near((self.last as u32).wrapping_add(interval), now);
            self.last = first.saturating_sub(interval.into());
        }
        let (interval, count, add) = (interval.into(), count.into(), add.into());
        self.moves.push_back(Move { interval, count, add, forward: self.forward, made: 0 });
        Ok(())
    }

    /// The next move follows a step at this time.
    pub(super) fn set_clock(&mut self, clock: u64) {
        self.moves.clear();
        self.last = clock;
        self.is_stopped = false;
    }

    /// Forgets what has not been made.
    pub(super) fn stop(&mut self) {
        self.moves.clear();
        self.is_stopped = true;
    }
}

impl Move {
    /// From the step before the first to this one, counted from 1.
    fn ticks_to(&self, step: i64) -> i64 {
        step * self.interval + self.add * (step * (step - 1) / 2)
    }

    /// Makes the steps up to so many ticks after the step before the first, and returns how many these were.
    fn advance(&mut self, ticks: i64) -> i64 {
        let (mut least, mut most) = (self.made, self.count);
        while least < most {
            let step = (least + most + 1) / 2;
            if self.ticks_to(step) <= ticks { least = step } else { most = step - 1 }
        }
        std::mem::replace(&mut self.made, least).abs_diff(least).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1 << 40;

    fn stepper() -> Stepper {
        let mut stepper = Stepper::new(0);
        stepper.set_clock(NOW);
        stepper.forward = true;
        stepper
    }

    #[test]
    fn steps_are_made_when_they_are_due() {
        let mut stepper = stepper();
        assert_eq!(stepper.queue(100, 4, -10, NOW), Ok(()));
        stepper.forward = false;
        assert_eq!(stepper.queue(50, 2, 0, NOW), Ok(()));
        // Steps at 100, 190, 270 and 340, then back at 390 and 440.
        let positions = [99, 100, 269, 270, 340, 389, 390, 440, 1000].map(|ticks| {
            stepper.advance(NOW + ticks);
            stepper.position
        });
        assert_eq!(positions, [0, 1, 2, 3, 4, 4, 3, 2, 2]);
    }

    #[test]
    fn travel_is_told_once_and_counts_steps_in_both_directions() {
        let mut stepper = stepper();
        stepper.queue(10, 5, 0, NOW).unwrap();
        stepper.forward = false;
        stepper.queue(10, 2, 0, NOW).unwrap();
        assert_eq!(stepper.advance(NOW + 1000), Travel { distance: 3, steps: 7 });
        assert_eq!(stepper.advance(NOW + 1000), Travel::default());
    }

    #[test]
    fn the_first_interval_after_a_rest_counts_in_32_bits() {
        let mut stepper = Stepper::new(0);
        stepper.set_clock(0);
        let soon = NOW + 1000;
        stepper.queue(soon as u32, 1, 0, NOW).unwrap();
        assert_eq!(stepper.advance(soon - 1).steps, 0);
        assert_eq!(stepper.advance(soon).steps, 1);
    }

    #[test]
    fn a_stopped_motor_does_nothing_until_its_clock_is_set() {
        let mut stepper = stepper();
        stepper.queue(10, 5, 0, NOW).unwrap();
        stepper.advance(NOW + 20);
        stepper.stop();
        stepper.queue(10, 5, 0, NOW).unwrap();
        stepper.advance(NOW + 1000);
        assert_eq!(stepper.position, 2);
        stepper.set_clock(NOW + 2000);
        stepper.queue(10, 1, 0, NOW + 2000).unwrap();
        stepper.advance(NOW + 3000);
        assert_eq!(stepper.position, 3);
    }

    #[test]
    fn more_moves_than_there_is_room_for_are_an_overflow() {
        let mut stepper = stepper();
        let queued = (0..=MOST_MOVES).map(|_| stepper.queue(10, 1, 0, NOW)).filter(Result::is_ok).count();
        assert_eq!(queued, MOST_MOVES);
    }
}
