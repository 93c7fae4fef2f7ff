//! One heater: a temperature that moves at a constant rate towards its target.

use std::time::Duration;

/// Temperature of the room in °C; no heater gets colder.
const ROOM: f64 = 24.0;

/// A heater with its sensor. Times are those since the simulator's start.
#[derive(Debug)]
pub(super) struct Heater {
    target: f64,
    /// The temperature when the target was set, and when that was.
    from: (f64, Duration),
    /// °C per second.
    heating: f64,
    cooling: f64,
}

impl Heater {
    /// A hotend.
    pub(super) fn nozzle(time_scale: f64) -> Self {
        Self::new(3.0 * time_scale, 1.0 * time_scale)
    }

    /// A heat bed.
    pub(super) fn bed(time_scale: f64) -> Self {
        Self::new(1.0 * time_scale, 0.2 * time_scale)
    }

    fn new(heating: f64, cooling: f64) -> Self {
        Self { target: 0.0, from: (ROOM, Duration::ZERO), heating, cooling }
    }

    pub(super) fn target(&self) -> f64 {
        self.target
    }

    /// The target, limited to what the firmware would take.
    pub(super) fn set_target(&mut self, celsius: f64, now: Duration) {
        self.from = (self.actual(now), now);
        self.target = celsius.clamp(0.0, 305.0);
    }

    pub(super) fn actual(&self, now: Duration) -> f64 {
        let (start, since) = self.from;
        let seconds = now.saturating_sub(since).as_secs_f64();
        let goal = self.goal();
        if start < goal {
            (start + self.heating * seconds).min(goal)
        } else {
            (start - self.cooling * seconds).max(goal)
        }
    }

    /// When the target is reached from below; now when it is warmer, as `M109 S` and `M190 S` do not wait for cooling.
    pub(super) fn is_hot_at(&self, now: Duration) -> Duration {
        let missing = (self.goal() - self.actual(now)).max(0.0);
        now + Duration::from_secs_f64(missing / self.heating)
    }

    fn goal(&self) -> f64 {
        self.target.max(ROOM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heater_is_hot_when_it_said_it_would_be_and_cools_to_the_room() {
        let mut nozzle = Heater::nozzle(2.0);
        nozzle.set_target(210.0, Duration::ZERO);
        let hot = nozzle.is_hot_at(Duration::ZERO);
        assert_eq!(hot, Duration::from_secs(31));
        assert!(nozzle.actual(hot - Duration::from_secs(1)) < 210.0);
        assert_eq!(nozzle.actual(hot), 210.0);
        nozzle.set_target(0.0, hot);
        assert_eq!(nozzle.is_hot_at(hot), hot);
        assert_eq!(nozzle.actual(hot + Duration::from_secs(600)), ROOM);
    }
}
