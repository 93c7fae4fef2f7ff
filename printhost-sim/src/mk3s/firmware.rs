//! The firmware: takes bytes, carries out one command after another, and says what a host must hear.
//!
//! It does no input or output and knows no clock: times are those since the simulator's start.

use std::collections::VecDeque;
use std::time::Duration;

use super::line::{Line, Words};
use super::machine::{Machine, Meanwhile, Reply};

/// How often a printer that cannot answer yet says so.
const KEEPALIVE: Duration = Duration::from_secs(2);
const HEATING_REPORT: Duration = Duration::from_secs(1);
/// Lines that wait; more of them stay where they are.
const MOST_LINES: usize = 16;
/// A line that is longer is cut.
const LONGEST_LINE: usize = 96;
/// How many commands are remembered for tests.
const MOST_COMMANDS: usize = 20_000;

/// The printer's processor.
#[derive(Debug)]
pub(super) struct Firmware {
    pub(super) machine: Machine,
    /// From a line's arrival to its execution.
    latency: Duration,
    partial: Vec<u8>,
    waiting: VecDeque<String>,
    running: Option<Running>,
    /// The number of the last line that counted.
    last_line: i64,
    /// So many numbered lines will be damaged by noise.
    noise: u32,
    next_report: Duration,
    is_halted: bool,
    output: String,
    /// What was carried out, without numbers and checksums.
    pub(super) commands: VecDeque<String>,
}

/// The one command at work.
#[derive(Debug)]
enum Running {
    Arrived { line: String, due: Duration },
    Executed { reply: Reply, next_word: Duration },
}

impl Firmware {
    pub(super) fn new(machine: Machine, latency: Duration) -> Self {
        Self {
            machine,
            latency,
            partial: Vec::new(),
            waiting: VecDeque::new(),
            running: None,
            last_line: 0,
            noise: 0,
            next_report: Duration::ZERO,
            is_halted: false,
            output: String::new(),
            commands: VecDeque::new(),
        }
    }

    /// Whether there is room for more lines.
    pub(super) fn wants_input(&self) -> bool {
        self.waiting.len() < MOST_LINES
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        if self.is_halted {
            return;
        }
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => {
                    let line = String::from_utf8_lossy(&self.partial).into_owned();
                    self.waiting.push_back(line);
                    self.partial.clear();
                }
                _ if self.partial.len() < LONGEST_LINE => self.partial.push(*byte),
                _ => {}
            }
        }
    }

    /// Does everything that is due, and returns when there will be more to do.
    pub(super) fn advance(&mut self, now: Duration) -> Option<Duration> {
        if self.is_halted {
            return None;
        }
        loop {
            let due = match self.running.take() {
                None => match self.waiting.pop_front() {
                    Some(line) => {
                        self.running = Some(Running::Arrived { line, due: now + self.latency });
                        continue;
                    }
                    None => None,
                },
                Some(Running::Arrived { line, due }) if due <= now => {
                    self.carry_out(&line, now);
                    continue;
                }
                Some(Running::Executed { reply, .. }) if reply.at.is_some_and(|at| at <= now) => {
                    self.answer(reply);
                    continue;
                }
                Some(Running::Executed { reply, next_word }) => {
                    let next_word = if next_word <= now {
                        self.say([self.machine.meanwhile(reply.meanwhile, now)]);
                        now + pause(reply.meanwhile)
                    } else {
                        next_word
                    };
                    let due = reply.at.map_or(next_word, |at| at.min(next_word));
                    self.running = Some(Running::Executed { reply, next_word });
                    Some(due)
                }
                Some(Running::Arrived { line, due }) => {
                    self.running = Some(Running::Arrived { line, due });
                    Some(due)
                }
            };
            return [due, self.report(now)].into_iter().flatten().min();
        }
    }

    /// What is to be sent, which is forgotten here.
    pub(super) fn take_output(&mut self) -> String {
        std::mem::take(&mut self.output)
    }

    /// Starts anew, as when a host opens the port of a printer that was unplugged.
    pub(super) fn reset(&mut self, now: Duration) {
        self.forget_input();
        self.machine.reset(now);
        self.last_line = 0;
        self.is_halted = false;
        self.output.clear();
        self.say(Machine::banner());
    }

    /// Halts with a thermal runaway: heaters off, and not a word until a reset.
    pub(super) fn fail(&mut self, now: Duration) {
        self.forget_input();
        self.machine.planner.clear();
        self.machine.cool_down(now);
        self.machine.is_printing = false;
        self.say(["Error: HOTEND THERMAL RUNAWAY", "Error:Printer halted. kill() called!"]);
        self.is_halted = true;
    }

    /// Noise on the wire damages the next numbered line.
    pub(super) fn make_noise(&mut self) {
        self.noise += 1;
    }

    /// Somebody asks for a pause or its end on the printer's own display, which asks the host.
    pub(super) fn ask_host(&mut self, action: &str) {
        if self.machine.is_printing && !self.is_halted {
            self.say([format!("// action:{action}")]);
        }
    }

    /// Somebody stops the print on the printer's own display. A command that waits is waited for no longer.
    pub(super) fn stop(&mut self, now: Duration) {
        if self.machine.is_printing && !self.is_halted {
            let lines = self.machine.stop(now);
            self.stop_waiting(now);
            self.say(lines);
        }
    }

    /// Somebody presses the knob, for which `M0`, `M1` and `M600` wait.
    pub(super) fn press_knob(&mut self, now: Duration) {
        if let Some(Running::Executed { reply, .. }) = &self.running
            && reply.meanwhile == Meanwhile::WaitsForUser
        {
            self.stop_waiting(now);
        }
    }

    fn stop_waiting(&mut self, now: Duration) {
        if let Some(Running::Executed { reply, .. }) = &mut self.running {
            reply.at = Some(now);
        }
    }

    fn forget_input(&mut self) {
        self.partial.clear();
        self.waiting.clear();
        self.running = None;
    }

    fn carry_out(&mut self, line: &str, now: Duration) {
        let (number, command) = match Line::parse(line) {
            Line::Nothing => return,
            Line::Damaged(complaint) => return self.ask_again(complaint),
            Line::Plain(command) => (None, command),
            Line::Numbered { .. } if self.noise > 0 => {
                self.noise -= 1;
                return self.ask_again("checksum mismatch");
            }
            Line::Numbered { number, command } => (Some(number), command),
        };
        let sets_number = command.split_whitespace().next() == Some("M110");
        if sets_number {
            let given = number.or(Words(command).number('N').map(|number| number as i64));
            self.last_line = given.unwrap_or(self.last_line);
        } else if let Some(number) = number {
            if number != self.last_line.saturating_add(1) {
                return self.ask_again("Line Number is not Last Line Number+1");
            }
            self.last_line = number;
        }
        if self.commands.len() == MOST_COMMANDS {
            self.commands.pop_front();
        }
        self.commands.push_back(command.to_owned());
        let reply = self.machine.execute(command, now);
        self.running = Some(Running::Executed { next_word: now + pause(reply.meanwhile), reply });
    }

    fn answer(&mut self, reply: Reply) {
        self.say(reply.before);
        self.say(["ok"]);
        self.say(reply.after);
    }

    /// Everything behind a damaged line is thrown away.
    fn ask_again(&mut self, complaint: &str) {
        self.forget_input();
        let last = self.last_line;
        self.say([
            format!("Error:{complaint}, Last Line: {last}"),
            format!("Resend: {}", last.saturating_add(1)),
            "ok".to_owned(),
        ]);
    }

    /// The automatic report, if it is due; when the next one is.
    fn report(&mut self, now: Duration) -> Option<Duration> {
        let (period, _) = self.machine.reports?;
        if self.next_report <= now {
            let lines = self.machine.report(now);
            self.say(lines);
            self.next_report = now + period;
        }
        // The period may have become shorter.
        self.next_report = self.next_report.min(now + period);
        Some(self.next_report)
    }

    fn say<T: AsRef<str>>(&mut self, lines: impl IntoIterator<Item = T>) {
        for line in lines {
            self.output.push_str(line.as_ref());
            self.output.push('\n');
        }
    }
}

fn pause(meanwhile: Meanwhile) -> Duration {
    match meanwhile {
        Meanwhile::Busy | Meanwhile::WaitsForUser => KEEPALIVE,
        Meanwhile::HeatsNozzle | Meanwhile::HeatsBed => HEATING_REPORT,
    }
}

#[cfg(test)]
mod tests;
