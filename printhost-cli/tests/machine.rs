//! The commands that heat, move and ask the machine, judged by what its firmware was sent.

mod common;

use common::{PATIENCE, Ran, Scratch, gcode, printhost, run, run_with, simulator, wait_until};
use printhost_sim::{Fault, OctoPrintSim, On, SimConfig};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

async fn ok(sim: &OctoPrintSim, args: &[&str]) -> Ran {
    let ran = run(sim.api_key(), args).await;
    assert_eq!(ran.code, Some(0), "{args:?}: {}{}", ran.stdout, ran.stderr);
    ran
}

/// Whether the firmware was sent a line with this in it.
fn was_sent(sim: &OctoPrintSim, what: &str) -> bool {
    sim.terminal().iter().any(|line| line.starts_with("Send:") && line.contains(what))
}

#[tokio::test]
async fn moves_reach_the_firmware_as_they_were_asked_for() {
    let sim = simulator().await;
    let url = sim.url();
    for (args, sent) in [
        (&["home", &url, "x", "Z"][..], "G28 X0 Z0"),
        (&["jog", &url, "x=10", "y=-5", "speed=3000"], "X10.0 Y-5.0 F3000"),
        (&["extrude", &url, "-5"], "E-5"),
        (&["tool", &url, "0"], "T0"),
        (&["speed", &url, "80%"], "M220 S80"),
        (&["flow", &url, "95"], "M221 S95"),
        (&["temp", &url, "bed=55"], "M140 S55"),
    ] {
        ok(&sim, args).await;
        wait_until(|| was_sent(&sim, sent)).await;
    }
}

#[tokio::test]
async fn nonsense_is_refused_before_anything_is_sent() {
    let sim = simulator().await;
    let url = sim.url();
    for args in [
        &["home", &url, "e"][..],
        &["jog", &url, "x=ten"],
        &["jog", &url, "speed=100"],
        &["jog", &url, "x=99999"],
        &["extrude", &url, "nan"],
        &["temp", &url, "tool=2000"],
        &["temp", &url, "--wait"],
        &["speed", &url, "0"],
        &["tool", &url, "-1"],
        &["upload", "x.gcode", &url, "--stagger", "5s"],
        &["camera", &url, "-", "--json"],
    ] {
        let ran = run(sim.api_key(), args).await;
        assert_eq!(ran.code, Some(2), "{args:?}: {}{}", ran.stdout, ran.stderr);
    }
    assert!(sim.requests().is_empty());
}

#[tokio::test]
async fn console_answers_are_printed_line_by_line_from_arguments_and_stdin() {
    let sim = simulator().await;
    let ran = ok(&sim, &["gcode", &sim.url(), "M115", "; nothing but a comment"]).await;
    assert!(ran.stdout.contains("FIRMWARE_NAME"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("comment"), "{}", ran.stdout);

    let mut command = printhost(sim.api_key(), &["gcode", &sim.url(), "-", "--json"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().expect("it starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(b"M115\n\nM105 ; warm?\n").await.expect("it reads");
    drop(pipe);
    let ran = Ran::from(child.wait_with_output().await.expect("it ends"));
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let lines = ran.json();
    assert_eq!(
        lines.iter().map(|line| line["line"].as_str()).collect::<Vec<_>>(),
        [Some("M115"), Some("M105")]
    );
    assert!(lines[0]["replies"].to_string().contains("FIRMWARE_NAME"), "{lines:?}");
    assert!(lines[1]["replies"].to_string().contains("T:"), "{lines:?}");
}

#[tokio::test]
async fn waiting_for_a_temperature_ends_when_it_is_reached_and_off_means_every_heater() {
    let sim = simulator().await;
    let url = sim.url();
    let ran = ok(&sim, &["temp", &url, "tool=60", "bed=50", "--wait", "--json"]).await;
    let lines = ran.json();
    let reached = lines.last().expect("a line");
    assert_eq!(reached["event"], "reached");
    for (heater, target) in [(&reached["tools"][0], 60.0), (&reached["bed"], 50.0)] {
        let actual = heater["actual"].as_f64().expect("a number");
        assert!((actual - target).abs() <= 2.0, "{reached}");
    }
    ok(&sim, &["temp", &url, "off"]).await;
    wait_until(|| was_sent(&sim, "M104 T0 S0") || was_sent(&sim, "M104 S0")).await;
    wait_until(|| was_sent(&sim, "M140 S0")).await;
    let shown = ok(&sim, &["temp", &url]).await.stdout;
    assert!(shown.contains("Tool") && shown.contains("Bed"), "{shown}");
}

#[tokio::test]
async fn heaters_that_cannot_be_switched_off_are_told() {
    let offline = OctoPrintSim::start(SimConfig::default().connected(false)).await.expect("a free port");
    let ran = run(offline.api_key(), &["temp", &offline.url(), "off"]).await;
    assert_eq!(ran.code, Some(5), "{}{}", ran.stdout, ran.stderr);

    let sim = simulator().await;
    let url = sim.url();
    ok(&sim, &["temp", &url, "tool=60", "bed=50"]).await;
    sim.inject(Fault::EarlyStatus(409), On::request("POST", "/api/printer/tool"));
    let ran = run(sim.api_key(), &["temp", &url, "off"]).await;
    assert_eq!(ran.code, Some(5), "{}{}", ran.stdout, ran.stderr);
    wait_until(|| was_sent(&sim, "M140 S0")).await;
}

#[tokio::test]
async fn waiting_for_a_temperature_ends_when_the_printer_fails() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.expect("a free port");
    let url = sim.url();
    let fail = async {
        wait_until(|| was_sent(&sim, "M104 T0 S200") || was_sent(&sim, "M104 S200")).await;
        wait_until(|| sim.requests().iter().any(|r| r.status == 101)).await;
        sim.fail_firmware();
    };
    let args = ["temp", &url, "tool=200", "--wait"];
    let (ran, ()) = tokio::join!(run(sim.api_key(), &args), fail);
    assert_eq!(ran.code, Some(5), "{}{}", ran.stdout, ran.stderr);
}

#[tokio::test]
async fn waiting_for_a_temperature_ends_when_somebody_else_changes_the_target() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.expect("a free port");
    let url = sim.url();
    let (key, args) = (sim.api_key(), ["temp", &url, "tool=200", "--wait"]);
    let mut child = printhost(key, &args).spawn().expect("it starts");
    let lines = tokio::io::BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let waits = async {
        let mut lines = lines;
        while let Some(line) = lines.next_line().await.expect("a line") {
            if line.contains("Waiting") && line.contains("/200") {
                return;
            }
        }
        panic!("it did not wait");
    };
    timeout(PATIENCE, waits).await.expect("it waits");
    ok(&sim, &["temp", &url, "tool=0"]).await;
    let ended = timeout(PATIENCE, child.wait()).await.expect("it ends").expect("a status");
    assert_eq!(ended.code(), Some(5));
}

#[tokio::test]
async fn stored_file_is_started_paused_resumed_and_cancelled() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.expect("a free port");
    let (scratch, url) = (Scratch::new(), sim.url());
    let file = scratch.file("part.gcode", &gcode(600));
    ok(&sim, &["upload", &file, &url]).await;
    ok(&sim, &["start", &url, "part.gcode"]).await;
    wait_until(|| sim.state_text() == "Printing").await;
    for (order, event, state) in [("pause", "paused", "Paused"), ("resume", "resumed", "Printing")] {
        let ran = ok(&sim, &[order, &url, "--json"]).await;
        assert_eq!(ran.json()[0]["event"], event);
        wait_until(|| sim.state_text() == state).await;
    }
    let ran = run(sim.api_key(), &["disconnect", &url]).await;
    assert_eq!((ran.code, sim.state_text().as_str()), (Some(5), "Printing"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    ok(&sim, &["cancel", &url]).await;
    wait_until(|| sim.state_text() == "Operational").await;
    ok(&sim, &["disconnect", &url]).await;
    wait_until(|| sim.state_text() == "Offline").await;
    ok(&sim, &["connect", &url]).await;
    wait_until(|| sim.state_text() == "Operational").await;
}

#[tokio::test]
async fn emergency_stop_reaches_every_printer_although_one_is_gone() {
    let (a, gone, b) = (simulator().await, simulator().await, simulator().await);
    let (a_url, gone_url, b_url) = (a.url(), gone.url(), b.url());
    drop(gone);
    let ran = run(a.api_key(), &["emergency-stop", &a_url, &gone_url, &b_url]).await;
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains(&gone_url), "{}", ran.stderr);
    for sim in [&a, &b] {
        wait_until(|| was_sent(sim, "M112")).await;
    }
}

#[tokio::test]
async fn picture_of_the_camera_is_saved_whole_and_never_over_another_file() {
    let sim = OctoPrintSim::start(SimConfig::default().webcam(true)).await.expect("a free port");
    let (scratch, url) = (Scratch::new(), sim.url());
    let stream = ok(&sim, &["camera", &url]).await.stdout;
    assert!(stream.starts_with("http://127.0.0.1:"), "{stream}");
    let listed = ok(&sim, &["camera", &url, "--list", "--json"]).await.json();
    assert_eq!((&listed[0]["event"], &listed[0]["pictures"]), (&"camera".into(), &true.into()));
    let to = scratch.path().join("now.jpg");
    let to = to.to_str().expect("UTF-8");
    ok(&sim, &["camera", &url, to]).await;
    let saved = std::fs::read(to).expect("it was saved");
    assert!(saved.starts_with(&[0xff, 0xd8]), "a JPEG");
    let ran = run(sim.api_key(), &["camera", &url, to]).await;
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    let output = printhost(sim.api_key(), &["camera", &url, "-"]).output().await.expect("it runs");
    assert!(output.stdout == saved && output.stderr.is_empty());
    let none = simulator().await;
    assert_eq!(run(none.api_key(), &["camera", &none.url(), "x.jpg"]).await.code, Some(1));
}

#[tokio::test]
async fn login_keeps_the_key_that_was_granted_and_shows_it_nowhere() {
    let sim = OctoPrintSim::start(SimConfig::default().approve_apps_after(1)).await.expect("a free port");
    let scratch = Scratch::new();
    let config = scratch.path().join("config.toml");
    assert_eq!(run_with(&config, "", &["config", "add", "left", &sim.url()]).await.code, Some(0));
    let ran = run_with(&config, "", &["login", "left", "--json"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert!(ran.json()[0]["url"].as_str().expect("a page").starts_with("http://"), "{}", ran.stdout);
    let keys = std::fs::read_to_string(config.with_extension("keys")).expect("it was kept");
    let line = keys.lines().find(|line| line.starts_with(&sim.url())).expect("its line");
    let key = line.split_whitespace().nth(1).expect("a key");
    assert_ne!(key, sim.api_key());
    assert!(!(ran.stdout + &ran.stderr).contains(key));
    assert_eq!(run_with(&config, "", &["status", "left"]).await.code, Some(0));
}

#[tokio::test]
async fn denied_login_is_told_and_keeps_nothing() {
    let sim = simulator().await;
    let scratch = Scratch::new();
    let config = scratch.path().join("config.toml");
    let url = sim.url();
    let args = ["login", &url, "--json"];
    let deny = wait_until(|| sim.deny_app("printhost"));
    let (ran, ()) = tokio::join!(run_with(&config, "", &args), deny);
    assert_eq!(ran.code, Some(4), "{}", ran.stdout);
    assert!(!config.with_extension("keys").exists());
}

#[tokio::test]
async fn files_are_described_and_moved_and_never_over_another() {
    let sim = OctoPrintSim::start(SimConfig::default().thumbnails(true)).await.expect("a free port");
    let (scratch, url) = (Scratch::new(), sim.url());
    let plain = scratch.file("part.gcode", &gcode(60));
    ok(&sim, &["upload", &plain, &url]).await;
    let info = ok(&sim, &["files", "info", &url, "part.gcode", "--json"]).await.json();
    assert_eq!(
        (&info[0]["event"], &info[0]["sha1"]),
        (&"info".into(), &sim.files()[0].sha1_hex.as_str().into())
    );
    ok(&sim, &["upload", &plain, &url, "--as", "a/b/first.gcode"]).await;
    ok(&sim, &["files", "delete", &url, "a/b/first.gcode", "--yes"]).await;
    ok(&sim, &["files", "move", &url, "part.gcode", "a/b/"]).await;
    assert_eq!(sim.files()[0].path, "a/b/part.gcode");
    ok(&sim, &["files", "move", &url, "a/b/part.gcode", "other.gcode"]).await;
    assert_eq!(sim.files()[0].path, "other.gcode");
    ok(&sim, &["upload", &plain, &url]).await;
    let ran = run(sim.api_key(), &["files", "move", &url, "other.gcode", "part.gcode"]).await;
    assert_eq!((ran.code, sim.files().len()), (Some(5), 2), "{}", ran.stderr);
    let ran = run(sim.api_key(), &["files", "thumbnail", &url, "part.gcode"]).await;
    assert_eq!(ran.code, Some(1), "it has none: {}", ran.stderr);
    // The simulator does not look at what the picture is.
    let pictured =
        scratch.file("seen.gcode", b"; thumbnail begin 16x16 8\n; aGVsbG8=\n; thumbnail end\nG28\n");
    ok(&sim, &["upload", &pictured, &url]).await;
    let to = scratch.path().join("seen.png");
    ok(&sim, &["files", "thumbnail", &url, "seen.gcode", to.to_str().expect("UTF-8")]).await;
    assert_eq!(std::fs::read(&to).expect("it was saved"), b"hello");
    ok(&sim, &["files", "delete", &url, "a/b/", "--yes"]).await;
}

#[tokio::test]
async fn folder_is_created_with_those_above_it_and_again() {
    let sim = simulator().await;
    for _ in 0..2 {
        let ran = ok(&sim, &["files", "mkdir", &sim.url(), "a/b/", "--json"]).await;
        assert_eq!(ran.json()[0]["path"], "a/b");
    }
    let listed = ok(&sim, &["files", "list", &sim.url(), "a", "--json"]).await.json();
    assert_eq!((&listed[0]["path"], &listed[0]["folder"]), (&"a/b".into(), &true.into()));
}
