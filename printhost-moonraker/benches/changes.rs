//! How long it takes from the bytes of a pushed change to the updated status: merged in place, against typed values that
//! are made of them first, and against generic ones. Messages as a Klipper sent them in some prints. All three must come
//! to the same status after every message, and the ratios must hold: else this fails.

extern crate alloc;

#[allow(dead_code, unused_imports, unreachable_pub)]
#[path = "../src/map"]
mod map {
    pub(crate) mod numbers;
    pub(crate) mod status;
}
#[allow(dead_code, unused_imports, unreachable_pub)]
#[path = "../src/wire/mod.rs"]
mod wire;

use std::{hint::black_box, process::ExitCode, time::Instant};

use printhost_core::PrinterStatus;
use serde::Deserialize;
use serde_json::{Map, Value};

const ROUNDS: usize = 400;
/// By how much the others must be slower.
const TYPED: f64 = 1.5;
const GENERIC: f64 = 3.0;

/// As a careful program would write it with serde alone.
#[derive(Deserialize)]
struct Message<'a> {
    method: &'a str,
    params: (Changes, f64),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Changes {
    webhooks: Webhooks,
    print_stats: PrintStats,
    virtual_sdcard: VirtualSdcard,
    extruder: Heater,
    heater_bed: Heater,
    toolhead: Toolhead,
    gcode_move: GcodeMove,
    fan: Fan,
}

macro_rules! fields {
    ($name:ident { $($field:ident: $type:ty),+ }) => {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct $name { $($field: Option<$type>),+ }
    };
}

fields!(Webhooks { state: String, state_message: String });
fields!(PrintStats {
    state: String,
    filename: String,
    message: String,
    total_duration: f64,
    print_duration: f64
});
fields!(VirtualSdcard { progress: f64, file_size: f64 });
fields!(Heater { temperature: f64, target: f64, can_extrude: bool });
fields!(Toolhead { homed_axes: String });
fields!(GcodeMove { gcode_position: [f64; 4], speed_factor: f64, extrude_factor: f64 });
fields!(Fan { speed: f64, rpm: f64 });

fn set<T>(place: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *place = new;
    }
}

fn some<T>(place: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *place = new;
    }
}

impl Changes {
    fn merge_into(self, objects: &mut wire::Objects) {
        let heater = |place: &mut wire::Heater, new: Heater| {
            some(&mut place.temperature, new.temperature);
            some(&mut place.target, new.target);
            some(&mut place.can_extrude, new.can_extrude);
        };
        set(&mut objects.klippy, self.webhooks.state);
        set(&mut objects.klippy_message, self.webhooks.state_message);
        set(&mut objects.print.state, self.print_stats.state);
        set(&mut objects.print.filename, self.print_stats.filename);
        set(&mut objects.print.message, self.print_stats.message);
        some(&mut objects.print.total_duration, self.print_stats.total_duration);
        some(&mut objects.print.print_duration, self.print_stats.print_duration);
        some(&mut objects.print.progress, self.virtual_sdcard.progress);
        some(&mut objects.print.file_size, self.virtual_sdcard.file_size);
        heater(&mut objects.tools[0], self.extruder);
        heater(objects.bed.get_or_insert_default(), self.heater_bed);
        set(&mut objects.motion.homed_axes, self.toolhead.homed_axes);
        if let Some([x, y, z, _]) = self.gcode_move.gcode_position {
            objects.motion.position = [Some(x), Some(y), Some(z)];
        }
        some(&mut objects.motion.speed_factor, self.gcode_move.speed_factor);
        some(&mut objects.motion.extrude_factor, self.gcode_move.extrude_factor);
        some(&mut objects.fans[0].1.speed, self.fan.speed);
        some(&mut objects.fans[0].1.rpm, self.fan.rpm);
    }
}

/// The same of generic values, which are kept as they are.
fn objects_of(values: &Map<String, Value>) -> wire::Objects {
    let field = |object: &str, field: &str| values.get(object).and_then(|object| object.get(field));
    let number = |object, name| field(object, name).and_then(Value::as_f64);
    let text = |object, name| field(object, name).and_then(Value::as_str).unwrap_or_default().into();
    let heater = |object| wire::Heater {
        temperature: number(object, "temperature"),
        target: number(object, "target"),
        can_extrude: field(object, "can_extrude").and_then(Value::as_bool),
    };
    let position =
        |axis: usize| field("gcode_move", "gcode_position").and_then(|all| all.get(axis)?.as_f64());
    let mut objects = start();
    objects.klippy = text("webhooks", "state");
    objects.klippy_message = text("webhooks", "state_message");
    objects.print = wire::Print {
        state: text("print_stats", "state"),
        filename: text("print_stats", "filename"),
        message: text("print_stats", "message"),
        total_duration: number("print_stats", "total_duration"),
        print_duration: number("print_stats", "print_duration"),
        progress: number("virtual_sdcard", "progress"),
        file_size: number("virtual_sdcard", "file_size"),
    };
    objects.tools[0] = heater("extruder");
    objects.bed = Some(heater("heater_bed"));
    objects.motion = wire::Motion {
        homed_axes: text("toolhead", "homed_axes"),
        position: [0, 1, 2].map(position),
        speed_factor: number("gcode_move", "speed_factor"),
        extrude_factor: number("gcode_move", "extrude_factor"),
    };
    objects.fans[0].1 = wire::Fan { speed: number("fan", "speed"), rpm: number("fan", "rpm") };
    objects
}

/// Nothing is known but which objects there are.
fn start() -> wire::Objects {
    let known = wire::Known { bed: true, fans: vec!["fan".into()], ..wire::Known::default() };
    let mut objects = wire::Objects::of(&known);
    objects.tools.push(wire::Heater::default());
    objects.bed = Some(wire::Heater::default());
    objects
}

fn in_place(objects: &mut wire::Objects, message: &str) -> PrinterStatus {
    if let Ok(wire::rpc::Told::Changes(mut changes)) = wire::rpc::told(message.as_bytes()) {
        objects.merge(&mut changes).expect("JSON");
    }
    map::status::status(objects)
}

fn by_types(objects: &mut wire::Objects, message: &str) -> PrinterStatus {
    let message: Message<'_> = serde_json::from_str(message).expect("JSON");
    if message.method == "notify_status_update" {
        message.params.0.merge_into(objects);
    }
    map::status::status(objects)
}

fn by_values(values: &mut Map<String, Value>, message: &str) -> PrinterStatus {
    let mut message: Value = serde_json::from_str(message).expect("JSON");
    if message["method"] == "notify_status_update"
        && let Value::Object(changes) = message["params"][0].take()
    {
        for (name, fields) in changes {
            match (values.get_mut(&name), fields) {
                (Some(Value::Object(known)), Value::Object(fields)) => known.extend(fields),
                (_, fields) => drop(values.insert(name, fields)),
            }
        }
    }
    map::status::status(&objects_of(values))
}

fn main() -> ExitCode {
    let full = include_str!("../tests/data/subscribed.json").trim();
    let changes = include_str!("../tests/data/updates.jsonl").lines();
    let messages: Vec<String> = [full]
        .into_iter()
        .chain(changes)
        .map(|changes| {
            format!(
                r#"{{"jsonrpc":"2.0","method":"notify_status_update","params":[{changes},2429.258248508]}}"#
            )
        })
        .collect();
    let bytes: usize = messages.iter().map(String::len).sum();
    println!("{} messages of {} bytes on average", messages.len(), bytes / messages.len());

    let (mut ours, mut typed, mut values) = (start(), start(), Map::new());
    for message in &messages {
        let status = in_place(&mut ours, message);
        assert_eq!(status, by_types(&mut typed, message), "{message}");
        assert_eq!(status, by_values(&mut values, message), "{message}");
    }
    let per_message = 1e9 / messages.len() as f64;
    let mut rounds = [f64::INFINITY; 3];
    // By turns, so that what else the machine does is the same for all.
    for _ in 0..ROUNDS {
        for (round, shortest) in rounds.iter_mut().enumerate() {
            let begun = Instant::now();
            for message in &messages {
                black_box(match round {
                    0 => in_place(&mut ours, message),
                    1 => by_types(&mut typed, message),
                    _ => by_values(&mut values, message),
                });
            }
            *shortest = shortest.min(begun.elapsed().as_secs_f64() * per_message);
        }
    }
    let [ours, typed, values] = rounds;
    println!("merged in place    {ours:8.0} ns from the bytes to the status");
    println!("by typed values    {typed:8.0} ns, {:.2} times as long, at least {TYPED}", typed / ours);
    println!("by generic values  {values:8.0} ns, {:.2} times as long, at least {GENERIC}", values / ours);
    match typed / ours >= TYPED && values / ours >= GENERIC {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
