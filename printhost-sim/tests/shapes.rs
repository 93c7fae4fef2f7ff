//! The simulator's answers beside those of a real OctoPrint: the same status, the same error, the same keys and types.

mod common;

use common::shape::{fits, is_part};
use common::{
    Answer, ask, curl, curl_without_key, delete, get, post, start, upload, wait_for_state, wait_until,
};
use printhost_sim::{Group, OctoPrintSim, SimConfig, User};
use serde_json::{Value, json};

/// What was captured.
struct Captured(Value);

impl Captured {
    fn load() -> Self {
        Self(serde_json::from_str(include_str!("captured_shapes.json")).expect("JSON"))
    }

    /// Compares an answer with the captured one of this name.
    fn check(&self, name: &str, answer: &Answer) {
        self.compare(name, answer, fits);
    }

    /// As [`Self::check`], but the simulator may leave keys out.
    fn check_part(&self, name: &str, answer: &Answer) {
        self.compare(name, answer, is_part);
    }

    fn compare(&self, name: &str, answer: &Answer, fits: fn(&Value, &Value, &str) -> Result<(), String>) {
        let captured = &self.0[name];
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(json!(answer.status), captured["status"], "{name}: {text}");
        if let Some(error) = captured.get("error") {
            assert_eq!(answer.json(), json!({ "error": error }), "{name}");
        }
        if let Some(shape) = captured.get("shape") {
            fits(shape, &answer.json(), "").unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        }
    }
}

/// A file like the captured one: 20 dwells of half a second.
fn slow() -> String {
    "G28\n".to_owned() + &"G1 X1 Y1 F6000\nG4 P500\n".repeat(20)
}

async fn form(sim: &OctoPrintSim, path: &str, fields: &[&str]) -> Answer {
    let args: Vec<&str> = fields.iter().flat_map(|field| ["-F", field]).collect();
    curl(sim, path, &args).await
}

#[tokio::test]
async fn a_server_without_a_printer_answers_as_captured() {
    let captured = Captured::load();
    let sim = OctoPrintSim::start(SimConfig::default().connected(false)).await.expect("a port");
    for (name, path) in [
        ("version", "/api/version"),
        ("server", "/api/server"),
        ("currentuser", "/api/currentuser"),
        ("access_permissions", "/api/access/permissions"),
        ("connection_disconnected", "/api/connection"),
        ("files_empty", "/api/files?recursive=true"),
        ("job_disconnected", "/api/job"),
        ("printerprofiles", "/api/printerprofiles"),
        ("printerprofile_default", "/api/printerprofiles/_default"),
        ("printerprofile_404", "/api/printerprofiles/none"),
        ("slicing", "/api/slicing"),
        ("system_commands", "/api/system/commands"),
        ("timelapse", "/api/timelapse"),
        ("printer_sd_disconnected", "/api/printer/sd"),
        ("printer_disconnected", "/api/printer"),
        ("printer_tool_disconnected", "/api/printer/tool"),
        ("unknown_route", "/api/doesnotexist"),
        ("logs_list", "/plugin/logging/logs"),
    ] {
        captured.check(name, &get(&sim, path).await);
    }
    captured.check_part("settings", &get(&sim, "/api/settings").await);
    captured.check_part("system_info", &get(&sim, "/api/system/info").await);
    captured.check("method_not_allowed", &curl(&sim, "/api/version", &["-X", "PUT"]).await);
    captured.check("version_nokey", &curl_without_key(&sim, "/api/version", &[]).await);
    captured.check("currentuser_nokey", &curl_without_key(&sim, "/api/currentuser", &[]).await);
    captured.check("login_passive_key", &post(&sim, "/api/login", json!({ "passive": true })).await);
    let login = json!({ "user": "admin", "pass": "wrong" }).to_string();
    captured.check("login_badpw_nocsrf_400", &curl_without_key(&sim, "/api/login", &["-d", &login]).await);
    for (name, path, body) in [
        ("job_start_disconnected", "/api/job", json!({ "command": "start" })),
        ("printer_command_disconnected", "/api/printer/command", json!({ "commands": ["M105"] })),
        ("connection_bad_cmd_400", "/api/connection", json!({ "command": "frob" })),
        (
            "connection_unknown_port_400",
            "/api/connection",
            json!({ "command": "connect", "port": "/dev/nope" }),
        ),
    ] {
        captured.check(name, &post(&sim, path, body).await);
    }
}

#[tokio::test]
async fn files_are_stored_listed_and_moved_as_captured() {
    let captured = Captured::load();
    let sim = OctoPrintSim::start(SimConfig::default().connected(false)).await.expect("a port");
    captured.check("upload_201", &upload(&sim, "tiny.gcode", "G28\n", &[]).await);
    captured.check("upload_path_201", &upload(&sim, "in folder ü.gcode", "G28\n", &["path=sub/deep"]).await);
    captured
        .check("upload_noOverwrite_409", &upload(&sim, "tiny.gcode", "G28\n", &["noOverwrite=true"]).await);
    captured.check("upload_print_disconnected", &upload(&sim, "p.gcode", "G28\n", &["print=true"]).await);
    captured.check("upload_badext_415", &upload(&sim, "evil.exe", "x", &[]).await);
    captured.check("upload_traversal", &upload(&sim, "../x.gcode", "x", &["path=../../etc"]).await);
    captured.check("upload_nofile_400", &form(&sim, "/api/files/local", &["print=false"]).await);
    let file = "file=G28;filename=tiny.gcode";
    captured.check("upload_badlocation_404", &form(&sim, "/api/files/nowhere", &[file]).await);
    captured.check("upload_sd_disconnected", &form(&sim, "/api/files/sdcard", &[file]).await);
    captured.check("folder_create_201", &form(&sim, "/api/files/local", &["foldername=newfolder"]).await);
    captured.check("file_info", &get(&sim, "/api/files/local/tiny.gcode").await);
    captured.check("file_info_404", &get(&sim, "/api/files/local/nope.gcode").await);
    captured.check("folder_info", &get(&sim, "/api/files/local/sub").await);
    captured.check("folder_info_recursive", &get(&sim, "/api/files/local/sub?recursive=true").await);
    captured.check("files_list_recursive", &get(&sim, "/api/files?recursive=true").await);
    let copy = json!({ "command": "copy", "destination": "sub/copy.gcode" });
    captured.check("file_copy", &post(&sim, "/api/files/local/tiny.gcode", copy.clone()).await);
    captured.check("file_copy_conflict", &post(&sim, "/api/files/local/tiny.gcode", copy).await);
    let move_ = json!({ "command": "move", "destination": "sub/moved.gcode" });
    captured.check("file_move", &post(&sim, "/api/files/local/sub/copy.gcode", move_).await);
    let command = |command| json!({ "command": command, "print": true });
    captured.check("file_badcommand_400", &post(&sim, "/api/files/local/tiny.gcode", command("frob")).await);
    captured.check(
        "file_select_disconnected_409",
        &post(&sim, "/api/files/local/tiny.gcode", command("select")).await,
    );
    captured.check("file_delete_404", &delete(&sim, "/api/files/local/nope.gcode").await);
    captured.check("folder_delete_204", &delete(&sim, "/api/files/local/sub").await);
}

#[tokio::test]
async fn an_idle_printer_answers_as_captured() {
    let captured = Captured::load();
    let sim = start().await;
    for (name, path) in [
        ("connection_operational", "/api/connection"),
        ("job_operational_noselect", "/api/job"),
        ("printer_operational2", "/api/printer?history=true&limit=2"),
        ("printer_tool", "/api/printer/tool?history=true&limit=2"),
        ("printer_bed", "/api/printer/bed"),
        ("printer_sd", "/api/printer/sd"),
        ("printer_chamber", "/api/printer/chamber"),
        ("printer_exclude", "/api/printer?exclude=temperature,sd"),
        ("files_sdcard", "/api/files/sdcard"),
    ] {
        captured.check(name, &get(&sim, path).await);
    }
    let json_type = ["-H", "Content-Type: application/json", "-d", "{"];
    captured.check("job_badjson_400", &curl(&sim, "/api/job", &json_type).await);
    captured.check("job_noct_415", &curl(&sim, "/api/job", &["-d", "{}"]).await);
    for (name, path, body) in [
        ("chamber_target_409", "/api/printer/chamber", json!({ "command": "target", "target": 35 })),
        ("bed_target_204", "/api/printer/bed", json!({ "command": "target", "target": 35 })),
        ("tool_target_204", "/api/printer/tool", json!({ "command": "target", "targets": { "tool0": 30 } })),
        ("tool_offset_204", "/api/printer/tool", json!({ "command": "offset", "offsets": { "tool0": 5 } })),
        ("tool_select_204", "/api/printer/tool", json!({ "command": "select", "tool": "tool0" })),
        ("tool_extrude_204", "/api/printer/tool", json!({ "command": "extrude", "amount": 5 })),
        (
            "tool_target_str_400",
            "/api/printer/tool",
            json!({ "command": "target", "targets": { "tool0": "hot" } }),
        ),
        (
            "tool_target_unknown_500",
            "/api/printer/tool",
            json!({ "command": "target", "targets": { "tool9x": 30 } }),
        ),
        (
            "printhead_jog_204",
            "/api/printer/printhead",
            json!({ "command": "jog", "x": 10, "y": -5, "z": 0.2 }),
        ),
        ("printhead_home_204", "/api/printer/printhead", json!({ "command": "home", "axes": ["x", "y"] })),
        ("sd_init_204", "/api/printer/sd", json!({ "command": "init" })),
        ("command_single_204", "/api/printer/command", json!({ "command": "M105" })),
        ("command_multi_204", "/api/printer/command", json!({ "commands": ["G28", "M117 hi"] })),
        ("command_empty_400", "/api/printer/command", json!({})),
        ("printer_command_script", "/api/printer/command", json!({ "script": "nope" })),
        ("job_start_noselect_204", "/api/job", json!({ "command": "start" })),
        ("job_cancel_notprinting_409", "/api/job", json!({ "command": "cancel" })),
        ("job_pause_notprinting_409", "/api/job", json!({ "command": "pause", "action": "pause" })),
        ("job_unknowncmd_400", "/api/job", json!({ "command": "frob" })),
    ] {
        captured.check(name, &post(&sim, path, body).await);
    }
    upload(&sim, "slow.gcode", &slow(), &[]).await;
    let select = json!({ "command": "select", "print": false });
    captured.check("file_select_204", &post(&sim, "/api/files/local/slow.gcode", select).await);
    captured.check("job_selected", &get(&sim, "/api/job").await);
    captured.check("sd_delete", &delete(&sim, "/api/files/sdcard/sdtest.gco").await);
    let on_card = form(&sim, "/api/files/sdcard", &["file=G28;filename=sdtest.gcode"]).await;
    captured.check("upload_sd_operational", &on_card);
}

#[tokio::test]
async fn a_print_and_its_end_answer_as_captured() {
    let captured = Captured::load();
    let sim = OctoPrintSim::start(SimConfig::default().time_scale(4.0)).await.expect("a port");
    upload(&sim, "slow.gcode", &slow(), &["select=true"]).await;
    let job = async |name: &str, body: Value| captured.check(name, &post(&sim, "/api/job", body).await);
    job("job_start_204", json!({ "command": "start" })).await;
    wait_for_state(&sim, "Printing").await;
    captured.check("job_printing", &get(&sim, "/api/job").await);
    captured.check("printer_printing", &get(&sim, "/api/printer").await);
    job("job_start_printing_409", json!({ "command": "start" })).await;
    job("job_restart_printing_409", json!({ "command": "restart" })).await;
    job("job_resume_printing_204", json!({ "command": "pause", "action": "resume" })).await;
    captured.check("file_delete_printing_409", &delete(&sim, "/api/files/local/slow.gcode").await);
    captured.check("upload_overwrite_printing_409", &upload(&sim, "slow.gcode", "G28\n", &[]).await);
    captured
        .check("upload_print_while_printing", &upload(&sim, "other.gcode", "G28\n", &["print=true"]).await);
    let select = json!({ "command": "select", "print": true });
    captured.check("file_select_printing_409", &post(&sim, "/api/files/local/other.gcode", select).await);
    for (name, path, body) in [
        ("printhead_jog_printing_409", "/api/printer/printhead", json!({ "command": "jog", "x": 10 })),
        ("tool_select_printing", "/api/printer/tool", json!({ "command": "extrude", "amount": 5 })),
        ("command_printing_204", "/api/printer/command", json!({ "command": "M117 x" })),
    ] {
        captured.check(name, &post(&sim, path, body).await);
    }
    job("job_pause_204", json!({ "command": "pause", "action": "pause" })).await;
    wait_for_state(&sim, "Paused").await;
    captured.check("job_paused", &get(&sim, "/api/job").await);
    captured.check("printer_paused", &get(&sim, "/api/printer").await);
    job("job_pause_paused_204", json!({ "command": "pause", "action": "pause" })).await;
    job("job_start_paused", json!({ "command": "start" })).await;
    job("job_restart_204", json!({ "command": "restart" })).await;
    wait_for_state(&sim, "Printing").await;
    job("job_cancel_204", json!({ "command": "cancel" })).await;
    wait_for_state(&sim, "Operational").await;
    captured.check("job_after_cancel", &get(&sim, "/api/job").await);
    captured.check("printer_after_cancel", &get(&sim, "/api/printer").await);
    job("job_cancel_again_409", json!({ "command": "cancel" })).await;

    upload(&sim, "quick.gcode", "G28\nG4 P300\n", &["print=true"]).await;
    let done = || sim.terminal().iter().any(|line| line.contains("to \"Finishing\""));
    wait_until("done", || done() && sim.state_text() == "Operational").await;
    captured.check("job_finished", &get(&sim, "/api/job").await);
    captured.check("file_info_printed", &get(&sim, "/api/files/local/quick.gcode").await);
    captured.check("file_delete_204", &delete(&sim, "/api/files/local/quick.gcode").await);
    captured.check("job_after_delete", &get(&sim, "/api/job").await);
}

#[tokio::test]
async fn a_printer_that_broke_answers_as_captured() {
    let captured = Captured::load();
    let sim = start().await;
    upload(&sim, "a.gcode", "G28\n", &["select=true"]).await;
    let fatal = json!({ "command": "!!DEBUG:trigger_fatal_error_marlin" });
    captured.check("cmd_sim_error", &post(&sim, "/api/printer/command", fatal).await);
    captured.check("job_error2", &get(&sim, "/api/job").await);
    captured.check("printer_error_info2", &get(&sim, "/api/printer/error").await);
    captured.check("connection_error2", &get(&sim, "/api/connection").await);
    captured.check("printer_error2", &get(&sim, "/api/printer").await);
    captured.check(
        "connection_connect_204",
        &post(&sim, "/api/connection", json!({ "command": "connect" })).await,
    );
    wait_for_state(&sim, "Operational").await;
    captured.check("cmd_m112", &post(&sim, "/api/printer/command", json!({ "command": "M112" })).await);
    captured.check("job_error", &get(&sim, "/api/job").await);
    captured.check("printer_error_info", &get(&sim, "/api/printer/error").await);
}

#[tokio::test]
async fn application_keys_are_asked_for_and_given_as_captured() {
    let captured = Captured::load();
    let sim = start().await;
    let json_type = ["-H", "Content-Type: application/json", "-d"];
    let request = async |body: Value| {
        let args = [&json_type[..], &[body.to_string().as_str()]]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        curl_without_key(&sim, "/plugin/appkeys/request", &args).await
    };
    captured.check("appkeys_probe_204", &curl_without_key(&sim, "/plugin/appkeys/probe", &[]).await);
    captured.check("appkeys_request_noapp_400", &request(json!({ "user": "admin" })).await);
    let asked = request(json!({ "app": "rust-sdk" })).await;
    captured.check("appkeys_request_201", &asked);
    let poll = format!("/plugin/appkeys/request/{}", asked.json()["app_token"].as_str().expect("a token"));
    captured.check("appkeys_poll_pending_202", &curl_without_key(&sim, &poll, &[]).await);
    let list = get(&sim, "/api/plugin/appkeys").await.json();
    let pending: Vec<Value> = list["pending"].as_object().expect("a map").values().cloned().collect();
    let decision =
        format!("/plugin/appkeys/decision/{}", pending[0]["user_token"].as_str().expect("a token"));
    captured.check("appkeys_decide_204", &post(&sim, &decision, json!({ "decision": true })).await);
    captured.check("appkeys_poll_granted_200", &curl_without_key(&sim, &poll, &[]).await);
    captured.check("appkeys_poll_again_404", &curl_without_key(&sim, &poll, &[]).await);
    let keys = get(&sim, "/api/plugin/appkeys").await;
    captured.check("appkeys_list", &keys);
    let list = json!({ "keys": keys.json()["keys"], "pending": pending });
    fits(&captured.0["appkeys_pending_list2"]["shape"], &list, "").expect("a list as captured");
    let generate = json!({ "command": "generate", "app": "gen" });
    captured.check("appkeys_generate", &post(&sim, "/api/plugin/appkeys", generate).await);
    assert_eq!(request(json!({ "app": "third" })).await.status, 201);
    captured.check("appkeys_request_429", &request(json!({ "app": "fourth" })).await);
}

#[tokio::test]
async fn logging_in_with_a_password_answers_as_captured() {
    let captured = Captured::load();
    let reader = User::new("reader", "pw", Group::ReadOnly).api_key("READER");
    let sim = OctoPrintSim::start(SimConfig::default().user(reader)).await.expect("a port");
    let browser = common::Browser::open(&sim).await;
    let login = async |body: Value| browser.post("/api/login", &body.to_string()).await;
    captured.check("login_csrf_passive_anon", &login(json!({ "passive": true })).await);
    let upload = browser.request("/api/files/local", &["-F", "file=G28;filename=a.gcode"]).await;
    captured.check("upload_csrf_anon_403", &upload);
    captured.check("login_csrf_badpw_403", &login(json!({ "user": "admin", "pass": "wrong" })).await);
    let right = json!({ "user": "admin", "pass": SimConfig::TEST_PASSWORD, "remember": true });
    captured.check("login_csrf_ok", &login(right).await);
    let users = ask(&format!("http://{}/api/access/users", sim.addr()), &["-H", "X-Api-Key: READER"]).await;
    captured.check("reader_access_users_403", &users);
}
