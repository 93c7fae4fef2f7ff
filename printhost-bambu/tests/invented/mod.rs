//! INVENTED: no printer has sent these reports. They have the shapes that public descriptions of the protocol give for
//! models, with values that were made up.

#![allow(dead_code)] // not every test needs all of them

use serde_json::{Value, json};

/// A tray with all that a spool's tag tells.
fn tray(unit: u64, slot: u64) -> Value {
    json!({
        "bed_temp": "45", "bed_temp_type": "1", "cali_idx": -1, "cols": ["2B7AFFFF"], "ctype": 0,
        "id": slot.to_string(), "k": 0.017999999225139618, "n": 1, "nozzle_temp_max": "235",
        "nozzle_temp_min": "195", "remain": 60 - slot, "state": 11,
        "tag_uid": format!("5EED000000000F{unit:X}{slot:X}"), "total_len": 315_000,
        "tray_color": format!("{:02X}7AFFFF", 16 * unit + slot), "tray_diameter": "1.75",
        "tray_id_name": "A00-X9", "tray_info_idx": "GFA00", "tray_sub_brands": "PLA Basic", "tray_temp": "50",
        "tray_time": "7", "tray_type": "PLA", "tray_uuid": format!("5EED00000000000000000000000F{unit:02X}{slot:02X}"),
        "tray_weight": "1000", "xcam_info": "0123456789ABCDEF01234567"
    })
}

fn units(count: u64) -> Vec<Value> {
    (0..count)
        .map(|unit| {
            json!({
                "check": 0, "chip_id": "0123456789abcdef0123456789abcde", "dry_time": 0, "humidity": "4",
                "humidity_raw": "31", "id": unit.to_string(), "info": "1001", "temp": "24.8",
                "tray": (0..4).map(|slot| tray(unit, slot)).collect::<Vec<_>>()
            })
        })
        .collect()
}

fn ams(count: u64) -> Value {
    json!({
        "ams": units(count), "ams_exist_bits": format!("{:x}", (1 << count) - 1), "insert_flag": true,
        "power_on_flag": true, "tray_exist_bits": format!("{:x}", (1_u64 << (4 * count)) - 1),
        "tray_is_bbl_bits": "f", "tray_now": "1", "tray_pre": "0", "tray_read_done_bits": "f",
        "tray_reading_bits": "0", "tray_tar": "1", "version": 7
    })
}

/// What all have.
fn print() -> Value {
    let print = r#"{
        "ams_rfid_status": 0, "ams_status": 768, "bed_target_temper": 60.0, "bed_temper": 59.84375,
        "big_fan1_speed": "0", "big_fan2_speed": "5", "cali_version": 0, "chamber_temper": 5.0,
        "command": "push_status", "cooling_fan_speed": "15", "fan_gear": 16711680, "filam_bak": [],
        "force_upgrade": false, "gcode_file": "cube.gcode.3mf", "gcode_file_prepare_percent": "100",
        "gcode_state": "RUNNING", "heatbreak_fan_speed": "15", "hms": [], "home_flag": -2139650809,
        "hw_switch_state": 1, "ipcam": {"ipcam_dev": "1", "ipcam_record": "enable", "mode_bits": 3,
        "resolution": "1080p", "timelapse": "disable", "tutk_server": "disable"}, "layer_num": 17,
        "lifecycle": "product", "lights_report": [{"mode": "on", "node": "chamber_light"}], "mc_percent": 42,
        "mc_print_line_number": "15999", "mc_print_stage": "2", "mc_print_sub_stage": 0, "mc_remaining_time": 31,
        "mess_production_state": "active", "msg": 0, "net": {"conf": 0, "info": [{"ip": 1359612426,
        "mask": 16777215}]}, "nozzle_diameter": "0.4", "nozzle_target_temper": 220.0, "nozzle_temper": 219.6875,
        "nozzle_type": "hardened_steel", "online": {"ahb": false, "rfid": false, "version": 204800731},
        "print_error": 0, "print_type": "local", "profile_id": "0", "project_id": "0", "queue_est": 0,
        "queue_number": 0, "queue_sts": 0, "queue_total": 0, "s_obj": [], "sdcard": true, "sequence_id": "2021",
        "spd_lvl": 2, "spd_mag": 100, "stg": [2, 14, 13], "stg_cur": 0, "subtask_id": "1712", "subtask_name": "cube",
        "task_id": "1712", "total_layer_num": 80, "upgrade_state": {"cur_state_code": 0, "dis_state": 0,
        "err_code": 0, "force_upgrade": false, "message": "", "module": "", "new_ver_list": [],
        "new_version_state": 2, "progress": "0", "sequence_id": 0, "status": "IDLE"}, "upload": {"message": "",
        "progress": 0, "status": "idle"}, "wifi_signal": "-53dBm", "xcam": {"allow_skip_parts": false,
        "buildplate_marker_detector": true, "first_layer_inspector": true, "halt_print_sensitivity": "medium",
        "print_halt": true, "printing_monitor": true, "spaghetti_detector": true}, "xcam_status": "0"
    }"#;
    serde_json::from_str(print).unwrap()
}

fn with(mut print: Value, more: Value) -> Value {
    let (Value::Object(all), Value::Object(more)) = (&mut print, more) else { unreachable!() };
    all.extend(more);
    json!({ "print": print })
}

fn external(id: u64) -> Value {
    let mut spool = tray(0, 0);
    spool["id"] = id.to_string().into();
    spool
}

/// An A1 mini that does nothing, with an AMS Lite and an external spool.
pub(crate) fn a1_mini() -> Value {
    let filled = |slot: u64, more: Value| {
        let mut tray = tray(0, slot);
        let (Value::Object(all), Value::Object(more)) = (&mut tray, more) else { unreachable!() };
        all.extend(more);
        tray
    };
    let trays = json!([
        filled(0, json!({ "remain": 85 })),
        filled(1, json!({ "tray_info_idx": "GFL99", "tray_sub_brands": "", "tag_uid": "0000000000000000", "remain": -1 })),
        filled(2, json!({ "tray_type": "PETG", "tray_info_idx": "GFG02", "tray_sub_brands": "PETG HF", "remain": 40,
            "tray_color": "7FD1C480", "cols": ["7FD1C480", "0F5C4EFF"], "ctype": 1, "nozzle_temp_min": "225",
            "nozzle_temp_max": "265", "tray_temp": "60", "tray_time": "9" })),
        { "id": "3", "state": 10 }
    ]);
    let more = json!({
        "ams": {
            "ams": [{ "id": "0", "info": "1002", "humidity": "3", "humidity_raw": "44", "temp": "23.4", "dry_time": 0, "tray": trays }],
            "ams_exist_bits": "1", "tray_exist_bits": "7", "tray_is_bbl_bits": "5", "tray_read_done_bits": "7",
            "tray_reading_bits": "0", "tray_now": "255", "tray_pre": "2", "tray_tar": "255", "version": 19,
            "insert_flag": true, "power_on_flag": false
        },
        "vt_tray": external(254), "gcode_state": "IDLE", "print_type": "idle", "gcode_file": "", "subtask_name": "",
        "task_id": "0", "subtask_id": "0", "gcode_file_prepare_percent": "0", "mc_percent": 0, "mc_remaining_time": 0,
        "mc_print_stage": "1", "mc_print_line_number": "0", "layer_num": 0, "total_layer_num": 0, "stg": [],
        "ams_status": 0, "nozzle_temper": 23.53125, "nozzle_target_temper": 0, "bed_temper": 22.6875, "bed_target_temper": 0,
        "cooling_fan_speed": "0", "big_fan1_speed": "0", "big_fan2_speed": "0", "heatbreak_fan_speed": "0", "fan_gear": 0,
        "home_flag": 7_832_832, "sequence_id": "314", "xcam": { "buildplate_marker_detector": false }, "wifi_signal": "-61dBm",
        "lights_report": [{ "node": "chamber_light", "mode": "flashing" }],
        "ipcam": { "ipcam_dev": "1", "ipcam_record": "disable", "timelapse": "enable", "resolution": "720p", "mode_bits": 2 }
    });
    with(print(), more)
}

/// What an A1 mini answers to `get_version`.
pub(crate) fn a1_mini_versions() -> Value {
    let module = |name: &str, hardware: &str, version: &str, product: &str| {
        json!({
            "name": name, "hw_ver": hardware, "sw_ver": version, "product_name": product, "loader_ver": "00.00.00.21",
            "sn": "0300AA000000000", "flag": 0, "visible": !product.is_empty()
        })
    };
    json!({ "info": { "command": "get_version", "sequence_id": "30001", "module": [
        module("ota", "OTA", "01.05.00.00", "Bambu Lab A1 mini"), module("esp32", "AP05", "01.12.20.05", ""),
        module("mc", "MC09", "00.01.26.04", ""), module("th", "TH09", "00.00.06.11", ""),
        module("ams_f1/0", "AMS_F109", "00.00.07.03", "AMS Lite")
    ] } })
}

/// A P1S: an AMS and an external spool.
pub(crate) fn p1s() -> Value {
    with(print(), json!({ "ams": ams(1), "vt_tray": external(254) }))
}

/// An X1 Carbon with that many AMS, which measures its chamber and has an RTSP stream.
pub(crate) fn x1c(count: u64) -> Value {
    let more = json!({
        "ams": ams(count), "vt_tray": external(254), "chamber_temper": 38.0,
        "gcode_file": "/data/Metadata/plate_1.gcode", "home_flag": 8_391_055,
        "hms": [{"attr": 50_331_904, "code": 65543}],
        "ipcam": {"ipcam_dev": "1", "ipcam_record": "enable", "timelapse": "disable", "resolution": "1080p",
            "mode_bits": 3, "rtsp_url": "rtsps://192.0.2.5:322/streaming/live/1"}
    });
    with(print(), more)
}

/// A P2S: newer fields, one hot end.
pub(crate) fn p2s() -> Value {
    let more = json!({
        "ams": ams(1), "vir_slot": [external(255)], "aux": "1000", "cfg": "100", "fun": "3EC18FFF9CFF",
        "stat": "800000", "device": {
            "airduct": {"modeCur": 0, "modeList": [], "parts": [{"func": 0, "id": 16, "range": 6_553_600, "state": 70}]},
            "bed": {"info": {"temp": 3_932_208}, "state": 2}, "bed_temp": 3_932_208,
            "ctc": {"info": {"temp": 31}, "state": 0},
            "extruder": {"info": [{"hnow": 0, "id": 0, "info": 14, "snow": 1, "spre": 0, "star": 1, "stat": 196_608,
                "temp": 14_418_140}], "state": 1},
            "nozzle": {"exist": 1, "info": [{"diameter": 0.4, "id": 0, "type": "HS01", "wear": 0}], "state": 0},
            "type": 1
        }
    });
    with(print(), more)
}

/// An H2D with that many AMS: two hot ends, of which what is told outside of `device` is one.
pub(crate) fn h2d(count: u64) -> Value {
    let more = json!({
        "ams": ams(count), "vir_slot": [external(254), external(255)], "aux": "1000", "cfg": "100",
        "fun": "3EC1AFFF9CFF", "fun2": "1", "stat": "0", "mapping": [0, 257, 65535],
        "hms": [{"attr": 117_509_888, "code": 65538, "ts_boot": 5, "ts_unix": "20260402101112"}],
        "device": {
            "airduct": {"modeCur": 1, "modeList": [], "parts": [
                {"func": 0, "id": 16, "range": 6_553_600, "state": 70}, {"func": 1, "id": 32, "range": 6_553_600, "state": 0},
                {"func": 2, "id": 48, "range": 6_553_600, "state": 30}, {"func": 6, "id": 160, "range": 6_553_600, "state": 5}]},
            "bed": {"info": {"temp": 4_587_590}, "state": 2}, "bed_temp": 4_587_590,
            "ctc": {"info": {"temp": 2_949_163}, "state": 0},
            "extruder": {"info": [
                {"hnow": 0, "id": 0, "info": 14, "snow": 257, "spre": 65535, "star": 257, "stat": 196_608, "temp": 16_056_565},
                {"hnow": 1, "id": 1, "info": 8, "snow": 65279, "spre": 65279, "star": 65279, "stat": 0, "temp": 47}], "state": 274},
            "nozzle": {"exist": 3, "info": [{"diameter": 0.4, "id": 0, "type": "HS01", "wear": 0},
                {"diameter": 0.4, "id": 1, "type": "HH01", "wear": 0}], "state": 0},
            "type": 1
        }
    });
    with(print(), more)
}

/// Changes as a P1S pushes them in a print.
pub(crate) fn changes() -> Vec<Value> {
    let of = |more: Value| with(json!({"command": "push_status", "msg": 1, "sequence_id": "2022"}), more);
    let mut all = vec![];
    for n in 0..8_u32 {
        let nozzle = 219.0 + f64::from(n) / 32.0;
        all.push(of(json!({"nozzle_temper": nozzle, "wifi_signal": format!("-{}dBm", 50 + n)})));
        all.push(of(json!({"bed_temper": 60.0 + f64::from(n) / 32.0, "mc_percent": 43 + n, "mc_remaining_time": 30 - n})));
        all.push(of(json!({"layer_num": 18 + n, "mc_print_line_number": (16_000 + 100 * n).to_string()})));
        all.push(of(json!({"big_fan2_speed": (n + 3).to_string(), "fan_gear": 16_711_680 + n, "cooling_fan_speed": "14"})));
    }
    all.push(of(json!({"ams": {"tray_now": "3", "tray_tar": "3"}, "ams_status": 258, "stg_cur": 4})));
    all.push(of(json!({"hms": [{"attr": 50_331_904, "code": 65543}], "print_error": 50_364_437})));
    all.push(of(json!({"ams": {"ams": units(1), "version": 8}})));
    all.push(of(
        json!({"gcode_state": "FINISH", "mc_percent": 100, "hms": [], "print_error": 0, "gcode_file": ""}),
    ));
    all
}
