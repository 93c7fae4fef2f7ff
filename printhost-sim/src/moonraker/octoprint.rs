//! Moonraker's imitation of OctoPrint, which slicers upload to.

use std::sync::Arc;

use serde_json::{Value, json};

use super::failure::{Answer, Failure};
use super::params::Params;
use super::shared::{Inner, Shared};
use super::system::{API_VERSION, VERSION};

/// A call below `/api/`.
pub(super) async fn answer(shared: &Arc<Shared>, path: &str, params: &Params, user: &str) -> Answer {
    Ok(match path {
        "version" => {
            json!({ "server": API_VERSION, "api": "0.1", "text": format!("OctoPrint (Moonraker {VERSION})") })
        }
        "server" => {
            let up = shared.lock().link.up;
            json!({ "server": API_VERSION, "safemode": if up { Value::Null } else { json!("settings") } })
        }
        "login" => json!({
            "_is_external_client": false,
            "_login_mechanism": "apikey",
            "name": "_api",
            "active": true,
            "user": true,
            "admin": true,
            "apikey": null,
            "permissions": [],
            "groups": ["admins", "users"],
        }),
        "settings" => settings(),
        "job" => {
            let state = state(&shared.lock()).0;
            json!({
                "job": {
                    "file": { "name": null },
                    "estimatedPrintTime": null,
                    "filament": { "length": null },
                    "user": null,
                },
                "progress": {
                    "completion": null, "filepos": null, "printTime": null, "printTimeLeft": null,
                    "printTimeOrigin": null,
                },
                "state": state,
            })
        }
        "printer" => printer(&shared.lock()),
        "printerprofiles" => profiles(),
        "printer/command" => {
            for command in params.list("commands").unwrap_or_default() {
                // As in a real server, the console tells what went wrong.
                let _ = shared.script(&command, user).await;
            }
            json!({})
        }
        _ => return Err(Failure::not_found()),
    })
}

/// The state's text, and the flag that goes with it.
fn state(inner: &Inner) -> (&'static str, &'static str) {
    use super::klippy::Phase::{Error, Ready, Shutdown};
    match (inner.link.up, inner.klippy.phase, inner.machine.print.state) {
        (true, Ready, "printing") => ("Printing", "printing"),
        (true, Ready, "paused") => ("Paused", "paused"),
        (true, Ready, "error") => ("Error", "error"),
        (true, Ready, _) => ("Operational", "ready"),
        (true, Error | Shutdown, _) => ("Error", "error"),
        _ => ("Offline", ""),
    }
}

fn printer(inner: &Inner) -> Value {
    let (text, flag) = state(inner);
    let operational = matches!(flag, "printing" | "paused" | "ready");
    let mut flags = json!({
        "operational": operational, "paused": false, "printing": false, "cancelling": false, "pausing": false,
        "error": false, "ready": false, "closedOrError": !operational,
    });
    if !flag.is_empty() {
        flags[flag] = json!(true);
    }
    let mut temperature = json!({});
    let mut tool = 0;
    let heaters = if inner.link.known { inner.machine.temperatures() } else { Vec::new() };
    for (name, actual, target) in heaters {
        let label = if name == "heater_bed" { "bed".to_owned() } else { format!("tool{tool}") };
        tool += usize::from(name != "heater_bed");
        temperature[label] = json!({ "actual": actual, "offset": 0, "target": target });
    }
    json!({ "temperature": temperature, "state": { "text": text, "flags": flags } })
}

fn settings() -> Value {
    json!({
        "plugins": {
            "UltimakerFormatPackage": {
                "align_inline_thumbnail": false, "inline_thumbnail": false, "inline_thumbnail_align_value": "left",
                "inline_thumbnail_scale_value": "50", "installed": true, "installed_version": "0.2.2",
                "scale_inline_thumbnail": false, "state_panel_thumbnail": true,
            },
        },
        "feature": { "sdSupport": false, "temperatureGraph": false },
        "webcam": {
            "flipH": false, "flipV": false, "rotate90": false, "streamUrl": "/webcam/?action=stream",
            "webcamEnabled": true,
        },
    })
}

fn profiles() -> Value {
    let axis = |speed: f64| json!({ "speed": speed, "inverted": false });
    let axes = json!({ "x": axis(6000.0), "y": axis(6000.0), "z": axis(6000.0), "e": axis(300.0) });
    json!({
        "profiles": {
            "_default": {
                "id": "_default", "name": "Default", "color": "default", "model": "Default", "default": true,
                "current": true, "heatedBed": true, "heatedChamber": false, "axes": axes,
            },
        },
    })
}
