//! The push channel, read by an independent WebSocket client.

mod common;

use common::{Push, delete, keys, post, session, slow_gcode, start, upload, wait_for_state};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::{Value, json};

/// Events that come with single commands; when, depends on how fast these follow each other.
const OF_COMMANDS: [&str; 4] = ["Home", "Dwelling", "ZChange", "ToolChange"];

/// The types of the other events, and `=Text` for each `current` with another state than the one before.
fn outline(messages: &[Value]) -> Vec<String> {
    let mut outline: Vec<String> = Vec::new();
    let mut state = String::new();
    for message in messages {
        if let Some(kind) = message["event"]["type"].as_str() {
            if OF_COMMANDS.contains(&kind) {
                continue;
            }
            let text = message["event"]["payload"]["state_string"].as_str();
            outline.push(text.map_or_else(|| kind.to_owned(), |text| format!("{kind} {text}")));
        } else if let Some(text) = message["current"]["state"]["text"].as_str()
            && text != state
        {
            outline.push(format!("={text}"));
            text.clone_into(&mut state);
        }
    }
    outline
}

/// What the event of this type carries.
fn payload(messages: &[Value], kind: &str) -> Value {
    let found = messages.iter().find(|message| message["event"]["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))["event"]["payload"].clone()
}

#[tokio::test]
async fn connected_comes_first_and_nothing_more_before_auth() {
    let sim = start().await;
    let mut push = Push::open(&sim).await;
    let connected = push.next().await;
    assert_eq!(connected["connected"]["version"], "1.11.8");
    assert!(connected.to_string().len() > 7000, "a real one has almost 8 KB");
    upload(&sim, "a.gcode", "G28\n", &[]).await;
    assert_eq!(push.next_soon().await, None);
}

#[tokio::test]
async fn a_bad_session_is_answered_with_reauth_required() {
    let sim = start().await;
    let mut push = Push::open(&sim).await;
    push.next().await;
    push.send(json!({ "auth": "_api:bogus" })).await;
    push.send(json!({ "throttle": 1 })).await;
    assert_eq!(push.next().await, json!({ "reauthRequired": { "reason": "stale" } }));
    assert_eq!(push.next_soon().await, None);
    push.send(json!({ "auth": session(&sim).await })).await;
    assert!(push.next().await.get("history").is_some());
}

#[tokio::test]
async fn history_and_current_have_the_members_of_the_real_ones() {
    let sim = start().await;
    let mut push = Push::open(&sim).await;
    push.next().await;
    push.send(json!({ "auth": session(&sim).await })).await;
    let history = push.next().await["history"].clone();
    let expected = [
        "currentZ",
        "job",
        "logs",
        "markings",
        "messages",
        "offsets",
        "progress",
        "resends",
        "serverTime",
        "state",
        "temps",
    ];
    assert_eq!(keys(&history), expected);
    assert_eq!(push.next().await, json!({ "timelapse": null }));
    let current = push.next().await["current"].clone();
    let expected = [
        "busyFiles",
        "currentZ",
        "job",
        "logs",
        "markings",
        "messages",
        "offsets",
        "progress",
        "resends",
        "serverTime",
        "state",
        "temps",
    ];
    assert_eq!(keys(&current), expected);
    assert_eq!(keys(&current["temps"][0]), ["bed", "chamber", "time", "tool0"]);
    assert_eq!(keys(&current["temps"][0]["tool0"]), ["actual", "target"]);
}

#[tokio::test]
async fn a_print_is_told_from_start_to_done() {
    let sim = start().await;
    let mut push = Push::authenticated(&sim).await;
    upload(&sim, "quick.gcode", "G28\nG4 P2000\n", &["print=true"]).await;
    let mut messages = push.until_event("PrintDone").await;
    messages.extend(push.until_event("PrinterStateChanged").await);
    messages.push(push.next().await);
    let mut told = outline(&messages);
    // The answer to the upload races with the start of the print; the rest has one order.
    told.retain(|line| line != "Upload" && line != "=Operational");
    let expected = [
        "FileAdded",
        "UpdatedFiles",
        "FileSelected",
        "PrinterStateChanged Starting",
        "=Starting",
        "PrintStarted",
        "ChartMarked",
        "PrinterStateChanged Printing",
        "=Printing",
        "PrinterStateChanged Finishing",
        "=Finishing",
        "ChartMarked",
        "PrintDone",
        "MetadataStatisticsUpdated",
        "PrinterStateChanged Operational",
    ];
    assert_eq!(told, expected);
    let added = json!({
        "storage": "local",
        "path": "quick.gcode",
        "name": "quick.gcode",
        "type": ["machinecode", "gcode"],
        "operation": "add",
    });
    assert_eq!(payload(&messages, "FileAdded"), added);
    let started = payload(&messages, "PrintStarted");
    assert_eq!(keys(&started), ["name", "origin", "owner", "path", "size", "user"]);
    let done = payload(&messages, "PrintDone");
    assert_eq!(keys(&done), ["name", "origin", "owner", "path", "size", "time"]);
    assert_eq!(payload(&messages, "PrinterStateChanged")["state_id"], "STARTING");
}

#[tokio::test]
async fn pause_resume_and_cancel_are_told_as_the_real_one_tells_them() {
    let sim = start().await;
    upload(&sim, "slow.gcode", &slow_gcode(50), &["print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    let mut push = Push::authenticated(&sim).await;
    push.send(json!({ "throttle": 100 })).await;

    post(&sim, "/api/job", json!({ "command": "pause", "action": "pause" })).await;
    wait_for_state(&sim, "Paused").await;
    post(&sim, "/api/job", json!({ "command": "pause", "action": "resume" })).await;
    let mut messages = push.until_event("PrintResumed").await;
    wait_for_state(&sim, "Printing").await;
    post(&sim, "/api/job", json!({ "command": "cancel" })).await;
    messages.extend(push.until_event("PrintFailed").await);
    messages.extend(push.until_event("PrinterStateChanged").await);
    messages.push(push.next().await);
    let mut told = outline(&messages);
    let first = told.iter().position(|line| line == "PrinterStateChanged Pausing").expect("a pause");
    told.drain(..first);
    let expected = [
        "PrinterStateChanged Pausing",
        "=Pausing",
        "PrintPaused",
        "ChartMarked",
        "PositionUpdate",
        "PrinterStateChanged Paused",
        "=Paused",
        "PrinterStateChanged Resuming",
        "=Resuming",
        "PrintResumed",
        "ChartMarked",
        "PrinterStateChanged Printing",
        "=Printing",
        "PrintCancelling",
        "PrinterStateChanged Cancelling",
        "=Cancelling",
        "PrintCancelled",
        "ChartMarked",
        "MetadataStatisticsUpdated",
        "PrintFailed",
        "PrinterStateChanged Operational",
        "=Operational",
    ];
    assert_eq!(told, expected);
    let paused = payload(&messages, "PrintPaused");
    let members = ["fileposition", "name", "origin", "owner", "path", "position", "progress", "size", "user"];
    assert_eq!(keys(&paused), members);
    assert_eq!(keys(&paused["position"]), ["e", "f", "t", "x", "y", "z"]);
    let failed = payload(&messages, "PrintFailed");
    assert_eq!(failed["reason"], "cancelled");
    assert_eq!(failed, payload(&messages, "PrintCancelled"));
    let pausing = messages.iter().find(|message| message["current"]["state"]["text"] == "Pausing");
    let flags = &pausing.expect("a current")["current"]["state"]["flags"];
    assert_eq!(
        (&flags["printing"], &flags["pausing"], &flags["paused"]),
        (&json!(true), &json!(true), &json!(false))
    );
}

#[tokio::test]
async fn connecting_and_disconnecting_are_told_in_steps() {
    let sim =
        OctoPrintSim::start(SimConfig::default().connected(false).time_scale(20.0)).await.expect("a port");
    let mut push = Push::authenticated(&sim).await;
    // Without a printer nothing is sent, however long one waits.
    assert_eq!(push.next_soon().await, None);
    post(&sim, "/api/connection", json!({ "command": "connect" })).await;
    let mut messages = push.until_event("UpdatedFiles").await;
    assert_eq!(payload(&messages, "Connected"), json!({ "port": "VIRTUAL", "baudrate": 115_200 }));
    post(&sim, "/api/connection", json!({ "command": "disconnect" })).await;
    messages.extend(push.until_event("PrinterStateChanged").await);
    let expected = [
        "Connecting",
        "PrinterStateChanged Opening serial connection",
        "=Opening serial connection",
        "PrinterStateChanged Connecting",
        "=Connecting",
        "PrinterStateChanged Operational",
        "=Operational",
        "Connected",
        "FirmwareData",
        "UpdatedFiles",
        "Disconnecting",
        "Disconnected",
        "PrinterStateChanged Offline",
    ];
    assert_eq!(outline(&messages), expected);
}

#[tokio::test]
async fn an_emergency_stop_is_told_with_its_reason() {
    let sim = start().await;
    let mut push = Push::authenticated(&sim).await;
    post(&sim, "/api/printer/command", json!({ "command": "M112" })).await;
    let messages = push.until_event("EStop").await;
    let told = outline(&messages);
    let from = told.iter().position(|line| line == "Disconnected").expect("a disconnection");
    assert_eq!(
        told[from..],
        ["Disconnected", "PrinterStateChanged Offline", "=Offline after error", "EStop"]
    );
    let last = messages.iter().rev().find(|message| message.get("current").is_some()).expect("a current");
    assert_eq!(last["current"]["state"]["error"], "Closing serial port due to emergency stop M112.");
    assert_eq!(last["current"]["state"]["flags"]["closedOrError"], true);
}

#[tokio::test]
async fn a_firmware_error_is_an_error_event() {
    let sim = start().await;
    let mut push = Push::authenticated(&sim).await;
    post(&sim, "/api/printer/command", json!({ "command": "!!DEBUG:trigger_fatal_error_marlin" })).await;
    let messages = push.until_event("Disconnected").await;
    let error = payload(&messages, "Error");
    assert_eq!(keys(&error), ["consequence", "error", "faq", "logs", "reason"]);
    assert_eq!(payload(&messages, "PrinterStateChanged")["state_id"], "ERROR");
}

#[tokio::test]
async fn removing_files_is_told() {
    let sim = start().await;
    upload(&sim, "a.gcode", "G28\n", &["select=true"]).await;
    let mut push = Push::authenticated(&sim).await;
    delete(&sim, "/api/files/local/a.gcode").await;
    let mut told = outline(&push.until_event("UpdatedFiles").await);
    told.retain(|line| !line.starts_with('='));
    assert_eq!(told, ["FileDeselected", "FileRemoved", "UpdatedFiles"]);
}

#[tokio::test]
async fn a_subscription_limits_what_is_sent() {
    let sim = start().await;
    let mut push = Push::authenticated(&sim).await;
    push.send(
        json!({ "subscribe": { "state": false, "events": ["PrintStarted", "PrintDone"], "plugins": false } }),
    )
    .await;
    // What was under way when the subscription changed may still come.
    upload(&sim, "quick.gcode", "G28\n", &["print=true"]).await;
    let mut told = outline(&push.until_event("PrintDone").await);
    told.retain(|line| line != "=Operational");
    assert_eq!(told, ["PrintStarted", "PrintDone"]);
    assert_eq!(push.next_soon().await, None);
}

#[tokio::test]
async fn logs_are_left_out_on_request_and_history_is_sent_again() {
    let sim = start().await;
    let mut push = Push::authenticated(&sim).await;
    push.send(json!({ "subscribe": { "state": { "logs": false, "messages": false }, "events": true } }))
        .await;
    while push.next().await.get("history").is_none() {}
    upload(&sim, "quick.gcode", "G28\n", &["print=true"]).await;
    let messages = push.until_event("PrintDone").await;
    let mut currents = messages.iter().filter_map(|message| message.get("current")).peekable();
    assert!(currents.peek().is_some());
    assert!(currents.all(|current| current["logs"] == json!([]) && current["messages"] == json!([])));
}

#[tokio::test]
async fn current_comes_twice_a_second_and_less_often_with_a_throttle() {
    let sim = start().await;
    let mut push = Push::authenticated(&sim).await;
    let first = push.next().await;
    let second = push.next().await;
    let time = |message: &Value| message["current"]["serverTime"].as_f64().expect("a time");
    let gap = time(&second) - time(&first);
    assert!((0.4..2.0).contains(&gap), "{gap}");
    push.send(json!({ "throttle": 100 })).await;
    // The message that was already due may still come; then there is a pause of 50 s.
    push.next_soon().await;
    assert_eq!(push.next_soon().await, None);
}
