//! What clients publish: some categories in one message, each with a command.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::config::BambuControl;
use super::control;
use super::shared::{Inner, Shared};

/// No valid signature.
const UNSIGNED: u32 = 0x0502_4007;
/// Told in the health report where the answer does not say it.
const UNSIGNED_HEALTH: (u32, u32) = (0x0500_0500, 0x0001_0007);
/// For how long a printer is away that was told to start anew.
const REBOOT: Duration = Duration::from_secs(2);

/// One command of a message.
pub(super) struct Request<'a> {
    pub(super) category: &'a str,
    pub(super) fields: &'a Value,
}

impl Request<'_> {
    pub(super) fn text(&self, name: &str) -> &str {
        self.fields[name].as_str().unwrap_or_default()
    }

    /// A number, also when it is a text.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let value = &self.fields[name];
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    /// An answer with these fields.
    pub(super) fn answer(&self, inner: &mut Inner, serial: &str, fields: Value) {
        let mut answer = Map::new();
        if inner.machine.facts.acks_name_command || self.category != "print" {
            answer.insert("command".to_owned(), self.fields["command"].clone());
        }
        let number = self.fields.get("sequence_id").cloned();
        answer.insert("sequence_id".to_owned(), number.unwrap_or_else(|| json!("0")));
        if let Value::Object(fields) = fields {
            answer.extend(fields);
        }
        inner.publish_json(serial, &json!({ self.category: answer }));
    }

    pub(super) fn succeeds(&self, inner: &mut Inner, serial: &str) {
        self.answer(inner, serial, json!({ "result": "success", "reason": "success" }));
    }

    pub(super) fn fails(&self, inner: &mut Inner, serial: &str, reason: &str) {
        self.answer(inner, serial, json!({ "result": "fail", "reason": reason }));
    }
}

/// What became of the answers to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Sent,
    /// There were to be none, and the connection is to be reset.
    Lost,
}

/// Does what a message asks for, and answers to all who listen.
pub(super) fn handle(shared: &Arc<Shared>, payload: &[u8]) -> Answered {
    let Ok(Value::Object(message)) = serde_json::from_slice(payload) else { return Answered::Sent };
    shared.log(Value::Object(message.clone()));
    let loses = {
        let mut inner = shared.lock();
        if inner.zombie {
            return Answered::Sent;
        }
        let loses = inner.loses_answer && message.contains_key("print");
        inner.loses_answer &= !loses;
        inner.mute = loses;
        loses
    };
    for (category, fields) in &message {
        if fields.is_object() {
            dispatch(shared, &Request { category, fields });
        }
    }
    shared.lock().mute = false;
    if loses { Answered::Lost } else { Answered::Sent }
}

fn dispatch(shared: &Arc<Shared>, request: &Request<'_>) {
    let serial = &shared.config.serial;
    match request.category {
        "pushing" if request.text("command") == "pushall" => shared.lock().publish_whole(serial),
        "info" if request.text("command") == "get_version" => {
            let inner = &mut *shared.lock();
            let mut versions = inner.reporter.versions();
            versions["sequence_id"] =
                request.fields.get("sequence_id").cloned().unwrap_or_else(|| json!("0"));
            inner.publish_json(serial, &json!({ "info": versions }));
        }
        "print" => {
            let policy = shared.lock().config.control;
            match policy {
                BambuControl::Open => control::handle(shared, request),
                refusal => refuse(shared, request, refusal),
            }
        }
        "system" => system(shared, request),
        "camera" => camera(shared, request),
        "xcam" if request.text("command") == "xcam_control_set" => {
            let inner = &mut *shared.lock();
            let enabled = request.fields["enable"].as_bool().or(request.fields["control"].as_bool());
            inner.machine.set("xcam", request.text("module_name"), json!(enabled.unwrap_or(false)));
            request.succeeds(inner, serial);
        }
        "upgrade" if request.text("command") == "get_history" => {
            let inner = &mut *shared.lock();
            request.answer(
                inner,
                serial,
                json!({ "firmware_optional": [], "result": "success", "reason": "" }),
            );
        }
        _ => {}
    }
}

fn refuse(shared: &Shared, request: &Request<'_>, how: BambuControl) {
    let inner = &mut *shared.lock();
    let serial = &shared.config.serial;
    match how {
        BambuControl::Open | BambuControl::Silent => {}
        BambuControl::Failed => {
            let reason = "mqtt message verify failed";
            let fields = json!({ "result": "failed", "reason": reason, "err_code": UNSIGNED });
            request.answer(inner, serial, fields);
        }
        BambuControl::Bare => {
            if !inner.machine.health.contains(&UNSIGNED_HEALTH) {
                inner.machine.health.push(UNSIGNED_HEALTH);
            }
            request.answer(inner, serial, json!({}));
        }
    }
}

fn system(shared: &Arc<Shared>, request: &Request<'_>) {
    let inner = &mut *shared.lock();
    let serial = &shared.config.serial;
    match request.text("command") {
        // Without a name it is a light, as bambulabs-api sends it.
        "ledctrl" | "" if !request.text("led_mode").is_empty() => {
            let node = match request.text("led_node") {
                "" => "chamber_light",
                node => node,
            };
            // A light that there is not is switched without a word, too.
            inner.machine.switch_light(node, request.text("led_mode"));
            request.succeeds(inner, serial);
        }
        "uiop" => {
            if request.text("name") == "print_error" && request.text("action") == "close" {
                inner.machine.confirm_error();
            }
            request.succeeds(inner, serial);
        }
        "get_access_code" => {
            let code = shared.config.access_code.clone();
            request.answer(inner, serial, json!({ "access_code": code, "result": "success", "reason": "" }));
        }
        "set_accessories" => {
            for name in ["nozzle_diameter", "nozzle_type"] {
                let value = &request.fields[name];
                let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                if !value.is_null() {
                    inner.machine.set("", name, json!(text));
                }
            }
            request.succeeds(inner, serial);
        }
        "reboot" => {
            inner.machine.lose_power();
            let shared = Arc::clone(shared);
            let keeper = Arc::clone(&shared);
            keeper.keep(async move { shared.replace_life(REBOOT).await });
        }
        "get_accessories" | "set_door_stat" => request.succeeds(inner, serial),
        _ => {}
    }
}

fn camera(shared: &Shared, request: &Request<'_>) {
    let inner = &mut *shared.lock();
    let name = match request.text("command") {
        "ipcam_record_set" => "ipcam_record",
        "ipcam_timelapse" => "timelapse",
        _ => return,
    };
    inner.machine.set("ipcam", name, json!(request.text("control")));
    request.succeeds(inner, &shared.config.serial);
}
