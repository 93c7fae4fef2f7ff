//! One heater: a temperature that moves at a constant rate towards its target.

use tokio::time::Instant;

/// Temperature of the room in °C; no heater gets colder.
pub(crate) const ROOM: f64 = 21.3;
/// °C per second, as the Virtual Printer heats.
pub(crate) const HEATING: f64 = 10.0;
/// °C per second.
const COOLING: f64 = 1.0;

/// A heater with its sensor.
#[derive(Debug)]
pub(crate) struct Heater {
    target: f64,
    /// The temperature when the target was set, and when that was.
    from: (f64, Instant),
    time_scale: f64,
}

impl Heater {
    pub(crate) fn new(time_scale: f64) -> Self {
        Self { target: 0.0, from: (ROOM, Instant::now()), time_scale }
    }

    pub(crate) fn target(&self) -> f64 {
        self.target
    }

    pub(crate) fn set_target(&mut self, celsius: f64) {
        self.from = (self.actual(), Instant::now());
        self.target = celsius.max(0.0);
    }

    pub(crate) fn actual(&self) -> f64 {
        let (start, since) = self.from;
        let seconds = since.elapsed().as_secs_f64() * self.time_scale;
        let goal = self.goal();
        if start < goal {
            (start + HEATING * seconds).min(goal)
        } else {
            (start - COOLING * seconds).max(goal)
        }
    }

    /// Seconds of the printer's time until the target is reached from below; 0 when it is warmer.
    pub(crate) fn seconds_to_heat(&self) -> f64 {
        ((self.goal() - self.actual()) / HEATING).max(0.0)
    }

    fn goal(&self) -> f64 {
        self.target.max(ROOM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_heater_reaches_its_target_at_ten_degrees_a_second_and_then_holds() {
        let mut heater = Heater::new(2.0);
        heater.set_target(61.0);
        assert!((heater.seconds_to_heat() - 3.97).abs() < 1e-9);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!((heater.actual() - 41.3).abs() < 1e-9);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(heater.actual(), 61.0);
        heater.set_target(0.0);
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(heater.actual(), ROOM);
    }
}
