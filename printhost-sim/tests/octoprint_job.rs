//! Job commands in each state, the printer's data and its connection.

mod common;

use common::{curl, get, keys, post, slow_gcode, start, upload, wait_for_state, wait_until};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::{Value, json};

async fn disconnected() -> OctoPrintSim {
    OctoPrintSim::start(SimConfig::default().connected(false).time_scale(20.0)).await.expect("a free port")
}

async fn job(sim: &OctoPrintSim, command: Value) -> u16 {
    post(sim, "/api/job", command).await.status
}

async fn flags_set(sim: &OctoPrintSim) -> Vec<String> {
    let state = get(sim, "/api/printer").await.json()["state"].clone();
    let flags = state["flags"].as_object().expect("flags").clone();
    flags.into_iter().filter(|(_, set)| set == true).map(|(name, _)| name).collect()
}

#[tokio::test]
async fn the_job_before_any_selection_has_the_older_shape() {
    let sim = start().await;
    let expected = json!({
        "job": {
            "estimatedPrintTime": null,
            "filament": { "length": null, "volume": null },
            "file": { "date": null, "name": null, "origin": null, "path": null, "size": null },
            "lastPrintTime": null,
            "user": null,
        },
        "progress": {
            "completion": null,
            "filepos": null,
            "printTime": null,
            "printTimeLeft": null,
            "printTimeLeftOrigin": null,
        },
        "state": "Operational",
    });
    assert_eq!(get(&sim, "/api/job").await.json(), expected);
}

#[tokio::test]
async fn start_with_nothing_selected_is_204_and_prints_nothing() {
    let sim = start().await;
    assert_eq!(job(&sim, json!({ "command": "start" })).await, 204);
    assert_eq!(sim.state_text(), "Operational");
}

#[tokio::test]
async fn every_job_command_without_a_printer_is_409_before_its_body_is_read() {
    let sim = disconnected().await;
    for body in [json!({ "command": "start" }), json!({ "command": "cancel" }), json!({ "frob": 1 })] {
        let answer = post(&sim, "/api/job", body).await;
        assert_eq!((answer.status, answer.error().as_str()), (409, "Printer is not operational"));
    }
    assert_eq!(curl(&sim, "/api/job", &["-d", "not json"]).await.status, 409);
    for path in ["/api/printer", "/api/printer/tool", "/api/printer/bed"] {
        assert_eq!(get(&sim, path).await.status, 409, "{path}");
    }
    assert_eq!(get(&sim, "/api/job").await.json()["state"], "Offline");
}

#[tokio::test]
async fn malformed_job_commands_are_told_apart() {
    let sim = start().await;
    let json_type = ["-H", "Content-Type: application/json"];
    assert_eq!(curl(&sim, "/api/job", &["-d", "{}"]).await.status, 415);
    let broken = curl(&sim, "/api/job", &[&json_type[..], &["-d", "{"]].concat()).await;
    assert_eq!(broken.status, 400);
    assert!(broken.error().starts_with("The browser (or proxy) sent a request"));
    let unknown = post(&sim, "/api/job", json!({ "command": "frob" })).await;
    assert_eq!((unknown.status, unknown.error().as_str()), (400, "command is invalid"));
}

#[tokio::test]
async fn pause_and_cancel_without_a_print_are_409() {
    let sim = start().await;
    for command in ["pause", "cancel"] {
        let answer = post(&sim, "/api/job", json!({ "command": command })).await;
        let error =
            format!("Printer is neither printing nor paused, '{command}' command cannot be performed");
        assert_eq!((answer.status, answer.error()), (409, error));
    }
    let answer = post(&sim, "/api/job", json!({ "command": "restart" })).await;
    assert_eq!(answer.error(), "Printer does not have an active print job or is not paused");
}

#[tokio::test]
async fn a_print_is_paused_resumed_restarted_and_cancelled() {
    let sim = start().await;
    upload(&sim, "slow.gcode", &slow_gcode(50), &["select=true", "print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    assert_eq!(flags_set(&sim).await, ["operational", "printing", "sdReady"]);
    // Already so: accepted and without effect.
    assert_eq!(job(&sim, json!({ "command": "pause", "action": "resume" })).await, 204);
    assert_eq!(sim.state_text(), "Printing");
    let again = post(&sim, "/api/job", json!({ "command": "start" })).await;
    assert_eq!(again.error(), "Printer already has an active print job, did you mean 'restart'?");
    assert_eq!(job(&sim, json!({ "command": "restart" })).await, 409);

    assert_eq!(job(&sim, json!({ "command": "pause", "action": "pause" })).await, 204);
    wait_for_state(&sim, "Paused").await;
    assert_eq!(flags_set(&sim).await, ["operational", "paused", "sdReady"]);
    assert_eq!(job(&sim, json!({ "command": "pause", "action": "pause" })).await, 204);
    assert_eq!(job(&sim, json!({ "command": "start" })).await, 409);
    assert_eq!(job(&sim, json!({ "command": "pause" })).await, 204);
    wait_for_state(&sim, "Printing").await;
    assert_eq!(job(&sim, json!({ "command": "pause" })).await, 204);
    wait_for_state(&sim, "Paused").await;
    assert_eq!(job(&sim, json!({ "command": "restart" })).await, 204);
    wait_for_state(&sim, "Printing").await;
    assert_eq!(job(&sim, json!({ "command": "cancel" })).await, 204);
    wait_for_state(&sim, "Operational").await;
    assert_eq!(job(&sim, json!({ "command": "cancel" })).await, 409);

    let after = get(&sim, "/api/job").await.json();
    assert_eq!(after["job"]["file"]["path"], "slow.gcode");
    assert_eq!(after["progress"]["completion"], json!(null));
    let info = get(&sim, "/api/files/local/slow.gcode").await.json();
    assert_eq!((&info["prints"]["failure"], &info["prints"]["success"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn a_cancelling_print_has_no_progress() {
    let sim = OctoPrintSim::start(SimConfig::default().time_scale(0.05)).await.expect("a free port");
    upload(&sim, "slow.gcode", &slow_gcode(50), &["print=true"]).await;
    assert_eq!(job(&sim, json!({ "command": "cancel" })).await, 204);
    let cancelling = get(&sim, "/api/job").await.json();
    assert_eq!(cancelling["state"], "Cancelling");
    assert_eq!(cancelling["progress"]["filepos"], json!(null));
    assert_eq!(flags_set(&sim).await, ["cancelling", "operational", "printing", "sdReady"]);
}

#[tokio::test]
async fn a_finished_print_stays_selected_at_100_percent() {
    let sim = start().await;
    upload(&sim, "quick.gcode", "G28\nG4 P2000\nM117 done\n", &["print=true"]).await;
    let printed = || get(&sim, "/api/files/local/quick.gcode");
    wait_for_state(&sim, "Operational").await;
    let finished = get(&sim, "/api/job").await.json();
    assert_eq!(keys(&finished["job"]).len(), 6);
    assert_eq!(finished["job"]["file"]["name"], "quick.gcode");
    assert_eq!(finished["progress"]["completion"], 100.0);
    assert_eq!(finished["progress"]["filepos"], 23);
    assert_eq!(finished["progress"]["printTimeLeft"], 0);
    assert_eq!(finished["progress"]["printTimeLeftOrigin"], json!(null));
    let seconds = finished["job"]["lastPrintTime"].as_f64().expect("a time");
    assert!((2.0..20.0).contains(&seconds), "{seconds}");
    let info = printed().await.json();
    assert_eq!(info["prints"]["success"], 1);
    assert_eq!(keys(&info["statistics"]), ["averagePrintTime", "lastPrintTime"]);
}

#[tokio::test]
async fn progress_follows_the_position_in_the_file() {
    let sim = OctoPrintSim::start(SimConfig::default().time_scale(100.0)).await.expect("a free port");
    upload(&sim, "slow.gcode", &slow_gcode(50), &["print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    let mut last = 0.0;
    loop {
        let progress = get(&sim, "/api/job").await.json()["progress"].clone();
        let completion = progress["completion"].as_f64().expect("a number");
        assert!(completion >= last);
        last = completion;
        if progress["printTimeLeft"].as_u64().is_some_and(|left| left > 0) {
            assert_eq!(progress["printTimeLeftOrigin"], "linear");
            break;
        }
    }
}

#[tokio::test]
async fn a_file_heats_the_printer_and_waits_for_it() {
    let sim = start().await;
    let cold = get(&sim, "/api/printer").await.json();
    assert_eq!(cold["temperature"]["tool0"], json!({ "actual": 21.3, "offset": 0, "target": 0.0 }));
    upload(&sim, "heat.gcode", "M140 S61\nM109 S221\nM190 S61\nG4 S600\n", &["print=true"]).await;
    let heating = get(&sim, "/api/printer").await.json()["temperature"].clone();
    assert_eq!(keys(&heating), ["bed", "tool0"]);
    loop {
        let temperature = get(&sim, "/api/printer").await.json()["temperature"].clone();
        if temperature["tool0"]["actual"] == 221.0 {
            assert_eq!(temperature["bed"], json!({ "actual": 61.0, "offset": 0, "target": 61.0 }));
            break;
        }
    }
    assert_eq!(sim.state_text(), "Printing");
}

#[tokio::test]
async fn parts_of_the_printer_are_excluded_on_request() {
    let sim = start().await;
    let state = get(&sim, "/api/printer?exclude=temperature,sd").await.json();
    let expected = json!({ "state": {
        "error": "",
        "flags": {
            "cancelling": false,
            "closedOrError": false,
            "error": false,
            "finishing": false,
            "operational": true,
            "paused": false,
            "pausing": false,
            "printing": false,
            "ready": true,
            "resuming": false,
            "sdReady": true,
        },
        "text": "Operational",
    } });
    assert_eq!(state, expected);
    let history = get(&sim, "/api/printer?history=true&limit=2").await.json();
    assert_eq!(keys(&history["temperature"]["history"][0]), ["bed", "time", "tool0"]);
}

#[tokio::test]
async fn commands_are_one_or_many_and_set_temperatures() {
    let sim = start().await;
    let path = "/api/printer/command";
    assert_eq!(post(&sim, path, json!({ "command": "M140 S60" })).await.status, 204);
    assert_eq!(post(&sim, path, json!({ "commands": ["G28", "M104 S200"] })).await.status, 204);
    let temperature = get(&sim, "/api/printer").await.json()["temperature"].clone();
    assert_eq!(
        (&temperature["bed"]["target"], &temperature["tool0"]["target"]),
        (&json!(60.0), &json!(200.0))
    );
    let empty = post(&sim, path, json!({})).await;
    assert_eq!(
        (empty.status, empty.error().as_str()),
        (400, "Need one of 'command', 'commands' or 'script'")
    );
    assert_eq!(post(&sim, path, json!({ "script": "nope" })).await.error(), "Unknown script");
    assert_eq!(
        post(&sim, "/api/printer/bed", json!({ "command": "target", "target": 35 })).await.status,
        204
    );
    assert_eq!(get(&sim, "/api/printer/bed").await.json()["bed"]["target"], 35.0);
    let tool = |targets: Value| json!({ "command": "target", "targets": targets });
    assert_eq!(post(&sim, "/api/printer/tool", tool(json!({ "tool0": 30 }))).await.status, 204);
    assert_eq!(post(&sim, "/api/printer/tool", tool(json!({ "tool0": "hot" }))).await.status, 400);
    assert_eq!(post(&sim, "/api/printer/tool", tool(json!({ "tool9x": 30 }))).await.status, 500);
}

#[tokio::test]
async fn m112_closes_the_connection_and_empties_the_job() {
    let sim = start().await;
    upload(&sim, "slow.gcode", &slow_gcode(50), &["print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    assert_eq!(post(&sim, "/api/printer/command", json!({ "command": "M112" })).await.status, 204);
    let job = get(&sim, "/api/job").await.json();
    assert_eq!(job["state"], "Offline after error");
    assert_eq!(job["error"], "Closing serial port due to emergency stop M112.");
    assert_eq!(job["job"]["filament"], json!(null));
    assert_eq!(job["job"]["file"]["display"], json!(null));
    let connection = get(&sim, "/api/connection").await.json();
    assert_eq!(connection["current"]["state"], "Closed");
    assert_eq!(get(&sim, "/api/printer").await.status, 409);
    assert_eq!(get(&sim, "/api/printer/error").await.json(), json!({ "error": "", "reason": "" }));

    assert_eq!(post(&sim, "/api/connection", json!({ "command": "connect" })).await.status, 204);
    wait_for_state(&sim, "Operational").await;
    assert_eq!(keys(&get(&sim, "/api/job").await.json()), ["job", "progress", "state"]);
}

#[tokio::test]
async fn a_firmware_error_is_explained_until_the_next_connection() {
    let sim = start().await;
    let fail = json!({ "command": "!!DEBUG:trigger_fatal_error_marlin" });
    assert_eq!(post(&sim, "/api/printer/command", fail).await.status, 204);
    let error = get(&sim, "/api/printer/error").await.json();
    assert_eq!(keys(&error), ["consequence", "error", "faq", "logs", "reason"]);
    assert_eq!(get(&sim, "/api/job").await.json()["error"], error["error"]);
    assert_eq!(sim.state_text(), "Offline after error");
    post(&sim, "/api/connection", json!({ "command": "connect" })).await;
    wait_for_state(&sim, "Operational").await;
    assert_eq!(get(&sim, "/api/printer/error").await.json()["error"], "");
}

#[tokio::test]
async fn the_connection_is_closed_opened_and_checked() {
    let sim = disconnected().await;
    let closed = get(&sim, "/api/connection").await.json();
    let expected = json!({ "baudrate": null, "port": null, "printerProfile": "_default", "state": "Closed" });
    assert_eq!(closed["current"], expected);
    assert_eq!(closed["options"]["ports"], json!(["/dev/ttyS0", "VIRTUAL"]));
    for (body, error) in [
        (json!({ "command": "frob" }), "command is invalid"),
        (json!({ "command": "connect", "port": "COM9" }), "port is invalid"),
    ] {
        let answer = post(&sim, "/api/connection", body).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, error));
    }
    let connect = json!({ "command": "connect", "port": "VIRTUAL", "baudrate": 115200 });
    assert_eq!(post(&sim, "/api/connection", connect).await.status, 204);
    wait_for_state(&sim, "Operational").await;
    let open = get(&sim, "/api/connection").await.json();
    assert_eq!(
        (&open["current"]["port"], &open["current"]["baudrate"]),
        (&json!("VIRTUAL"), &json!(115_200))
    );
}

#[tokio::test]
async fn no_temperature_is_known_right_after_connecting() {
    let sim = OctoPrintSim::start(SimConfig::default().time_scale(2.0)).await.expect("a free port");
    post(&sim, "/api/connection", json!({ "command": "connect" })).await;
    assert_eq!(sim.state_text(), "Opening serial connection");
    wait_for_state(&sim, "Operational").await;
    assert_eq!(get(&sim, "/api/printer").await.json()["temperature"], json!({}));
    while get(&sim, "/api/printer").await.json()["temperature"]["bed"].is_null() {}
}

#[tokio::test]
async fn disconnecting_kills_the_print() {
    let sim = start().await;
    upload(&sim, "slow.gcode", &slow_gcode(50), &["print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    assert_eq!(post(&sim, "/api/connection", json!({ "command": "disconnect" })).await.status, 204);
    let job = get(&sim, "/api/job").await.json();
    assert_eq!((&job["state"], &job["job"]["file"]["path"]), (&json!("Offline"), &json!(null)));
    wait_until("the print is gone", || sim.state_text() == "Offline").await;
}

#[tokio::test]
async fn an_upload_to_print_without_a_printer_is_stored_and_not_printed() {
    let sim = disconnected().await;
    let answer = upload(&sim, "p.gcode", "G28\n", &["print=true", "select=true"]).await;
    assert_eq!(answer.status, 201);
    let body = answer.json();
    assert_eq!((&body["effectivePrint"], &body["effectiveSelect"]), (&json!(false), &json!(false)));
    assert_eq!(sim.files().len(), 1);
}

#[tokio::test]
async fn a_wait_of_any_length_can_be_cancelled() {
    let sim = start().await;
    for line in ["G4 S1e300", "M109 S1e300"] {
        upload(&sim, "endless.gcode", &format!("{line}\n"), &["print=true"]).await;
        wait_until("sent", || sim.terminal().iter().any(|said| said.contains(line))).await;
        assert_eq!(sim.state_text(), "Printing");
        assert_eq!(job(&sim, json!({ "command": "cancel" })).await, 204);
        wait_for_state(&sim, "Operational").await;
    }
}
