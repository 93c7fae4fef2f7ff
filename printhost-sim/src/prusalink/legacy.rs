//! What the Pi also answers, as OctoPrint would: only what is read.

use serde_json::{Value, json};

use super::machine::State;
use super::shared::{Inner, Shared};
use super::view::PI_FOLDER;

pub(super) fn printer(shared: &Shared, inner: &mut Inner) -> Value {
    let state = inner.machine.state();
    let machine = &inner.machine;
    let heater = |actual: f64, target: f64| json!({ "actual": actual, "target": target });
    let (x, y, z) = machine.position();
    let shown = |axis: f64| if state == State::Printing { Value::Null } else { json!(axis) };
    let free = shared.config.room.saturating_sub(inner.store.used());
    json!({
        "temperature": {
            "tool0": heater(machine.nozzle.actual(), machine.nozzle.target()),
            "bed": heater(machine.bed.actual(), machine.bed.target()),
        },
        "sd": { "ready": false },
        "state": { "text": word(state), "flags": {
            "operational": !state.has_job() && state != State::Gone,
            "paused": state == State::Paused,
            "printing": state == State::Printing,
            "cancelling": false,
            "pausing": false,
            "sdReady": false,
            "error": state == State::Gone,
            "ready": matches!(state, State::Idle | State::Ready),
            "closedOrError": false,
            "finished": state == State::Finished,
            "prepared": state == State::Ready,
            "link_state": state.word(),
        }},
        "telemetry": {
            "temp-bed": machine.bed.actual(),
            "temp-nozzle": machine.nozzle.actual(),
            "material": " - ",
            "z-height": z,
            "print-speed": machine.speed as i64,
            "axis_x": shown(x),
            "axis_y": shown(y),
            "axis_z": z,
        },
        "storage": { "local": { "free_space": free, "total_space": shared.config.room }, "sd_card": null },
    })
}

pub(super) fn job(inner: &mut Inner) -> Value {
    let state = inner.machine.state();
    let job = inner.machine.job.as_ref();
    let file = job.map(|job| {
        let name = super::store::leaf(&job.path);
        let path = format!("/{PI_FOLDER}/{}", job.path);
        json!({ "name": name, "path": path, "size": job.size, "origin": "local",
                "date": inner.store.file(&job.path).map_or(0, |file| file.changed), "display": name })
    });
    let remaining = job.and_then(|job| job.seconds_remaining()).map(|seconds| seconds as i64);
    json!({
        "job": {
            "estimatedPrintTime": remaining,
            "averagePrintTime": null,
            "lastPrintTime": null,
            "filament": null,
            "file": file,
            "user": "_api",
        },
        "progress": {
            "completion": job.and_then(|job| job.percent).map_or(0.0, |percent| percent / 100.0),
            "filepos": 0,
            "printTime": job.map_or(0, |job| job.time_printing()),
            "printTimeLeft": remaining,
            "printTimeLeftOrigin": "estimate",
            "pos_z_mm": inner.machine.position().2,
            "printSpeed": inner.machine.speed as i64,
            "flow_factor": inner.machine.flow as i64,
        },
        "state": word(state),
    })
}

pub(super) fn connection(inner: &mut Inner) -> Value {
    let state = inner.machine.state();
    let ok = state != State::Gone;
    let message = if ok { "OK" } else { "Serial device does not exist" };
    json!({
        "current": { "baudrate": 115_200, "port": "/dev/ttyMK3", "printerProfile": "_default", "state": word(state) },
        "options": {
            "ports": ["/dev/ttyMK3"],
            "baudrates": [115_200],
            "printerProfiles": [{ "id": "_default", "name": "Prusa MK3S" }],
            "autoconnect": true,
        },
        "connect": {
            "hostname": "connect.prusa3d.com",
            "port": 0,
            "tls": true,
            "registration": "NO_REGISTRATION",
            "code": null,
        },
        "states": {
            "printer": { "ok": ok, "message": message },
            "connect": { "ok": true, "message": "Connect isn't configured" },
        },
    })
}

pub(super) fn login() -> Value {
    json!({ "session": null, "active": true, "admin": true, "user": true, "name": "_api" })
}

pub(super) fn settings(shared: &Shared) -> Value {
    json!({ "api-key": shared.config.api_key, "username": "maker", "printer": {
        "name": "Simulated", "location": "nowhere", "farm_mode": false, "network_error_chime": false,
    }})
}

const fn word(state: State) -> &'static str {
    match state {
        State::Printing => "Printing",
        State::Paused => "Paused",
        State::Attention => "Attention",
        State::Gone => "Error",
        State::Idle | State::Ready | State::Finished | State::Stopped => "Operational",
    }
}
