//! Commands to the printer, and what its terminal says of them.

mod common;

use common::{curl, get, keys, post, slow_gcode, start, upload, wait_for_state, wait_until};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::{Value, json};

/// What the terminal says after the command: one line for each sent or received.
async fn said(sim: &OctoPrintSim, path: &str, body: Value) -> Vec<String> {
    let before = sim.terminal().len();
    assert_eq!(post(sim, path, body.clone()).await.status, 204, "{body}");
    let mut said = sim.terminal().split_off(before);
    said.retain(|line| line != "Recv: wait" && !line.starts_with("Recv: T:"));
    said
}

/// The lines of a command whose only answer is `ok`.
fn accepted(lines: &[&str]) -> Vec<String> {
    lines.iter().flat_map(|line| [format!("Send: {line}"), "Recv: ok".to_owned()]).collect()
}

#[tokio::test]
async fn the_terminal_answers_as_the_virtual_printer_does() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.expect("a port");
    let command = async |line: &str| said(&sim, "/api/printer/command", json!({ "command": line })).await;
    assert_eq!(command("M105").await, ["Send: M105", "Recv: ok T:21.30/ 0.00 B:21.30/ 0.00 @:64"]);
    let firmware = command("M115").await;
    assert_eq!(firmware[1], "Recv: FIRMWARE_NAME:Virtual Marlin 1.0 PROTOCOL_VERSION:1.0");
    assert_eq!(firmware[2], "Recv: Cap:AUTOREPORT_TEMP:1");
    assert_eq!(firmware.last().map(String::as_str), Some("Recv: ok"));
    assert_eq!(
        command("M20").await,
        ["Send: M20", "Recv: Begin file list", "Recv: End file list", "Recv: ok"]
    );
    assert_eq!(command("M117 hello you").await, ["Send: M117 hello you", "Recv: echo:hello you", "Recv: ok"]);
    assert_eq!(command("M118 x").await, ["Send: M118 x", "Recv: x", "Recv: ok"]);
    assert_eq!(command("M21").await, ["Send: M21", "Recv: SD card ok", "Recv: ok"]);
    assert_eq!(command("M27").await, ["Send: M27", "Recv: Not SD printing", "Recv: ok"]);
    assert_eq!(command("FOO bar").await, accepted(&["FOO bar"]));
    assert_eq!(command("m105").await, accepted(&["m105"]));
    assert_eq!(command("; a comment").await, [""; 0]);
    command("G1 X5 Y5 Z1 F3000").await;
    let position = "Recv: ok X:5.0 Y:5.0 Z:1.0 E:0 Count: A:500 B:500 C:100";
    assert_eq!(command("M114").await, ["Send: M114", position]);
    command("G28").await;
    assert_eq!(command("M114").await[1], "Recv: ok X:0 Y:0 Z:0 E:0 Count: A:0 B:0 C:0");
}

#[tokio::test]
async fn head_commands_become_the_lines_that_octoprint_sends() {
    let sim = start().await;
    let head = async |body| said(&sim, "/api/printer/printhead", body).await;
    assert_eq!(head(json!({ "command": "jog", "x": 1.5 })).await, accepted(&["G91", "G0 X1.5 F6000", "G90"]));
    let absolute = json!({ "command": "jog", "x": 1, "z": 2, "absolute": true, "speed": 100 });
    assert_eq!(head(absolute).await, accepted(&["G90", "G0 X1 Z2 F100"]));
    let home = json!({ "command": "home", "axes": ["x", "y", "z"] });
    assert_eq!(head(home).await, accepted(&["G91", "G28 X0 Y0 Z0", "G90"]));
    for factor in [json!(105), json!(1.05)] {
        assert_eq!(head(json!({ "command": "feedrate", "factor": factor })).await, accepted(&["M220 S105"]));
    }
    let tool = async |body| said(&sim, "/api/printer/tool", body).await;
    assert_eq!(tool(json!({ "command": "flowrate", "factor": 95 })).await, accepted(&["M221 S95"]));
    let retract = ["G91", "M83", "G1 E-5 F300", "M82", "G90"];
    assert_eq!(tool(json!({ "command": "extrude", "amount": -5 })).await, accepted(&retract));
    let target = json!({ "command": "target", "targets": { "tool0": 25.5 } });
    assert_eq!(tool(target).await, accepted(&["M104 S25.5"]));
}

#[tokio::test]
async fn malformed_commands_are_refused_as_octoprint_refuses_them() {
    let sim = OctoPrintSim::start(SimConfig::default().heated_chamber(true)).await.expect("a port");
    for (path, body, status, error) in [
        ("printhead", json!({ "command": "jog", "x": "a" }), 400, "axis value is invalid"),
        ("printhead", json!({ "command": "home" }), 400, "Mandatory parameters missing"),
        ("printhead", json!({ "command": "home", "axes": ["q"] }), 400, "axis is invalid"),
        ("printhead", json!({ "command": "feedrate", "factor": "x" }), 400, "factor is invalid"),
        ("printhead", json!({ "command": "feedrate" }), 400, "Mandatory parameters missing"),
        ("printhead", json!({}), 400, "command is invalid"),
        (
            "tool",
            json!({ "command": "target", "targets": { "bed": 1 } }),
            400,
            "targets contains invalid tool",
        ),
        (
            "tool",
            json!({ "command": "offset", "offsets": { "tool0": 51 } }),
            400,
            "offsets contains invalid value",
        ),
        ("tool", json!({ "command": "select", "tool": "bed" }), 400, "tool is invalid"),
        ("tool", json!({ "command": "select" }), 400, "Mandatory parameters missing"),
        ("tool", json!({ "command": "extrude", "amount": "x" }), 400, "amount is invalid"),
        ("bed", json!({ "command": "target", "target": "x" }), 400, "target is invalid"),
        ("bed", json!({ "command": "target" }), 400, "Mandatory parameters missing"),
        ("bed", json!({ "command": "offset", "offset": 51 }), 400, "offset is invalid"),
        ("chamber", json!({ "command": "offset", "offset": "x" }), 400, "offset is invalid"),
        ("chamber", json!({ "command": "frob" }), 400, "command is invalid"),
        ("sd", json!({}), 400, "command is invalid"),
        ("command", json!({ "commands": "M105" }), 400, "commands is invalid"),
        (
            "command",
            json!({ "command": "M105", "commands": ["M105"] }),
            400,
            "'command' and 'commands' are mutually exclusive",
        ),
    ] {
        let answer = post(&sim, &format!("/api/printer/{path}"), body.clone()).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, error), "{path} {body}");
    }
    for (path, body) in [
        ("printhead", json!({ "command": "jog" })),
        ("tool", json!({ "command": "target", "targets": 5 })),
        ("tool", json!({ "command": "extrude", "amount": 5, "speed": "x" })),
    ] {
        assert_eq!(
            post(&sim, &format!("/api/printer/{path}"), body.clone()).await.status,
            500,
            "{path} {body}"
        );
    }
}

#[tokio::test]
async fn every_heater_of_the_configured_printer_has_its_target_and_offset() {
    let config = SimConfig::default().extruders(3).heated_chamber(true).time_scale(100.0);
    let sim = OctoPrintSim::start(config).await.expect("a port");
    assert_eq!(get(&sim, "/api/printerprofiles/_default").await.json()["extruder"]["count"], 3);
    let targets = json!({ "command": "target", "targets": { "tool0": 50, "tool2": 60, "tool7": 70 } });
    let lines = said(&sim, "/api/printer/tool", targets).await;
    assert_eq!(lines, accepted(&["M104 T0 S50", "M104 T2 S60"]));
    let offsets = json!({ "command": "offset", "offsets": { "tool1": -5 } });
    assert_eq!(post(&sim, "/api/printer/tool", offsets).await.status, 204);
    assert_eq!(
        post(&sim, "/api/printer/chamber", json!({ "command": "target", "target": 40 })).await.status,
        204
    );
    assert_eq!(post(&sim, "/api/printer/bed", json!({ "command": "offset", "offset": 3 })).await.status, 204);
    let tools = get(&sim, "/api/printer/tool").await.json();
    assert_eq!(keys(&tools), ["tool0", "tool1", "tool2"]);
    assert_eq!((&tools["tool1"]["offset"], &tools["tool2"]["target"]), (&json!(-5), &json!(60.0)));
    let all = get(&sim, "/api/printer").await.json()["temperature"].clone();
    assert_eq!(keys(&all), ["bed", "chamber", "tool0", "tool1", "tool2"]);
    assert_eq!((&all["bed"]["offset"], &all["chamber"]["target"]), (&json!(3), &json!(40.0)));
    wait_until("warm", || sim.terminal().iter().any(|line| line.contains("C:40.00/ 40.00"))).await;
    let chamber = get(&sim, "/api/printer/chamber?history=true&limit=1").await.json();
    assert_eq!(keys(&chamber), ["chamber", "history"]);
    assert_eq!(keys(&chamber["history"][0]), ["chamber"]);
    let report = said(&sim, "/api/printer/command", json!({ "command": "M105" })).await;
    assert!(
        report[1].starts_with("Recv: ok T:50.00/ 50.00 T0:50.00/ 50.00 T1:21.30/ 0.00 T2:"),
        "{report:?}"
    );
    // An extruder that is not there is never selected.
    let suppressed = said(&sim, "/api/printer/tool", json!({ "command": "select", "tool": "tool5" })).await;
    assert!(suppressed[0].starts_with("Warn: Not queuing T5"), "{suppressed:?}");
}

#[tokio::test]
async fn a_printer_without_a_heated_bed_has_none() {
    let sim = OctoPrintSim::start(SimConfig::default().heated_bed(false)).await.expect("a port");
    let refused = post(&sim, "/api/printer/bed", json!({ "command": "target", "target": 40 })).await;
    assert_eq!((refused.status, refused.error().as_str()), (409, "Printer does not have a heated bed"));
    assert_eq!(keys(&get(&sim, "/api/printer").await.json()["temperature"]), ["tool0"]);
}

#[tokio::test]
async fn what_moves_is_refused_while_printing_and_what_does_not_is_not() {
    let sim = start().await;
    upload(&sim, "slow.gcode", &slow_gcode(100), &["print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    for (path, body, status) in [
        ("printhead", json!({ "command": "jog", "x": 1 }), 409),
        ("printhead", json!({ "command": "home", "axes": ["x"] }), 409),
        ("printhead", json!({ "command": "feedrate", "factor": 105 }), 204),
        ("tool", json!({ "command": "target", "targets": { "tool0": 5 } }), 204),
        ("tool", json!({ "command": "select", "tool": "tool0" }), 204),
        ("tool", json!({ "command": "extrude", "amount": 1 }), 409),
        ("tool", json!({ "command": "flowrate", "factor": 100 }), 204),
        ("sd", json!({ "command": "init" }), 409),
    ] {
        let answer = post(&sim, &format!("/api/printer/{path}"), body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}");
    }
    // Lines of a print are numbered and have a checksum.
    assert!(sim.terminal().contains(&"Send: N1 G28*18".to_owned()), "{:?}", sim.terminal());
}

#[tokio::test]
async fn the_sd_card_is_written_listed_selected_and_printed() {
    let sim = start().await;
    let form = ["-F", "file=G28;filename=My card file.gcode"];
    let stored = curl(&sim, "/api/files/sdcard", &form).await;
    assert_eq!(stored.json()["files"]["sdcard"]["path"], "/mycardfi.gco");
    wait_until("written", || sim.terminal().contains(&"Recv: MYCARDFI.GCO 3".to_owned())).await;
    wait_for_state(&sim, "Operational").await;
    let listed = get(&sim, "/api/files/sdcard").await.json()["files"][0].clone();
    assert_eq!((&listed["name"], &listed["size"]), (&json!("mycardfi.gco"), &json!(3)));
    assert_eq!(get(&sim, "/api/files").await.json()["files"].as_array().map(Vec::len), Some(2));
    let path = "/api/files/sdcard/mycardfi.gco";
    assert_eq!(get(&sim, path).await.json()["origin"], "sdcard");
    let copy = post(&sim, path, json!({ "command": "copy", "destination": "x.gco" })).await;
    assert_eq!((copy.status, copy.error().as_str()), (400, "Unsupported target for copy"));
    assert_eq!(post(&sim, path, json!({ "command": "select", "print": true })).await.status, 204);
    wait_until("printed", || sim.terminal().iter().any(|line| line.ends_with("to \"Finishing\""))).await;
    wait_for_state(&sim, "Operational").await;
    assert_eq!(get(&sim, "/api/job").await.json()["job"]["file"]["origin"], "sdcard");
    assert_eq!(post(&sim, "/api/printer/sd", json!({ "command": "release" })).await.status, 204);
    assert_eq!(get(&sim, "/api/printer/sd").await.json(), json!({ "ready": false }));
    assert_eq!(get(&sim, "/api/files/sdcard").await.json(), json!({ "files": [] }));
    let refused = curl(&sim, "/api/files/sdcard", &form).await;
    assert_eq!(refused.error(), "Can not upload to SD card, not yet initialized");
    assert_eq!(post(&sim, "/api/printer/sd", json!({ "command": "init" })).await.status, 204);
    assert_eq!(common::delete(&sim, path).await.status, 204);
    assert_eq!(get(&sim, path).await.status, 404);
}

#[tokio::test]
async fn the_webcam_shows_a_jpeg_where_the_settings_say() {
    let sim = OctoPrintSim::start(SimConfig::default().webcam(true)).await.expect("a port");
    let webcam = get(&sim, "/api/settings").await.json()["webcam"].clone();
    let snapshot = common::ask(webcam["snapshotUrl"].as_str().expect("an address"), &[]).await;
    assert_eq!((snapshot.status, &snapshot.body[..3]), (200, &b"\xff\xd8\xff"[..]));
    assert!(snapshot.body.ends_with(b"\xff\xd9"));
    assert_eq!(get(&sim, "/downloads/camera/current").await.body, snapshot.body);
    let stream = get(&sim, webcam["streamUrl"].as_str().expect("a path")).await;
    assert!(stream.body.windows(snapshot.body.len()).any(|window| window == snapshot.body));
    let without = start().await;
    assert_eq!(get(&without, "/api/settings").await.json()["webcam"]["streamUrl"], Value::Null);
    assert_eq!(get(&without, "/webcam/?action=snapshot").await.status, 502);
    assert_eq!(get(&without, "/downloads/camera/current").await.status, 404);
}
