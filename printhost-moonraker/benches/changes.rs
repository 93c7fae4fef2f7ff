//! How fast pushed changes are merged: in place, against typed values that are made of them first, and against generic
//! ones. Messages as a Klipper sent them in some prints.

extern crate alloc;

#[allow(dead_code, unused_imports, unreachable_pub)]
#[path = "../src/wire/mod.rs"]
mod wire;

use std::{hint::black_box, time::Instant};

use serde::Deserialize;
use serde_json::{Map, Value};

const ROUNDS: usize = 400;
/// How much faster than the others merging in place has to be.
const LEAST_BY_TYPES: f64 = 1.5;
const LEAST_BY_VALUES: f64 = 3.0;

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
        impl $name {
            fn merge(&mut self, changes: Self) {
                $(if changes.$field.is_some() { self.$field = changes.$field; })+
            }
        }
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

impl Changes {
    fn merge(&mut self, changes: Self) {
        self.webhooks.merge(changes.webhooks);
        self.print_stats.merge(changes.print_stats);
        self.virtual_sdcard.merge(changes.virtual_sdcard);
        self.extruder.merge(changes.extruder);
        self.heater_bed.merge(changes.heater_bed);
        self.toolhead.merge(changes.toolhead);
        self.gcode_move.merge(changes.gcode_move);
        self.fan.merge(changes.fan);
    }
}

fn main() {
    let messages: Vec<String> = include_str!("../tests/data/updates.jsonl")
        .lines()
        .map(|changes| {
            format!(
                r#"{{"jsonrpc":"2.0","method":"notify_status_update","params":[{changes},2429.258248508]}}"#
            )
        })
        .collect();
    let bytes: usize = messages.iter().map(String::len).sum();
    println!("{} messages of {} bytes on average", messages.len(), bytes / messages.len());

    let known = wire::Known { bed: true, fans: vec!["fan".into()], ..wire::Known::default() };
    let mut objects = wire::Objects::of(&known);
    let in_place = best(|| {
        for message in &messages {
            if let Ok(wire::rpc::Told::Changes(mut changes)) = wire::rpc::told(message.as_bytes()) {
                black_box(objects.merge(&mut changes).expect("JSON"));
            }
        }
    });
    let mut typed = Changes::default();
    let by_types = best(|| {
        for message in &messages {
            let message: Message<'_> = serde_json::from_str(message).expect("JSON");
            if black_box(message.method) == "notify_status_update" {
                typed.merge(message.params.0);
            }
        }
    });
    let mut values = Map::new();
    let by_values = best(|| {
        for message in &messages {
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
        }
    });
    black_box((&objects, &typed.print_stats.state, &values));
    let each = |seconds: f64| seconds * 1e9 / messages.len() as f64;
    println!("merged in place       {:8.0} ns a message", each(in_place));
    println!("by typed values       {:8.0} ns, {:.1} times as long", each(by_types), by_types / in_place);
    println!("by generic values     {:8.0} ns, {:.1} times as long", each(by_values), by_values / in_place);
    assert!(by_types >= LEAST_BY_TYPES * in_place, "less than {LEAST_BY_TYPES} times as fast");
    assert!(by_values >= LEAST_BY_VALUES * in_place, "less than {LEAST_BY_VALUES} times as fast");
}

/// The shortest of many rounds, in seconds: what else the machine did is left out.
fn best(mut round: impl FnMut()) -> f64 {
    let timed = |round: &mut dyn FnMut()| {
        let begun = Instant::now();
        round();
        begun.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(|_| timed(&mut round)).fold(f64::INFINITY, f64::min)
}
