//! What hangs on the board's pins, which no reset of the board changes.

use super::dictionary::PINS;
use super::heater::Heated;
use super::stepper::Travel;

/// Steps to an axis' switch from where the axis stands when it is homed first, whichever way that goes.
const TO_THE_SWITCH: i64 = 800;

/// The printer without its board. Times are ticks since the simulator's start.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) nozzle: Heated,
    pub(super) bed: Heated,
    /// From 0 to 1.
    pub(super) fan: f64,
    x: Axis,
    y: Axis,
    z: Axis,
    e: Axis,
}

/// What a motor moves.
#[derive(Debug, Default)]
struct Axis {
    /// Steps from where it stood at the simulator's start.
    at: i64,
    /// Made in either direction.
    steps: u64,
    switch: Option<Switch>,
}

#[derive(Debug)]
enum Switch {
    /// The axis is being homed for the first time, from here.
    Approached(i64),
    /// Pressed here and beyond.
    Above(i64),
    Below(i64),
}

impl Machine {
    pub(super) fn new() -> Self {
        let (x, y, z, e) = Default::default();
        Self { nozzle: Heated::nozzle(), bed: Heated::bed(), fan: 0.0, x, y, z, e }
    }

    /// How many steps x, y, z and the extruder have made.
    pub(super) fn steps(&self) -> [u64; 4] {
        [&self.x, &self.y, &self.z, &self.e].map(|axis| axis.steps)
    }

    pub(super) fn set_power(&mut self, pin: usize, power: f64, now: u64) {
        match name(pin) {
            "nozzle_heater" => self.nozzle.set_power(power, now),
            "bed_heater" => self.bed.set_power(power, now),
            "fan" => self.fan = power,
            _ => {}
        }
    }

    /// What the sensor at a pin says; 0 where there is none.
    pub(super) fn sample(&self, pin: usize, now: u64) -> u16 {
        match name(pin) {
            "nozzle_sensor" => self.nozzle.sample(now),
            "bed_sensor" => self.bed.sample(now),
            _ => 0,
        }
    }

    pub(super) fn travel(&mut self, step_pin: usize, travel: Travel) {
        if let Some(axis) = self.axis(step_pin) {
            axis.at += travel.distance;
            axis.steps += travel.steps;
        }
    }

    /// An axis is about to move to its switch.
    pub(super) fn begin_homing(&mut self, stop_pin: usize) {
        if let Some(axis) = self.axis(stop_pin)
            && matches!(axis.switch, None | Some(Switch::Approached(_)))
        {
            axis.switch = Some(Switch::Approached(axis.at));
        }
    }

    /// Whether the switch at this pin is pressed.
    pub(super) fn is_pressed(&mut self, stop_pin: usize) -> bool {
        self.axis(stop_pin).is_some_and(Axis::is_pressed)
    }

    fn axis(&mut self, pin: usize) -> Option<&mut Axis> {
        match name(pin).split_once('_') {
            Some(("x", _)) => Some(&mut self.x),
            Some(("y", _)) => Some(&mut self.y),
            Some(("z", _)) => Some(&mut self.z),
            Some(("e", _)) => Some(&mut self.e),
            _ => None,
        }
    }
}

impl Axis {
    fn is_pressed(&mut self) -> bool {
        if let Some(Switch::Approached(from)) = self.switch {
            match self.at - from {
                TO_THE_SWITCH.. => self.switch = Some(Switch::Above(from + TO_THE_SWITCH)),
                distance if distance <= -TO_THE_SWITCH => {
                    self.switch = Some(Switch::Below(from - TO_THE_SWITCH));
                }
                _ => {}
            }
        }
        match self.switch {
            Some(Switch::Above(place)) => self.at >= place,
            Some(Switch::Below(place)) => self.at <= place,
            _ => false,
        }
    }
}

/// Nothing hangs on a pin that there is not.
fn name(pin: usize) -> &'static str {
    PINS.get(pin).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(name: &str) -> usize {
        PINS.iter().position(|pin| *pin == name).unwrap()
    }

    fn go(machine: &mut Machine, distance: i64) {
        machine.travel(pin("x_step"), Travel { distance, steps: distance.unsigned_abs() });
    }

    #[test]
    fn a_switch_stays_where_it_was_found() {
        let mut machine = Machine::new();
        let stop = pin("x_stop");
        go(&mut machine, 50);
        machine.begin_homing(stop);
        go(&mut machine, 1 - TO_THE_SWITCH);
        assert!(!machine.is_pressed(stop));
        go(&mut machine, -1);
        assert!(machine.is_pressed(stop));
        go(&mut machine, 300);
        machine.begin_homing(stop);
        go(&mut machine, -299);
        assert!(!machine.is_pressed(stop));
        go(&mut machine, -1);
        assert!(machine.is_pressed(stop) && !machine.is_pressed(pin("y_stop")));
        assert_eq!(machine.steps(), [50 + 800 + 600, 0, 0, 0]);
    }

    #[test]
    fn power_goes_to_what_the_pin_is_named_after() {
        let mut machine = Machine::new();
        machine.set_power(pin("bed_heater"), 1.0, 0);
        machine.set_power(pin("fan"), 0.5, 0);
        machine.set_power(usize::MAX, 1.0, 0);
        assert_eq!((machine.nozzle.power(), machine.bed.power(), machine.fan), (0.0, 1.0, 0.5));
    }
}
