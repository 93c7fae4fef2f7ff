//! The job: `GET` and `POST /api/job`.

use std::sync::Arc;

use hyper::{StatusCode, header};
use serde_json::{Value, json};

use super::access::Who;
use super::reply::{self, NOT_OPERATIONAL, Reply};
use super::server::{Incoming1, small_body};
use super::shared::Shared;
use super::state::State;

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

pub(super) async fn post(shared: &Arc<Shared>, who: &Who, request: Incoming1) -> Reply {
    // The state is looked at before the body and before who asks, however wrong these are.
    if !shared.lock().machine.state.is_operational() {
        return reply::conflict(NOT_OPERATIONAL);
    }
    if !who.may("PRINT") {
        return reply::forbidden();
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
