//! The requests that were recorded from a real Moonraker, sent to the simulated one: the same status, reason, header
//! fields, and the same body, apart from times, names and numbers that no two servers share. What differs all the same
//! is listed here, and nothing else may.

mod common;

use std::time::Duration;

use common::moonraker::{Socket, Whole, get, post, request, upload};
use common::{scratch, wait_until};
use printhost_sim::{MoonrakerConfig, MoonrakerSim};
use serde_json::{Value, json};

/// Values that differ between any two servers or moments; their types must not.
const FREE: [&str; 36] = [
    "modified",
    "time",
    "uuid",
    "uid",
    "token",
    "refresh_token",
    "created_on",
    "used",
    "free",
    "eventtime",
    "process_id",
    "cpu_info",
    "websocket_id",
    "connection_id",
    "job_id",
    "time_added",
    "time_in_queue",
    "temperature",
    "actual",
    "temperatures",
    "targets",
    "powers",
    "start_time",
    "end_time",
    "print_start_time",
    "total_duration",
    "print_duration",
    "filament_used",
    "total_jobs",
    "total_time",
    "total_print_time",
    "longest_job",
    "filename",
    "metadata",
    "websocket_count",
    "port",
];

/// Answers of which only the shape is compared, as they tell of the machine.
const MACHINES: [&str; 2] = ["machine_proc_stats", "machine_system_info"];

/// What differs, and is meant to.
const DIFFERENCES: [(&str, &str); 4] = [
    // The recorded server had its files below another folder than the notes say.
    (
        "upload_traversal",
        "/error/traceback is \"tornado.web.HTTPError: HTTP 400: Bad Request (Cannot write to path: /home/etc/x.gcode)\" \
         for \"tornado.web.HTTPError: HTTP 400: Bad Request (Cannot write to path: /tmp/etc/x.gcode)\"",
    ),
    // The simulated machine has one network interface.
    ("machine_proc_stats", "/result/network/eth0 is missing"),
    ("machine_proc_stats", "/result/network/ifb0 is missing"),
    ("machine_proc_stats", "/result/network/ifb1 is missing"),
];

fn captured() -> Value {
    serde_json::from_str(include_str!("moonraker_captures.json")).expect("JSON")
}

/// The differences found so far.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn compare(&mut self, name: &str, captured: &Value, answer: &Whole) {
        let mut found = Vec::new();
        if captured["status"] != answer.status {
            found.push(format!("status {} for {}", answer.status, captured["status"]));
        }
        if let Some(reason) = captured["reason"].as_str()
            && reason != answer.reason
        {
            found.push(format!("reason {:?} for {reason:?}", answer.reason));
        }
        for (field, value) in captured["headers"].as_object().into_iter().flatten() {
            match (answer.headers.get(field), value.as_str()) {
                (None, _) => found.push(format!("no {field}")),
                // The port is the system's choice.
                (Some(got), Some(value)) if field != "location" && got != value => {
                    found.push(format!("{field} {got:?} for {value:?}"));
                }
                (Some(got), Some(value)) if path_of(got) != path_of(value) => {
                    found.push(format!("{field} {got:?} for {value:?}"));
                }
                _ => {}
            }
        }
        match &captured["answer"] {
            Value::Null => {}
            text if text.get("text").is_some_and(Value::is_string) && text.get("server").is_none() => {
                let start = String::from_utf8_lossy(&answer.body).chars().take(10).collect::<String>();
                if !text["text"].as_str().unwrap_or_default().starts_with(&start) {
                    found.push(format!("content {start:?}"));
                }
            }
            body => differ(body, &tail(answer.json()), "", MACHINES.contains(&name), &mut found),
        }
        self.0.extend(found.into_iter().map(|difference| format!("{name}: {difference}")));
    }

    /// Nothing may differ but what is listed, and all of that must.
    fn check(self, listed: &[(&str, &str)]) {
        let listed: Vec<String> = listed.iter().map(|(name, what)| format!("{name}: {what}")).collect();
        let unlisted: Vec<_> = self.0.iter().filter(|found| !listed.contains(found)).collect();
        let gone: Vec<_> = listed.iter().filter(|listed| !self.0.contains(listed)).collect();
        assert!(unlisted.is_empty() && gone.is_empty(), "not listed: {unlisted:#?}\nnot found: {gone:#?}");
    }
}

/// A URL without the server.
fn path_of(url: &str) -> &str {
    url.splitn(4, '/').nth(3).unwrap_or_default()
}

/// An answer with the last paragraph of its traceback only.
fn tail(mut answer: Value) -> Value {
    if let Some(traceback) = answer.pointer_mut("/error/traceback") {
        let text = traceback.as_str().unwrap_or_default().trim().to_owned();
        *traceback = json!(text.rsplit("\n\n").next().unwrap_or_default());
    }
    answer
}

fn differ(captured: &Value, got: &Value, at: &str, shape_only: bool, found: &mut Vec<String>) {
    let is_secret = |text: &str| text.contains("xxxxxxxx") || text.contains("REDACTED");
    match (captured, got) {
        (Value::String(secret), Value::String(_)) if is_secret(secret) => {}
        (Value::Object(captured), Value::Object(got)) => {
            for key in got.keys().filter(|key| !captured.contains_key(*key)) {
                found.push(format!("{at}/{key} is not in the capture"));
            }
            for (key, value) in captured {
                match got.get(key) {
                    None => found.push(format!("{at}/{key} is missing")),
                    Some(got) => differ(value, got, &format!("{at}/{key}"), shape_only, found),
                }
            }
        }
        (Value::Array(captured), Value::Array(got)) => {
            let free = shape_only || is_free(at);
            if captured.len() != got.len() && !free {
                found.push(format!("{at} has {} items for {}", got.len(), captured.len()));
            }
            let by_name = |items: &[Value]| {
                let mut items = items.to_vec();
                items.sort_by_key(|item| {
                    let named =
                        ["path", "filename", "dirname", "name"].iter().find_map(|key| item[*key].as_str());
                    // A list of namespaces has no order.
                    let named = named.or_else(|| item.as_str().filter(|_| at.ends_with("namespaces")));
                    named.unwrap_or_default().to_owned()
                });
                items
            };
            for (captured, got) in by_name(captured).iter().zip(&by_name(got)) {
                differ(captured, got, &format!("{at}[]"), shape_only, found);
            }
        }
        _ if kind(captured) != kind(got) => found.push(format!("{at} is {got} for {captured}")),
        _ if captured != got && captured.as_f64() != got.as_f64() && !shape_only && !is_free(at) => {
            found.push(format!("{at} is {got} for {captured}"));
        }
        (Value::String(_) | Value::Bool(_), _) if captured != got && !shape_only && !is_free(at) => {
            found.push(format!("{at} is {got} for {captured}"));
        }
        _ => {}
    }
}

fn is_free(at: &str) -> bool {
    let last = at.trim_end_matches("[]").rsplit('/').next().unwrap_or_default();
    FREE.contains(&last)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The file that was uploaded in the recording: 598 bytes.
fn tiny() -> String {
    let mut text = "; generated by PrusaSlicer 2.7.4+linux-x64 (fixture)\nM201 X1000\nG21\nG90\nM83\nM140 S60\nM104 S205\n\
        G28\nM190 S60\nM109 S205\n"
        .to_owned();
    for step in 0..20 {
        text.push_str(&format!("G1 X{} Y{} E0.02 F3000\n", 10 + step, 10 + (step / 7)));
    }
    text + "M104 S0\nM140 S0\nM84\n"
}

/// A longer one of 69718 bytes, which begins and ends like it.
fn medium() -> String {
    let tiny = tiny();
    let (head, tail) = tiny.split_at(tiny.len() - "M104 S0\nM140 S0\nM84\n".len());
    let missing = 69_718 - tiny.len();
    let line = "G1 X10 Y10 E0.02 F3000\n";
    let mut middle = line.repeat(missing / line.len() - 1);
    let rest = missing - middle.len();
    middle.push_str(&format!(";{}\n", "x".repeat(rest - 2)));
    format!("{head}{middle}{tail}")
}

/// Secrets that the recording does not contain, as this server gave them.
#[derive(Default)]
struct Secrets {
    token: String,
    refresh: String,
    one_shot: String,
}

async fn replay(sim: &MoonrakerSim, exchange: &Value, secrets: &mut Secrets, old_key: &str) -> Whole {
    let name = exchange["name"].as_str().unwrap_or_default();
    let method = exchange["method"].as_str().expect("a method");
    let path = exchange["path"].as_str().expect("a path").replace("REDACTED", &secrets.one_shot);
    let mut args = vec!["-X".to_owned(), method.to_owned()];
    for (field, value) in exchange["sends"].as_object().into_iter().flatten() {
        let secret = match (field.as_str(), name) {
            (_, "locked_upload_badkey_401" | "locked_oldkey_401") => old_key.to_owned(),
            ("X-Api-Key", _) => sim.api_key(),
            _ => format!("Bearer {}", secrets.token),
        };
        let value = value.as_str().unwrap_or_default();
        let value = if value.contains("REDACTED") { secret } else { value.to_owned() };
        args.extend(["-H".to_owned(), format!("{field}: {value}")]);
    }
    let mut files = Vec::new();
    for part in exchange["form"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let part = match part.strip_prefix("file=@") {
            Some(file) => {
                let (from, sent) = file.split_once(';').unwrap_or((file, ""));
                let content = if from == "med.gcode" { medium() } else { tiny() };
                files.push(scratch(&content));
                let sent = if sent.is_empty() { format!("filename={from}") } else { sent.to_owned() };
                format!("file=@{};{sent}", files.last().expect("a file").display())
            }
            None => part.to_owned(),
        };
        args.extend(["-F".to_owned(), part]);
    }
    if let Some(body) = exchange.get("body").filter(|body| !body.is_null()) {
        let body = match body.get("refresh_token") {
            Some(_) => json!({ "refresh_token": secrets.refresh }),
            None => body.clone(),
        };
        args.extend([
            "-H".to_owned(),
            "Content-Type: application/json".to_owned(),
            "-d".to_owned(),
            body.to_string(),
        ]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let answer = request(sim, &path, &args).await;
    for file in files {
        let _ = std::fs::remove_file(file);
    }
    if answer.status == 200 && answer.headers.get("content-type").is_some_and(|kind| kind.contains("json")) {
        let result = &answer.json()["result"];
        for (secret, key) in [(&mut secrets.token, "token"), (&mut secrets.refresh, "refresh_token")] {
            if let Some(value) = result[key].as_str() {
                value.clone_into(secret);
            }
        }
        if path == "/access/oneshot_token" {
            result.as_str().unwrap_or_default().clone_into(&mut secrets.one_shot);
        }
    }
    answer
}

#[tokio::test]
async fn a_server_without_klipper_answers_as_recorded() {
    assert_eq!((tiny().len(), medium().len()), (598, 69_718));
    let captured = captured();
    let alone = captured["alone"].as_array().expect("a list");
    let mut findings = Findings::default();
    let mut secrets = Secrets::default();
    let sim = MoonrakerSim::start(MoonrakerConfig::default().klippy(false)).await.expect("a port");
    let locked = MoonrakerConfig::default().klippy(false).trusted(false).force_logins(true);
    let locked = MoonrakerSim::start(locked.user("maker", "Secret123")).await.expect("a port");
    upload_with_key(&locked).await;
    let old_key = locked.api_key();
    for exchange in alone {
        let name = exchange["name"].as_str().expect("a name");
        if name == "upload_over_max" {
            // Not with a body of a gibibyte: see below.
            continue;
        }
        let sim = if exchange["locked"] == true { &locked } else { &sim };
        let old_key = if name == "locked_upload_badkey_401" { "wrong" } else { &old_key };
        let answer = replay(sim, exchange, &mut secrets, old_key).await;
        findings.compare(name, exchange, &answer);
    }
    let announced = request(
        &sim,
        "/server/files/upload",
        &["-X", "POST", "-H", "Content-Length: 1073741924", "-H", "Expect:"],
    );
    assert_eq!(announced.await.status, 400);
    findings.check(&DIFFERENCES);
}

async fn upload_with_key(sim: &MoonrakerSim) {
    let key = format!("X-Api-Key: {}", sim.api_key());
    let file = scratch(&tiny());
    let form = format!("file=@{};filename=tiny.gcode", file.display());
    assert_eq!(request(sim, "/server/files/upload", &["-H", &key, "-F", &form]).await.status, 201);
    let _ = std::fs::remove_file(file);
}

#[tokio::test]
async fn an_idle_printer_answers_as_recorded() {
    let captured = captured();
    let mut findings = Findings::default();
    let sim =
        MoonrakerSim::start(MoonrakerConfig::default().time_scale(20.0).webcam(true)).await.expect("a port");
    // The recording was made with two WebSockets, and with the heaters known.
    let mut hears = Socket::open(&sim, "").await;
    hears.notification("notify_proc_stat_update").await;
    for exchange in captured["standby"].as_array().expect("a list") {
        let body = exchange["body"]["script"].as_str().unwrap_or_default();
        let name = format!("{} {} {body}", exchange["method"], exchange["path"]).replace('"', "");
        let answer = replay(&sim, exchange, &mut Secrets::default(), "").await;
        findings.compare(name.trim(), exchange, &answer);
    }
    findings.check(&STANDBY_DIFFERENCES);
}

/// What differs of an idle printer.
const STANDBY_DIFFERENCES: [(&str, &str); 0] = [];

/// A print that heats, and then moves for `lines` × 1.2 s of the printer's time.
fn slow(lines: usize) -> String {
    "G28\nM109 S200\nEXCLUDE_OBJECT_DEFINE NAME=CUBE_STL_ID_0_COPY_0 CENTER=110,110 POLYGON=[[103,103],[117,117]]\nEXCLUDE_OBJECT_START NAME=CUBE_STL_ID_0_COPY_0\nG1 X10 Y10 F6000\nG1 X20 E1 F600\n"
        .to_owned()
        + &"G1 X30 F1000\nG1 X20 F1000\n".repeat(lines)
}

async fn status(sim: &MoonrakerSim, captured: &Value) -> Value {
    let names: Vec<&str> = captured.as_object().expect("objects").keys().map(String::as_str).collect();
    get(sim, &format!("/printer/objects/query?{}", names.join("&"))).await.result()["status"].clone()
}

/// The fields that tell which state a printer is in.
const TELLING: [&str; 8] = [
    "/webhooks/state",
    "/print_stats/state",
    "/print_stats/message",
    "/virtual_sdcard/is_active",
    "/virtual_sdcard/file_path",
    "/pause_resume/is_paused",
    "/print_stats/info/current_layer",
    "/heaters/available_heaters",
];

fn same_state(name: &str, captured: &Value, now: &Value, findings: &mut Findings) {
    let mut found = Vec::new();
    differ(captured, now, "", true, &mut found);
    for field in TELLING {
        let (captured, now) = (captured.pointer(field), now.pointer(field));
        let both_paths = field.ends_with("file_path") && captured.is_some_and(Value::is_string);
        if captured != now && !(both_paths && now.is_some_and(Value::is_string)) {
            found.push(format!("{field} is {now:?} for {captured:?}"));
        }
    }
    findings.0.extend(found.into_iter().map(|difference| format!("{name}: {difference}")));
}

#[tokio::test]
async fn every_state_of_a_print_looks_as_recorded() {
    let states = captured()["states"].clone();
    let mut findings = Findings::default();
    let sim = MoonrakerSim::start(MoonrakerConfig::default().time_scale(20.0)).await.expect("a port");
    let mut check = async |name: &str| {
        let captured = &states[name];
        same_state(name, captured, &status(&sim, captured).await, &mut findings);
    };
    let print = |state: &'static str| {
        let sim = &sim;
        async move { wait_until(state, || sim.print_state() == state).await }
    };
    let message = |text: &'static str| {
        let sim = &sim;
        async move {
            let path = format!("/printer/gcode/script?script=M117%20{text}");
            assert_eq!(post(sim, &path).await.result(), "ok");
        }
    };
    check("standby/standby").await;
    message("hello").await;
    assert_eq!(upload(&sim, "a.gcode", &slow(200), &["print=true"]).await.json()["print_started"], true);
    check("printing/printing:heating").await;
    wait_until("moving", || sim.extruded() > 0.0).await;
    check("printing/printing:mid").await;
    assert_eq!(post(&sim, "/printer/print/pause").await.result(), "ok");
    check("pause/paused").await;
    assert_eq!(post(&sim, "/printer/print/resume").await.result(), "ok");
    check("resume/resumed").await;
    assert_eq!(post(&sim, "/printer/print/cancel").await.result(), "ok");
    check("cancel/cancelled").await;
    upload(&sim, "b.gcode", "G28\nG1 X10 F6000\n", &["print=true"]).await;
    print("complete").await;
    check("complete/complete").await;
    request(&sim, "/printer/gcode/script?script=SDCARD_RESET_FILE", &["-X", "POST"]).await;
    check("complete/after SDCARD_RESET_FILE").await;
    message("").await;
    upload(&sim, "err.gcode", "G92 E0\nG28\nG1 X10 F3000\nG1 X9999 F3000\n", &["print=true"]).await;
    print("error").await;
    check("file-error/print error").await;
    message("layer%203").await;
    upload(&sim, "empty.gcode", "", &["print=true"]).await;
    print("complete").await;
    check("empty/empty done").await;
    message("").await;
    upload(&sim, "c.gcode", &slow(200), &["print=true"]).await;
    wait_until("heating", || sim.targets().iter().any(|(_, target)| *target == 200.0)).await;
    assert_eq!(post(&sim, "/printer/emergency_stop").await.result(), "ok");
    check("estop-printing/shutdown while printing").await;
    print("paused").await;
    check("estop-printing/shutdown while printing+1s").await;
    findings.check(&STATE_DIFFERENCES);
}

/// What differs in the states of a print.
const STATE_DIFFERENCES: [(&str, &str); 0] = [];

#[tokio::test]
async fn a_klipper_in_trouble_answers_as_recorded() {
    let scenes = captured()["scenes"].clone();
    let mut findings = Findings::default();
    let sim = MoonrakerSim::start(MoonrakerConfig::default().time_scale(20.0)).await.expect("a port");
    upload(&sim, "moves.gcode", &slow(200), &[]).await;
    let mut ask = async |scene: &str| {
        let captured = scenes.get(scene).unwrap_or_else(|| panic!("no scene {scene}"));
        let mut words = scene.split_once(": ").expect("a step").1.splitn(3, ' ');
        let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
        let script =
            words.next().unwrap_or_default().rsplit_once(' ').map(|(script, _)| script.replace(' ', "%20"));
        let path = match path.ends_with("/script") {
            true => format!("{path}?script={}", script.unwrap_or_default()),
            false => path.to_owned(),
        };
        let answer = request(&sim, &path, &["-X", method]).await;
        findings.compare(scene, captured, &answer);
    };
    let klippy = |state: &'static str| {
        let sim = &sim;
        async move { wait_until(state, || sim.klippy_state() == state).await }
    };
    ask("estop-heating: POST /printer/emergency_stop 200").await;
    ask("estop-heating: GET /printer/info 200 shutdown").await;
    ask("estop-heating: POST /printer/gcode/script M105 200").await;
    ask("estop-heating: POST /printer/gcode/script G28 400").await;
    ask("estop-heating: POST /printer/print/start?filename=moves.gcode 400").await;
    ask("estop-heating: GET /printer/objects/list 200").await;
    ask("estop-printing: POST /printer/restart 200").await;
    klippy("disconnected").await;
    ask("klippy-kill: GET /printer/info 503").await;
    klippy("error").await;
    tokio::time::timeout(Duration::from_secs(5), async {
        while get(&sim, "/server/info").await.result()["klippy_state"] != "error" {}
    })
    .await
    .expect("the server sees the error");
    ask("estop-printing: GET /printer/info 200 error").await;
    ask("klippy-kill: POST /printer/print/start?filename=moves.gcode 400").await;
    ask("firmware_restart: POST /printer/firmware_restart 200").await;
    klippy("ready").await;
    tokio::time::timeout(Duration::from_secs(5), async {
        while get(&sim, "/server/info").await.result()["klippy_state"] != "ready" {}
    })
    .await
    .expect("the server sees it");
    ask("firmware_restart: GET /printer/info 200 ready").await;
    let queued = request(
        &sim,
        "/server/job_queue/job",
        &["-H", "Content-Type: application/json", "-d", r#"{"filenames":["moves.gcode","moves.gcode"]}"#],
    );
    findings_of_queue(&scenes, &queued.await);
    ask("jobqueue: DELETE /server/job_queue/job?all=true 200").await;
    sim.kill_klippy();
    ask("klippy-kill: GET /printer/info 503").await;
    ask("klippy-kill: GET /server/info 200").await;
    ask("klippy-kill: GET /printer/objects/list 503").await;
    ask("klippy-kill: POST /printer/emergency_stop 503").await;
    ask("klippy-kill: POST /printer/gcode/script M105 503").await;
    ask("klippy-kill: GET /api/printer 200").await;
    findings.check(&TROUBLE_DIFFERENCES);
}

fn findings_of_queue(scenes: &Value, answer: &Whole) {
    let mut findings = Findings::default();
    findings.compare("queue", &scenes["jobqueue: POST /server/job_queue/job 200"], answer);
    findings.check(&[]);
}

/// What differs when Klipper is in trouble.
const TROUBLE_DIFFERENCES: [(&str, &str); 0] = [];

#[tokio::test]
async fn websockets_answer_as_recorded() {
    let sockets = captured()["websockets"].clone();
    let trusted = MoonrakerSim::start(MoonrakerConfig::default().klippy(false)).await.expect("a port");
    let locked = MoonrakerConfig::default().klippy(false).trusted(false);
    let locked = MoonrakerSim::start(locked).await.expect("a port");
    for path in ["chunked.gcode", "expect.gcode"] {
        assert_eq!(upload(&trusted, path, &medium(), &[]).await.status, 201);
    }
    for path in ["newdir/c.gcode", "oc.gcode", "p.gcode", "tiny.gcode"] {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        assert_eq!(upload(&trusted, name, &tiny(), &[&format!("path={folder}")]).await.status, 201);
    }
    let key = format!("X-Api-Key: {}", locked.api_key());
    let token = request(&locked, "/access/oneshot_token", &["-H", &key]).await.result();
    let token = token.as_str().expect("a token");
    let mut findings = Findings::default();
    for (name, sim, query) in [
        ("ws_trusted_noklippy", &trusted, String::new()),
        ("ws_untrusted_noauth", &locked, String::new()),
        ("ws_apikey_identify", &locked, String::new()),
        ("ws_oneshot", &locked, format!("?token={token}")),
        ("ws_oneshot_bad", &locked, format!("?token={token}")),
    ] {
        let mut socket = Socket::open(sim, &query).await;
        for frame in sockets[name].as_array().expect("frames") {
            if let Some(sent) = frame["out"].as_str() {
                socket.send(&sent.replace("REDACTED", &sim.api_key())).await;
                continue;
            }
            let expected: Value = serde_json::from_str(frame["in"].as_str().expect("a frame")).expect("JSON");
            let got = match expected["method"].as_str() {
                Some("notify_filelist_changed") => continue,
                Some(method) => {
                    json!({ "jsonrpc": "2.0", "method": method, "params": socket.notification(method).await })
                }
                None => socket.answer(&expected["id"]).await,
            };
            let mut found = Vec::new();
            differ(&expected, &got, "", expected.get("method").is_some(), &mut found);
            findings.0.extend(found.into_iter().map(|found| format!("{name} {}: {found}", expected["id"])));
        }
    }
    findings.check(&WEBSOCKET_DIFFERENCES);
}

/// What differs on a WebSocket.
const WEBSOCKET_DIFFERENCES: [(&str, &str); 0] = [];
