use super::*;
use crate::klipper_mcu::dictionary::{FREQUENCY, PINS};
use crate::klipper_mcu::frame::from_host;

/// A micro-controller, its host's number of the next block, and the time they live in.
struct Bench {
    firmware: Firmware,
    number: u8,
    now: Duration,
}

impl Bench {
    fn new() -> Self {
        Self { firmware: Firmware::new(), number: 0, now: Duration::ZERO }
    }

    /// Whose first output is the x motor, first sensor the nozzle's, and so on.
    fn configured() -> Self {
        let mut bench = Self::new();
        bench.tell("config_digital_out", &[0, pin("nozzle_heater"), 0, 0, 5 * FREQUENCY as u32]);
        bench.tell("set_digital_out_pwm_cycle", &[0, FREQUENCY as u32 / 10]);
        bench.tell("config_analog_in", &[1, pin("nozzle_sensor")]);
        bench.tell("config_stepper", &[2, pin("x_step"), pin("x_dir"), 0, 0]);
        bench.tell("config_endstop", &[3, pin("x_stop"), 1]);
        bench.tell("config_trsync", &[4]);
        bench.tell("finalize_config", &[99]);
        bench
    }

    fn clock(&self) -> u32 {
        ticks(self.now) as u32
    }

    /// Answers, each its name and its numbers; an acknowledgement has neither.
    fn tell(&mut self, name: &str, numbers: &[u32]) -> Vec<(String, Vec<u32>)> {
        let mut content = Vec::new();
        let number = (1..100).find(|number| dictionary::command(*number).is_some_and(|(is, _)| is == name));
        vlq::encode(number.expect("a command"), &mut content);
        numbers.iter().for_each(|number| vlq::encode(*number, &mut content));
        self.firmware.receive(&from_host(self.number, &content), self.now);
        self.number += 1;
        self.said()
    }

    fn said(&mut self) -> Vec<(String, Vec<u32>)> {
        let mut output = self.firmware.take_output();
        let mut said = Vec::new();
        while let Some(len) = output.first() {
            let block: Vec<u8> = output.drain(..usize::from(*len)).collect();
            let mut content = &block[2..block.len() - 3];
            if content.is_empty() {
                continue;
            }
            let number = vlq::decode(&mut content).expect("an answer");
            let numbers = std::iter::from_fn(|| vlq::decode(&mut content)).collect();
            said.push((name_of(number), numbers));
        }
        said
    }

    /// What is said for so long.
    fn listen(&mut self, span: Duration) -> Vec<(String, Vec<u32>)> {
        let end = self.now + span;
        let mut said = Vec::new();
        while let Some(due) = self.firmware.advance(self.now) {
            said.extend(self.said());
            if due > end {
                break;
            }
            self.now = due;
        }
        self.now = end;
        self.firmware.advance(end);
        said.extend(self.said());
        said
    }
}

fn pin(name: &str) -> u32 {
    PINS.iter().position(|pin| *pin == name).expect("a pin") as u32
}

fn name_of(number: u32) -> String {
    let names = [
        "identify_response",
        "uptime",
        "clock",
        "config",
        "analog_in_state",
        "stepper_position",
        "endstop_state",
        "trsync_state",
        "shutdown",
        "is_shutdown",
        "stats",
    ];
    (*names.iter().find(|name| dictionary::answer(name) == number).expect("an answer")).to_owned()
}

fn names(said: &[(String, Vec<u32>)]) -> Vec<&str> {
    said.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn the_whole_dictionary_can_be_read() {
    let mut bench = Bench::new();
    let mut read = 0;
    loop {
        let said = bench.tell("identify", &[read, 40]);
        let [(name, numbers)] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!((name.as_str(), numbers[0]), ("identify_response", read));
        read += numbers[1];
        if numbers[1] == 0 {
            break;
        }
    }
    assert_eq!(read as usize, dictionary::dictionary().len());
}

#[test]
fn a_configuration_is_remembered_until_a_reset() {
    let mut bench = Bench::configured();
    assert_eq!(bench.tell("get_config", &[]), [("config".to_owned(), vec![1, 99, 0, MOVES])]);
    assert_eq!(bench.tell("reset", &[]), []);
    bench.number = 0;
    assert_eq!(bench.tell("get_config", &[]), [("config".to_owned(), vec![0, 0, 0, MOVES])]);
}

#[test]
fn an_emergency_stop_stops_motors_and_heaters_and_nothing_is_obeyed_until_a_reset() {
    let mut bench = Bench::configured();
    bench.tell("reset_step_clock", &[2, bench.clock()]);
    bench.tell("queue_step", &[2, 1600, 10_000, 0]);
    bench.tell("queue_digital_out", &[0, bench.clock(), FREQUENCY as u32 / 10]);
    bench.listen(Duration::from_millis(100));
    assert_eq!(bench.firmware.machine.nozzle.power(), 1.0);
    assert_eq!(names(&bench.tell("emergency_stop", &[])), ["shutdown"]);
    assert_eq!(bench.firmware.machine.nozzle.power(), 0.0);
    assert_eq!(names(&bench.tell("queue_step", &[2, 1600, 10_000, 0])), ["is_shutdown"]);
    bench.listen(Duration::from_secs(10));
    assert_eq!(bench.firmware.machine.steps(), [1000, 0, 0, 0]);
    assert_eq!(bench.firmware.shutdown(), Some("Command request"));
    assert_eq!(bench.tell("emergency_stop", &[]), []);
}

#[test]
fn a_homing_motor_stops_at_its_switch_and_the_host_is_told_when() {
    let mut bench = Bench::configured();
    let start = bench.clock();
    bench.tell("reset_step_clock", &[2, start]);
    bench.tell("trsync_start", &[4, start, 0, 2]);
    bench.tell("stepper_stop_on_trigger", &[2, 4]);
    bench.tell("endstop_home", &[3, start, 240, 4, 1600, 1, 4, 1]);
    bench.tell("queue_step", &[2, 1600, 5000, 0]);
    let said = bench.listen(Duration::from_millis(200));
    assert_eq!(said, [("trsync_state".to_owned(), vec![4, 0, 1, 0])]);
    assert_eq!(bench.firmware.machine.steps()[0], 800);
    let position = (-800_i32).cast_unsigned();
    assert_eq!(
        bench.tell("stepper_get_position", &[2]),
        [("stepper_position".to_owned(), vec![2, position])]
    );
    // When it was found, and a pause.
    let next = start + 801 * 1600;
    assert_eq!(bench.tell("endstop_query_state", &[3]), [("endstop_state".to_owned(), vec![3, 0, next, 1])]);
}

#[test]
fn a_trigger_that_the_host_does_not_prolong_stops_its_motors() {
    let mut bench = Bench::configured();
    let start = bench.clock();
    bench.tell("reset_step_clock", &[2, start]);
    bench.tell("trsync_start", &[4, start + 1000, FREQUENCY as u32, 2]);
    bench.tell("stepper_stop_on_trigger", &[2, 4]);
    bench.tell("trsync_set_timeout", &[4, start + 160_000]);
    bench.tell("queue_step", &[2, 1600, 5000, 0]);
    let said = bench.listen(Duration::from_millis(200));
    let told = |is_set, reason, clock| ("trsync_state".to_owned(), vec![4, is_set, reason, clock]);
    assert_eq!(said, [told(1, 0, start + 1000), told(0, 2, 0)]);
    assert_eq!(bench.firmware.machine.steps()[0], 100);
}

#[test]
fn a_broken_sensor_and_a_forgotten_heater_are_shutdowns() {
    let mut bench = Bench::configured();
    let sampled = [1, bench.clock(), 16_000, 8, FREQUENCY as u32 / 2, 100, 20_000, 4];
    bench.tell("query_analog_in", &sampled);
    assert_eq!(names(&bench.listen(Duration::from_secs(1))), ["analog_in_state"; 3]);
    bench.firmware.machine.nozzle.is_broken = true;
    bench.listen(Duration::from_secs(3));
    assert_eq!(bench.firmware.shutdown(), Some("ADC out of range"));

    let mut bench = Bench::configured();
    bench.tell("queue_digital_out", &[0, bench.clock(), 1000]);
    bench.listen(Duration::from_secs(4));
    assert_eq!(bench.firmware.shutdown(), None);
    bench.listen(Duration::from_secs(2));
    assert_eq!(bench.firmware.shutdown(), Some("Missed scheduling of next digital out event"));
}

#[test]
fn a_mute_micro_controller_obeys() {
    let mut bench = Bench::configured();
    bench.firmware.is_mute = true;
    assert_eq!(bench.tell("emergency_stop", &[]), []);
    assert_eq!(bench.firmware.shutdown(), Some("Command request"));
}

#[test]
fn nonsense_is_a_shutdown_and_never_more() {
    let mut numbers = (1_u32..).map(|at| at.wrapping_mul(0x9e37_79b9));
    for length in 0..58 {
        let mut bench = Bench::configured();
        for _ in 0..50 {
            let content: Vec<u8> =
                (0..length).map(|_| numbers.next().expect("endless").to_le_bytes()[3]).collect();
            bench.firmware.receive(&from_host(bench.number, &content), bench.now);
            bench.number = bench.number.wrapping_add(1);
            bench.firmware.receive(&content, bench.now);
            bench.listen(Duration::from_millis(1));
        }
    }
    let mut bench = Bench::configured();
    bench.tell("queue_step", &[77, 1, 1, 1]);
    assert_eq!(bench.firmware.shutdown(), Some("Invalid oid type"));
}
