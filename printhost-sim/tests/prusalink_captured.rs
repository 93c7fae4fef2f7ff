//! The requests that were recorded on a real PrusaLink 0.8.1 on a Pi, sent to the simulated one: the same status, the same
//! fields that matter, the same keys and types.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::shape::{fits, is_part};
use common::{scratch, wait_until};
use printhost_sim::{PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

/// What is recorded and not simulated, or only in other tests.
const LEFT_OUT: [(&str, &str); 17] = [
    ("unconfigured_version", "nobody has set it up"),
    ("unconfigured_version_key", "nobody has set it up"),
    ("unconfigured_root", "nobody has set it up"),
    ("version_system", "the Python it runs on"),
    ("v1_status_printing2", "recorded while it stopped"),
    ("v1_file_304", "has the tag of a recorded file: see below"),
    ("v1_put_overwrite_true_201", "recorded after the file was lost: see below"),
    ("v1_transfer_running", "see below"),
    ("v1_status_uploading", "see below"),
    ("v1_transfer_abort", "see below"),
    ("v1_file_after_abort", "see below"),
    ("v1_put_aborted_by_delete", "see below"),
    ("v1_put_second_upload_500", "see below"),
    ("legacy_files", "an older interface"),
    ("legacy_upload_201", "an older interface"),
    ("legacy_upload_print", "an older interface"),
    ("legacy_upload_again_201", "an older interface"),
];

/// As long as its print is to last, with what a slicer writes at the end.
fn gcode(seconds: u32) -> String {
    let dwells = "G1 X10 Y10 Z0.15 F6000\nG4 P1000\n".repeat(seconds as usize);
    format!(
        "M73 P50 R1\nM104 S215\nM140 S60\n{dwells}; filament used [g] = 1.23\n\
         ; estimated printing time (normal mode) = 2m 3s\n"
    )
}

struct Recorded(Vec<Value>);

impl Recorded {
    fn load() -> Self {
        Self(serde_json::from_str(include_str!("prusalink_captures.json")).expect("JSON"))
    }

    fn named(&self, name: &str) -> &Value {
        self.0.iter().find(|recorded| recorded["name"] == name).unwrap_or_else(|| panic!("{name}"))
    }
}

#[derive(Debug)]
struct Answer {
    version: String,
    status: u64,
    fields: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn parse(raw: &[u8]) -> Self {
        let mut rest = raw;
        loop {
            let end = rest.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
            let (head, body) = (String::from_utf8_lossy(&rest[..end]).into_owned(), &rest[end + 4..]);
            if body.starts_with(b"HTTP/1") {
                rest = body;
                continue;
            }
            let mut lines = head.lines();
            let mut first = lines.next().unwrap_or_default().split(' ');
            let version = first.next().unwrap_or_default().to_owned();
            let status = first.next().and_then(|status| status.parse().ok()).expect("a status");
            let fields = lines.filter_map(|line| line.split_once(": "));
            let fields = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
            return Self { version, status, fields, body: body.to_vec() };
        }
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// As captured, which differs in addresses, nonces and lengths.
    fn check(&self, recorded: &Value) {
        let name = recorded["name"].as_str().expect("a name");
        let shown = String::from_utf8_lossy(&self.body);
        assert_eq!(Value::from(self.status), recorded["status"], "{name}: {shown}");
        assert_eq!(recorded["version"], self.version, "{name}");
        for (field, value) in recorded["fields"].as_object().expect("fields") {
            let ours = self.fields.get(field).map_or(String::new(), |ours| masked(ours));
            assert_eq!(*value, ours, "{name}: {field}: {:?}", self.fields);
        }
        let extra = ["content-location", "www-authenticate", "location", "read-only"];
        let extra = extra
            .iter()
            .find(|field| self.fields.contains_key(**field) && recorded["fields"].get(**field).is_none());
        assert_eq!(extra, None, "{name}");
        if let Some(shape) = recorded.get("shape").filter(|_| recorded["method"] != "HEAD") {
            let (mut shape, mut told) = (shape.clone(), self.json());
            // What a slicer wrote differs from file to file, and a folder from another.
            let compare =
                if shape.get("children").is_some() || name == "v1_file_info_meta" { is_part } else { fits };
            if name != "v1_file_info_meta" {
                without_slicer(&mut shape);
                without_slicer(&mut told);
            }
            compare(&shape, &told, "").unwrap_or_else(|error| panic!("{name}: {error}\n{told}"));
        }
        if let Some(text) = recorded.get("text").and_then(Value::as_array) {
            for text in text.iter().filter_map(Value::as_str) {
                assert!(shown.contains(text), "{name}: {text:?} is not in {shown:?}");
            }
        }
    }
}

/// Takes out what is there only if a slicer has written something into a file.
fn without_slicer(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        for key in ["meta", "time_remaining", "printTimeLeft", "estimatedPrintTime"] {
            object.remove(key);
        }
        object.values_mut().for_each(without_slicer);
    }
}

fn masked(value: &str) -> String {
    let mut masked = String::new();
    let mut rest = value;
    for secret in ["nonce=\"", "opaque=\""] {
        if let Some(at) = rest.find(secret) {
            let (before, after) = rest.split_at(at + secret.len());
            masked.push_str(before);
            rest = after.find('"').map_or("", |end| &after[end..]);
        }
    }
    masked.push_str(rest);
    match masked.strip_prefix("http://") {
        Some(url) => url[url.find('/').unwrap_or(0)..].to_owned(),
        None => masked,
    }
}

async fn pi() -> PrusaLinkSim {
    let config = PrusaLinkConfig::new(PrusaLinkFamily::Pi).time_scale(20.0);
    PrusaLinkSim::start(config.end_shown_for(Duration::from_secs(2))).await.expect("a free port")
}

async fn curl(sim: &PrusaLinkSim, method: &str, path: &str, args: &[String]) -> Answer {
    let method = if method == "HEAD" { vec!["--head"] } else { vec!["--request", method] };
    let output = Command::new("curl")
        .args(["--silent", "--globoff", "--path-as-is", "--include", "--max-time", "20"])
        .args(method)
        .args(args)
        .arg(format!("http://{}{path}", sim.addr()))
        .output()
        .await
        .expect("curl is installed");
    assert!(!output.stdout.is_empty(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
    Answer::parse(&output.stdout)
}

/// Sends a recorded request.
async fn replay(sim: &PrusaLinkSim, recorded: &Value, body: &str) -> Answer {
    let mut args: Vec<String> = Vec::new();
    for (name, value) in recorded["request"].as_object().expect("fields") {
        let value = value.as_str().unwrap_or_default();
        let value = if value == "KEY" { sim.config().api_key.as_str() } else { value };
        // Without a value, curl leaves the field out.
        args.extend(["--header".to_owned(), format!("{name}: {value}")]);
    }
    args.extend(
        recorded["login"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|arg| arg.as_str().unwrap_or_default().to_owned()),
    );
    if let Some(length) = recorded["body"].as_u64() {
        let file = scratch(if length > 0 { body } else { "" });
        args.extend(["--data-binary".to_owned(), format!("@{}", file.display())]);
    }
    let (method, path) =
        (recorded["method"].as_str().expect("a method"), recorded["path"].as_str().expect("a path"));
    curl(sim, method, path, &args).await
}

async fn key(sim: &PrusaLinkSim, method: &str, path: &str, args: &[&str]) -> Answer {
    let key = format!("X-Api-Key: {}", sim.config().api_key);
    let args: Vec<String> = ["--header", &key].iter().chain(args).map(ToString::to_string).collect();
    curl(sim, method, path, &args).await
}

async fn store(sim: &PrusaLinkSim, name: &str, content: &str) {
    let file = scratch(content);
    let body = format!("@{}", file.display());
    let args =
        ["--header", "Content-Type: text/x.gcode", "--header", "Overwrite: ?1", "--data-binary", &body];
    let stored = key(sim, "PUT", &format!("/api/v1/files/local/{name}"), &args).await;
    assert_eq!(stored.status, 201);
    until_shown(sim, name).await;
}

async fn until_shown(sim: &PrusaLinkSim, name: &str) {
    for _ in 0..200 {
        if key(sim, "GET", &format!("/api/v1/files/local/{name}"), &[]).await.status == 200 {
            return;
        }
    }
    panic!("{name} is never shown");
}

async fn until(sim: &PrusaLinkSim, state: &str) {
    wait_until(state, || sim.state_text() == state).await;
}

/// What the printer did when the request was recorded.
async fn arrange(sim: &PrusaLinkSim, state: &str) {
    match state {
        "printing" => {
            if !["PRINTING", "PAUSED"].contains(&sim.state_text()) {
                store(sim, "m73.gcode", &gcode(400)).await;
                until(sim, "IDLE").await;
                let start = key(sim, "POST", "/api/v1/files/local/m73.gcode", &[]).await;
                assert_eq!(start.status, 204);
            }
            until(sim, "PRINTING").await;
        }
        "paused" => until(sim, "PAUSED").await,
        "stopped" => until(sim, "STOPPED").await,
        "finished" => {
            if sim.state_text() != "FINISHED" {
                until(sim, "IDLE").await;
                store(sim, "short.gcode", "M73 P100 R0\nM104 S215\nG4 P100\n").await;
                assert_eq!(key(sim, "POST", "/api/v1/files/local/short.gcode", &[]).await.status, 204);
                until(sim, "FINISHED").await;
            }
        }
        "serial gone" => sim.unplug_printer(),
        "ready" => until(sim, "READY").await,
        _ => {
            sim.plug_in_printer();
            if ["PRINTING", "PAUSED"].contains(&sim.state_text()) {
                let job = format!("/api/v1/job/{}", sim.prints());
                until(sim, "PRINTING").await;
                assert_eq!(key(sim, "DELETE", &job, &[]).await.status, 204);
                until(sim, "STOPPED").await;
            }
            wait_until("at rest", || ["IDLE", "READY"].contains(&sim.state_text())).await;
        }
    }
}

#[tokio::test]
async fn recorded_requests_are_answered_as_a_real_pi_answered_them() {
    let (recorded, sim) = (Recorded::load(), pi().await);
    let mut replayed = 0;
    for request in &recorded.0 {
        let name = request["name"].as_str().expect("a name");
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
            continue;
        }
        arrange(&sim, request["state"].as_str().unwrap_or_default()).await;
        match name {
            "v1_print_after_stop" => store(&sim, "tiny2.gcode", "G28\n").await,
            "v1_print_printer_gone" => store(&sim, "m73.gcode", "G28\n").await,
            "v1_put_overwrite_201" | "v1_put_overwrite_octet" => until_shown(&sim, "tiny.gcode").await,
            "v1_file_info" | "v1_files_root" | "v1_file_raw_download" => {
                store(&sim, "tiny.gcode", &gcode(1)).await
            }
            "v1_files_sub" | "v1_folder_delete_notempty_409" => until_shown(&sim, "sub/%C3%BC.gcode").await,
            "v1_print_while_printing_409" => until_shown(&sim, "tiny.gcode").await,
            "v1_file_head_noauth" => store(&sim, "h.gcode", "G28\n").await,
            _ => {}
        }
        // What is printed next is still printing when it is asked about.
        let answer = replay(&sim, request, &gcode(400)).await;
        answer.check(request);
        replayed += 1;
    }
    assert_eq!(replayed + LEFT_OUT.len(), recorded.0.len());
}

#[tokio::test]
async fn head_of_a_known_file_is_not_told_again_and_only_a_structured_true_is_true() {
    let (recorded, sim) = (Recorded::load(), pi().await);
    store(&sim, "tiny.gcode", "G28\n").await;
    let tag = key(&sim, "HEAD", "/api/v1/files/local/tiny.gcode", &[]).await.fields["etag"].clone();
    let known = format!("If-None-Match: {tag}");
    key(&sim, "GET", "/api/v1/files/local/tiny.gcode", &["--header", &known])
        .await
        .check(recorded.named("v1_file_304"));

    let request = recorded.named("v1_put_overwrite_true_201");
    assert_eq!(replay(&sim, request, "G28\n").await.status, 409);
    assert_eq!(key(&sim, "DELETE", "/api/v1/files/local/tiny.gcode", &[]).await.status, 204);
    replay(&sim, request, "G28\n").await.check(request);
}

#[tokio::test]
async fn transfer_is_told_stopped_and_alone_as_recorded() {
    let (recorded, sim) = (Recorded::load(), pi().await);
    let begin = async |name: &str| {
        let mut stream = TcpStream::connect(sim.addr()).await.expect("a connection");
        let head = format!(
            "PUT /api/v1/files/local/{name} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Type: text/x.gcode\r\n\
             Content-Length: 1000000\r\n\r\n",
            sim.config().api_key
        );
        stream.write_all(head.as_bytes()).await.expect("a head is taken");
        stream.write_all(&[b';'; 1000]).await.expect("a piece is taken");
        while key(&sim, "GET", "/api/v1/transfer", &[]).await.status != 200 {}
        stream
    };
    let mut slow = begin("slowup.gcode").await;
    for name in
        ["v1_transfer_running", "v1_status_uploading", "v1_put_second_upload_500", "v1_transfer_abort"]
    {
        let request = recorded.named(name);
        let answer = replay(&sim, request, "G28\n").await;
        if name == "v1_status_uploading" {
            assert!(answer.json()["transfer"]["data_transferred"].is_u64());
        } else {
            answer.check(request);
        }
    }
    // It notices with the next piece.
    slow.write_all(&[b';'; 1000]).await.expect("another piece is taken");
    let mut raw = Vec::new();
    slow.read_to_end(&mut raw).await.expect("an answer");
    Answer::parse(&raw).check(recorded.named("v1_put_aborted_by_delete"));
    let gone = recorded.named("v1_file_after_abort");
    replay(&sim, gone, "").await.check(gone);

    drop(begin("cut.gcode").await);
    let free = recorded.named("v1_transfer_after_disconnect");
    while replay(&sim, free, "").await.status != 204 {}
    assert!(sim.files().is_empty());
}
