//! Messages of the report topic, with a line `---` between them.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_bambu::report::{Feed, Report, Told, Unread, status};
use printhost_core::PrinterStatus;

use super::model::{Printer, has_twins};
use crate::{cuts, json::Json, memory};

/// What is put down of a message until its end.
const READING: usize = Feed::MEMORY;
/// What a report can have at most.
const REPORT: usize = Report::MEMORY;

pub fn run(data: &[u8]) {
    judge(data, false);
    if let Ok(made) = made(&mut Unstructured::new(data)) {
        judge(made.as_bytes(), true);
    }
}

fn messages(data: &[u8]) -> Vec<&[u8]> {
    let (mut all, mut rest) = (vec![], data);
    while let Some(at) = rest.windows(5).position(|bytes| bytes == b"\n---\n") {
        all.push(&rest[..at]);
        rest = &rest[at + 5..];
    }
    all.push(rest);
    all.truncate(8);
    all
}

fn judge(data: &[u8], made: bool) {
    let (mut feed, mut report, mut printer) = (Feed::new(), Report::default(), Some(Printer::default()));
    for message in messages(data) {
        let before = report.clone();
        let told = memory::within(READING + REPORT, || feed.message(message, &mut report));
        for pieces in cuts::of(message) {
            let mut again = before.clone();
            feed.begin();
            pieces.iter().for_each(|piece| feed.piece(piece));
            assert_eq!(feed.end(&mut again), told);
            assert_eq!(again, report);
        }
        match &told {
            // What is said twice may change and change back.
            Ok(Told { report: Some(merged), .. })
                if Json::parse(message).is_none_or(|json| has_twins(&json)) =>
            {
                assert!(merged.changed || report == before);
            }
            Ok(Told { report: Some(merged), .. }) => assert_eq!(merged.changed, report != before),
            Ok(Told { versions: true, .. }) => {}
            // What stands beside a report may be alone.
            Ok(_) if contains(message, b"device") || contains(message, b"fun") => {}
            _ => assert!(report == before, "{told:?}"),
        }
        let seen = status(&report, None);
        let json = Json::parse(message);
        assert!(!made || told.is_ok() && json.is_some(), "{told:?}: {}", String::from_utf8_lossy(message));
        printer = match (json, &told) {
            (Some(json), Ok(_)) => printer.and_then(|mut printer| {
                let expected = printer.hears(&json)?;
                let is_exact = !is_rounded(message);
                assert!(
                    is_same(expected, &seen, is_exact),
                    "{seen:#?}\n{}",
                    String::from_utf8_lossy(message)
                );
                Some(printer)
            }),
            (Some(Json::Object(_)), Err(why)) => {
                let is_deep = message.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() > 60;
                let is_long = message.len() > 4096;
                assert!(
                    is_deep && *why == Unread::TooDeep || is_long && *why == Unread::TooMuch,
                    "{why:?}: {}",
                    String::from_utf8_lossy(message)
                );
                printer
            }
            (Some(_), Err(_)) => printer,
            (None, Err(_)) => printer,
            // Texts are read more leniently here than there, and numbers that are too large are none.
            (None, Ok(_)) => {
                assert!(is_lenient(message), "{}", String::from_utf8_lossy(message));
                None
            }
        };
    }
}

fn contains(message: &[u8], word: &[u8]) -> bool {
    message.windows(word.len()).any(|bytes| bytes == word) || message.contains(&b'\\')
}

fn is_lenient(message: &[u8]) -> bool {
    std::str::from_utf8(message).is_err()
        || message.iter().any(|byte| *byte < b' ')
        || contains(message, b"\\u")
        || is_rounded(message)
}

/// Whether it has numbers that two readers may round differently, or one of them refuses.
fn is_rounded(message: &[u8]) -> bool {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    message.split(|byte| !is_part(byte)).any(|number| {
        number.len() > 15 || number.len() > 1 && number.iter().any(|byte| matches!(byte, b'e' | b'E'))
    })
}

/// The same, but for rounding.
fn is_same(mut expected: PrinterStatus, seen: &PrinterStatus, is_exact: bool) -> bool {
    let mut theirs = seen.clone();
    if !is_exact {
        let pairs = numbers(&mut expected).into_iter().zip(numbers(&mut theirs));
        for (ours, theirs) in pairs {
            if (*ours - *theirs).abs() <= f32::EPSILON * theirs.abs() {
                *ours = *theirs;
            }
        }
    }
    let is_same = expected == *seen;
    if !is_same {
        eprintln!("expected {expected:#?}");
    }
    is_same
}

fn numbers(status: &mut PrinterStatus) -> Vec<&mut f32> {
    let heaters = status.tools.iter_mut().chain(&mut status.bed).chain(&mut status.chamber);
    heaters.flat_map(|heater| [&mut heater.actual, &mut heater.target]).flatten().collect()
}

const VALUES: [&str; 22] = [
    "null", "true", "0", "\"0\"", "1", "\"1\"", "5", "\"15\"", "42", "\"100\"", "-1", "\"-1\"", "60.5",
    "\"60.5\"", "3932208", "16056565", "50348044", "83935248", "\"x\"", "\"\"", "{}", "[1]",
];
const STATES: [&str; 10] =
    ["IDLE", "INIT", "PREPARE", "SLICING", "RUNNING", "PAUSE", "FINISH", "FAILED", "OFFLINE", "ODD"];
const FILES: [&str; 8] = [
    "\"\"",
    "\"a.gcode.3mf\"",
    "\"/data/Metadata/plate_1.gcode\"",
    "\"/sdcard/m/b.3mf\"",
    "\"ftp:///c.gcode\"",
    "\"d...\"",
    "\"\\u00fc \\\"e\"",
    "null",
];
const NUMBERS: [&str; 16] = [
    "mc_percent",
    "mc_remaining_time",
    "layer_num",
    "print_error",
    "stg_cur",
    "nozzle_temper",
    "nozzle_target_temper",
    "bed_temper",
    "bed_target_temper",
    "chamber_temper",
    "cooling_fan_speed",
    "big_fan1_speed",
    "big_fan2_speed",
    "heatbreak_fan_speed",
    "spd_lvl",
    "spd_mag",
];

/// As a printer could send it, with values that it never has.
fn made(u: &mut Unstructured<'_>) -> Result<String> {
    let mut messages = vec![];
    for _ in 0..u.int_in_range(1..=6)? {
        let mut members = vec![];
        for name in NUMBERS {
            if u.ratio(1, 4)? {
                members.push(format!("\"{name}\": {}", u.choose(&VALUES)?));
            }
        }
        if u.ratio(2, 3)? {
            members.push(format!("\"gcode_state\":\"{}\"", u.choose(&STATES)?));
        }
        for name in ["gcode_file", "subtask_name", "print_type"] {
            if u.ratio(1, 4)? {
                members.push(format!("\"{name}\":{}", u.choose(&FILES)?));
            }
        }
        if u.ratio(1, 4)? {
            members.push(format!("\"hms\" : {}", list(u, &["attr", "code"])?));
        }
        if u.ratio(1, 4)? {
            members.push(format!("\"ams\":{{\"tray_now\":{}}}", u.choose(&VALUES)?));
        }
        if u.ratio(1, 3)? {
            members.push(format!("\"device\":{}", device(u)?));
        }
        if u.ratio(1, 3)? {
            members.push(format!("\"msg\":{}", u.choose(&["0", "1", "\"0\"", "null"])?));
        }
        if u.ratio(1, 8)? {
            members.push("\"result\":\"SUCCESS\"".into());
        }
        if u.ratio(1, 4)? {
            members.push(format!("\"command\":{}", u.choose(&["\"push_status\"", "\"pause\"", "null"])?));
        }
        let mut message = format!("{{\"print\":{{{}}}", members.join(",\n "));
        if u.ratio(1, 8)? {
            message = format!("{{\"device\":{}", device(u)?);
        }
        messages.push(message + "}");
    }
    Ok(messages.join("\n---\n"))
}

fn list(u: &mut Unstructured<'_>, names: &[&str]) -> Result<String> {
    let mut elements = vec![];
    for _ in 0..u.int_in_range(0..=5)? {
        let mut members = vec![];
        for name in names {
            if u.ratio(5, 6)? {
                members.push(format!("\"{name}\":{}", u.choose(&VALUES)?));
            }
        }
        elements.push(format!("{{{}}}", members.join(",")));
    }
    Ok(format!("[{}]", elements.join(", ")))
}

fn device(u: &mut Unstructured<'_>) -> Result<String> {
    let mut members = vec![];
    if u.ratio(1, 3)? {
        members.push(format!("\"bed_temp\":{}", u.choose(&VALUES)?));
    }
    for name in ["bed", "ctc"] {
        if u.ratio(1, 3)? {
            members.push(format!("\"{name}\":{{\"info\":{{\"temp\":{}}}}}", u.choose(&VALUES)?));
        }
    }
    if u.ratio(1, 2)? {
        members.push(format!("\"extruder\":{{\"info\":{}}}", list(u, &["id", "temp"])?));
    }
    if u.ratio(1, 3)? {
        members.push(format!("\"airduct\":{{\"parts\":{}}}", list(u, &["id", "state"])?));
    }
    Ok(match u.int_in_range(0..=9)? {
        0 => (*u.choose(&VALUES)?).into(),
        _ => format!("{{{}}}", members.join(",")),
    })
}
