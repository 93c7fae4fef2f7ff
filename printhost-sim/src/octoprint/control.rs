//! Commands to the printer: head, tools, heaters, SD card and terminal.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::console::target_command;
use super::job::json_body;
use super::machine::Machine;
use super::printer::missing_heater;
use super::reply::{self, NOT_OPERATIONAL, Reply};
use super::server::Incoming1;
use super::shared::Shared;
use super::state::State;
use crate::gcode::HeaterId;

const MISSING: &str = "Mandatory parameters missing";
const NO_SUCH_COMMAND: &str = "command is invalid";
/// OctoPrint takes offsets of so many degrees, up or down.
const LARGEST_OFFSET: f64 = 50.0;

/// What a command wants: lines for the printer, or a refusal.
type Lines = Result<Vec<String>, Refusal>;

/// Why a command is not carried out.
#[derive(Debug)]
enum Refusal {
    Bad(String),
    Conflict(&'static str),
    /// The real server breaks on it.
    Broken,
}

pub(super) async fn printhead(shared: &Shared, request: Incoming1) -> Reply {
    let busy = "Printer is not operational or currently printing";
    let state = shared.lock().machine.state;
    if !state.is_operational() {
        return reply::conflict(busy);
    }
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let lines = match body["command"].as_str() {
        Some("feedrate") => factor(&body, "M220"),
        Some("home") if !body["axes"].is_array() => Err(bad(MISSING)),
        Some("jog" | "home") if state.is_printing() => Err(Refusal::Conflict(busy)),
        Some("jog") => jog(&body),
        Some("home") => home(&body),
        _ => Err(bad(NO_SUCH_COMMAND)),
    };
    type_lines(shared, lines)
}

pub(super) async fn tool(shared: &Shared, request: Incoming1) -> Reply {
    let state = shared.lock().machine.state;
    if !state.is_operational() {
        return reply::conflict(NOT_OPERATIONAL);
    }
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let lines = match body["command"].as_str() {
        Some("target") => targets(&shared.lock().machine, &body["targets"]),
        Some("offset") => tool_offsets(&mut shared.lock().machine, &body["offsets"]),
        Some("select") => match &body["tool"] {
            Value::Null => Err(bad(MISSING)),
            tool => tool_number(tool.as_str().unwrap_or_default())
                .map(|tool| vec![format!("T{tool}")])
                .ok_or_else(|| bad("tool is invalid")),
        },
        Some("extrude") if state.is_printing() => Err(Refusal::Conflict("Printer is currently printing")),
        Some("extrude") => extrude(&body),
        Some("flowrate") => factor(&body, "M221"),
        _ => Err(bad(NO_SUCH_COMMAND)),
    };
    type_lines(shared, lines)
}

/// `POST /api/printer/bed` and `/chamber`.
pub(super) async fn heater(shared: &Shared, path: &str, request: Incoming1) -> Reply {
    let name = path.trim_start_matches("printer/");
    {
        let machine = &shared.lock().machine;
        if !machine.state.is_operational() {
            return reply::conflict(NOT_OPERATIONAL);
        }
        if let Some(missing) = missing_heater(machine, name) {
            return missing;
        }
    }
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let id = if name == "bed" { HeaterId::Bed } else { HeaterId::Chamber };
    let lines = match body["command"].as_str() {
        Some(command @ ("target" | "offset")) if body[command].is_null() => Err(bad(MISSING)),
        Some("target") => body["target"]
            .as_f64()
            .map(|celsius| vec![target_command(id, 1, celsius)])
            .ok_or_else(|| bad("target is invalid")),
        Some("offset") => match offset(&body["offset"]) {
            Some(offset) => {
                shared.lock().machine.offsets.insert(name.to_owned(), offset);
                Ok(Vec::new())
            }
            None => Err(bad("offset is invalid")),
        },
        _ => Err(bad(NO_SUCH_COMMAND)),
    };
    type_lines(shared, lines)
}

pub(super) async fn sd(shared: &Shared, request: Incoming1) -> Reply {
    if shared.lock().machine.state != State::Operational {
        return reply::conflict("Printer is not operational or currently busy");
    }
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let lines = match body["command"].as_str() {
        Some("init") => Ok(vec!["M21".to_owned(), "M20".to_owned()]),
        Some("refresh") => Ok(vec!["M20".to_owned()]),
        Some("release") => Ok(vec!["M22".to_owned()]),
        _ => Err(bad(NO_SUCH_COMMAND)),
    };
    type_lines(shared, lines)
}

/// `POST /api/printer/command`: lines as from the terminal.
pub(super) async fn command(shared: &Arc<Shared>, request: Incoming1) -> Reply {
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
    let lines = match (&body["command"], &body["commands"]) {
        (Value::Null, Value::Null) => Err(bad("Need one of 'command', 'commands' or 'script'")),
        (Value::Null, Value::Array(commands)) => {
            Ok(commands.iter().filter_map(Value::as_str).map(|line| line.trim().to_owned()).collect())
        }
        (Value::Null, _) => Err(bad("commands is invalid")),
        (command, Value::Null) => {
            Ok(command.as_str().map(|line| line.trim().to_owned()).into_iter().collect())
        }
        _ => Err(bad("'command' and 'commands' are mutually exclusive")),
    };
    type_lines(shared, lines)
}

fn type_lines(shared: &Shared, lines: Lines) -> Reply {
    let lines = match lines {
        Ok(lines) => lines,
        Err(Refusal::Bad(text)) => return reply::bad_request(&text),
        Err(Refusal::Conflict(text)) => return reply::conflict(text),
        Err(Refusal::Broken) => return reply::internal_error(),
    };
    let mut inner = shared.lock();
    let inner = &mut *inner;
    for line in lines {
        if !inner.machine.state.is_operational() {
            break;
        }
        let printing = inner.machine.printing_path();
        inner.machine.type_line(&line);
        if let Some(path) = printing.filter(|_| !inner.machine.state.is_operational()) {
            inner.store.printed(&path, None);
        }
    }
    reply::no_content()
}

fn bad(text: &str) -> Refusal {
    Refusal::Bad(text.to_owned())
}

fn jog(body: &Value) -> Lines {
    let mut words = String::new();
    for axis in ["x", "y", "z"] {
        match &body[axis] {
            Value::Null => {}
            Value::Number(distance) => words += &format!(" {}{distance}", axis.to_ascii_uppercase()),
            _ => return Err(bad("axis value is invalid")),
        }
    }
    if words.is_empty() {
        return Err(Refusal::Broken);
    }
    let slowest_axis = if body["z"].is_number() { 200.0 } else { 6000.0 };
    let speed = body["speed"].as_f64().unwrap_or(slowest_axis);
    let go = format!("G0{words} F{speed}");
    Ok(if body["absolute"] == json!(true) {
        vec!["G90".to_owned(), go]
    } else {
        vec!["G91".to_owned(), go, "G90".to_owned()]
    })
}

fn home(body: &Value) -> Lines {
    let mut words = String::new();
    for axis in body["axes"].as_array().into_iter().flatten() {
        match axis.as_str() {
            Some(axis @ ("x" | "y" | "z")) => words += &format!(" {}0", axis.to_ascii_uppercase()),
            _ => return Err(bad("axis is invalid")),
        }
    }
    Ok(vec!["G91".to_owned(), format!("G28{words}"), "G90".to_owned()])
}

/// Percent, or a fraction when it is no whole number.
fn factor(body: &Value, command: &str) -> Lines {
    let percent = match &body["factor"] {
        Value::Null => return Err(bad(MISSING)),
        whole if whole.is_i64() => whole.as_f64(),
        other => other.as_f64().map(|fraction| (fraction * 100.0).round()),
    };
    let percent = percent.ok_or_else(|| bad("factor is invalid"))?;
    Ok(vec![format!("{command} S{percent}")])
}

fn targets(machine: &Machine, targets: &Value) -> Lines {
    if targets.is_null() {
        return Err(bad(MISSING));
    }
    let targets = targets.as_object().ok_or(Refusal::Broken)?;
    let mut lines = Vec::new();
    for (tool, celsius) in targets {
        let number = numbered_tool(tool, "targets")?;
        let celsius = celsius.as_f64().ok_or_else(|| bad("targets contains invalid value"))?;
        if number < machine.tools.len() {
            lines.push(target_command(HeaterId::Tool(number), machine.tools.len(), celsius));
        }
    }
    Ok(lines)
}

fn tool_offsets(machine: &mut Machine, offsets: &Value) -> Lines {
    if offsets.is_null() {
        return Err(bad(MISSING));
    }
    let offsets = offsets.as_object().ok_or(Refusal::Broken)?;
    let mut valid = Vec::new();
    for (tool, value) in offsets {
        numbered_tool(tool, "offsets")?;
        let value = offset(value).ok_or_else(|| bad("offsets contains invalid value"))?;
        valid.push((tool.clone(), value));
    }
    machine.offsets.extend(valid);
    Ok(Vec::new())
}

fn extrude(body: &Value) -> Lines {
    let amount = match &body["amount"] {
        Value::Null => return Err(bad(MISSING)),
        Value::Number(amount) => amount,
        _ => return Err(bad("amount is invalid")),
    };
    let speed = match &body["speed"] {
        Value::Null => 300.0,
        speed => speed.as_f64().ok_or(Refusal::Broken)?,
    };
    let lines = ["G91", "M83", &format!("G1 E{amount} F{speed}"), "M82", "G90"];
    Ok(lines.map(str::to_owned).to_vec())
}

fn offset(value: &Value) -> Option<Value> {
    value.as_f64().is_some_and(|degrees| degrees.abs() <= LARGEST_OFFSET).then(|| value.clone())
}

/// The number in `tool0`. A name that only begins like a tool breaks the real server.
fn numbered_tool(name: &str, what: &str) -> Result<usize, Refusal> {
    match tool_number(name) {
        Some(number) => Ok(number),
        None if name.starts_with("tool") => Err(Refusal::Broken),
        None => Err(bad(&format!("{what} contains invalid tool"))),
    }
}

fn tool_number(name: &str) -> Option<usize> {
    name.strip_prefix("tool")?.parse().ok()
}
