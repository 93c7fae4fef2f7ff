//! What is said when an answer was lost, and what the machine did all the same.

mod common;

use std::time::{Duration, Instant};

use common::{Scratch, gcode, run, simulator, wait_until};
use printhost_sim::{Fault, OctoPrintSim, On, SimConfig};
use serde_json::Value;

/// The host acts on the next such request, its answer is lost, and it cannot be read afterwards.
fn lose(sim: &OctoPrintSim, method: &str, path: &str, reads: &[&str]) {
    sim.inject(Fault::LoseAnswer, On::request(method, path));
    for read in reads {
        sim.inject(Fault::EarlyStatus(500), On::request("GET", *read).until_cleared());
    }
}

const STATUS: &[&str] = &["/api/printer", "/api/job"];

fn result_of<'a>(lines: &'a [Value], printer: &str) -> &'a Value {
    let found = lines.iter().find(|line| line["event"] == "result" && line["printer"] == printer);
    found.unwrap_or_else(|| panic!("no result of {printer} in {lines:?}"))
}

#[tokio::test]
async fn start_whose_answer_is_lost_is_not_told_as_not_started() {
    let new = async || OctoPrintSim::start(SimConfig::default()).await.expect("a free port");
    let (json, people, scratch) = (new().await, new().await, Scratch::new());
    let file = scratch.file("part.gcode", &gcode(600));
    for sim in [&json, &people] {
        lose(sim, "POST", "/api/files/local/part.gcode", STATUS);
    }
    let ran = run(json.api_key(), &["--json", "upload", &file, &json.url(), "--print"]).await;
    assert_eq!((ran.code, json.state_text().as_str()), (Some(6), "Printing"), "{}", ran.stdout);
    let lines = ran.json();
    let result = result_of(&lines, &json.url());
    assert_eq!((&result["stored"], &result["started"]), (&true.into(), &Value::Null), "{result}");
    let ran = run(people.api_key(), &["print", &file, &people.url()]).await;
    assert_eq!((ran.code, people.state_text().as_str()), (Some(6), "Printing"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("not started"), "{}", ran.stdout);
    assert!(ran.stdout.contains("may have begun"), "{}", ran.stdout);
}

#[tokio::test]
async fn print_that_may_have_begun_holds_off_the_next_one() {
    let new = async || OctoPrintSim::start(SimConfig::default()).await.expect("a free port");
    let (first, second, scratch) = (new().await, new().await, Scratch::new());
    let file = scratch.file("part.gcode", &gcode(600));
    lose(&first, "POST", "/api/files/local/part.gcode", STATUS);
    let (a, b) = (first.url(), second.url());
    let args = ["upload", &file, &a, &b, "--print", "--stagger", "6s"];
    let apart = async {
        wait_until(|| first.state_text() != "Operational").await;
        let begun = Instant::now();
        wait_until(|| second.state_text() != "Operational").await;
        begun.elapsed()
    };
    let (ran, apart) = tokio::join!(run(first.api_key(), &args), apart);
    assert_eq!(ran.code, Some(6), "{}", ran.stdout);
    assert!(apart >= Duration::from_millis(5900), "{apart:?}");
}

#[tokio::test]
async fn upload_whose_answer_is_lost_is_not_told_as_not_stored() {
    let (sim, scratch) = (simulator().await, Scratch::new());
    let file = scratch.file("part.gcode", &gcode(60));
    lose(&sim, "POST", "/api/files/local", &["/api/files/local/"]);
    let ran = run(sim.api_key(), &["--json", "upload", &file, &sim.url(), "--overwrite"]).await;
    assert_eq!((ran.code, sim.files().len()), (Some(6), 1), "{}", ran.stdout);
    let lines = ran.json();
    assert_eq!(result_of(&lines, &sim.url())["stored"], Value::Null, "{lines:?}");
}

#[tokio::test]
async fn gcode_is_sent_once_where_its_replies_cannot_be_heard() {
    let sim = simulator().await;
    sim.inject(Fault::EarlyStatus(403), On::request("POST", "/api/login").until_cleared());
    let ran = run(sim.api_key(), &["gcode", &sim.url(), "M117 first", "M117 second"]).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for line in ["Send: M117 first", "Send: M117 second"] {
        wait_until(|| sim.terminal().iter().any(|sent| sent == line)).await;
        assert_eq!(sim.terminal().iter().filter(|sent| *sent == line).count(), 1, "{:?}", sim.terminal());
    }
}
