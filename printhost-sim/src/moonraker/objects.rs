//! Klipper's status objects, as a printer with one cartesian tool head has them.

use serde_json::{Map, Value, json};

use super::clients::{Wanted, pick};
use super::machine::{AXIS_MAXIMUM, Machine, extruder_name};
use super::shared::Inner;
use super::store::GCODES;

/// What `printer.objects.list` tells besides the heaters.
const BEFORE_HEATERS: [&str; 5] = ["gcode", "webhooks", "configfile", "mcu", "heaters"];
const AFTER_BED: [&str; 14] = [
    "fan",
    "gcode_move",
    "print_stats",
    "virtual_sdcard",
    "pause_resume",
    "display_status",
    "exclude_object",
    "gcode_macro PAUSE",
    "gcode_macro RESUME",
    "gcode_macro CANCEL_PRINT",
    "query_endstops",
    "stepper_enable",
    "motion_report",
    "toolhead",
];
const AFTER_EXTRUDERS: [&str; 3] = ["idle_timeout", "system_stats", "manual_probe"];

impl Inner {
    /// The names of all objects.
    pub(super) fn object_names(&self) -> Vec<String> {
        let heaters: Vec<String> = self.machine.temperatures().into_iter().map(|(name, ..)| name).collect();
        let (bed, extruders): (Vec<_>, Vec<_>) = heaters.into_iter().partition(|name| name == "heater_bed");
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let macros = self.machine.macros.iter().map(|name| format!("gcode_macro {name}")).collect();
        [owned(&BEFORE_HEATERS), bed, owned(&AFTER_BED), macros, extruders, owned(&AFTER_EXTRUDERS)].concat()
    }

    /// What is wanted of these objects; one that is unknown has no fields.
    pub(super) fn status(&self, wanted: &Wanted, event_time: f64) -> Map<String, Value> {
        let one = |(name, fields): (&String, &Option<Vec<String>>)| {
            let object = self.object(name, event_time).unwrap_or_else(|| json!({}));
            (name.clone(), Value::Object(pick(&object, fields.as_deref())))
        };
        wanted.iter().map(one).collect()
    }

    pub(super) fn object(&self, name: &str, event_time: f64) -> Option<Value> {
        let machine = &self.machine;
        if !self.object_names().iter().any(|known| known == name) {
            return None;
        }
        if let Some((_, temperature, target)) =
            machine.temperatures().into_iter().find(|(heater, ..)| heater == name)
        {
            return Some(heater(machine, name, temperature, target));
        }
        Some(match name {
            "webhooks" => {
                json!({ "state": self.klippy.phase.name(), "state_message": self.klippy.message })
            }
            "print_stats" => print_stats(machine),
            "virtual_sdcard" => virtual_sdcard(machine),
            "pause_resume" => json!({ "is_paused": machine.paused }),
            "display_status" => json!({ "progress": machine.progress(), "message": machine.message }),
            "fan" => json!({ "speed": machine.fan, "rpm": null }),
            "gcode_move" => gcode_move(machine),
            "toolhead" => toolhead(machine, event_time),
            "motion_report" => motion_report(machine),
            "idle_timeout" => idle_timeout(machine),
            "heaters" => {
                let names: Vec<String> = machine.temperatures().into_iter().map(|(name, ..)| name).collect();
                json!({ "available_heaters": names, "available_sensors": names, "available_monitors": [] })
            }
            "exclude_object" => {
                let parts = &machine.parts;
                json!({ "objects": parts.defined, "excluded_objects": parts.excluded, "current_object": parts.current })
            }
            "stepper_enable" => {
                let steppers = ["stepper_x", "stepper_y", "stepper_z"];
                let mut enabled: Map<String, Value> = steppers
                    .iter()
                    .zip(machine.homed)
                    .map(|(name, on)| ((*name).to_owned(), json!(on)))
                    .collect();
                enabled.insert("extruder".to_owned(), json!(machine.extruded != 0.0));
                json!({ "steppers": enabled })
            }
            "mcu" => mcu(),
            "system_stats" => {
                json!({ "sysload": 0.19, "cputime": hundredths(event_time / 100.0), "memavail": 24_045_108 })
            }
            "configfile" => configfile(machine),
            "query_endstops" => json!({ "last_query": {} }),
            "manual_probe" => {
                json!({ "is_active": false, "z_position": null, "z_position_lower": null, "z_position_upper": null })
            }
            _ => json!({}),
        })
    }
}

fn heater(machine: &Machine, name: &str, temperature: f64, target: f64) -> Value {
    let power = if target > temperature { 1.0 } else { 0.0 };
    let mut object = json!({ "temperature": temperature, "target": target, "power": power });
    if name != "heater_bed" {
        object["can_extrude"] = json!(temperature >= 170.0);
        object["pressure_advance"] = json!(0.0);
        object["smooth_time"] = json!(0.04);
        object["motion_queue"] =
            if name == extruder_name(machine.gcode.tool) { Value::Null } else { json!(name) };
    }
    object
}

fn print_stats(machine: &Machine) -> Value {
    let print = &machine.print;
    let (current, total) = print.layers;
    json!({
        "filename": print.filename,
        "total_duration": print.total(),
        "print_duration": print.printing(),
        "filament_used": print.filament_used,
        "state": print.state,
        "message": print.message,
        "info": { "total_layer": total, "current_layer": current },
    })
}

fn virtual_sdcard(machine: &Machine) -> Value {
    let sd = &machine.sd;
    json!({
        "file_path": sd.file.as_ref().map(|file| format!("{GCODES}/{file}")),
        "progress": sd.progress(),
        "is_active": sd.active,
        "file_position": sd.position,
        "file_size": sd.size,
    })
}

fn gcode_move(machine: &Machine) -> Value {
    let at = machine.gcode.position;
    json!({
        "speed_factor": machine.speed_factor,
        "speed": at.f,
        "extrude_factor": machine.extrude_factor,
        "absolute_coordinates": !machine.gcode.is_relative(),
        "absolute_extrude": !machine.gcode.is_relative_e(),
        "homing_origin": [0.0, 0.0, 0.0, 0.0],
        "position": [at.x, at.y, at.z, machine.extruded],
        "gcode_position": [at.x, at.y, at.z, at.e],
        "axis_map": { "X": 0, "Y": 1, "Z": 2, "E": 3 },
    })
}

fn toolhead(machine: &Machine, event_time: f64) -> Value {
    let at = machine.gcode.position;
    let [x, y, z] = AXIS_MAXIMUM;
    let homed: String = ["x", "y", "z"]
        .iter()
        .zip(machine.homed)
        .filter(|(_, homed)| *homed)
        .map(|(axis, _)| *axis)
        .collect();
    json!({
        "homed_axes": homed,
        "axis_minimum": [0.0, 0.0, 0.0, 0],
        "axis_maximum": [x, y, z, 0],
        "print_time": event_time - 100.0,
        "stalls": 0,
        "estimated_print_time": event_time - 100.0,
        "extruder": machine.active_extruder(),
        "position": [at.x, at.y, at.z, machine.extruded],
        "max_velocity": 300.0,
        "max_accel": 3000.0,
        "minimum_cruise_ratio": 0.5,
        "square_corner_velocity": 5.0,
        "extra_axes": { "extruder": 3 },
    })
}

fn motion_report(machine: &Machine) -> Value {
    let at = machine.gcode.position;
    let speed = if machine.sd.active { at.f / 60.0 } else { 0.0 };
    json!({
        "live_position": [at.x, at.y, at.z, machine.extruded],
        "live_velocity": speed,
        "live_extruder_velocity": 0.0,
        "steppers": ["extruder", "stepper_x", "stepper_y", "stepper_z"],
        "trapq": ["extruder", "toolhead"],
    })
}

fn idle_timeout(machine: &Machine) -> Value {
    let printing = machine.busy.map(|since| since.elapsed().as_secs_f64());
    let state = match (printing, machine.was_busy) {
        (Some(_), _) => "Printing",
        (None, true) => "Ready",
        (None, false) => "Idle",
    };
    json!({ "state": state, "printing_time": printing.unwrap_or_default(), "idle_timeout": 600.0 })
}

fn mcu() -> Value {
    json!({
        "mcu_version": "simmcu-1",
        "mcu_build_versions": "simulated",
        "mcu_constants": {
            "CLOCK_FREQ": 16_000_000, "MCU": "simulated", "ADC_MAX": 4095, "PWM_MAX": 255, "STATS_SUMSQ_BASE": 256,
            "RECEIVE_WINDOW": 4096, "SERIAL_BAUD": 250_000,
        },
        "last_stats": {
            "mcu_awake": 0.001, "mcu_task_avg": 1e-06, "mcu_task_stddev": 2e-06, "bytes_write": 617,
            "bytes_read": 2304, "bytes_retransmit": 18, "bytes_invalid": 0, "send_seq": 71, "receive_seq": 71,
            "retransmit_seq": 2, "srtt": -0.001, "rttvar": 0.002, "rto": 0.025, "ready_bytes": 0,
            "upcoming_bytes": 0, "freq": 16_000_380,
        },
    })
}

/// The parts of a configuration that say what the printer has.
fn configfile(machine: &Machine) -> Value {
    let mut settings = json!({
        "printer": {
            "max_velocity": 300.0, "max_accel": 3000.0, "minimum_cruise_ratio": 0.5, "square_corner_velocity": 5.0,
            "kinematics": "cartesian", "max_z_velocity": 15.0, "max_z_accel": 100.0,
        },
        "fan": { "max_power": 1.0, "kick_start_time": 0.1, "off_below": 0.0, "pin": "PB4" },
        "virtual_sdcard": { "path": GCODES },
        "pause_resume": { "recover_velocity": 50.0 },
    });
    for (axis, maximum) in ["x", "y", "z"].into_iter().zip(AXIS_MAXIMUM) {
        settings[format!("stepper_{axis}")] = json!({ "position_endstop": 0.0, "position_min": 0.0, "position_max": maximum, "microsteps": 16 });
    }
    for (name, ..) in machine.temperatures() {
        let (min, max) = (5.0, if name == "heater_bed" { 130.0 } else { 280.0 });
        settings[&name] =
            json!({ "min_temp": min, "max_temp": max, "control": "watermark", "max_power": 1.0 });
        if name != "heater_bed" {
            settings[&name]["nozzle_diameter"] = json!(0.4);
            settings[&name]["filament_diameter"] = json!(1.75);
            settings[&name]["min_extrude_temp"] = json!(170.0);
        }
    }
    json!({
        "config": {},
        "warnings": [],
        "save_config_pending": false,
        "save_config_pending_items": {},
        "settings": settings,
    })
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
