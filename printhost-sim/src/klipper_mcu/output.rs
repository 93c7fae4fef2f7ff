//! Pins that are switched: at once, or at a time, on for a part of every cycle.

use std::collections::VecDeque;

use super::dictionary::Reason;

/// Changes that may wait: more than any host sends ahead.
const MOST_CHANGES: usize = 1024;

/// A pin and what it was told to do. Times are ticks since the simulator's start.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) pin: usize,
    /// The part of the time in which it is on.
    duty: f64,
    /// What it is when nobody cares for it.
    default: f64,
    /// How long it may be anything else without being told anew; 0 is for ever.
    longest: u64,
    /// When this ends.
    end: Option<u64>,
    /// Of a cycle, in ticks; 1 without one.
    cycle: u32,
    changes: VecDeque<(u64, f64)>,
}

impl Output {
    pub(super) fn new(pin: usize, is_on: bool, default_on: bool, longest: u32) -> Self {
        Self {
            pin,
            duty: is_on.into(),
            default: default_on.into(),
            longest: longest.into(),
            end: None,
            cycle: 1,
            changes: VecDeque::new(),
        }
    }

    pub(super) fn set_cycle(&mut self, ticks: u32) {
        self.cycle = ticks.max(1);
    }

    pub(super) fn duty(&self) -> f64 {
        self.duty
    }

    pub(super) fn set(&mut self, duty: f64, now: u64) {
        self.duty = duty;
        self.end = (self.longest > 0 && duty != self.default).then(|| now + self.longest);
    }

    /// On for so many ticks of every cycle, from then on. Of too many changes the oldest is forgotten.
    pub(super) fn queue(&mut self, at: u64, on_ticks: u32) {
        if self.changes.len() == MOST_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back((at, (f64::from(on_ticks) / f64::from(self.cycle)).min(1.0)));
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, now: u64) -> Result<(), Reason> {
        while let Some((at, duty)) = self.changes.pop_front_if(|(at, _)| *at <= now) {
            self.set(duty, at);
        }
        if self.end.is_some_and(|end| end <= now) { Err(Reason::MissedOutput) } else { Ok(()) }
    }

    /// When there will be something to do.
    pub(super) fn due(&self) -> Option<u64> {
        self.changes.front().map(|(at, _)| *at).into_iter().chain(self.end).min()
    }

    /// Forgets what it was told.
    pub(super) fn stop(&mut self) {
        self.changes.clear();
        self.duty = self.default;
        self.end = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_happens_when_it_is_due() {
        let mut fan = Output::new(0, false, false, 0);
        fan.set_cycle(1000);
        fan.queue(10, 250);
        fan.queue(20, 5000);
        assert_eq!((fan.advance(9), fan.duty(), fan.due()), (Ok(()), 0.0, Some(10)));
        assert_eq!((fan.advance(10), fan.duty(), fan.due()), (Ok(()), 0.25, Some(20)));
        assert_eq!((fan.advance(1 << 40), fan.duty(), fan.due()), (Ok(()), 1.0, None));
    }

    #[test]
    fn a_heater_that_nobody_cares_for_is_a_fault() {
        let mut heater = Output::new(0, false, false, 100);
        heater.queue(10, 1);
        heater.queue(90, 1);
        assert_eq!(heater.advance(189), Ok(()));
        assert_eq!(heater.due(), Some(190));
        assert_eq!(heater.advance(190), Err(Reason::MissedOutput));
        heater.stop();
        assert_eq!((heater.advance(1000), heater.duty()), (Ok(()), 0.0));
    }
}
