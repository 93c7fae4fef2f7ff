//! Each fault, as curl and raw sockets meet it.

mod common;

use std::time::{Duration, Instant};

use common::{Push, ask, curl, get, post, scratch, slow_gcode, start, upload, wait_for_state, wait_until};
use printhost_sim::{Fault, OctoPrintSim, On, SimConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What curl ends with when a connection is reset, ends early, or ends before an answer, and at a timeout.
const RESET: i32 = 56;
const PARTIAL: i32 = 18;
const EMPTY: i32 = 52;
const TIMEOUT: i32 = 28;
const REFUSED: i32 = 7;

/// Sends the head and a part of an upload, and hands over the socket.
async fn begin_upload(sim: &OctoPrintSim, announced: usize, sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(sim.addr()).await.expect("the simulator listens");
    let head = format!(
        "POST /api/files/local HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\n\
         Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {announced}\r\n\r\n",
        sim.api_key()
    );
    stream.write_all(head.as_bytes()).await.expect("a request");
    stream.write_all(&vec![b'x'; sent]).await.expect("a part of a body");
    stream
}

#[tokio::test]
async fn a_reset_while_receiving_comes_after_so_many_bytes_and_nothing_is_stored() {
    let sim = start().await;
    sim.inject(Fault::ResetAfterReceiving(1000), On::request("POST", "/api/files/local"));
    let mut stream = begin_upload(&sim, 100_000, 999).await;
    let mut byte = [0];
    // One byte fewer than it takes: nothing happens.
    assert!(timeout(Duration::from_millis(200), stream.read(&mut byte)).await.is_err());
    stream.write_all(b"x").await.expect("one byte more");
    let error = timeout(Duration::from_secs(5), stream.read(&mut byte))
        .await
        .expect("an end")
        .expect_err("no answer");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(sim.files().is_empty() && sim.requests().is_empty());
    assert_eq!(upload(&sim, "a.gcode", "G28\n", &[]).await.status, 201, "the fault happened once");
}

#[tokio::test]
async fn a_reset_while_sending_comes_after_so_many_bytes_of_the_answer() {
    let sim = start().await;
    let content = "G1 X1\n".repeat(1000);
    upload(&sim, "a.gcode", &content, &[]).await;
    sim.inject(Fault::ResetAfterSending(100), On::request("GET", "/downloads/"));
    let cut = get(&sim, "/downloads/files/local/a.gcode").await;
    assert_eq!((cut.exit, cut.status), (RESET, 200));
    assert_eq!(cut.body, &content.as_bytes()[..100]);
}

#[tokio::test]
async fn a_truncated_answer_ends_without_a_reset_and_too_early() {
    let sim = start().await;
    let content = "G1 X1\n".repeat(1000);
    upload(&sim, "a.gcode", &content, &[]).await;
    sim.inject(Fault::TruncateAnswer(5999), On::path("/downloads/"));
    let cut = get(&sim, "/downloads/files/local/a.gcode").await;
    assert_eq!((cut.exit, cut.status, cut.body.len()), (PARTIAL, 200, 5999));
    assert_eq!(get(&sim, "/downloads/files/local/a.gcode").await.body.len(), 6000);
}

#[tokio::test]
async fn a_truncated_answer_without_a_body_is_lost_and_the_work_is_done() {
    let sim = start().await;
    upload(&sim, "a.gcode", "G28\n", &[]).await;
    sim.inject(Fault::TruncateAnswer(0), On::request("DELETE", "/api/files"));
    assert_eq!(common::delete(&sim, "/api/files/local/a.gcode").await.exit, EMPTY);
    assert!(sim.files().is_empty());
}

#[tokio::test]
async fn a_stalled_upload_is_neither_read_nor_answered_nor_closed() {
    let sim = start().await;
    sim.inject(Fault::StallAfterReceiving(10), On::request("POST", "/api/files/local"));
    let mut stream = begin_upload(&sim, 64 << 20, 1000).await;
    let chunk = vec![b'x'; 1 << 20];
    // The buffers of the sockets fill up, and then nothing moves any more.
    let mut stuck = false;
    for _ in 0..60 {
        stuck = timeout(Duration::from_millis(300), stream.write_all(&chunk)).await.is_err();
        if stuck {
            break;
        }
    }
    assert!(stuck, "60 MiB were taken");
    let mut byte = [0];
    assert!(timeout(Duration::from_millis(100), stream.read(&mut byte)).await.is_err());
    assert_eq!(get(&sim, "/api/version").await.status, 200, "others are served");
}

#[tokio::test]
async fn a_stalled_answer_stops_after_so_many_bytes_and_stays_open() {
    let sim = start().await;
    upload(&sim, "a.gcode", &"G1 X1\n".repeat(100), &[]).await;
    sim.inject(Fault::StallAfterSending(7), On::path("/downloads/"));
    let stalled = curl(&sim, "/downloads/files/local/a.gcode", &["--max-time", "1"]).await;
    assert_eq!((stalled.exit, stalled.body.as_slice()), (TIMEOUT, &b"G1 X1\nG"[..]));
}

#[tokio::test]
async fn an_early_status_comes_before_the_body_and_is_heard_by_one_who_keeps_sending() {
    let sim = start().await;
    for status in [401, 413, 503] {
        sim.inject(Fault::EarlyStatus(status), On::request("POST", "/api/files/local"));
        let mut stream = begin_upload(&sim, 64 << 20, 0).await;
        let mut answer = vec![0; 4096];
        let read = timeout(Duration::from_secs(5), stream.read(&mut answer)).await.expect("an early answer");
        let answer = String::from_utf8_lossy(&answer[..read.expect("an answer")]).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    sim.inject(Fault::EarlyStatus(413), On::request("POST", "/api/files/local"));
    let big = scratch(&"G1 X1\n".repeat(1 << 20));
    let file = format!("file=@{};filename=big.gcode", big.display());
    let refused = curl(&sim, "/api/files/local", &["-F", &file]).await;
    let _ = std::fs::remove_file(big);
    assert_eq!((refused.status, refused.error().as_str()), (413, "Payload Too Large"));
    assert!(sim.files().is_empty());
}

#[tokio::test]
async fn a_flipped_bit_makes_the_stored_file_another_one_than_was_sent() {
    let sim = start().await;
    let content = "G1 X1\n".repeat(100_000);
    let honest = upload(&sim, "honest.gcode", &content, &[]).await;
    assert_eq!(honest.status, 201);
    sim.inject(Fault::FlipBit { byte: 300_000 }, On::request("POST", "/api/files/local"));
    assert_eq!(upload(&sim, "damaged.gcode", &content, &[]).await.status, 201);
    let hash = async |name: &str| get(&sim, &format!("/api/files/local/{name}")).await.json()["hash"].clone();
    assert_ne!(hash("honest.gcode").await, hash("damaged.gcode").await);
    let damaged = get(&sim, "/downloads/files/local/damaged.gcode").await.body;
    let differences: Vec<usize> =
        (0..content.len()).filter(|at| damaged[*at] != content.as_bytes()[*at]).collect();
    assert_eq!(differences, [300_000]);
}

#[tokio::test]
async fn a_lost_answer_belongs_to_work_that_was_done() {
    let sim = start().await;
    upload(&sim, "slow.gcode", &slow_gcode(50), &["select=true"]).await;
    sim.inject(Fault::LoseAnswer, On::request("POST", "/api/job"));
    let lost = post(&sim, "/api/job", json!({ "command": "start" })).await;
    assert_eq!((lost.exit, lost.status), (EMPTY, 0));
    wait_for_state(&sim, "Printing").await;
    assert_eq!(sim.requests().last().map(|request| request.status), Some(204));
}

#[tokio::test]
async fn a_delayed_answer_comes_late_while_others_are_answered() {
    let sim = start().await;
    sim.inject(Fault::DelayAnswer(Duration::from_millis(600)), On::path("/api/job"));
    let begun = Instant::now();
    let late = get(&sim, "/api/job");
    let (late, prompt) = tokio::join!(late, async {
        let answer = get(&sim, "/api/version").await;
        (answer.status, begun.elapsed())
    });
    assert_eq!((late.status, prompt.0), (200, 200));
    assert!(begun.elapsed() >= Duration::from_millis(600) && prompt.1 < Duration::from_millis(600));
}

#[tokio::test]
async fn a_fault_until_cleared_happens_until_it_is_cleared() {
    let sim = start().await;
    let id = sim.inject(Fault::EarlyStatus(503), On::path("/api/").until_cleared());
    for _ in 0..5 {
        assert_eq!(get(&sim, "/api/version").await.status, 503);
    }
    assert_eq!(sim.faults()[0].hits, 5);
    assert!(sim.clear_fault(id));
    assert_eq!(get(&sim, "/api/version").await.status, 200);
}

#[tokio::test]
async fn a_restart_kills_connections_refuses_new_ones_and_comes_back_with_files_only() {
    let sim = start().await;
    upload(&sim, "slow.gcode", &slow_gcode(50), &["print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    let mut push = Push::authenticated(&sim).await;
    let session = common::session(&sim).await;
    let mut open = TcpStream::connect(sim.addr()).await.expect("the simulator listens");
    open.write_all(b"GET /api/version HTTP/1.1\r\nHost: x\r\n").await.expect("half a request");

    sim.restart(Duration::from_millis(800));
    push.until_closed().await;
    let mut rest = Vec::new();
    let _ = timeout(Duration::from_secs(5), open.read_to_end(&mut rest)).await.expect("a dead connection");
    assert!(rest.is_empty());
    let mut refused = false;
    let url = format!("http://{}/api/job", sim.addr());
    let key = format!("X-Api-Key: {}", sim.api_key());
    let deadline = Instant::now() + Duration::from_secs(10);
    let job = loop {
        let answer = ask(&url, &["-H", &key]).await;
        refused |= answer.exit == REFUSED;
        if answer.status == 200 {
            break answer.json();
        }
        assert!(Instant::now() < deadline, "it never came back");
    };
    assert!(refused, "it was never away");
    assert_eq!(job["job"]["file"]["path"], serde_json::Value::Null);
    wait_for_state(&sim, "Operational").await;
    assert_eq!(sim.files().len(), 1);
    let mut push = Push::open(&sim).await;
    push.next().await;
    push.send(json!({ "auth": session })).await;
    assert_eq!(push.next().await, json!({ "reauthRequired": { "reason": "stale" } }));
}

#[tokio::test]
async fn a_printer_that_is_unplugged_fails_its_print_with_the_serial_error() {
    let sim = start().await;
    upload(&sim, "slow.gcode", &slow_gcode(50), &["print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    let mut push = Push::authenticated(&sim).await;
    sim.unplug_printer();
    let messages = push.until_event("PrintFailed").await;
    let failed = &messages.last().expect("an event")["event"]["payload"];
    assert_eq!(
        common::keys(failed),
        ["error", "name", "origin", "owner", "path", "progress", "reason", "size", "time"]
    );
    assert_eq!((&failed["reason"], &failed["error"]), (&json!("error"), &json!("SerialTimeoutException: ")));
    let job = get(&sim, "/api/job").await.json();
    assert_eq!(
        (&job["state"], &job["error"]),
        (&json!("Offline after error"), &json!("SerialTimeoutException: "))
    );
    assert_eq!(get(&sim, "/api/printer/error").await.json(), json!({ "error": "", "reason": "" }));
    let file = get(&sim, "/api/files/local/slow.gcode").await.json();
    assert_eq!(file["prints"]["failure"], 1);
    assert_eq!(post(&sim, "/api/connection", json!({ "command": "connect" })).await.status, 204);
    wait_for_state(&sim, "Operational").await;
}

#[tokio::test]
async fn failing_firmware_ends_a_print_and_is_told_until_the_next_connection() {
    let sim = start().await;
    upload(&sim, "slow.gcode", &slow_gcode(50), &["print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    sim.fail_firmware();
    assert_eq!(sim.state_text(), "Offline after error");
    let error = get(&sim, "/api/printer/error").await.json();
    assert_eq!(common::keys(&error), ["consequence", "error", "faq", "logs", "reason"]);
    assert_eq!(error["reason"], "firmware");
    let logs = error["logs"].as_array().expect("lines");
    assert!(logs.contains(&json!("Recv: Error:Printer halted. kill() called!")), "{logs:?}");
    post(&sim, "/api/connection", json!({ "command": "connect" })).await;
    wait_for_state(&sim, "Operational").await;
    assert_eq!(get(&sim, "/api/printer/error").await.json()["error"], "");
}

#[tokio::test]
async fn dropped_push_channels_end_and_nothing_else_does() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.expect("a port");
    upload(&sim, "slow.gcode", &slow_gcode(50), &["print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    let mut push = Push::authenticated(&sim).await;
    sim.drop_push_channels();
    push.until_closed().await;
    assert_eq!(sim.state_text(), "Printing");
    let mut again = Push::authenticated(&sim).await;
    assert!(again.next().await.get("current").is_some());
    wait_until("still printing", || sim.state_text() == "Printing").await;
}
