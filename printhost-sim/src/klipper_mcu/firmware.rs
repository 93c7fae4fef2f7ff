//! The firmware: takes bytes, obeys blocks of commands, and says what a host must hear.

use std::time::Duration;

use super::clock::{ticks, until};
use super::dictionary::{self, Reason};
use super::frame::{Arrival, Receiver};
use super::machine::Machine;
use super::tasks::Tasks;
use super::vlq;

/// The host is told that so many moves have room.
const MOVES: u32 = 1024;
/// Of the dictionary in one answer, so that it fits into a block.
const MOST_BYTES: usize = 48;
/// What is obeyed after a shutdown.
const ALWAYS: [&str; 9] = [
    "identify",
    "get_uptime",
    "get_clock",
    "get_config",
    "emergency_stop",
    "clear_shutdown",
    "reset",
    "debug_nop",
    "stepper_get_position",
];

/// The micro-controller with its printer.
#[derive(Debug)]
pub(super) struct Firmware {
    pub(super) machine: Machine,
    dictionary: Vec<u8>,
    /// It is alive, and says nothing.
    pub(super) is_mute: bool,
    pub(super) resets: u32,
    receiver: Receiver,
    tasks: Tasks,
    /// Of the configuration, when the host has ended it.
    config: Option<u32>,
    shutdown: Option<Reason>,
    output: Vec<u8>,
}

impl Firmware {
    pub(super) fn new() -> Self {
        Self {
            machine: Machine::new(),
            dictionary: dictionary::dictionary(),
            is_mute: false,
            resets: 0,
            receiver: Receiver::new(),
            tasks: Tasks::new(ticks(Duration::ZERO)),
            config: None,
            shutdown: None,
            output: Vec::new(),
        }
    }

    /// Why it has stopped for good.
    pub(super) fn shutdown(&self) -> Option<&'static str> {
        self.shutdown.map(Reason::words)
    }

    pub(super) fn receive(&mut self, bytes: &[u8], now: Duration) {
        self.advance(now);
        self.receiver.push(bytes);
        while let Some(arrival) = self.receiver.next() {
            let resets = self.resets;
            if let Arrival::Block(content) = arrival {
                self.obey(&content, now);
            }
            if resets == self.resets {
                self.send(&[]);
            }
        }
    }

    /// Does everything that is due, and returns when there will be more to do.
    pub(super) fn advance(&mut self, now: Duration) -> Option<Duration> {
        let clock = ticks(now);
        if self.shutdown.is_none()
            && let Err(reason) = self.tasks.advance(&mut self.machine, clock)
        {
            self.shut_down(reason, clock);
        }
        self.send_said();
        self.shutdown.is_none().then(|| now + until(self.tasks.due(clock), clock))
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Starts anew, without a configuration. What hangs on the pins stays where it is.
    pub(super) fn reset(&mut self, now: Duration) {
        self.tasks.stop(&mut self.machine, ticks(now));
        self.tasks = Tasks::new(ticks(now));
        self.receiver = Receiver::new();
        self.config = None;
        self.shutdown = None;
        self.resets += 1;
    }

    /// The commands of a block.
    fn obey(&mut self, content: &[u8], now: Duration) {
        let (mut rest, resets) = (content, self.resets);
        while !rest.is_empty() && resets == self.resets {
            let obeyed = match command(&mut rest) {
                Some((name, numbers)) => self.carry_out(name, &numbers, now),
                None => {
                    rest = &[];
                    Err(Reason::CommandParser)
                }
            };
            if let Err(reason) = obeyed {
                self.shut_down(reason, ticks(now));
            }
        }
        self.send_said();
    }

    fn carry_out(&mut self, name: &str, numbers: &[u32], now: Duration) -> Result<(), Reason> {
        let clock = ticks(now);
        if let Some(reason) = self.shutdown.filter(|_| !ALWAYS.contains(&name)) {
            self.tasks.say("is_shutdown", &[reason.number()]);
            return Ok(());
        }
        match (name, numbers) {
            ("identify", &[offset, count]) => {
                let rest = self.dictionary.get(offset as usize..).unwrap_or_default();
                let part = &rest[..rest.len().min(count as usize).min(MOST_BYTES)];
                self.tasks.say_bytes("identify_response", offset, part);
            }
            ("get_uptime", &[]) => self.tasks.say("uptime", &[(clock >> 32) as u32, clock as u32]),
            ("get_clock", &[]) => self.tasks.say("clock", &[clock as u32]),
            ("get_config", &[]) => {
                let (is_configured, is_shutdown) = (self.config.is_some(), self.shutdown.is_some());
                let crc = self.config.unwrap_or_default();
                self.tasks.say("config", &[is_configured.into(), crc, is_shutdown.into(), MOVES]);
            }
            ("allocate_oids", &[_]) | ("debug_nop", &[]) => {}
            ("finalize_config", &[crc]) => self.config = Some(crc),
            ("emergency_stop", &[]) => return Err(Reason::CommandRequest),
            ("clear_shutdown", &[]) => self.shutdown = None,
            ("reset", &[]) => self.reset(now),
            _ => return self.tasks.obey(name, numbers, &mut self.machine, clock),
        }
        Ok(())
    }

    /// Once; what has stopped for good has its reason.
    fn shut_down(&mut self, reason: Reason, now: u64) {
        if self.shutdown.is_none() {
            self.shutdown = Some(reason);
            self.tasks.stop(&mut self.machine, now);
            self.tasks.say("shutdown", &[now as u32, reason.number()]);
        }
    }

    fn send_said(&mut self) {
        for content in self.tasks.take_said() {
            self.send(&content);
        }
    }

    fn send(&mut self, content: &[u8]) {
        if !self.is_mute {
            self.output.extend(self.receiver.block(content));
        }
    }
}

/// Takes a command from the front of a block; `None` when it is none.
fn command(content: &mut &[u8]) -> Option<(&'static str, Vec<u32>)> {
    let (name, count) = dictionary::command(vlq::decode(content)?)?;
    let numbers = (0..count).map(|_| vlq::decode(content)).collect::<Option<_>>()?;
    Some((name, numbers))
}

#[cfg(test)]
mod tests;
