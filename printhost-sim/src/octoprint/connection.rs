//! The connection to the printer: `/api/connection`.

use std::sync::Arc;

use serde_json::json;

use super::job::json_body;
use super::machine::{BAUDRATE, PORT};
use super::reply::{self, Reply};
use super::server::Incoming1;
use super::shared::Shared;
use super::state::State;

const BAUDRATES: [u32; 7] = [250_000, 230_400, 115_200, 57_600, 38_400, 19_200, 9_600];

pub(super) fn get(shared: &Shared) -> Reply {
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

pub(super) async fn post(shared: &Arc<Shared>, request: Incoming1) -> Reply {
    let body = match json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    match body["command"].as_str() {
        Some("connect") => {
            if given("port").is_some_and(|port| port != PORT) {
                return reply::bad_request("port is invalid");
            }
            if given("baudrate").is_some_and(|rate| !BAUDRATES.iter().any(|known| rate == known)) {
                return reply::bad_request("baudrate is invalid");
            }
            if given("printerProfile").is_some_and(|profile| profile != "_default") {
                return reply::bad_request("printerProfile is invalid");
            }
            shared.connect();
        }
        Some("disconnect") => shared.disconnect(),
        Some("fake_ack") => {}
        _ => return reply::bad_request("command is invalid"),
    }
    reply::no_content()
}
