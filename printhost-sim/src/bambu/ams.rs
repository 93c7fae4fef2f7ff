//! The units that hold filament.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::model::BambuModel;

/// Numbers of trays that are none in a unit.
const EXTERNAL: i64 = 254;
const NONE: i64 = 255;
/// What `ams_status` goes through while filament is changed: heating, feeding, purging; then assisting.
const CHANGING: [u32; 3] = [258, 261, 262];
const ASSISTING: u32 = 768;

/// All units with their trays.
#[derive(Debug)]
pub(super) struct Ams {
    pub(super) units: Vec<Value>,
    pub(super) now: i64,
    pub(super) previous: i64,
    pub(super) target: i64,
    pub(super) status: u32,
    change: Option<Instant>,
    reached: usize,
    /// How long each step of a change takes.
    step: Duration,
}

impl Ams {
    pub(super) fn new(model: BambuModel, units: u8, step: Duration) -> Self {
        let info = match model {
            BambuModel::P1s => "2003",
            BambuModel::A1Mini => "1002",
            _ => "1001",
        };
        let units = (0..units).map(|unit| {
            json!({
                "id": unit.to_string(), "humidity": "5", "humidity_raw": "25", "temp": "24.3", "dry_time": 0, "info": info,
                "tray": (0..4).map(|slot| tray(unit, slot)).collect::<Vec<_>>(),
            })
        });
        Self {
            units: units.collect(),
            now: NONE,
            previous: NONE,
            target: NONE,
            status: 0,
            change: None,
            reached: 0,
            step,
        }
    }

    /// Begins to change to a tray, the external spool or nothing; false when there is no such tray.
    pub(super) fn begin(&mut self, target: i64) -> bool {
        let trays = self.units.len() as i64 * 4;
        if !(0..trays).contains(&target) && target != EXTERNAL && target != NONE {
            return false;
        }
        self.target = target;
        self.status = CHANGING[0];
        self.change = Some(Instant::now());
        self.reached = 0;
        true
    }

    /// Changes to a tray at once, as within a print.
    pub(super) fn switch(&mut self, tray: i64) {
        let tray = if tray < 0 { EXTERNAL } else { tray };
        (self.previous, self.now, self.target) = (self.now, tray, tray);
        self.status = ASSISTING;
        self.change = None;
    }

    /// Goes on with a change as far as it has come.
    pub(super) fn settle(&mut self) {
        let Some(begun) = self.change else { return };
        // Not past a step that no report has told.
        let due = (begun.elapsed().as_secs_f64() / self.step.as_secs_f64()) as usize;
        self.reached = due.min(self.reached + 1);
        match CHANGING.get(self.reached) {
            Some(status) => self.status = *status,
            None => {
                let target = self.target;
                self.switch(target);
                if target == NONE {
                    self.status = 0;
                }
            }
        }
    }

    /// Sets what is said of a tray's filament; false when there is no such tray.
    pub(super) fn describe(&mut self, unit: i64, slot: i64, fields: &Value) -> bool {
        let tray = usize::try_from(unit)
            .ok()
            .zip(usize::try_from(slot).ok())
            .and_then(|(unit, slot)| self.units.get_mut(unit)?["tray"].get_mut(slot));
        let Some(tray) = tray else { return false };
        for name in ["tray_info_idx", "tray_type", "tray_color"] {
            if let Some(text) = fields[name].as_str() {
                tray[name] = json!(text);
            }
        }
        if let Some(color) = fields["tray_color"].as_str() {
            tray["cols"] = json!([color]);
        }
        for name in ["nozzle_temp_min", "nozzle_temp_max"] {
            if let Some(number) = fields[name].as_i64() {
                tray[name] = json!(number.to_string());
            }
        }
        true
    }

    /// As the report has it.
    pub(super) fn report(&self) -> Value {
        let units = self.units.len();
        let trays = format!("{:x}", (1_u64 << (units * 4)) - 1);
        json!({
            "ams": self.units,
            "ams_exist_bits": format!("{:x}", (1_u64 << units) - 1),
            "insert_flag": true,
            "power_on_flag": false,
            "tray_exist_bits": trays,
            "tray_is_bbl_bits": trays,
            "tray_now": self.now.to_string(),
            "tray_pre": self.previous.to_string(),
            "tray_read_done_bits": trays,
            "tray_reading_bits": "0",
            "tray_tar": self.target.to_string(),
            "version": 3,
        })
    }
}

fn tray(unit: u8, slot: u8) -> Value {
    const FILAMENTS: [(&str, &str, &str, &str); 4] = [
        ("GFA00", "PLA", "PLA Basic", "FFFFFFFF"),
        ("GFA05", "PLA", "PLA Silk", "1F2A44FF"),
        ("GFG02", "PETG", "PETG HF", "7FD1C480"),
        ("GFL99", "PLA", "", "0A84FFFF"),
    ];
    let (id, material, brand, color) = FILAMENTS[usize::from(slot) % FILAMENTS.len()];
    json!({
        "id": slot.to_string(), "tray_info_idx": id, "tray_type": material, "tray_sub_brands": brand,
        "tray_color": color, "cols": [color], "ctype": 0, "remain": 100 - 20 * i32::from(slot), "state": 11,
        "nozzle_temp_min": "190", "nozzle_temp_max": "240", "bed_temp": "60", "bed_temp_type": "0", "tray_temp": "55",
        "tray_time": "8", "tray_diameter": "1.75", "tray_weight": "1000", "total_len": 315_000, "tray_id_name": "",
        "tag_uid": format!("5EED00000000F0{unit}{slot}"), "tray_uuid": format!("5EED0000000000000000000000000F{unit}{slot}"),
        "k": 0.022, "n": 1, "cali_idx": -1, "xcam_info": "000000000000000000000000",
    })
}
