//! Analogue inputs: sampled now and then, and out of range when they stay so.

use super::dictionary::Reason;
use super::machine::Machine;

/// A pin and when it is sampled. Times are ticks since the simulator's start.
#[derive(Debug)]
pub(super) struct Sensor {
    pin: usize,
    pub(super) plan: Option<Plan>,
}

/// What the host has asked for.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) next: u64,
    /// Samples that are added up.
    pub(super) count: u32,
    pub(super) pause: u64,
    /// Of the sum.
    pub(super) allowed: std::ops::RangeInclusive<u32>,
    /// So many sums out of range are a fault.
    pub(super) most_bad: u32,
    pub(super) bad: u32,
}

impl Sensor {
    pub(super) fn new(pin: usize) -> Self {
        Self { pin, plan: None }
    }

    /// The sum and when the next one is due, if one is due now.
    pub(super) fn advance(&mut self, machine: &Machine, now: u64) -> Result<Option<(u64, u32)>, Reason> {
        let Some(plan) = self.plan.as_mut().filter(|plan| plan.next <= now) else { return Ok(None) };
        let sum = u32::from(machine.sample(self.pin, now)) * plan.count;
        plan.next = (plan.next + plan.pause).max(now + 1);
        plan.bad = if plan.allowed.contains(&sum) { 0 } else { plan.bad + 1 };
        if plan.bad > 0 && plan.bad >= plan.most_bad {
            return Err(Reason::AdcOutOfRange);
        }
        Ok(Some((plan.next, sum)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::dictionary::PINS;
    use super::*;

    #[test]
    fn a_sensor_is_out_of_range_when_it_stays_so() {
        let mut machine = Machine::new();
        let mut sensor = Sensor::new(PINS.iter().position(|pin| *pin == "nozzle_sensor").unwrap());
        assert_eq!(sensor.advance(&machine, 0), Ok(None));
        sensor.plan =
            Some(Plan { next: 10, count: 8, pause: 10, allowed: 100..=30_000, most_bad: 2, bad: 0 });
        assert_eq!(sensor.advance(&machine, 9), Ok(None));
        assert_eq!(sensor.advance(&machine, 10), Ok(Some((20, 192 * 8))));
        machine.nozzle.is_broken = true;
        assert_eq!(sensor.advance(&machine, 20), Ok(Some((30, 4095 * 8))));
        assert_eq!(sensor.advance(&machine, 30), Err(Reason::AdcOutOfRange));
    }
}
