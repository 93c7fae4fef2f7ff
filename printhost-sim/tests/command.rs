//! The command `printhost-sim`, run as others run it: started, asked by curl, and told what to break.

mod common;

use std::process::Stdio;

use common::ask;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running command, ended on drop, and what it said of itself.
struct Running {
    _child: Child,
    told: Value,
}

impl Running {
    async fn start(args: &[&str]) -> Self {
        Self::start_as("octoprint", args).await
    }

    async fn start_as(personality: &str, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_printhost-sim"))
            .args([personality, "--port", "0", "--json"])
            .args(args)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the command starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).await.expect("a line");
        Self { _child: child, told: serde_json::from_str(&line).expect("JSON") }
    }

    fn printer(&self, number: usize, path: &str) -> String {
        format!("{}{path}", self.told["printers"][number]["http"].as_str().expect("a printer"))
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.told["control"].as_str().expect("a control route"));
        let answer = ask(&url, &["-X", method, "-d", &body.to_string()]).await;
        (answer.status, answer.json())
    }
}

#[tokio::test]
async fn several_printers_answer_with_one_key_and_their_own_names() {
    let running =
        Running::start(&["--count", "3", "--key", "KEY", "--name", "Mill", "--extruders", "2"]).await;
    assert_eq!(running.told["control"], Value::Null);
    for (number, name) in ["Mill 1", "Mill 2", "Mill 3"].into_iter().enumerate() {
        let key = ["-H", "X-Api-Key: KEY"];
        let settings = ask(&running.printer(number, "/api/settings"), &key).await.json();
        assert_eq!(settings["appearance"]["name"], name);
        let profile = ask(&running.printer(number, "/api/printerprofiles/_default"), &key).await.json();
        assert_eq!(profile["extruder"]["count"], 2);
        assert_eq!(ask(&running.printer(number, "/api/version"), &[]).await.status, 403);
    }
}

#[tokio::test]
async fn the_control_route_injects_lists_and_clears_faults() {
    let running = Running::start(&["--key", "KEY", "--control-port", "0"]).await;
    let version = running.printer(0, "/api/version?apikey=KEY");
    let fault = json!({ "fault": "early-status", "status": 503, "path": "/api/version", "times": 2 });
    assert_eq!(running.control("POST", "/printers/0/faults", fault).await, (200, json!({ "id": 1 })));
    let fault = json!({ "fault": "lose-answer", "method": "POST", "times": "until-cleared" });
    assert_eq!(running.control("POST", "/printers/0/faults", fault).await, (200, json!({ "id": 2 })));
    assert_eq!(ask(&version, &[]).await.status, 503);
    let (_, faults) = running.control("GET", "/printers/0/faults", Value::Null).await;
    assert_eq!(faults["faults"][0]["hits"], 1);
    assert_eq!(faults["faults"][1], json!({ "id": 2, "fault": "LoseAnswer", "hits": 0 }));
    assert_eq!(running.control("DELETE", "/printers/0/faults/1", Value::Null).await.0, 200);
    assert_eq!(running.control("DELETE", "/printers/0/faults/1", Value::Null).await.0, 404);
    assert_eq!(ask(&version, &[]).await.status, 200);
    assert_eq!(running.control("DELETE", "/printers/0/faults", Value::Null).await.0, 200);
    let (_, faults) = running.control("GET", "/printers/0/faults", Value::Null).await;
    assert_eq!(faults, json!({ "faults": [] }));
    for wrong in [json!({ "fault": "none" }), json!({ "fault": "truncate-answer" }), json!(7)] {
        assert_eq!(running.control("POST", "/printers/0/faults", wrong).await.0, 400);
    }
    assert_eq!(running.control("GET", "/printers/1", Value::Null).await.0, 404);
}

#[tokio::test]
async fn the_control_route_unplugs_restarts_and_decides() {
    let running =
        Running::start(&["--key", "KEY", "--control-port", "0", "--time-scale", "20", "--no-rate-limits"])
            .await;
    let job = running.printer(0, "/api/job?apikey=KEY");
    assert_eq!(running.control("POST", "/printers/0/unplug", Value::Null).await.0, 200);
    assert_eq!(ask(&job, &[]).await.json()["state"], "Offline after error");

    let asks = ["-H", "Content-Type: application/json", "-d", r#"{"app":"a"}"#];
    let asked = ask(&running.printer(0, "/plugin/appkeys/request"), &asks).await.json();
    let poll = running
        .printer(0, &format!("/plugin/appkeys/request/{}", asked["app_token"].as_str().expect("a token")));
    assert_eq!(ask(&poll, &[]).await.status, 202);
    let decision = json!({ "app": "a" });
    assert_eq!(running.control("POST", "/printers/0/approve-app", decision.clone()).await.0, 200);
    assert_eq!(ask(&poll, &[]).await.status, 200);
    assert_eq!(running.control("POST", "/printers/0/deny-app", decision).await.0, 404);

    assert_eq!(running.control("POST", "/printers/0/restart", json!({ "seconds": 0.1 })).await.0, 200);
    let connects = ["--retry", "50", "--retry-connrefused", "--retry-delay", "1", "--retry-max-time", "20"];
    assert_eq!(ask(&job, &connects).await.status, 200);
}

#[tokio::test]
async fn a_taken_port_is_an_error_and_no_hang() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_printhost-sim"))
        .args(["octoprint", "--port", &port])
        .output()
        .await
        .expect("the command starts");
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.starts_with(&format!("error: cannot listen on port {port}")), "{error}");
}

#[tokio::test]
async fn a_moonraker_is_told_what_happens_to_its_klipper() {
    let running =
        Running::start_as("moonraker", &["--key", "KEY", "--control-port", "0", "--time-scale", "20"]).await;
    let info = running.printer(0, "/printer/info");
    assert_eq!(ask(&info, &[]).await.json()["result"]["state"], "ready");
    assert_eq!(running.control("POST", "/printers/0/fail-mcu", Value::Null).await.0, 200);
    assert_eq!(ask(&info, &[]).await.json()["result"]["state"], "shutdown");
    assert_eq!(running.control("GET", "/printers/0", Value::Null).await.1["state"], "shutdown");
    assert_eq!(running.control("POST", "/printers/0/kill-klippy", Value::Null).await.0, 200);
    assert_eq!(ask(&info, &[]).await.status, 503);
    assert_eq!(running.control("POST", "/printers/0/unplug", Value::Null).await.0, 404);
    let fault = json!({ "fault": "early-status", "status": 502, "path": "/server/info" });
    assert_eq!(running.control("POST", "/printers/0/faults", fault).await.0, 200);
    assert_eq!(ask(&running.printer(0, "/server/info"), &[]).await.status, 502);
}

#[cfg(feature = "bambu")]
#[tokio::test]
async fn bambu_printers_are_told_of_and_obey_the_control_route() {
    let args =
        ["--ftps-port", "0", "--count", "2", "--model", "x1c", "--time-scale", "100", "--control-port", "0"];
    let running = Running::start_as("bambu", &args).await;
    let serial = |number: usize| running.told["printers"][number]["serial"].clone();
    assert!(serial(0) != serial(1) && serial(1).as_str().is_some_and(|serial| serial.starts_with("00M")));
    let fault = json!({ "fault": "late-completion", "milliseconds": 5 });
    assert_eq!(running.control("POST", "/printers/1/faults", fault).await, (200, json!({ "id": 1 })));
    assert_eq!(
        running.control("POST", "/printers/1/faults", json!({ "fault": "early-status" })).await.0,
        400
    );
    let (_, faults) = running.control("GET", "/printers/1/faults", Value::Null).await;
    assert_eq!(faults["faults"][0]["id"], 1);
    assert_eq!(running.control("DELETE", "/printers/1/faults/1", Value::Null).await.0, 200);
    assert_eq!(running.control("POST", "/printers/1/gcode", json!({ "lines": "M140 S60" })).await.0, 200);
    let start = json!({ "path": "nothing.gcode" });
    assert_eq!(running.control("POST", "/printers/1/start", start).await, (200, json!({ "did": false })));
    assert_eq!(running.control("POST", "/printers/1/unplug", Value::Null).await.0, 404);
    let (_, told) = running.control("GET", "/printers/1", Value::Null).await;
    assert_eq!(
        (&told["state"], &told["prints_started"], &told["files"]),
        (&json!("IDLE"), &json!(0), &json!([]))
    );
}
