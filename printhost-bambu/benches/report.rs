//! How long it takes from the bytes of a report to the updated status, and how much heap: as the driver reads it, against
//! typed values that are made of the bytes first, and against generic ones. Typed values twice: of all that a report keeps,
//! as here, and of what a status needs alone. The reports are invented (`tests/invented`); where there are real ones
//! (`tests/captures`), these are read, too. All three must come to the same status after every message, and the ratios
//! must hold: else this fails.

#[path = "../tests/captures/mod.rs"]
mod captures;
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
static ALLOCATED: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// By how much the others must be slower; and of what they hold at most, how little this may.
const TYPED: f64 = 0.85;
const GENERIC: f64 = 1.7;
const HEAP: f64 = 0.5;

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

/// A report in types: those of a status, and others that are kept.
trait Typed: DeserializeOwned + Default {
    fn is_answer(&self) -> bool;
    fn is_full(&self) -> bool;
    /// Into what is known, and into what a status is made of.
    fn merge(self, known: &mut Self, report: &mut Report);
}

macro_rules! typed {
    ($name:ident
        of_status { $($number:ident),* ; $($text:ident),* }
        kept { $($kept:ident),* ; $($word:ident),* ; $($list:ident: $element:ty),* ; $($part:ident: $type:ty),* }
    ) => {
        #[derive(Deserialize, Default)]
        struct $name {
            #[serde(default)]
            result: Option<IgnoredAny>,
            #[serde(default)]
            msg: Option<i64>,
            $(#[serde(default, deserialize_with = "told")] $number: Option<Number>,)*
            $(#[serde(default, deserialize_with = "told")] $text: Option<Option<String>>,)*
            $(#[serde(default, deserialize_with = "told")] $kept: Option<Number>,)*
            $(#[serde(default, deserialize_with = "told")] $word: Option<Option<String>>,)*
            $(#[serde(default)] $list: Option<Vec<$element>>,)*
            $(#[serde(default)] $part: Option<$type>,)*
            #[serde(default)]
            hms: Option<Vec<TypedHms>>,
            #[serde(default)]
            device: Option<TypedDevice>,
        }

        impl Typed for $name {
            fn is_answer(&self) -> bool {
                self.result.is_some()
            }

            fn is_full(&self) -> bool {
                self.msg == Some(0)
            }

            fn merge(self, known: &mut Self, report: &mut Report) {
                let _ = &known;
                $(if let Some(Number(number)) = self.$number {
                    report.$number = number.map(|number| number as _);
                })*
                $(if let Some(text) = self.$text {
                    report.$text = text;
                })*
                $(known.$kept = self.$kept.or(known.$kept);)*
                $(if self.$word.is_some() {
                    known.$word = self.$word;
                })*
                $(if self.$list.is_some() {
                    known.$list = self.$list;
                })*
                $(match (&mut known.$part, self.$part) {
                    (Some(known), Some(new)) => known.merge(new),
                    (known, Some(new)) => *known = Some(new),
                    _ => {}
                })*
                if let Some(list) = self.hms {
                    report.hms = list.into_iter().map(|told| hms(told.attr.0, told.code.0)).collect();
                }
                if let Some(device) = self.device {
                    device.merge(report);
                }
            }
        }
    };
}

macro_rules! flat {
    ($($number:ident),* ; $($text:ident),*) => {
        typed! { OfStatus of_status { $($number),* ; $($text),* } kept { ; ; ; } }
        typed! {
            Whole
            of_status { $($number),* ; $($text),* }
            kept {
                total_layer_num, gcode_file_prepare_percent, plate_idx, mc_print_stage, mc_print_sub_stage,
                mc_print_line_number, queue_number, queue_total, fan_gear, ams_status, ams_rfid_status,
                nozzle_diameter, home_flag ;
                task_id, subtask_id, project_id, profile_id, job_id, fail_reason, mc_print_error_code, nozzle_type,
                cfg, fun, fun2, aux, stat, wifi_signal, lifecycle ;
                stg: Number, s_obj: Number, mapping: Number, vir_slot: Tray, lights_report: Light ;
                ams: Ams, vt_tray: Tray, net: Networks, ipcam: Camera, upgrade_state: Upgrade, upload: Upload
            }
        }

        fn flat_of_values(print: &Value, report: &mut Report) {
            $(report.$number = number(&print[stringify!($number)]).map(|number| number as _);)*
            $(report.$text = print[stringify!($text)].as_str().map(str::to_owned);)*
        }
    };
}

flat! {
    mc_percent, mc_remaining_time, layer_num, print_error, stg_cur, nozzle_temper, nozzle_target_temper, bed_temper,
    bed_target_temper, chamber_temper, cooling_fan_speed, big_fan1_speed, big_fan2_speed, heatbreak_fan_speed,
    spd_lvl, spd_mag ;
    gcode_state, gcode_file, subtask_name, print_type
}

/// What a status does not need, and a report keeps.
macro_rules! kept {
    ($($name:ident { numbers { $($number:ident),* } texts { $($text:ident),* } lists { $($list:ident: $type:ty),* } })+) => {
        $(
            #[allow(dead_code)] // nobody asks for them here
            #[derive(Deserialize, Default)]
            struct $name {
                $(#[serde(default, deserialize_with = "told")] $number: Option<Number>,)*
                $(#[serde(default, deserialize_with = "told")] $text: Option<Option<String>>,)*
                $(#[serde(default)] $list: Option<Vec<$type>>,)*
            }

            impl $name {
                #[allow(dead_code)] // elements of lists are replaced
                fn merge(&mut self, new: Self) {
                    $(self.$number = new.$number.or(self.$number);)*
                    $(if new.$text.is_some() { self.$text = new.$text; })*
                    $(if new.$list.is_some() { self.$list = new.$list; })*
                }
            }
        )+
    };
}

kept! {
    Tray {
        numbers {
            id, ctype, remain, total_len, tray_weight, tray_diameter, nozzle_temp_min, nozzle_temp_max, bed_temp,
            tray_temp, tray_time, k, n, cali_idx, state
        }
        texts {
            tray_type, tray_sub_brands, tray_info_idx, tray_id_name, tray_color, tag_uid, tray_uuid
        }
        lists { cols: String }
    }
    Unit { numbers { id, temp, humidity, humidity_raw, dry_time } texts { info } lists { tray: Tray } }
    Ams {
        numbers { tray_now, tray_pre, tray_tar, version }
        texts { ams_exist_bits, tray_exist_bits, tray_is_bbl_bits, tray_read_done_bits, tray_reading_bits }
        lists { ams: Unit }
    }
    Light { numbers { } texts { node, mode } lists { } }
    NetInfo { numbers { ip, mask } texts { } lists { } }
    Networks { numbers { conf } texts { } lists { info: NetInfo } }
    Camera {
        numbers { mode_bits }
        texts { ipcam_dev, ipcam_record, timelapse, resolution, rtsp_url }
        lists { }
    }
    Upgrade {
        numbers { progress, new_version_state, dis_state, err_code }
        texts { status, message, module, ota_new_version_number }
        lists { }
    }
    Upload { numbers { progress } texts { status, message } lists { } }
}

#[derive(Deserialize)]
#[serde(bound = "P: Typed")]
struct Message<P> {
    #[serde(default)]
    print: Option<P>,
    #[serde(default)]
    info: Option<Info>,
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    module: Vec<TypedModule>,
}

#[allow(dead_code)] // nobody asks for most of them here
#[derive(Deserialize)]
struct TypedModule {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    product_name: Option<String>,
    #[serde(default)]
    hw_ver: Option<String>,
    #[serde(default)]
    sw_ver: Option<String>,
    #[serde(default)]
    loader_ver: Option<String>,
    #[serde(default)]
    project_name: Option<String>,
    #[serde(default)]
    sn: Option<String>,
    #[serde(default)]
    visible: Option<bool>,
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

fn by_types<P: Typed>((known, report): &mut (P, Report), message: &[u8]) -> PrinterStatus {
    let message: Message<P> = serde_json::from_slice(message).expect("JSON");
    if let Some(info) = message.info {
        report.module = info.module.into_iter().map(|told| module(told.name, told.product_name)).collect();
    }
    if let Some(print) = message.print.filter(|print| !print.is_answer()) {
        if print.is_full() {
            let module = std::mem::take(&mut report.module);
            (*known, *report) = (P::default(), Report::default());
            report.module = module;
        }
        print.merge(known, report);
    }
    status(report, None)
}

impl TypedDevice {
    fn merge(self, report: &mut Report) {
        let place = &mut report.device;
        if let Some(bed_temp) = self.bed_temp {
            place.bed_temp = packed(bed_temp);
        }
        if let Some(temp) = self.bed.and_then(|bed| bed.info) {
            place.bed_info_temp = packed(temp.temp);
        }
        if let Some(temp) = self.ctc.and_then(|ctc| ctc.info) {
            place.ctc_info_temp = packed(temp.temp);
        }
        if let Some(list) = self.extruder.and_then(|extruder| extruder.info) {
            place.extruders = list.into_iter().map(|part| extruder(part.id.0, part.temp.0)).collect();
        }
        if let Some(list) = self.airduct.and_then(|airduct| airduct.parts) {
            place.airduct.parts =
                list.into_iter().map(|part| airduct_part(part.id.0, part.state.0)).collect();
        }
    }
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

fn series() -> Vec<Series> {
    let compact = |value: Value| value.to_string().into_bytes();
    let pretty = |value: Value| serde_json::to_string_pretty(&value).expect("JSON").into_bytes();
    let changes: Vec<_> = invented::changes().into_iter().map(compact).collect();
    let whole = |name, message, rounds| Series { name, messages: vec![message], rounds };
    let mut all = vec![
        whole("A1 mini, report (invented)", compact(invented::a1_mini()), 2000),
        whole("A1 mini, get_version (invented)", compact(invented::a1_mini_versions()), 4000),
        whole("X1C, 3 AMS (invented)", compact(invented::x1c(3)), 1000),
        whole("H2D, 4 AMS (invented)", compact(invented::h2d(4)), 1000),
        whole("X1C, 9 AMS, pretty-printed (invented)", pretty(invented::x1c(9)), 400),
        Series { name: "P1S, changes in a print (invented)", messages: changes, rounds: 1000 },
    ];
    if let Some(captures) = captures::load() {
        all.push(whole("A1 mini, report (recorded)", compact(captures.report), 2000));
        all.push(whole("A1 mini, get_version (recorded)", compact(captures.versions), 4000));
    }
    all
}

/// The most that reading this held beside what was held before, and what it left allocated is not counted.
fn peak(work: impl FnOnce() -> PrinterStatus) -> usize {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    black_box(work());
    ALLOCATED.peak_usage().saturating_sub(before)
}

fn main() -> ExitCode {
    println!("{:38} {:>6} {:>35} {:>43}", "", "", "ns a message", "heap at most, bytes");
    println!(
        "{:38} {:>6} {:>7} {:>14} {:>14} {:>14}  {:>7} {:>7} {:>7} {:>7}",
        "", "bytes", "feed", "typed", "of status", "generic", "feed", "typed", "status", "generic"
    );
    let mut holds = true;
    for Series { name, messages, rounds } in series() {
        let bytes = messages.iter().map(Vec::len).sum::<usize>() / messages.len();
        let start = invented::p1s().to_string();
        let (mut feed, mut report) = (Feed::new(), Report::default());
        let mut whole: (Whole, Report) = Default::default();
        let mut part: (OfStatus, Report) = Default::default();
        let mut known: Value = serde_json::json!({});
        by_feed(&mut feed, &mut report, start.as_bytes());
        by_types(&mut whole, start.as_bytes());
        by_types(&mut part, start.as_bytes());
        by_values(&mut known, start.as_bytes());
        let mut heap = [0; 4];
        for message in &messages {
            let seen = by_feed(&mut feed, &mut report, message);
            assert_eq!(seen, by_types(&mut whole, message), "{name}");
            assert_eq!(seen, by_types(&mut part, message), "{name}");
            assert_eq!(seen, by_values(&mut known, message), "{name}");
            // What reading it again holds, beside what is known.
            heap[0] = peak(|| by_feed(&mut feed, &mut report, message)).max(heap[0]);
            heap[1] = peak(|| by_types(&mut whole, message)).max(heap[1]);
            heap[2] = peak(|| by_types(&mut part, message)).max(heap[2]);
            heap[3] = peak(|| by_values(&mut known, message)).max(heap[3]);
        }
        let mut shortest = [f64::INFINITY; 4];
        // By turns, so that what else the machine does is the same for all.
        for _ in 0..rounds {
            for (round, shortest) in shortest.iter_mut().enumerate() {
                let begun = Instant::now();
                for message in &messages {
                    black_box(match round {
                        0 => by_feed(&mut feed, &mut report, message),
                        1 => by_types(&mut whole, message),
                        2 => by_types(&mut part, message),
                        _ => by_values(&mut known, message),
                    });
                }
                *shortest = shortest.min(begun.elapsed().as_secs_f64() * 1e9 / messages.len() as f64);
            }
        }
        let [ours, typed, part, generic] = shortest;
        let others = [typed, part, generic].map(|other| format!("{other:7.0} ({:4.2})", other / ours));
        println!(
            "{name:38} {bytes:6} {ours:7.0} {:>14} {:>14} {:>14}  {:7} {:7} {:7} {:7}",
            others[0], others[1], others[2], heap[0], heap[1], heap[2], heap[3]
        );
        holds &=
            typed / ours >= TYPED && generic / ours >= GENERIC && heap[0] as f64 <= HEAP * heap[3] as f64;
    }
    match holds {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
