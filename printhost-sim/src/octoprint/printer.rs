//! What the printer tells of itself: `GET /api/printer` and below.

use serde_json::{Value, json};

use super::machine::Machine;
use super::reply::{self, NOT_OPERATIONAL, Reply};
use super::shared::Shared;
use crate::uri::{is_true, query_value};

pub(super) fn printer(shared: &Shared, query: Option<&str>) -> Reply {
    let machine = &shared.lock().machine;
    if !machine.state.is_operational() {
        return reply::conflict(NOT_OPERATIONAL);
    }
    let excluded = query_value(query, "exclude").unwrap_or_default();
    let mut body = json!({});
    for part in ["temperature", "sd", "state"] {
        if excluded.split(',').any(|excluded| excluded == part) {
            continue;
        }
        body[part] = match part {
            "temperature" => {
                let mut temperature = machine.temperatures_json();
                if let Some(history) = history(machine, query, |_| true) {
                    temperature["history"] = json!(history);
                }
                temperature
            }
            "sd" => json!({ "ready": machine.sd.ready }),
            _ => machine.state_json(),
        };
    }
    reply::ok(&body)
}

pub(super) fn error(shared: &Shared) -> Reply {
    let machine = &shared.lock().machine;
    // After M112 the real server has nothing to tell here either.
    let none = || json!({ "error": "", "reason": "" });
    reply::ok(&machine.firmware_error.clone().unwrap_or_else(none))
}

/// `GET /api/printer/tool`, `/bed` and `/chamber`, each with its part of the history.
pub(super) fn heater(shared: &Shared, path: &str, query: Option<&str>) -> Reply {
    let machine = &shared.lock().machine;
    if !machine.state.is_operational() {
        return reply::conflict(NOT_OPERATIONAL);
    }
    let kind = path.trim_start_matches("printer/");
    if let Some(missing) = missing_heater(machine, kind) {
        return missing;
    }
    let of_kind = |name: &str| name.starts_with(kind);
    let mut body = machine.temperatures_json();
    if let Some(heaters) = body.as_object_mut() {
        heaters.retain(|name, _| of_kind(name));
    }
    if let Some(history) = history(machine, query, of_kind) {
        body["history"] = json!(history);
    }
    reply::ok(&body)
}

pub(super) fn sd(shared: &Shared) -> Reply {
    reply::ok(&json!({ "ready": shared.lock().machine.sd.ready }))
}

/// What to answer when the printer has no such heater.
pub(super) fn missing_heater(machine: &Machine, kind: &str) -> Option<Reply> {
    match kind {
        "bed" if machine.bed.is_none() => Some(reply::conflict("Printer does not have a heated bed")),
        "chamber" if machine.chamber.is_none() => {
            Some(reply::conflict("Printer does not have a heated chamber"))
        }
        _ => None,
    }
}

/// The history if it is asked for: its latest `limit` points, reduced to some heaters.
fn history(machine: &Machine, query: Option<&str>, of_kind: impl Fn(&str) -> bool) -> Option<Vec<Value>> {
    if !query_value(query, "history").is_some_and(|wanted| is_true(&wanted)) {
        return None;
    }
    let limit = query_value(query, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    let mut points: Vec<Value> = machine.points.iter().cloned().collect();
    if points.is_empty() && machine.temperatures_known() {
        points.push(machine.temperature_point());
    }
    points.drain(..points.len().saturating_sub(limit));
    for point in points.iter_mut().filter_map(Value::as_object_mut) {
        point.retain(|name, _| of_kind(name));
    }
    Some(points)
}
