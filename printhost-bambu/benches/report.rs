//! How long it takes from the bytes of a report to the updated status, and how much heap: as the driver reads it, against
//! typed values that are made of the bytes first, and against generic ones. The typed ones are of what a status needs
//! alone, while the driver keeps the whole report. The real capture, and larger reports that are invented
//! (`tests/invented`). All three must come to the same status after every message, and the ratios must hold: else this
//! fails.

#[path = "../tests/invented/mod.rs"]
mod invented;

use std::{hint::black_box, process::ExitCode, time::Instant};

use printhost_bambu::report::{AirductPart, Extruder, Feed, Hms, Module, Packed, Report, status};
use printhost_core::PrinterStatus;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, Visitor},
};
use serde_json::Value;

#[global_allocator]
static HEAP: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// By how much generic values must be slower, and what they and typed ones must hold more.
const GENERIC: f64 = 2.0;
/// Typed values of less than the whole may not be faster by more than this.
const TYPED: f64 = 0.7;

/// A number, or a text that is one.
#[derive(Clone, Copy, Default)]
struct Number(Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number")
            }
            fn visit_unit<E>(self) -> Result<Number, E> {
                Ok(Number(None))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
                Ok(Number(Some(n as f64)))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
                Ok(Number(Some(n as f64)))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Number, E> {
                Ok(Number(Some(n)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Number, E> {
                Ok(Number(text.parse().ok()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Told, and be it as `null`.
fn told<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

macro_rules! flat {
    (numbers { $($number:ident),* } texts { $($text:ident),* }) => {
        #[derive(Deserialize)]
        struct Print {
            #[serde(default)]
            result: Option<IgnoredAny>,
            #[serde(default)]
            msg: Option<i64>,
            $(#[serde(default, deserialize_with = "told")] $number: Option<Number>,)*
            $(#[serde(default, deserialize_with = "told")] $text: Option<Option<String>>,)*
            #[serde(default)]
            hms: Option<Vec<TypedHms>>,
            #[serde(default)]
            device: Option<TypedDevice>,
        }

        fn flat_of_types(print: &mut Print, report: &mut Report) {
            $(if let Some(Number(number)) = print.$number {
                report.$number = number.map(|number| number as _);
            })*
            $(if let Some(text) = print.$text.take() {
                report.$text = text;
            })*
        }

        fn flat_of_values(print: &Value, report: &mut Report) {
            $(report.$number = number(&print[stringify!($number)]).map(|number| number as _);)*
            $(report.$text = print[stringify!($text)].as_str().map(str::to_owned);)*
        }
    };
}

flat! {
    numbers {
        mc_percent, mc_remaining_time, layer_num, print_error, stg_cur, nozzle_temper, nozzle_target_temper,
        bed_temper, bed_target_temper, chamber_temper, cooling_fan_speed, big_fan1_speed, big_fan2_speed,
        heatbreak_fan_speed, spd_lvl, spd_mag
    }
    texts { gcode_state, gcode_file, subtask_name, print_type }
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    print: Option<Print>,
    #[serde(default)]
    info: Option<Info>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    module: Vec<TypedModule>,
}

#[derive(Deserialize)]
struct TypedModule {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    product_name: Option<String>,
}

#[derive(Deserialize)]
struct TypedHms {
    #[serde(default)]
    attr: Number,
    #[serde(default)]
    code: Number,
}

#[derive(Deserialize)]
struct TypedDevice {
    #[serde(default)]
    bed_temp: Option<Number>,
    #[serde(default)]
    bed: Option<Outer<Temp>>,
    #[serde(default)]
    ctc: Option<Outer<Temp>>,
    #[serde(default)]
    extruder: Option<Outer<Vec<Part>>>,
    #[serde(default)]
    airduct: Option<Parts>,
}

#[derive(Deserialize)]
struct Outer<T> {
    info: Option<T>,
}

#[derive(Deserialize)]
struct Temp {
    #[serde(default)]
    temp: Number,
}

#[derive(Deserialize)]
struct Parts {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    id: Number,
    #[serde(default)]
    temp: Number,
    #[serde(default)]
    state: Number,
}

fn packed(number: Number) -> Option<Packed> {
    number.0.map(|number| Packed(number as u32))
}

fn extruder(id: Option<f64>, temp: Option<f64>) -> Extruder {
    let mut extruder = Extruder::default();
    (extruder.id, extruder.temp) = (id.map(|id| id as u8), packed(Number(temp)));
    extruder
}

fn airduct_part(id: Option<f64>, state: Option<f64>) -> AirductPart {
    let mut part = AirductPart::default();
    (part.id, part.state) = (id.map(|id| id as u32), state.map(|state| state as u8));
    part
}

fn hms(attr: Option<f64>, code: Option<f64>) -> Hms {
    let mut hms = Hms::default();
    (hms.attr, hms.code) = (attr.map(|n| n as u32), code.map(|n| n as u32));
    hms
}

fn module(name: Option<String>, product_name: Option<String>) -> Module {
    let mut module = Module::default();
    (module.name, module.product_name) = (name, product_name);
    module
}

fn by_feed(feed: &mut Feed, report: &mut Report, message: &[u8]) -> PrinterStatus {
    feed.message(message, report).expect("JSON");
    status(report, None)
}

fn by_types(report: &mut Report, message: &[u8]) -> PrinterStatus {
    let message: Message = serde_json::from_slice(message).expect("JSON");
    if let Some(info) = message.info {
        report.module = info.module.into_iter().map(|told| module(told.name, told.product_name)).collect();
    }
    if let Some(mut print) = message.print.filter(|print| print.result.is_none()) {
        if print.msg == Some(0) {
            let module = std::mem::take(&mut report.module);
            *report = Report::default();
            report.module = module;
        }
        flat_of_types(&mut print, report);
        if let Some(list) = print.hms {
            report.hms = list.into_iter().map(|told| hms(told.attr.0, told.code.0)).collect();
        }
        if let Some(device) = print.device {
            let place = &mut report.device;
            if let Some(bed_temp) = device.bed_temp {
                place.bed_temp = packed(bed_temp);
            }
            if let Some(temp) = device.bed.and_then(|bed| bed.info) {
                place.bed_info_temp = packed(temp.temp);
            }
            if let Some(temp) = device.ctc.and_then(|ctc| ctc.info) {
                place.ctc_info_temp = packed(temp.temp);
            }
            if let Some(list) = device.extruder.and_then(|extruder| extruder.info) {
                place.extruders = list.into_iter().map(|part| extruder(part.id.0, part.temp.0)).collect();
            }
            if let Some(list) = device.airduct.and_then(|airduct| airduct.parts) {
                place.airduct.parts =
                    list.into_iter().map(|part| airduct_part(part.id.0, part.state.0)).collect();
            }
        }
    }
    status(report, None)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn merge(known: &mut Value, change: Value) {
    match (known, change) {
        (Value::Object(known), Value::Object(change)) => {
            for (name, value) in change {
                merge(known.entry(name).or_insert(Value::Null), value);
            }
        }
        (known, change) => *known = change,
    }
}

fn by_values(known: &mut Value, message: &[u8]) -> PrinterStatus {
    let message: Value = serde_json::from_slice(message).expect("JSON");
    if message["print"]["msg"] == 0 {
        known["print"] = Value::Null;
    }
    if message["print"]["result"].is_null() {
        merge(known, message);
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (print, mut report) = (&known["print"], Report::default());
    flat_of_values(print, &mut report);
    report.hms = list(&print["hms"]).iter().map(|m| hms(number(&m["attr"]), number(&m["code"]))).collect();
    report.module = list(&known["info"]["module"])
        .iter()
        .map(|m| module(text(&m["name"]), text(&m["product_name"])))
        .collect();
    let (device, place) = (&print["device"], &mut report.device);
    let temp = |value: &Value| packed(Number(number(value)));
    place.bed_temp = temp(&device["bed_temp"]);
    place.bed_info_temp = temp(&device["bed"]["info"]["temp"]);
    place.ctc_info_temp = temp(&device["ctc"]["info"]["temp"]);
    let of = |value: &Value, second: &str| (number(&value["id"]), number(&value[second]));
    let extruders = list(&device["extruder"]["info"]);
    place.extruders = extruders.iter().map(|e| of(e, "temp")).map(|(id, temp)| extruder(id, temp)).collect();
    let parts = list(&device["airduct"]["parts"]);
    place.airduct.parts = parts.iter().map(|p| of(p, "state")).map(|(id, s)| airduct_part(id, s)).collect();
    status(&report, None)
}

/// What one after another is read of a printer.
struct Series {
    name: &'static str,
    messages: Vec<Vec<u8>>,
    rounds: usize,
}

fn captured(capture: &str) -> Vec<u8> {
    let capture: Value = serde_json::from_str(capture).expect("JSON");
    capture["message"].to_string().into_bytes()
}

fn series() -> [Series; 6] {
    let idle = captured(include_str!("../tests/captures/a1mini-idle-pushall.json"));
    let versions = captured(include_str!("../tests/captures/a1mini-get-version.json"));
    let compact = |value: Value| value.to_string().into_bytes();
    let pretty = |value: Value| serde_json::to_string_pretty(&value).expect("JSON").into_bytes();
    let changes: Vec<_> = invented::changes().into_iter().map(compact).collect();
    let whole = |name, message, rounds| Series { name, messages: vec![message], rounds };
    [
        whole("A1 mini, report (captured)", idle, 2000),
        whole("A1 mini, get_version (captured)", versions, 4000),
        whole("X1C, 3 AMS (invented)", compact(invented::x1c(3)), 1000),
        whole("H2D, 4 AMS (invented)", compact(invented::h2d(4)), 1000),
        whole("X1C, 6 AMS, pretty-printed (invented)", pretty(invented::x1c(6)), 400),
        Series { name: "P1S, changes in a print (invented)", messages: changes, rounds: 1000 },
    ]
}

/// The most that reading this held beside what was held before, and what it left allocated is not counted.
fn peak(work: impl FnOnce() -> PrinterStatus) -> usize {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    black_box(work());
    HEAP.peak_usage().saturating_sub(before)
}

fn main() -> ExitCode {
    println!(
        "{:38} {:>6}  ns a message: feed, typed, generic       heap, peak: feed, typed, generic",
        "", "bytes"
    );
    let mut holds = true;
    for Series { name, messages, rounds } in series() {
        let bytes = messages.iter().map(Vec::len).sum::<usize>() / messages.len();
        let start = invented::p1s().to_string();
        let (mut feed, mut report, mut typed) = (Feed::new(), Report::default(), Report::default());
        let mut known: Value = serde_json::json!({});
        by_feed(&mut feed, &mut report, start.as_bytes());
        by_types(&mut typed, start.as_bytes());
        by_values(&mut known, start.as_bytes());
        let mut heap = [0; 3];
        for message in &messages {
            let seen = by_feed(&mut feed, &mut report, message);
            assert_eq!(seen, by_types(&mut typed, message), "{name}");
            assert_eq!(seen, by_values(&mut known, message), "{name}");
            // What reading it again holds, once it is known.
            heap[0] = peak(|| by_feed(&mut feed, &mut report, message)).max(heap[0]);
            heap[1] = peak(|| by_types(&mut typed, message)).max(heap[1]);
            heap[2] = peak(|| by_values(&mut known, message)).max(heap[2]);
        }
        let mut shortest = [f64::INFINITY; 3];
        // By turns, so that what else the machine does is the same for all.
        for _ in 0..rounds {
            for (round, shortest) in shortest.iter_mut().enumerate() {
                let begun = Instant::now();
                for message in &messages {
                    black_box(match round {
                        0 => by_feed(&mut feed, &mut report, message),
                        1 => by_types(&mut typed, message),
                        _ => by_values(&mut known, message),
                    });
                }
                *shortest = shortest.min(begun.elapsed().as_secs_f64() * 1e9 / messages.len() as f64);
            }
        }
        let [ours, typed, generic] = shortest;
        println!(
            "{name:38} {bytes:6}  {ours:7.0} {typed:7.0} ({:4.2}) {generic:7.0} ({:4.2})    {:7} {:7} {:7}",
            typed / ours,
            generic / ours,
            heap[0],
            heap[1],
            heap[2]
        );
        holds &= typed / ours >= TYPED && generic / ours >= GENERIC;
    }
    match holds {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
