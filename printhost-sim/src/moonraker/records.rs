//! What the server remembers of temperatures and of the console.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::failure::Answer;
use super::params::Params;
use super::shared::Shared;
use crate::clock::unix_time;

const TEMPERATURES: usize = 1200;
const LINES: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Records {
    lines: VecDeque<Value>,
    /// Temperature and target, by heater, oldest first.
    heaters: BTreeMap<String, VecDeque<(f64, f64)>>,
}

impl Records {
    /// A `command` or a `response`.
    pub(super) fn gcode(&mut self, message: &str, kind: &str) {
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(json!({ "message": message, "time": unix_time(), "type": kind }));
    }

    pub(super) fn temperatures(&mut self, now: Vec<(String, f64, f64)>) {
        for (name, temperature, target) in now {
            let points = self.heaters.entry(name).or_default();
            if points.len() == TEMPERATURES {
                points.pop_front();
            }
            points.push_back((temperature, target));
        }
    }
}

pub(super) fn gcode_store(shared: &Shared, params: &Params) -> Answer {
    let lines = &shared.lock().records.lines;
    let count = params.number("count").map_or(LINES, |count| count as usize);
    let lines: Vec<&Value> = lines.iter().skip(lines.len().saturating_sub(count)).collect();
    Ok(json!({ "gcode_store": lines }))
}

pub(super) fn temperature_store(shared: &Shared) -> Answer {
    let heaters = &shared.lock().records.heaters;
    let mut all = json!({});
    for (name, points) in heaters {
        let powers: Vec<f64> = points.iter().map(|(now, target)| f64::from(u8::from(target > now))).collect();
        all[name] = json!({
            "temperatures": points.iter().map(|point| point.0).collect::<Vec<_>>(),
            "targets": points.iter().map(|point| point.1).collect::<Vec<_>>(),
            "powers": powers,
        });
    }
    Ok(all)
}
