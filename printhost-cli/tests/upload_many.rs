//! `printhost upload` to several printers.

mod common;

use std::time::{Duration, Instant};

use common::{Scratch, gcode, run, simulator, wait_until};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::Value;

fn result_of<'a>(lines: &'a [Value], printer: &str) -> &'a Value {
    let found = lines.iter().find(|line| line["event"] == "result" && line["printer"] == printer);
    found.unwrap_or_else(|| panic!("no result of {printer} in {lines:?}"))
}

#[tokio::test]
async fn file_is_stored_on_all_and_printed_on_none_unless_asked() {
    let (sims, scratch) = ([simulator().await, simulator().await, simulator().await], Scratch::new());
    let file = scratch.file("part.gcode", &gcode(60));
    let urls: Vec<String> = sims.iter().map(OctoPrintSim::url).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let ran = run(sims[0].api_key(), &[&["upload", &file], &urls[..], &["--at-once", "1"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for (sim, url) in sims.iter().zip(urls) {
        assert_eq!((sim.files().len(), sim.state_text().as_str()), (1, "Operational"));
        assert!(
            ran.stdout.lines().any(|line| line.contains("Stored") && line.contains(url)),
            "{}",
            ran.stdout
        );
    }
}

#[tokio::test]
async fn one_that_fails_stops_no_other_and_decides_the_exit_code() {
    let (good, taken, scratch) = (simulator().await, simulator().await, Scratch::new());
    let file = scratch.file("part.gcode", &gcode(60));
    let (good_url, taken_url) = (good.url(), taken.url());
    assert_eq!(run(taken.api_key(), &["files", "upload", &taken_url, &file]).await.code, Some(0));
    let gone = simulator().await;
    let gone_url = gone.url();
    drop(gone); // Nobody listens there any more.
    let args = ["upload", &file, &gone_url, &taken_url, &good_url, "--json"];
    let ran = run(good.api_key(), &args).await;
    assert_eq!(ran.code, Some(3), "unreachable is worse than a file that exists: {}", ran.stdout);
    let lines = ran.json();
    assert_eq!(result_of(&lines, &good_url)["stored"], true);
    assert_eq!(result_of(&lines, &good_url)["verified"], "sha1");
    assert_eq!(result_of(&lines, &taken_url)["error"]["kind"], "exists");
    assert_eq!(result_of(&lines, &taken_url)["code"], 5);
    assert_eq!(result_of(&lines, &gone_url)["error"]["kind"], "unreachable");
    assert_eq!(good.files().len(), 1);
}

#[tokio::test]
async fn staggered_prints_begin_in_order_and_apart_and_past_an_offline_printer() {
    let started = |sim: &OctoPrintSim| sim.state_text() != "Operational";
    let new = async || OctoPrintSim::start(SimConfig::default()).await.expect("a free port");
    let (first, last) = (new().await, new().await);
    let offline = OctoPrintSim::start(SimConfig::default().connected(false)).await.expect("a free port");
    let scratch = Scratch::new();
    let file = scratch.file("part.gcode", &gcode(600));
    let (a, b, c) = (first.url(), offline.url(), last.url());
    let args = ["upload", &file, &a, &b, &c, "--print", "--stagger", "2s", "--json"];
    let seen = async {
        wait_until(|| started(&first)).await;
        let begun = Instant::now();
        assert!(!started(&last));
        wait_until(|| started(&last)).await;
        begun.elapsed()
    };
    let (ran, apart) = tokio::join!(run(first.api_key(), &args), seen);
    assert!(apart >= Duration::from_millis(1900), "{apart:?}");
    assert_eq!(ran.code, Some(5), "{}", ran.stdout);
    let lines = ran.json();
    assert_eq!(result_of(&lines, &a)["started"], true);
    assert_eq!(result_of(&lines, &c)["started"], true);
    let result = result_of(&lines, &b);
    assert_eq!((&result["stored"], &result["started"]), (&true.into(), &false.into()));
    assert_eq!(result["error"]["kind"], "conflict");
}

#[tokio::test]
async fn missing_file_is_told_once_and_no_printer_is_asked() {
    let sim = simulator().await;
    let ran = run(sim.api_key(), &["upload", "/nonexistent.gcode", &sim.url(), &sim.url()]).await;
    assert_eq!((ran.code, ran.stderr.matches("error:").count()), (Some(1), 1), "{}", ran.stderr);
    assert!(sim.requests().is_empty());
}
