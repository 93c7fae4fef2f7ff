//! What the server tells of itself: settings, printer profile, system.

use hyper::header::{self, HeaderMap};
use serde_json::{Value, json};

use super::access::Who;
use super::machine::{BAUDRATE, PORT};
use super::reply::{self, Reply};
use super::server::VERSION;
use super::shared::Shared;

/// `GET /api/settings`: the parts that say something about this server and its printer.
pub(super) fn settings(shared: &Shared, who: &Who) -> Value {
    let config = &shared.config;
    let key = who.may("SETTINGS").then_some(config.api_key.as_str());
    let snapshot = format!("http://{}/webcam/?action=snapshot", shared.addr);
    let stream = config.webcam.then_some("/webcam/?action=stream");
    let snapshot = config.webcam.then_some(snapshot);
    let webcam = json!({
        "name": "classic",
        "displayName": "Classic Webcam",
        "canSnapshot": true,
        "snapshotDisplay": snapshot,
        "flipH": false,
        "flipV": false,
        "rotate90": false,
        "extras": { "stream": stream },
        "compat": { "stream": stream, "snapshot": snapshot, "streamRatio": "4:3" },
        "provider": "classicwebcam",
    });
    json!({
        "api": { "allowCrossOrigin": false, "key": key },
        "appearance": {
            "closeModalsWithClick": true,
            "color": "default",
            "colorIcon": true,
            "colorTransparent": false,
            "defaultLanguage": "_default",
            "fuzzyTimes": true,
            "name": config.name,
            "showFahrenheitAlso": false,
            "showInternalFilename": true,
        },
        "controls": [],
        "devel": { "pluginTimings": false },
        "feature": {
            "g90InfluencesExtruder": false,
            "modelSizeDetection": true,
            "printStartConfirmation": false,
            "sdSupport": true,
            "temperatureGraph": true,
            "uploadOverwriteConfirmation": true,
        },
        "folder": {
            "timelapse": "/home/pi/.octoprint/timelapse",
            "uploads": "/home/pi/.octoprint/uploads",
            "watched": "/home/pi/.octoprint/watched",
        },
        "gcodeAnalysis": { "bedZ": 0.0, "runAt": if config.analysis { "idle" } else { "never" } },
        "plugins": {},
        "scripts": { "gcode": {} },
        "serial": {
            "autoconnect": config.connected,
            "baudrate": BAUDRATE,
            "port": PORT,
            "portOptions": ["/dev/ttyS0", PORT],
        },
        "server": {
            "commands": {
                "serverRestartCommand": null,
                "systemRestartCommand": null,
                "systemShutdownCommand": null,
            },
            "diskspace": { "critical": 209_715_200, "warning": 524_288_000 },
        },
        "slicing": { "defaultSlicer": null },
        "system": { "actions": [], "events": null },
        "temperature": {
            "cutoff": 30,
            "profiles": [{ "bed": 60, "extruder": 200, "name": "PLA" }],
            "sendAutomatically": false,
            "sendAutomaticallyAfter": 1,
        },
        "terminalFilters": [],
        "webcam": {
            "cacheBuster": config.webcam.then_some(false),
            "defaultWebcam": config.webcam.then_some("classic"),
            "flipH": config.webcam.then_some(false),
            "flipV": config.webcam.then_some(false),
            "rotate90": config.webcam.then_some(false),
            "snapshotTimeout": config.webcam.then_some(5),
            "snapshotUrl": snapshot,
            "snapshotWebcam": config.webcam.then_some("classic"),
            "streamRatio": config.webcam.then_some("4:3"),
            "streamTimeout": config.webcam.then_some(5),
            "streamUrl": stream,
            "timelapseEnabled": false,
            "webcamEnabled": true,
            "webcams": if config.webcam { vec![webcam] } else { Vec::new() },
        },
    })
}

/// The only printer profile.
pub(super) fn profile(shared: &Shared) -> Value {
    let axis = |speed: u32| json!({ "inverted": false, "speed": speed });
    let extruders = shared.config.extruders.max(1);
    json!({
        "axes": { "e": axis(300), "x": axis(6000), "y": axis(6000), "z": axis(200) },
        "color": "default",
        "current": true,
        "default": true,
        "extruder": {
            "count": extruders,
            "defaultExtrusionLength": 5,
            "nozzleDiameter": 0.4,
            "offsets": vec![[0.0, 0.0]; extruders],
            "sharedNozzle": false,
        },
        "heatedBed": shared.config.heated_bed,
        "heatedChamber": shared.config.heated_chamber,
        "id": "_default",
        "model": "Simulated printer",
        "name": "Default",
        "resource": format!("http://{}/api/printerprofiles/_default", shared.addr),
        "volume": {
            "custom_box": false,
            "depth": 200.0,
            "formFactor": "rectangular",
            "height": 200.0,
            "origin": "lowerleft",
            "width": 200.0,
        },
    })
}

pub(super) fn system_info(headers: &HeaderMap) -> Reply {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    reply::ok(&json!({
        "systeminfo": {
            "browser.user_agent": agent,
            "connectivity.enabled": false,
            "connectivity.online": true,
            "env.hardware.cores": 2,
            "env.os.bits": 64,
            "env.os.id": "linux",
            "env.os.platform": "printhost-sim",
            "env.python.version": "3.11.7",
            "octoprint.last_safe_mode.date": "unknown",
            "octoprint.last_safe_mode.reason": "unknown",
            "octoprint.safe_mode": false,
            "octoprint.version": VERSION,
            "systeminfo.generated": "2026-11-20T20:24:25Z",
            "systeminfo.generator": "systemapi",
        },
    }))
}

/// `GET /plugin/logging/logs`: there are none.
pub(super) fn logs() -> Reply {
    reply::ok(&json!({ "files": [], "free": 77_342_990_336_u64, "total": super::store::TOTAL }))
}

pub(super) fn languages() -> Value {
    json!({
        "language_packs": { "_core": { "display": "Core", "identifier": "_core", "languages": [] } },
    })
}
