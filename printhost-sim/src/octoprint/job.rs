//! Job, printer, commands and connection.

use std::sync::Arc;

use hyper::{StatusCode, header};
use serde_json::{Value, json};

use super::gcode::{Effect, HeaterId, Interpreter};
use super::machine::{BAUDRATE, Machine, PORT, State};
use super::reply::{self, NOT_OPERATIONAL, Reply};
use super::server::{Incoming1, small_body};
use super::shared::Shared;
use super::uri::query_value;

/// The user a global API key stands for.
pub(super) const USER: &str = "_api";
const BAUDRATES: [u32; 7] = [250_000, 230_400, 115_200, 57_600, 38_400, 19_200, 9_600];

pub(super) fn get(shared: &Shared) -> Reply {
    let machine = &shared.lock().machine;
    let mut body = json!({
        "job": machine.job_json(),
        "progress": machine.progress_json(),
        "state": machine.state_text(),
    });
    if !machine.error.is_empty() {
        body["error"] = json!(machine.error);
    }
    reply::ok(&body)
}

pub(super) async fn post(shared: &Arc<Shared>, request: Incoming1) -> Reply {
    // The state is looked at before the body, however wrong that is.
    if !shared.lock().machine.state.is_operational() {
        return reply::conflict(NOT_OPERATIONAL);
    }
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let state = shared.lock().machine.state;
    match body["command"].as_str() {
        Some("start") if state.is_busy() => {
            reply::conflict("Printer already has an active print job, did you mean 'restart'?")
        }
        Some("restart") if state != State::Paused => {
            reply::conflict("Printer does not have an active print job or is not paused")
        }
        Some("start" | "restart") => {
            shared.start_print();
            reply::no_content()
        }
        Some(command @ ("pause" | "cancel")) if !state.is_busy() => reply::conflict(&format!(
            "Printer is neither printing nor paused, '{command}' command cannot be performed"
        )),
        Some("pause") => pause(shared, body["action"].as_str().unwrap_or("toggle")),
        Some("cancel") => {
            let mut inner = shared.lock();
            if let Some(path) = inner.machine.cancel() {
                inner.store.printed(&path, None);
            }
            reply::no_content()
        }
        _ => reply::bad_request("command is invalid"),
    }
}

fn pause(shared: &Shared, action: &str) -> Reply {
    let machine = &mut shared.lock().machine;
    match action {
        "pause" => machine.pause(),
        "resume" => machine.resume(),
        "toggle" if machine.state == State::Paused => machine.resume(),
        "toggle" => machine.pause(),
        _ => return reply::bad_request("Unknown action"),
    }
    reply::no_content()
}

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
            "temperature" => temperature(machine, query),
            "sd" => json!({ "ready": true }),
            _ => machine.state_json(),
        };
    }
    reply::ok(&body)
}

fn temperature(machine: &Machine, query: Option<&str>) -> Value {
    let mut temperature = machine.temperatures_json();
    if query_value(query, "history").is_some_and(|wanted| super::uri::is_true(&wanted)) {
        temperature["history"] = json!([machine.temperature_point()]);
    }
    temperature
}

pub(super) fn printer_error(shared: &Shared) -> Reply {
    let machine = &shared.lock().machine;
    // After M112 the real server has nothing to tell here either.
    let none = || json!({ "error": "", "reason": "" });
    reply::ok(&machine.firmware_error.clone().unwrap_or_else(none))
}

/// `GET /api/printer/tool` and `/bed`; `name` is the heater in the answer.
pub(super) fn heater(shared: &Shared, name: &str) -> Reply {
    let machine = &shared.lock().machine;
    if !machine.state.is_operational() {
        return reply::conflict(NOT_OPERATIONAL);
    }
    let temperatures = machine.temperatures_json();
    reply::ok(&temperatures.get(name).map_or_else(|| json!({}), |heater| json!({ name: heater })))
}

/// `POST /api/printer/tool` and `/bed` with the command `target`, the only one simulated.
pub(super) async fn set_target(shared: &Shared, path: &str, request: Incoming1) -> Reply {
    if !shared.lock().machine.state.is_operational() {
        return reply::conflict(NOT_OPERATIONAL);
    }
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    if body["command"] != "target" {
        return reply::bad_request("command is invalid");
    }
    let (id, celsius) = if path == "printer/bed" {
        (HeaterId::Bed, body["target"].as_f64())
    } else {
        let targets = body["targets"].as_object();
        if targets.is_some_and(|targets| targets.keys().any(|tool| tool != "tool0")) {
            let text = "The server encountered an internal error and was unable to complete your request. \
                Either the server is overloaded or there is an error in the application.";
            return reply::error(StatusCode::INTERNAL_SERVER_ERROR, text);
        }
        (HeaterId::Tool, body["targets"]["tool0"].as_f64())
    };
    match (celsius, id) {
        (Some(celsius), id) => {
            shared.lock().machine.heater(id).set_target(celsius);
            reply::no_content()
        }
        (None, HeaterId::Tool) => reply::bad_request("targets contains invalid value"),
        (None, HeaterId::Bed) => reply::bad_request("target is invalid"),
    }
}

pub(super) async fn command(shared: &Shared, request: Incoming1) -> Reply {
    if !shared.lock().machine.state.is_operational() {
        return reply::conflict(NOT_OPERATIONAL);
    }
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    if body.get("script").is_some() {
        return reply::error(StatusCode::NOT_FOUND, "Unknown script");
    }
    let commands: Vec<&str> = match (&body["command"], &body["commands"]) {
        (Value::String(command), _) => vec![command],
        (_, Value::Array(commands)) => commands.iter().filter_map(Value::as_str).collect(),
        _ => return reply::bad_request("Need one of 'command', 'commands' or 'script'"),
    };
    let machine = &mut shared.lock().machine;
    for line in commands {
        execute(machine, line.trim());
    }
    reply::no_content()
}

fn execute(machine: &mut Machine, line: &str) {
    if !machine.state.is_operational() {
        return;
    }
    match line.split_ascii_whitespace().next() {
        Some("M112" | "m112") => machine.emergency_stop(),
        Some("!!DEBUG:trigger_fatal_error_marlin") => machine.firmware_fails(),
        _ => {
            if let Effect::Heat { heater, celsius, .. } = Interpreter::new().line(line) {
                machine.heater(heater).set_target(celsius);
            }
        }
    }
}

pub(super) fn connection(shared: &Shared) -> Reply {
    let machine = &shared.lock().machine;
    let open = machine.state != State::Offline;
    reply::ok(&json!({
        "current": {
            "baudrate": open.then_some(BAUDRATE),
            "port": open.then_some(PORT),
            "printerProfile": "_default",
            "state": if open { machine.state.text() } else { "Closed" },
        },
        "options": {
            "baudratePreference": BAUDRATE,
            "baudrates": BAUDRATES,
            "portPreference": PORT,
            "ports": ["/dev/ttyS0", PORT],
            "printerProfilePreference": "_default",
            "printerProfiles": [{ "id": "_default", "name": "Default" }],
        },
    }))
}

pub(super) async fn connect(shared: &Arc<Shared>, request: Incoming1) -> Reply {
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    match body["command"].as_str() {
        Some("connect") => {
            if body.get("port").is_some_and(|port| !port.is_null() && port != PORT) {
                return reply::bad_request("port is invalid");
            }
            if body
                .get("baudrate")
                .is_some_and(|rate| !rate.is_null() && !BAUDRATES.iter().any(|r| rate == r))
            {
                return reply::bad_request("baudrate is invalid");
            }
            shared.connect();
        }
        Some("disconnect") => shared.lock().machine.disconnect(),
        _ => return reply::bad_request("command is invalid"),
    }
    reply::no_content()
}

/// The JSON body, or the answer to one that is none.
pub(super) async fn json_body(request: Incoming1) -> Result<Value, Reply> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = content_type.is_some_and(|value| value.starts_with("application/json"));
    let body = small_body(request.into_body()).await?;
    if !is_json {
        return Err(reply::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Did not attempt to load JSON data because the request Content-Type was not 'application/json'.",
        ));
    }
    serde_json::from_slice(&body).map_err(|_| {
        reply::bad_request("The browser (or proxy) sent a request that this server could not understand.")
    })
}
