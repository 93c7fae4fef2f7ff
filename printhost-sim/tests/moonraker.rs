//! What the simulated Moonraker promises beyond single answers: Klipper's life, prints, keys, files and faults.

mod common;

use std::time::Duration;

use common::moonraker::{Socket, get, post, request, upload};
use common::wait_until;
use printhost_sim::{Fault, MoonrakerConfig, MoonrakerSim, On};
use serde_json::{Value, json};

const MOVES: &str = "G28\nG1 X60 Y60 F3000\nG1 X20 Y20 F3000\n";

async fn start() -> MoonrakerSim {
    start_with(MoonrakerConfig::default()).await
}

async fn start_with(config: MoonrakerConfig) -> MoonrakerSim {
    MoonrakerSim::start(config.time_scale(20.0)).await.expect("a free port")
}

fn long() -> String {
    format!("G28\n{}", "G1 X60 Y60 F3000\nG1 X20 Y20 F3000\n".repeat(500))
}

async fn subscribe(socket: &mut Socket, objects: Value) -> Value {
    let answer = socket.call("printer.objects.subscribe", json!({ "objects": objects })).await;
    answer["result"]["status"].clone()
}

async fn has_state(sim: &MoonrakerSim, state: &str) {
    let reached = async { while get(sim, "/server/info").await.result()["klippy_state"] != state {} };
    tokio::time::timeout(Duration::from_secs(10), reached).await.unwrap_or_else(|_| panic!("never {state}"));
}

#[tokio::test]
async fn an_update_tells_only_what_changed_of_what_was_asked_for() {
    let sim = start().await;
    let mut socket = Socket::open(&sim, "").await;
    let status = subscribe(&mut socket, json!({ "extruder": ["target"], "print_stats": null })).await;
    assert_eq!(status["extruder"], json!({ "target": 0.0 }));
    post(&sim, "/printer/gcode/script?script=M104%20S100").await;
    let update = socket.notification("notify_status_update").await;
    assert_eq!(update[0], json!({ "extruder": { "target": 100.0 } }));
    assert!(update[1].as_f64().is_some_and(|time| time > 0.0));
}

#[tokio::test]
async fn a_restart_ends_subscriptions_and_ready_is_announced_after_it_is_true() {
    let sim = start_with(MoonrakerConfig::default().ready_lag(Duration::from_secs(3))).await;
    let mut socket = Socket::open(&sim, "").await;
    subscribe(&mut socket, json!({ "webhooks": null, "toolhead": null })).await;
    assert_eq!(post(&sim, "/printer/firmware_restart").await.result(), "ok");
    socket.notification("notify_klippy_disconnected").await;
    assert_eq!(get(&sim, "/printer/info").await.status, 503);
    wait_until("ready", || sim.klippy_state() == "ready").await;
    let ready = std::time::Instant::now();
    let before = socket.until("notify_klippy_ready").await;
    assert!(ready.elapsed() > Duration::from_secs(1), "announced after {:?}", ready.elapsed());
    assert!(before.iter().all(|message| message["method"] != "notify_status_update"), "{before:?}");
    socket.notification("notify_proc_stat_update").await;
    let more = socket.until("notify_proc_stat_update").await;
    assert!(more.iter().all(|message| message["method"] != "notify_status_update"), "{more:?}");
}

#[tokio::test]
async fn an_error_is_never_announced() {
    let sim = start().await;
    let mut socket = Socket::open(&sim, "").await;
    sim.break_config(true);
    sim.restart_klippy();
    socket.notification("notify_klippy_disconnected").await;
    has_state(&sim, "error").await;
    socket.notification("notify_proc_stat_update").await;
    let heard = socket.until("notify_proc_stat_update").await;
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(get(&sim, "/printer/info").await.result()["state"], "error");
    sim.break_config(false);
    sim.restart_klippy();
    socket.notification("notify_klippy_ready").await;
}

#[tokio::test]
async fn calls_of_klipper_are_unknown_before_the_first_one_and_503_afterwards() {
    let sim = start_with(MoonrakerConfig::default().klippy(false)).await;
    assert_eq!(get(&sim, "/printer/info").await.status, 404);
    assert_eq!(post(&sim, "/printer/print/pause").await.status, 503);
    sim.start_klippy();
    has_state(&sim, "ready").await;
    assert_eq!(get(&sim, "/printer/info").await.status, 200);
    sim.kill_klippy();
    let gone = get(&sim, "/printer/info").await;
    assert_eq!((gone.status, gone.error().as_str()), (503, "Klippy Host not connected"));
}

#[tokio::test]
async fn a_pause_waits_for_the_heater_and_an_emergency_stop_does_not() {
    let sim = start_with(MoonrakerConfig::default()).await;
    let content = format!("M109 S250\n{MOVES}");
    assert_eq!(upload(&sim, "hot.gcode", &content, &["print=true"]).await.json()["print_started"], true);
    let began = std::time::Instant::now();
    assert_eq!(post(&sim, "/printer/print/pause").await.result(), "ok");
    // 230 °C at 10 °C a second, twenty times as fast.
    assert!(began.elapsed() > Duration::from_millis(700), "{:?}", began.elapsed());
    assert_eq!(sim.print_state(), "paused");
    assert_eq!(post(&sim, "/printer/print/cancel").await.result(), "ok");
    let sim = MoonrakerSim::start(MoonrakerConfig::default()).await.expect("a port");
    let heating = post(&sim, "/printer/gcode/script?script=M109%20S250");
    let stop = async {
        wait_until("heating", || sim.targets().iter().any(|(_, target)| *target > 0.0)).await;
        post(&sim, "/printer/emergency_stop").await
    };
    let (heated, stopped) =
        tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(heating, stop) })
            .await
            .expect("neither waits for the heater");
    assert_eq!((heated.result(), stopped.result()), (json!("ok"), json!("ok")));
    assert_eq!(sim.klippy_state(), "shutdown");
}

#[tokio::test]
async fn a_print_counts_its_bytes_its_filament_and_its_layers() {
    let sim = start().await;
    let content = "G28\nM109 S200\nM83\nSET_PRINT_STATS_INFO TOTAL_LAYER=2 CURRENT_LAYER=1\nG1 X10 E1 F600\nG1 X20 E2 F60\n";
    upload(&sim, "a.gcode", content, &["print=true"]).await;
    wait_until("done", || sim.print_state() == "complete").await;
    let status =
        get(&sim, "/printer/objects/query?print_stats&virtual_sdcard").await.result()["status"].clone();
    let (print, card) = (&status["print_stats"], &status["virtual_sdcard"]);
    assert_eq!(print["filament_used"], 3.0);
    assert_eq!(print["info"], json!({ "current_layer": 1, "total_layer": 2 }));
    assert!(print["total_duration"].as_f64() > print["print_duration"].as_f64());
    assert_eq!((&card["progress"], &card["file_position"]), (&json!(1.0), &json!(content.len())));
    assert_eq!((&card["file_path"], &card["is_active"]), (&Value::Null, &json!(false)));
    assert_eq!(sim.prints_started(), 1);
}

#[tokio::test]
async fn a_print_is_in_the_history_from_its_start_to_its_end() {
    let sim = start().await;
    let mut socket = Socket::open(&sim, "").await;
    upload(&sim, "a.gcode", &long(), &["print=true"]).await;
    let added = socket.notification("notify_history_changed").await;
    assert_eq!((&added[0]["action"], &added[0]["job"]["status"]), (&json!("added"), &json!("in_progress")));
    let metadata = get(&sim, "/server/files/metadata?filename=a.gcode").await.result();
    assert_eq!(metadata["job_id"], "000001");
    sim.kill_klippy();
    let finished = socket.notification("notify_history_changed").await;
    assert_eq!(finished[0]["job"]["status"], "klippy_disconnect");
    let listed = get(&sim, "/server/history/list").await.result();
    assert_eq!((&listed["count"], &listed["jobs"][0]["filename"]), (&json!(1), &json!("a.gcode")));
    let totals = get(&sim, "/server/history/totals").await.result();
    assert_eq!(totals["job_totals"]["total_jobs"], 1.0);
}

#[tokio::test]
async fn a_print_goes_on_while_the_server_is_away_and_its_entry_is_interrupted() {
    let sim = start().await;
    let mut socket = Socket::open(&sim, "").await;
    upload(&sim, "a.gcode", &long(), &["print=true"]).await;
    socket.notification("notify_history_changed").await;
    sim.restart(Duration::from_millis(50));
    socket.until_closed().await;
    let back = async { while get(&sim, "/server/info").await.status != 200 {} };
    tokio::time::timeout(Duration::from_secs(10), back).await.expect("the server comes back");
    has_state(&sim, "ready").await;
    assert_eq!(sim.print_state(), "printing");
    let job = get(&sim, "/server/history/list").await.result()["jobs"][0].clone();
    assert_eq!((&job["status"], &job["end_time"]), (&json!("interrupted"), &Value::Null));
}

#[tokio::test]
async fn an_upload_is_hashed_wherever_the_checksum_stands_and_a_loaded_file_is_kept() {
    let sim = start().await;
    let wrong = format!("checksum={}", "0".repeat(64));
    let refused = upload(&sim, "a.gcode", MOVES, &[&wrong]).await;
    assert_eq!((refused.status, refused.error().as_str()), (422, "Unprocessable Entity"));
    assert!(!sim.files().iter().any(|file| file.path == "a.gcode"));
    upload(&sim, "a.gcode", &long(), &["print=true"]).await;
    wait_until("printing", || sim.print_state() == "printing").await;
    assert_eq!(upload(&sim, "a.gcode", MOVES, &[]).await.status, 403);
    let other = upload(&sim, "b.gcode", MOVES, &["print=true"]).await;
    assert_eq!((other.status, &other.json()["print_started"]), (201, &json!(false)));
    assert_eq!(request(&sim, "/server/files/gcodes/a.gcode", &["-X", "DELETE"]).await.status, 403);
    let moved = post(&sim, "/server/files/move?source=gcodes/a.gcode&dest=gcodes/c.gcode").await;
    assert_eq!(moved.status, 403);
}

#[tokio::test]
async fn a_picture_in_the_comments_can_be_downloaded_and_goes_with_its_file() {
    let sim = start().await;
    let content = "; generated by PrusaSlicer 2.5.0 on 2026-11-20 at 20:31:41 UTC\n; thumbnail begin 16x12 4\n; aGk=\n\
        ; thumbnail end\nG28 X\n; layer_height = 0.2\n; filament_type = PLA\n";
    upload(&sim, "a.gcode", content, &["path=sub"]).await;
    let metadata = get(&sim, "/server/files/metadata?filename=sub/a.gcode").await.result();
    assert_eq!((&metadata["slicer"], &metadata["layer_height"]), (&json!("PrusaSlicer"), &json!(0.2)));
    let picture = &metadata["thumbnails"][0];
    assert_eq!(picture["relative_path"], ".thumbs/a-16x12.png");
    assert_eq!(get(&sim, "/server/files/gcodes/sub/.thumbs/a-16x12.png").await.body, b"hi");
    request(&sim, "/server/files/gcodes/sub/a.gcode", &["-X", "DELETE"]).await;
    assert_eq!(get(&sim, "/server/files/gcodes/sub/.thumbs/a-16x12.png").await.status, 404);
}

#[tokio::test]
async fn a_file_is_asked_after_without_its_content_and_a_folder_is_none() {
    let sim = start().await;
    upload(&sim, "a.gcode", "G28 X\n", &["path=sub"]).await;
    let head = async |path| request(&sim, path, &["--head"]).await;
    let file = head("/server/files/gcodes/sub/a.gcode").await;
    assert_eq!((file.status, file.headers["content-length"].as_str()), (200, "6"));
    assert_eq!(head("/server/files/gcodes/sub").await.status, 403);
    assert_eq!(head("/server/files/gcodes/sub/b.gcode").await.status, 404);
}

#[tokio::test]
async fn an_access_token_ends_and_is_renewed_and_a_one_shot_token_serves_once() {
    let config = MoonrakerConfig::default().trusted(false).user("maker", "secret");
    let sim = start_with(config.token_lifetime(Duration::from_millis(300))).await;
    let json_type = ["-H", "Content-Type: application/json", "-d"];
    let login = [&json_type[..], &[r#"{"username":"maker","password":"secret"}"#]].concat();
    let tokens = request(&sim, "/access/login", &login).await.result();
    let bearer = |token: &Value| format!("Authorization: Bearer {}", token.as_str().unwrap_or_default());
    let old = bearer(&tokens["token"]);
    let expires = async { while request(&sim, "/server/info", &["-H", &old]).await.status == 200 {} };
    tokio::time::timeout(Duration::from_secs(10), expires).await.expect("it expires");
    let refresh = json!({ "refresh_token": tokens["refresh_token"] }).to_string();
    let refreshed =
        request(&sim, "/access/refresh_jwt", &[&json_type[..], &[&refresh]].concat()).await.result();
    assert!(refreshed.get("refresh_token").is_none());
    let key = format!("X-Api-Key: {}", sim.api_key());
    let once = request(&sim, "/access/oneshot_token", &["-H", &key]).await.result();
    let path = format!("/server/info?token={}", once.as_str().expect("a token"));
    assert_eq!((get(&sim, &path).await.status, get(&sim, &path).await.status), (200, 401));
}

#[tokio::test]
async fn a_websocket_may_call_once_it_has_named_itself_with_a_key() {
    let sim = start_with(MoonrakerConfig::default().trusted(false)).await;
    let mut socket = Socket::open(&sim, "").await;
    let refused = json!({ "code": -32602, "message": "Unauthorized" });
    assert_eq!(socket.call("server.info", json!({})).await["error"], refused);
    let mut identity = json!({ "client_name": "a", "version": "1", "type": "other", "url": "http://a" });
    assert_eq!(socket.call("server.connection.identify", identity.clone()).await["error"], refused);
    identity["api_key"] = json!(sim.api_key());
    let answer = socket.call("server.connection.identify", identity).await;
    assert!(answer["result"]["connection_id"].is_number());
    assert_eq!(socket.call("server.info", json!({})).await["result"]["klippy_state"], "ready");
    assert_eq!(socket.call("printer.print.start", json!({})).await["error"]["code"], 400);
}

#[tokio::test]
async fn a_job_leaves_the_queue_when_it_is_started() {
    let sim = start().await;
    upload(&sim, "a.gcode", &long(), &[]).await;
    let mut socket = Socket::open(&sim, "").await;
    let queued =
        socket.call("server.job_queue.post_job", json!({ "filenames": ["a.gcode", "a.gcode"] })).await;
    assert_eq!(queued["result"]["queue_state"], "paused");
    assert_eq!(socket.call("server.job_queue.start", json!({})).await["result"]["queue_state"], "loading");
    wait_until("printing", || sim.print_state() == "printing").await;
    let mut actions = Vec::new();
    while actions.last().map(String::as_str) != Some("job_loaded") {
        let change = socket.notification("notify_job_queue_changed").await;
        actions.push(change[0]["action"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(actions, ["jobs_added", "state_changed", "state_changed", "job_loaded"]);
    let left = get(&sim, "/server/job_queue/status").await.result();
    assert_eq!(left["queued_jobs"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn faults_happen_to_requests_as_to_those_of_the_other_servers() {
    let sim = start().await;
    sim.inject(Fault::LoseAnswer, On::request("POST", "/printer/print/start"));
    upload(&sim, "a.gcode", &long(), &[]).await;
    assert_eq!(post(&sim, "/printer/print/start?filename=a.gcode").await.status, 0);
    assert_eq!(sim.print_state(), "printing");
    sim.inject(Fault::FlipBit { byte: 0 }, On::path("/server/files/upload"));
    upload(&sim, "b.gcode", "G28\n", &[]).await;
    let stored = sim.files().into_iter().find(|file| file.path == "b.gcode").expect("it is stored");
    assert_eq!(stored.data.as_deref(), Some(&b"F28\n"[..]));
    let mut socket = Socket::open(&sim, "").await;
    sim.drop_websockets();
    socket.until_closed().await;
}

#[tokio::test]
async fn a_lost_micro_controller_shuts_the_printer_down_and_only_its_restart_helps() {
    let sim = start().await;
    let mut socket = Socket::open(&sim, "").await;
    subscribe(&mut socket, json!({ "webhooks": null })).await;
    sim.fail_mcu();
    socket.until_status("webhooks", "state", json!("shutdown")).await;
    socket.notification("notify_klippy_shutdown").await;
    let refused = socket.call("printer.gcode.script", json!({ "script": "G28" })).await["error"].clone();
    assert_eq!(refused["code"], 400);
    assert!(
        refused["message"]
            .as_str()
            .is_some_and(|text| text.starts_with("MCU 'mcu' shutdown: ADC out of range\n"))
    );
    assert_eq!(post(&sim, "/printer/restart").await.result(), "ok");
    has_state(&sim, "error").await;
    assert_eq!(post(&sim, "/printer/firmware_restart").await.result(), "ok");
    wait_until("ready", || sim.klippy_state() == "ready").await;
}
