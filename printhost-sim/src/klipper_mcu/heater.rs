//! Heat: what a heater's power makes of a temperature.

use super::clock;
use super::dictionary::{ADC_FULL, ADC_MAX, FREQUENCY};

/// °C.
const ROOM: f64 = 23.5;

/// Something that is heated, and its sensor.
#[derive(Debug)]
pub(super) struct Heated {
    celsius: f64,
    /// When it had this temperature, in ticks.
    since: u64,
    /// From 0 to 1.
    power: f64,
    /// °C per second at full power.
    gain: f64,
    /// The part per second of what it is warmer than the room.
    loss: f64,
    /// The sensor's wire is broken.
    pub(super) is_broken: bool,
}

impl Heated {
    /// Much quicker than a real one, so that tests need not wait.
    pub(super) fn nozzle() -> Self {
        Self::new(30.0, 0.02)
    }

    /// As [`Self::nozzle`].
    pub(super) fn bed() -> Self {
        Self::new(15.0, 0.02)
    }

    fn new(gain: f64, loss: f64) -> Self {
        Self {
            celsius: ROOM,
            since: clock::ticks(std::time::Duration::ZERO),
            power: 0.0,
            gain,
            loss,
            is_broken: false,
        }
    }

    /// The temperature in °C.
    pub(super) fn celsius(&self, now: u64) -> f64 {
        let seconds = now.saturating_sub(self.since) as f64 / FREQUENCY as f64;
        let goal = ROOM + self.power * self.gain / self.loss;
        goal + (self.celsius - goal) * (-self.loss * seconds).exp()
    }

    /// From now on.
    pub(super) fn set_power(&mut self, power: f64, now: u64) {
        self.celsius = self.celsius(now);
        self.since = now;
        self.power = power;
    }

    pub(super) fn power(&self) -> f64 {
        self.power
    }

    /// What the sensor says.
    pub(super) fn sample(&self, now: u64) -> u16 {
        if self.is_broken {
            return ADC_MAX;
        }
        (self.celsius(now) / ADC_FULL * f64::from(ADC_MAX)).clamp(0.0, f64::from(ADC_MAX)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_heats_and_without_it_there_is_the_room_again() {
        let mut nozzle = Heated::nozzle();
        let mut now = clock::ticks(std::time::Duration::ZERO);
        assert_eq!(nozzle.sample(now), 192);
        nozzle.set_power(1.0, now);
        now += 7 * FREQUENCY;
        let hot = nozzle.celsius(now);
        assert!((200.0..240.0).contains(&hot), "{hot}");
        nozzle.set_power(0.0, now);
        assert!(nozzle.celsius(now + FREQUENCY) < hot);
        assert!((nozzle.celsius(now + 10_000 * FREQUENCY) - ROOM).abs() < 0.01);
    }

    #[test]
    fn a_broken_sensor_is_beyond_every_limit() {
        let mut bed = Heated::bed();
        bed.is_broken = true;
        assert_eq!(bed.sample(bed.since), ADC_MAX);
    }
}
