//! What the host has configured, and what it tells these to do.

use std::collections::BTreeMap;

use super::clock::near;
use super::dictionary::{self, FREQUENCY, Reason};
use super::homing::{Endstop, Trigger, Watch};
use super::machine::Machine;
use super::output::Output;
use super::sensor::{Plan, Sensor};
use super::stepper::Stepper;
use super::vlq;

/// How often switches are looked at, each time for every sample since: often enough for the host, which gives up after
/// 25 ms.
const LOOK: u64 = FREQUENCY / 500;
/// No switch is sampled more often.
const LEAST_PAUSE: u64 = FREQUENCY / 100_000;
const STATS: u64 = 5 * FREQUENCY;

/// The objects of a configuration by their numbers, and what they say.
#[derive(Debug)]
pub(super) struct Tasks {
    outputs: BTreeMap<u32, Output>,
    sensors: BTreeMap<u32, Sensor>,
    steppers: BTreeMap<u32, Stepper>,
    endstops: BTreeMap<u32, Endstop>,
    triggers: BTreeMap<u32, Trigger>,
    next_stats: u64,
    said: Vec<Vec<u8>>,
}

impl Tasks {
    pub(super) fn new(now: u64) -> Self {
        Self {
            outputs: BTreeMap::new(),
            sensors: BTreeMap::new(),
            steppers: BTreeMap::new(),
            endstops: BTreeMap::new(),
            triggers: BTreeMap::new(),
            next_stats: now + STATS,
            said: Vec::new(),
        }
    }

    /// The contents of blocks to the host, which are forgotten here.
    pub(super) fn take_said(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.said)
    }

    /// An answer that consists of numbers.
    pub(super) fn say(&mut self, name: &str, numbers: &[u32]) {
        let mut content = Vec::new();
        vlq::encode(dictionary::answer(name), &mut content);
        for number in numbers {
            vlq::encode(*number, &mut content);
        }
        self.said.push(content);
    }

    /// An answer of a number and bytes.
    pub(super) fn say_bytes(&mut self, name: &str, number: u32, bytes: &[u8]) {
        self.say(name, &[number, bytes.len() as u32]);
        if let Some(content) = self.said.last_mut() {
            content.extend_from_slice(bytes);
        }
    }

    /// Does what an object is told; to be called when everything that was due has been done.
    pub(super) fn obey(
        &mut self,
        command: &str,
        numbers: &[u32],
        machine: &mut Machine,
        now: u64,
    ) -> Result<(), Reason> {
        match (command, numbers) {
            ("config_digital_out", &[oid, pin, value, default, longest]) => {
                self.outputs.insert(oid, Output::new(pin as usize, value != 0, default != 0, longest));
            }
            ("set_digital_out_pwm_cycle", &[oid, ticks]) => found(&mut self.outputs, oid)?.set_cycle(ticks),
            ("queue_digital_out", &[oid, clock, on_ticks]) => {
                found(&mut self.outputs, oid)?.queue(near(clock, now), on_ticks);
            }
            ("update_digital_out", &[oid, value]) => {
                found(&mut self.outputs, oid)?.set(f64::from(value.min(1)), now);
            }
            ("config_analog_in", &[oid, pin]) => {
                self.sensors.insert(oid, Sensor::new(pin as usize));
            }
            ("query_analog_in", &[oid, clock, _, count, pause, least, most, most_bad]) => {
                let next = near(clock, now);
                let (pause, allowed) = (pause.into(), least..=most);
                found(&mut self.sensors, oid)?.plan = (count > 0).then_some(Plan {
                    next,
                    count: count.min(255),
                    pause,
                    allowed,
                    most_bad,
                    bad: 0,
                });
            }
            ("config_stepper", &[oid, step_pin, ..]) => {
                self.steppers.insert(oid, Stepper::new(step_pin as usize));
            }
            ("queue_step", &[oid, interval, count, add]) => {
                found(&mut self.steppers, oid)?.queue(interval, count as u16, add as i16, now)?;
            }
            ("set_next_step_dir", &[oid, forward]) => found(&mut self.steppers, oid)?.forward = forward != 0,
            ("reset_step_clock", &[oid, clock]) => {
                found(&mut self.steppers, oid)?.set_clock(near(clock, now));
            }
            ("stepper_get_position", &[oid]) => {
                let position = found(&mut self.steppers, oid)?.position;
                self.say("stepper_position", &[oid, position as u32]);
            }
            ("stepper_stop_on_trigger", &[oid, trigger]) => {
                found(&mut self.steppers, oid)?;
                found(&mut self.triggers, trigger)?.steppers.push(oid);
            }
            ("config_endstop", &[oid, pin, _]) => {
                self.endstops.insert(oid, Endstop::new(pin as usize));
            }
            ("endstop_home", &[oid, clock, _, count, pause, level, trigger, reason]) => {
                let endstop = found(&mut self.endstops, oid)?;
                let pause = u64::from(pause).max(LEAST_PAUSE);
                endstop.watch = (count > 0).then_some(Watch { pause, pressed: level != 0, trigger, reason });
                if count > 0 {
                    endstop.next = near(clock, now);
                    machine.begin_homing(endstop.pin);
                }
            }
            ("endstop_query_state", &[oid]) => {
                let endstop = found(&mut self.endstops, oid)?;
                let (watched, next) = (endstop.watch.is_some().into(), endstop.next as u32);
                let pressed = machine.is_pressed(endstop.pin).into();
                self.say("endstop_state", &[oid, watched, next, pressed]);
            }
            ("config_trsync", &[oid]) => {
                self.triggers.insert(oid, Trigger::default());
            }
            ("trsync_start", &[oid, clock, period, expire_reason]) => {
                let report = (period > 0).then_some((near(clock, now), period.into()));
                *found(&mut self.triggers, oid)? = Trigger::set(report, expire_reason);
            }
            ("trsync_set_timeout", &[oid, clock]) => {
                let trigger = found(&mut self.triggers, oid)?;
                trigger.expires = trigger.is_set.then_some(near(clock, now));
            }
            ("trsync_trigger", &[oid, reason]) => {
                found(&mut self.triggers, oid)?;
                self.pull(oid, reason);
            }
            _ => return Err(Reason::CommandParser),
        }
        Ok(())
    }

    /// Does everything that is due.
    pub(super) fn advance(&mut self, machine: &mut Machine, now: u64) -> Result<(), Reason> {
        self.watch_switches(machine, now);
        self.watch_triggers(machine, now);
        for stepper in self.steppers.values_mut() {
            machine.travel(stepper.step_pin, stepper.advance(now));
        }
        for output in self.outputs.values_mut() {
            output.advance(now)?;
            machine.set_power(output.pin, output.duty(), now);
        }
        let mut sums = Vec::new();
        for (oid, sensor) in &mut self.sensors {
            sums.extend(sensor.advance(machine, now)?.map(|(next, sum)| [*oid, next as u32, sum]));
        }
        for sum in sums {
            self.say("analog_in_state", &sum);
        }
        if self.next_stats <= now {
            self.next_stats = now + STATS;
            self.say("stats", &[1000, 16_000, 4000]);
        }
        Ok(())
    }

    /// When there will be more to do.
    pub(super) fn due(&self, now: u64) -> u64 {
        let outputs = self.outputs.values().filter_map(Output::due);
        let sensors = self.sensors.values().filter_map(|sensor| Some(sensor.plan.as_ref()?.next));
        let triggers = self.triggers.values().filter_map(Trigger::due);
        let watched = self.endstops.values().filter(|endstop| endstop.watch.is_some());
        let switches = watched.map(|endstop| endstop.next.max(now + LOOK));
        outputs.chain(sensors).chain(triggers).chain(switches).fold(self.next_stats, u64::min)
    }

    /// Stops everything and cares for nothing any more.
    pub(super) fn stop(&mut self, machine: &mut Machine, now: u64) {
        for stepper in self.steppers.values_mut() {
            machine.travel(stepper.step_pin, stepper.advance(now));
            stepper.stop();
        }
        for output in self.outputs.values_mut() {
            output.stop();
            machine.set_power(output.pin, output.duty(), now);
        }
        self.sensors.values_mut().for_each(|sensor| sensor.plan = None);
        self.endstops.values_mut().for_each(|endstop| endstop.watch = None);
        self.triggers.values_mut().for_each(|trigger| *trigger = Trigger::default());
    }

    /// Looks at every sample since the last time.
    fn watch_switches(&mut self, machine: &mut Machine, now: u64) {
        let mut pulled = Vec::new();
        for endstop in self.endstops.values_mut() {
            while let Some(watch) = endstop.watch
                && endstop.next <= now
            {
                let trigger = self.triggers.get(&watch.trigger);
                for oid in trigger.into_iter().flat_map(|trigger| &trigger.steppers) {
                    if let Some(stepper) = self.steppers.get_mut(oid) {
                        machine.travel(stepper.step_pin, stepper.advance(endstop.next));
                    }
                }
                endstop.next += watch.pause;
                if machine.is_pressed(endstop.pin) == watch.pressed {
                    endstop.watch = None;
                    pulled.push((watch.trigger, watch.reason));
                }
            }
        }
        for (trigger, reason) in pulled {
            self.pull(trigger, reason);
        }
    }

    fn watch_triggers(&mut self, machine: &mut Machine, now: u64) {
        let mut expired = Vec::new();
        let mut told = Vec::new();
        for (oid, trigger) in &mut self.triggers {
            if let Some(at) = trigger.expires.filter(|at| *at <= now) {
                expired.push((*oid, at, trigger.expire_reason));
            } else if let Some((next, period)) = trigger.report.filter(|(next, _)| *next <= now) {
                told.push((*oid, next));
                trigger.report = Some(((next + period).max(now + 1), period));
            }
        }
        for (oid, at, reason) in expired {
            for stepper in self.triggers.get(&oid).into_iter().flat_map(|trigger| &trigger.steppers) {
                if let Some(stepper) = self.steppers.get_mut(stepper) {
                    machine.travel(stepper.step_pin, stepper.advance(at));
                }
            }
            self.pull(oid, reason);
        }
        for (oid, clock) in told {
            self.tell_trigger(oid, clock);
        }
    }

    /// Stops a trigger's motors where they are.
    fn pull(&mut self, oid: u32, reason: u32) {
        let Some(trigger) = self.triggers.get_mut(&oid) else { return };
        for stepper in trigger.pull(reason) {
            if let Some(stepper) = self.steppers.get_mut(&stepper) {
                stepper.stop();
            }
        }
        self.tell_trigger(oid, 0);
    }

    fn tell_trigger(&mut self, oid: u32, clock: u64) {
        if let Some(trigger) = self.triggers.get(&oid) {
            let state = [oid, trigger.is_set.into(), trigger.reason, clock as u32];
            self.say("trsync_state", &state);
        }
    }
}

fn found<T>(objects: &mut BTreeMap<u32, T>, oid: u32) -> Result<&mut T, Reason> {
    objects.get_mut(&oid).ok_or(Reason::InvalidOid)
}
