//! What OctoRest says, as fields.

use std::process::Command;

use serde_json::{Value, json};

use super::fields::{Fields, hex_or_null, list_at, non_empty};

/// A server, seen through OctoRest.
pub(crate) struct OctoRest {
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) folder: String,
}

impl OctoRest {
    /// Brings the printer into a state, and says all that it reads then.
    pub(crate) fn sees(&self, state: &str) -> Value {
        let python = std::env::var("PRINTHOST_OCTOREST_PYTHON").expect(
            "PRINTHOST_OCTOREST_PYTHON is not set; run `cargo xtask octorest` or `cargo xtask peers`",
        );
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/same_printer/octorest_sees.py");
        let output = Command::new(python)
            .args([script, &self.url, &self.key, &self.folder, state])
            .output()
            .expect("Python runs");
        assert!(output.status.success(), "{state}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

/// The fields in what OctoRest has said.
pub(crate) fn fields(seen: &Value) -> Fields {
    let mut fields = Fields::new();
    let mut put = |name: String, value: Value| {
        assert!(fields.insert(name.clone(), value).is_none(), "{name} twice");
    };
    put("version/server".into(), seen["version"]["server"].clone());
    put("version/api".into(), seen["version"]["api"].clone());

    let connection = &seen["connection"];
    put("connection/state".into(), connection["current"]["state"].clone());
    put("connection/port".into(), connection["current"]["port"].clone());
    put("connection/baudrate".into(), connection["current"]["baudrate"].clone());
    put("connection/profile".into(), connection["current"]["printerProfile"].clone());
    put("connection/ports".into(), list_at(&connection["options"]["ports"], ""));
    put("connection/baudrates".into(), list_at(&connection["options"]["baudrates"], ""));
    put("connection/profiles".into(), list_at(&connection["options"]["printerProfiles"], "id"));

    let (printer, job) = (&seen["printer"], &seen["job"]);
    let text = if printer.is_null() { &job["state"] } else { &printer["state"]["text"] };
    put("state/text".into(), text.clone());
    put("state/phase".into(), phase(printer, &job["state"]).into());
    let error = if printer.is_null() { &job["error"] } else { &printer["state"]["error"] };
    put("state/error".into(), non_empty(error));

    let (file, progress) = (&job["job"]["file"], &job["progress"]);
    put("job/path".into(), file["path"].clone());
    put("job/storage".into(), file["origin"].clone());
    put("job/size".into(), file["size"].clone());
    let fraction = progress["completion"].as_f64().filter(|_| !file["path"].is_null()).map(|c| c / 100.0);
    put("job/progress".into(), json!(fraction));
    put("job/elapsed".into(), progress["printTime"].clone());
    put("job/remaining".into(), progress["printTimeLeft"].clone());
    put("job/estimated".into(), job["job"]["estimatedPrintTime"].clone());
    put("job/average".into(), job["job"]["averagePrintTime"].clone());
    put("job/last".into(), job["job"]["lastPrintTime"].clone());
    put("job/user".into(), job["job"]["user"].clone());
    put("job/filament".into(), filament(&job["job"]["filament"], "length"));
    put("job/filament volume".into(), filament(&job["job"]["filament"], "volume"));

    for (heater, told) in printer["temperature"].as_object().into_iter().flatten() {
        // A heater that is not there has no temperature.
        if heater != "history" && !told["actual"].is_null() {
            put(format!("heater/{heater}/actual"), told["actual"].clone());
            put(format!("heater/{heater}/target"), told["target"].clone());
            put(format!("heater/{heater}/offset"), told["offset"].clone());
        }
    }

    for entry in seen["files"].as_array().expect("files") {
        let path = entry["path"].as_str().expect("a path");
        let is_folder = entry["type"] == "folder";
        put(format!("file/{path}/folder"), is_folder.into());
        put(format!("file/{path}/size"), if is_folder { Value::Null } else { entry["size"].clone() });
        put(format!("file/{path}/date"), json!(entry["date"].as_f64().map(f64::floor)));
        put(format!("file/{path}/hash"), hex_or_null(entry["hash"].as_str()));
    }
    for info in seen["infos"].as_array().expect("infos") {
        let path = info["path"].as_str().expect("a path");
        let analysis = &info["gcodeAnalysis"];
        put(format!("info/{path}/size"), info["size"].clone());
        put(format!("info/{path}/date"), json!(info["date"].as_f64().map(f64::floor)));
        put(format!("info/{path}/hash"), hex_or_null(info["hash"].as_str()));
        // For the driver, a print that takes no time is one of which nothing is known.
        let time = &analysis["estimatedPrintTime"];
        let time = if time.as_f64() == Some(0.0) { &Value::Null } else { time };
        put(format!("info/{path}/print time"), time.clone());
        put(format!("info/{path}/filament"), filament(&analysis["filament"], "length"));
    }

    for (id, profile) in seen["profiles"].as_object().expect("profiles") {
        for (ours, theirs) in [
            ("name", &profile["name"]),
            ("model", &profile["model"]),
            ("current", &profile["current"]),
            ("default", &profile["default"]),
            ("heated bed", &profile["heatedBed"]),
            ("heated chamber", &profile["heatedChamber"]),
            ("tools", &profile["extruder"]["count"]),
            ("shared nozzle", &profile["extruder"]["sharedNozzle"]),
            ("nozzle", &profile["extruder"]["nozzleDiameter"]),
            ("width", &profile["volume"]["width"]),
            ("depth", &profile["volume"]["depth"]),
            ("height", &profile["volume"]["height"]),
        ] {
            put(format!("profile/{id}/{ours}"), theirs.clone());
        }
        put(format!("profile/{id}/round"), (profile["volume"]["formFactor"] == "circular").into());
    }
    fields
}

/// What each tool needs.
fn filament(told: &Value, what: &str) -> Value {
    let tool = |n: usize| &told[format!("tool{n}")];
    let needed = (0..).map(tool).take_while(|tool| !tool.is_null()).map(|tool| tool[what].clone());
    Value::Array(needed.collect())
}

/// What OctoPrint's flags mean, in the words of `Phase::name`.
fn phase(printer: &Value, text: &Value) -> &'static str {
    if printer.is_null() {
        let text = text.as_str().unwrap_or_default();
        return if text.contains("rror") { "faulted" } else { "offline" };
    }
    let flag = |name: &str| printer["state"]["flags"][name] == true;
    for (name, phase) in [
        ("error", "faulted"),
        ("closedOrError", "offline"),
        ("cancelling", "cancelling"),
        ("finishing", "finishing"),
        ("pausing", "pausing"),
        ("resuming", "resuming"),
        ("paused", "paused"),
        ("printing", "printing"),
        ("operational", "idle"),
    ] {
        if flag(name) {
            return phase;
        }
    }
    "unknown"
}
