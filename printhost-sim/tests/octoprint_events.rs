//! Events, lines of the terminal and messages of plugins, on the raw and on the framed channel.

mod common;

use common::{Push, keys, post, session, start, upload};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::{Value, json};

/// What the event of this type carries.
fn payload(messages: &[Value], kind: &str) -> Value {
    let found = messages.iter().find(|message| message["event"]["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))["event"]["payload"].clone()
}

/// The events with these types, in order, with what they carry.
fn events(messages: &[Value], kinds: &[&str]) -> Vec<(String, Value)> {
    let event = |message: &Value| {
        let kind = message["event"]["type"].as_str()?.to_owned();
        kinds.contains(&kind.as_str()).then(|| (kind, message["event"]["payload"].clone()))
    };
    messages.iter().filter_map(event).collect()
}

#[tokio::test]
async fn commands_are_told_by_events_of_their_own() {
    let sim = OctoPrintSim::start(SimConfig::default().extruders(2)).await.expect("a port");
    let mut push = Push::authenticated(&sim).await;
    let commands = ["G28", "T1", "G1 Z0.2 F3000", "G1 Z0.2", "G1 Z0.4", "G4 P10", "M114", "T9", "M115"];
    post(&sim, "/api/printer/command", json!({ "commands": commands })).await;
    let messages = push.until_event("FirmwareData").await;
    let kinds = ["Home", "ToolChange", "ZChange", "Dwelling", "PositionUpdate", "CommandSuppressed"];
    let told = events(&messages, &kinds);
    let names: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        names,
        ["Home", "ToolChange", "ZChange", "ZChange", "Dwelling", "PositionUpdate", "CommandSuppressed"]
    );
    assert_eq!(told[0].1, Value::Null);
    assert_eq!(told[1].1, json!({ "old": 0, "new": 1 }));
    assert_eq!(told[2].1, json!({ "old": null, "new": 0.2 }));
    assert_eq!(told[3].1, json!({ "old": 0.2, "new": 0.4 }));
    let position = json!({ "reason": null, "x": 0.0, "y": 0.0, "z": 0.4, "e": 0.0, "t": 1, "f": 3000.0 });
    assert_eq!(told[5].1, position);
    assert_eq!(told[6].1["command"], "T9");
}

#[tokio::test]
async fn lines_of_the_terminal_come_once_and_only_those_that_match() {
    let sim = start().await;
    let mut push = Push::authenticated(&sim).await;
    push.send(json!({ "subscribe": { "state": { "logs": "Send: M11", "messages": true } } })).await;
    while push.next().await.get("history").is_none() {}
    post(&sim, "/api/printer/command", json!({ "commands": ["M114", "M105", "M115"] })).await;
    let mut logs = Vec::new();
    let mut messages = Vec::new();
    while logs.len() < 2 {
        let current = push.next().await["current"].clone();
        logs.extend(current["logs"].as_array().expect("lines").clone());
        messages.extend(current["messages"].as_array().expect("messages").clone());
    }
    let next = push.next().await["current"].clone();
    logs.extend(next["logs"].as_array().expect("lines").clone());
    assert_eq!(logs, ["Send: M114", "Send: M115"]);
    assert!(messages.contains(&json!("ok X:0 Y:0 Z:0 E:0 Count: A:0 B:0 C:0")), "{messages:?}");
    assert!(!messages.contains(&json!("ok")));
}

#[tokio::test]
async fn a_framed_channel_opens_with_o_and_wraps_its_messages() {
    let sim = start().await;
    let mut push = Push::framed(&sim).await;
    assert_eq!(push.text().await, "o");
    let connected = push.text().await;
    assert!(connected.starts_with("a[{\"connected\":{") && connected.ends_with("}]"), "{connected}");
    let auth = json!({ "auth": session(&sim).await }).to_string();
    push.send(json!([auth, "{\"throttle\": 2}"])).await;
    assert!(push.text().await.starts_with("a[{\"history\":{"));
    assert_eq!(push.text().await, r#"a[{"timelapse":null}]"#);
    // What is not framed is not understood.
    push.send(json!({ "subscribe": { "state": false } })).await;
    assert!(push.text().await.starts_with("a[{\"current\":{"));
    let path = "/sockjs/123/abc/xhr";
    assert_eq!(common::curl(&sim, path, &["-X", "POST"]).await.status, 404);
}

#[tokio::test]
async fn plugin_messages_come_only_to_those_who_want_them() {
    let sim = start().await;
    let mut push = Push::authenticated(&sim).await;
    post(&sim, "/api/connection", json!({ "command": "disconnect" })).await;
    let messages = push.until_event("PrinterStateChanged").await;
    let plugin = json!({ "plugin": { "plugin": "action_command_notification", "data": {} } });
    assert!(messages.contains(&plugin));
    push.send(json!({ "subscribe": { "events": true } })).await;
    post(&sim, "/api/connection", json!({ "command": "connect" })).await;
    push.until_event("Connected").await;
    post(&sim, "/api/connection", json!({ "command": "disconnect" })).await;
    assert!(!push.until_event("PrinterStateChanged").await.contains(&plugin));
}

#[tokio::test]
async fn an_analysis_is_told_and_kept_with_the_file_and_its_job() {
    let sim = OctoPrintSim::start(SimConfig::default().analysis(true)).await.expect("a port");
    let mut push = Push::authenticated(&sim).await;
    let content = "M83\nG1 X10 Y10 Z0.2 F600\nG1 X60 E5\nG4 S10\n";
    upload(&sim, "a.gcode", content, &[]).await;
    let messages = push.until_event("MetadataAnalysisFinished").await;
    let started = json!({ "name": "a.gcode", "path": "a.gcode", "origin": "local", "type": "gcode" });
    assert_eq!(payload(&messages, "MetadataAnalysisStarted"), started);
    let result = payload(&messages, "MetadataAnalysisFinished")["result"].clone();
    let members =
        ["dimensions", "estimatedPrintTime", "filament", "printingArea", "travelArea", "travelDimensions"];
    assert_eq!(keys(&result), members);
    assert_eq!(common::get(&sim, "/api/files/local/a.gcode").await.json()["gcodeAnalysis"], result);
    post(&sim, "/api/files/local/a.gcode", json!({ "command": "select" })).await;
    let job = common::get(&sim, "/api/job").await.json()["job"].clone();
    assert_eq!(job["estimatedPrintTime"], result["estimatedPrintTime"]);
    assert_eq!(job["filament"], json!({ "tool0": { "length": 5.0, "volume": 0.0 } }));
}

#[tokio::test]
async fn a_move_is_told_as_a_removal_an_addition_and_a_move() {
    let sim = start().await;
    upload(&sim, "a.gcode", "G28\n", &["path=one"]).await;
    let mut push = Push::authenticated(&sim).await;
    post(&sim, "/api/files/local/one/a.gcode", json!({ "command": "move", "destination": "b.gcode" })).await;
    post(&sim, "/api/files/local/one", json!({ "command": "move", "destination": "two" })).await;
    let messages = push.until_event("FolderMoved").await;
    let kinds = ["FileRemoved", "FileAdded", "FileMoved", "FolderRemoved", "FolderAdded", "FolderMoved"];
    let told = events(&messages, &kinds);
    assert_eq!(told.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), kinds);
    assert_eq!((&told[0].1["path"], &told[0].1["operation"]), (&json!("one/a.gcode"), &json!("move")));
    let members = [
        "destination_name",
        "destination_path",
        "destination_type",
        "source_name",
        "source_path",
        "source_type",
        "storage",
    ];
    assert_eq!(keys(&told[2].1), members);
    let folder = json!({
        "storage": "local",
        "source_path": "one",
        "source_name": "one",
        "destination_path": "two",
        "destination_name": "two",
    });
    assert_eq!(told[5].1, folder);
}
