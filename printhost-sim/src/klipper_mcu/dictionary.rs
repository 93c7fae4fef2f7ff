//! What the micro-controller tells a host about itself: its commands, answers, pins and constants.

use serde_json::{Map, Value, json};

/// Ticks of its clock per second.
pub(super) const FREQUENCY: u64 = 16_000_000;
/// What a sensor says at [`ADC_FULL`]; 0 is 0 °C.
pub(super) const ADC_MAX: u16 = 4095;
/// °C.
pub(super) const ADC_FULL: f64 = 500.0;

/// Each has the name of what it is connected to.
pub(super) const PINS: [&str; 20] = [
    "x_step",
    "x_dir",
    "x_enable",
    "x_stop",
    "y_step",
    "y_dir",
    "y_enable",
    "y_stop",
    "z_step",
    "z_dir",
    "z_enable",
    "z_stop",
    "e_step",
    "e_dir",
    "e_enable",
    "nozzle_heater",
    "nozzle_sensor",
    "bed_heater",
    "bed_sensor",
    "fan",
];

/// Commands, numbered from 1.
const COMMANDS: [&str; 29] = [
    "identify offset=%u count=%c",
    "get_uptime",
    "get_clock",
    "get_config",
    "allocate_oids count=%c",
    "finalize_config crc=%u",
    "emergency_stop",
    "clear_shutdown",
    "reset",
    "debug_nop",
    "config_digital_out oid=%c pin=%u value=%c default_value=%c max_duration=%u",
    "set_digital_out_pwm_cycle oid=%c cycle_ticks=%u",
    "queue_digital_out oid=%c clock=%u on_ticks=%u",
    "update_digital_out oid=%c value=%c",
    "config_analog_in oid=%c pin=%u",
    "query_analog_in oid=%c clock=%u sample_ticks=%u sample_count=%c rest_ticks=%u min_value=%hu max_value=%hu \
     range_check_count=%c",
    "config_stepper oid=%c step_pin=%c dir_pin=%c invert_step=%c step_pulse_ticks=%u",
    "queue_step oid=%c interval=%u count=%hu add=%hi",
    "set_next_step_dir oid=%c dir=%c",
    "reset_step_clock oid=%c clock=%u",
    "stepper_get_position oid=%c",
    "stepper_stop_on_trigger oid=%c trsync_oid=%c",
    "config_endstop oid=%c pin=%c pull_up=%c",
    "endstop_home oid=%c clock=%u sample_ticks=%u sample_count=%c rest_ticks=%u pin_value=%c trsync_oid=%c \
     trigger_reason=%c",
    "endstop_query_state oid=%c",
    "config_trsync oid=%c",
    "trsync_start oid=%c report_clock=%u report_ticks=%u expire_reason=%c",
    "trsync_set_timeout oid=%c clock=%u",
    "trsync_trigger oid=%c reason=%c",
];

/// Answers: the first has the number 0, the others have one each behind the commands.
const ANSWERS: [&str; 11] = [
    "identify_response offset=%u data=%.*s",
    "uptime high=%u clock=%u",
    "clock clock=%u",
    "config is_config=%c crc=%u is_shutdown=%c move_count=%hu",
    "analog_in_state oid=%c next_clock=%u value=%hu",
    "stepper_position oid=%c pos=%i",
    "endstop_state oid=%c homing=%c next_clock=%u pin_value=%c",
    "trsync_state oid=%c can_trigger=%c trigger_reason=%c clock=%u",
    "shutdown clock=%u static_string_id=%hu",
    "is_shutdown static_string_id=%hu",
    "stats count=%u sum=%u sumsq=%u",
];

/// Why it stops for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    CommandRequest,
    AdcOutOfRange,
    MissedOutput,
    MoveQueueOverflow,
    InvalidOid,
    CommandParser,
}

impl Reason {
    const ALL: [Self; 6] = [
        Self::CommandRequest,
        Self::AdcOutOfRange,
        Self::MissedOutput,
        Self::MoveQueueOverflow,
        Self::InvalidOid,
        Self::CommandParser,
    ];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::CommandRequest => "Command request",
            Self::AdcOutOfRange => "ADC out of range",
            Self::MissedOutput => "Missed scheduling of next digital out event",
            Self::MoveQueueOverflow => "Move queue overflow",
            Self::InvalidOid => "Invalid oid type",
            Self::CommandParser => "Command parser error",
        }
    }

    /// Its number on the wire; the host knows the words.
    pub(super) fn number(self) -> u32 {
        self as u32 + 2
    }
}

/// The name of the command with this number, and how many numbers follow it.
pub(super) fn command(number: u32) -> Option<(&'static str, usize)> {
    let format = COMMANDS.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
    let mut words = format.split(' ');
    Some((words.next()?, words.count()))
}

/// The number of an answer, of those there are.
pub(super) fn answer(name: &str) -> u32 {
    let at = ANSWERS.iter().position(|format| format.split(' ').next() == Some(name));
    at.map_or(0, answer_number)
}

/// All of it, as the host asks for it: JSON, compressed by zlib.
pub(super) fn dictionary() -> Vec<u8> {
    let numbered = |formats: &[&str], number: fn(usize) -> u32| -> Map<String, Value> {
        formats.iter().enumerate().map(|(at, format)| ((*format).to_owned(), number(at).into())).collect()
    };
    let pins: Map<String, Value> =
        PINS.iter().enumerate().map(|(at, pin)| ((*pin).to_owned(), at.into())).collect();
    let reasons: Map<String, Value> =
        Reason::ALL.iter().map(|reason| (reason.words().to_owned(), reason.number().into())).collect();
    let dictionary = json!({
        "app": "Klipper",
        "version": concat!("printhost-sim-", env!("CARGO_PKG_VERSION")),
        "build_versions": "",
        "commands": numbered(&COMMANDS, |at| at as u32 + 1),
        "responses": numbered(&ANSWERS, answer_number),
        "enumerations": { "pin": pins, "static_string_id": reasons },
        "config": {
            "CLOCK_FREQ": FREQUENCY,
            "MCU": "simulated",
            "ADC_MAX": ADC_MAX,
            "STATS_SUMSQ_BASE": 256,
            "RECEIVE_WINDOW": 4096,
        },
    });
    zlib(dictionary.to_string().as_bytes())
}

fn answer_number(at: usize) -> u32 {
    if at == 0 { 0 } else { (COMMANDS.len() + at) as u32 }
}

/// In zlib's format, stored as it is: what is so short need not be made shorter.
fn zlib(content: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = content.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let len = block.len() as u16;
        stream.push(blocks.peek().is_none().into());
        stream.extend(len.to_le_bytes());
        stream.extend((!len).to_le_bytes());
        stream.extend_from_slice(block);
    }
    let (a, b) = content.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_by_their_numbers_and_nothing_else_is() {
        assert_eq!(command(1), Some(("identify", 2)));
        assert_eq!(command(29), Some(("trsync_trigger", 2)));
        assert_eq!((command(0), command(30), command(u32::MAX)), (None, None, None));
        assert_eq!((answer("identify_response"), answer("uptime"), answer("stats")), (0, 30, 39));
    }

    #[test]
    fn a_stored_stream_is_zlibs() {
        // zlib.compress(b"klipper", 0)
        let stream = b"\x78\x01\x01\x07\x00\xf8\xffklipper\x0b\xd5\x02\xf8";
        assert_eq!(zlib(b"klipper"), stream);
        assert_eq!(zlib(&[7; 70_000]).len(), 70_000 + 2 + 5 + 5 + 4);
    }
}
