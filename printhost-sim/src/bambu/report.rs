//! What the printer tells: everything, or what has changed.

use serde_json::{Map, Value, json};

use super::config::{BambuConfig, BambuControl};
use super::machine::{Machine, Phase};
use super::model::BambuModel;

/// The latest state as reports have it.
pub(super) struct Reporter {
    /// What a report of this model has besides what is simulated.
    template: Map<String, Value>,
    versions: Value,
    /// What listeners know.
    told: Map<String, Value>,
    sequence: u64,
}

impl Reporter {
    pub(super) fn new(config: &BambuConfig) -> Self {
        let (report, versions) = match config.model {
            BambuModel::P1s => (include_str!("reports/p1s.json"), include_str!("reports/p1s-versions.json")),
            BambuModel::X1c => (include_str!("reports/x1c.json"), include_str!("reports/x1c-versions.json")),
            BambuModel::A1Mini => {
                (include_str!("reports/a1mini.json"), include_str!("reports/a1mini-versions.json"))
            }
            BambuModel::H2d => (include_str!("reports/h2d.json"), include_str!("reports/h2d-versions.json")),
            BambuModel::P2s => (include_str!("reports/p2s.json"), include_str!("reports/p2s-versions.json")),
        };
        let parse = |text: &str| serde_json::from_str::<Value>(text).expect("the reports are JSON");
        let mut template = match parse(report)["message"]["print"].take() {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        if config.latin1 {
            template.insert("fail_reason".to_owned(), json!("d\u{e9}j\u{e0} vu"));
        }
        let mut versions = parse(versions)["message"]["info"].take();
        for module in versions["module"].as_array_mut().into_iter().flatten() {
            if module["name"] == "ota" {
                module["sn"] = json!(config.serial);
                module["sw_ver"] = json!(config.model.facts().firmware);
            }
        }
        Self { template, versions, told: Map::new(), sequence: 0 }
    }

    /// The lights that this model has, and how they are.
    pub(super) fn lights(&self) -> Vec<(String, String)> {
        let lights = self.template["lights_report"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        lights.map(|light| (text(&light["node"]), text(&light["mode"]))).collect()
    }

    /// The answer to `get_version`, before it has a number.
    pub(super) fn versions(&self) -> Value {
        self.versions.clone()
    }

    /// Everything.
    pub(super) fn whole(&mut self, machine: &mut Machine, config: &BambuConfig) -> Vec<u8> {
        self.told = self.state(machine, config);
        let mut fields = self.told.clone();
        if machine.facts.says_msg {
            fields.insert("msg".to_owned(), json!(0));
        }
        let short = config.report_size.saturating_sub(encoded_length(&fields));
        if short > 0 {
            fields.insert("filler".to_owned(), filler(short));
        }
        self.message(fields, machine, config)
    }

    /// What has changed since the latest report, if anything has.
    pub(super) fn changes(&mut self, machine: &mut Machine, config: &BambuConfig) -> Option<Vec<u8>> {
        if machine.facts.whole_reports {
            return Some(self.whole(machine, config));
        }
        let state = self.state(machine, config);
        let told = std::mem::replace(&mut self.told, state);
        if told.is_empty() {
            return None;
        }
        let mut fields = changes(&told, &self.told)?;
        if machine.facts.says_msg {
            fields.insert("msg".to_owned(), json!(1));
        }
        Some(self.message(fields, machine, config))
    }

    fn message(
        &mut self,
        mut fields: Map<String, Value>,
        machine: &Machine,
        config: &BambuConfig,
    ) -> Vec<u8> {
        fields.insert("command".to_owned(), json!("push_status"));
        fields.insert("sequence_id".to_owned(), json!(self.sequence.to_string()));
        self.sequence += 1;
        encode(&json!({ "print": fields }), machine.facts.whole_reports, config.latin1)
    }

    fn state(&self, machine: &mut Machine, config: &BambuConfig) -> Map<String, Value> {
        machine.settle();
        let mut state = self.template.clone();
        let mut set = |name: &str, value: Value| {
            state.insert(name.to_owned(), value);
        };
        let job = &machine.latest;
        set("gcode_state", json!(machine.phase().word()));
        set("print_type", json!(machine.print_type));
        set("gcode_file", json!(job.file));
        set("subtask_name", json!(job.name));
        for (name, id) in [
            ("task_id", &job.task_id),
            ("subtask_id", &job.subtask_id),
            ("project_id", &job.project_id),
            ("profile_id", &job.profile_id),
        ] {
            set(name, json!(if id.is_empty() { "0" } else { id }));
        }
        set("gcode_file_prepare_percent", json!(machine.prepared.to_string()));
        set("mc_percent", json!(machine.percent));
        set("mc_remaining_time", json!(machine.minutes));
        let prints = matches!(machine.phase(), Phase::Running | Phase::Pause);
        set("mc_print_stage", json!(if prints { "2" } else { "1" }));
        set("layer_num", json!(machine.layer));
        set("total_layer_num", json!(machine.layers));
        set("stg_cur", json!(machine.stage));
        set("stg", json!(machine.stages));
        set("s_obj", json!(machine.skipped));
        set("print_error", json!(machine.error));
        set("hms", machine.health_report());
        set("nozzle_temper", celsius(machine.nozzles[0].actual()));
        set("nozzle_target_temper", json!(machine.nozzles[0].target()));
        set("bed_temper", celsius(machine.bed.actual()));
        set("bed_target_temper", json!(machine.bed.target()));
        let chamber = machine.facts.has_chamber_sensor;
        set("chamber_temper", if chamber { celsius(machine.chamber.actual()) } else { json!(5) });
        let [part, auxiliary, chamber] = machine.fans;
        let gear = |power: u8| json!(((u32::from(power) * 15 + 127) / 255).to_string());
        set("cooling_fan_speed", gear(part));
        set("big_fan1_speed", gear(auxiliary));
        set("big_fan2_speed", gear(chamber));
        set("heatbreak_fan_speed", json!(if machine.nozzles[0].actual() > 50.0 { "15" } else { "0" }));
        set("fan_gear", json!(u32::from(chamber) << 16 | u32::from(auxiliary) << 8 | u32::from(part)));
        set("spd_lvl", json!(machine.speed));
        set("spd_mag", json!([50, 100, 124, 166][usize::from(machine.speed.clamp(1, 4)) - 1]));
        let lights = machine.lights.iter().map(|(node, mode)| json!({ "node": node, "mode": mode }));
        set("lights_report", lights.collect());
        set("ams", machine.ams.report());
        set("ams_status", json!(machine.ams.status));
        set("sdcard", json!(config.card));
        if machine.facts.has_fun {
            let open = config.control == BambuControl::Open;
            set("fun", json!(if open { "3EC18FFF9CFF" } else { "3EC1AFFF9CFF" }));
        }
        let flags = state.get("home_flag").and_then(Value::as_i64).unwrap_or(0) & !0x307;
        let flags = flags | if config.card { 0x100 } else { 0 } | if machine.homed { 7 } else { 0 };
        if config.home_flag {
            state.insert("home_flag".to_owned(), json!(flags));
        } else {
            state.remove("home_flag");
        }
        if machine.facts.has_device {
            device(&mut state, machine);
        }
        for (group, name, value) in &machine.settings {
            match *group {
                "" => state.insert(name.clone(), value.clone()),
                group => state
                    .entry(group)
                    .or_insert_with(|| json!({}))
                    .as_object_mut()
                    .and_then(|group| group.insert(name.clone(), value.clone())),
            };
        }
        state
    }
}

/// What newer models say of their parts.
fn device(state: &mut Map<String, Value>, machine: &Machine) {
    let Some(device) = state.get_mut("device") else { return };
    let packed = |now: f64, target: f64| json!((target as u32) << 16 | now.round() as u32);
    let bed = packed(machine.bed.actual(), machine.bed.target());
    device["bed"]["info"]["temp"] = bed.clone();
    device["bed_temp"] = bed;
    device["ctc"]["info"]["temp"] = packed(machine.chamber.actual(), machine.chamber.target());
    let extruders = device["extruder"]["info"].as_array_mut().into_iter().flatten();
    for (extruder, nozzle) in extruders.zip(&machine.nozzles) {
        extruder["temp"] = packed(nozzle.actual(), nozzle.target());
    }
    let parts = device["airduct"]["parts"].as_array_mut().into_iter().flatten();
    for (part, power) in parts.zip(machine.fans) {
        part["state"] = json!(u32::from(power) * 100 / 255);
    }
}

/// As sensors say it.
fn celsius(actual: f64) -> Value {
    json!((actual * 32.0).round() / 32.0)
}

/// What differs in `new`: objects by their fields, everything else whole.
fn changes(old: &Map<String, Value>, new: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut found = Map::new();
    for (name, value) in new {
        let change = match (old.get(name), value) {
            (Some(old), new) if old == new => continue,
            (Some(Value::Object(old)), Value::Object(new)) => changes(old, new).map(Value::Object),
            _ => Some(value.clone()),
        };
        if let Some(change) = change {
            found.insert(name.clone(), change);
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Fields of about so many bytes that mean nothing.
fn filler(bytes: usize) -> Value {
    let text = "x".repeat(100);
    (0..bytes.div_ceil(text.len() + 3)).map(|_| json!(text)).collect()
}

fn encoded_length(fields: &Map<String, Value>) -> usize {
    serde_json::to_vec(fields).map_or(0, |text| text.len())
}

/// JSON as printers send it.
pub(super) fn encode(message: &Value, pretty: bool, latin1: bool) -> Vec<u8> {
    let text = if pretty { format!("{message:#}") } else { message.to_string() };
    if !latin1 {
        return text.into_bytes();
    }
    text.chars()
        .flat_map(|letter| {
            u8::try_from(letter).map_or_else(|_| letter.to_string().into_bytes(), |byte| vec![byte])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_change_is_told_by_its_field_and_an_array_whole() {
        let old = fields(json!({ "a": 1, "ams": { "tray_now": "1", "ams": [1, 2] }, "hms": [] }));
        let new =
            fields(json!({ "a": 1, "ams": { "tray_now": "3", "ams": [1, 2] }, "hms": [{ "attr": 1 }] }));
        let told = changes(&old, &new).unwrap();
        assert_eq!(Value::Object(told), json!({ "ams": { "tray_now": "3" }, "hms": [{ "attr": 1 }] }));
        assert!(changes(&new, &new).is_none());
    }
}
