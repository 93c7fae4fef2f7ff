//! `printhost print` and `status` as a user runs them.

mod common;

use common::{Scratch, gcode, run, simulator};
use printhost_sim::{OctoPrintSim, SimConfig};
use sha1::{Digest as _, Sha1};

fn sha1_hex(content: &[u8]) -> String {
    Sha1::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn print_is_stored_whole_and_followed_to_its_end() {
    for client in ["hyper", "portable"] {
        let (sim, scratch, content) = (simulator().await, Scratch::new(), gcode(60));
        let file = scratch.file("part ü.gcode", &content);
        let ran = run(sim.api_key(), &["print", &file, &sim.url(), "--client", client]).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
        assert!(ran.stdout.contains("Finished"), "{}", ran.stdout);
        assert!(!ran.stdout.contains('\x1b'), "no terminal, no escapes: {}", ran.stdout);
        assert!(!ran.stdout.contains(sim.api_key()));
        let files = sim.files();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].sha1_hex, sha1_hex(&content));
        let uploads =
            sim.requests().into_iter().filter(|r| (&*r.method, &*r.path) == ("POST", "/api/files/local"));
        assert_eq!(uploads.count(), 1);
    }
}

#[tokio::test]
async fn json_tells_the_whole_print_in_lines_that_parse() {
    let (sim, scratch, content) = (simulator().await, Scratch::new(), gcode(60));
    let file = scratch.file("part.gcode", &content);
    let ran = run(sim.api_key(), &["--json", "print", &file, &sim.url(), "--as", "a/b.gcode"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    let lines = ran.json();
    assert!(lines.iter().all(|line| line["printer"] == sim.url()));
    let of = |event: &str| lines.iter().find(|line| line["event"] == event).expect(event);
    assert_eq!(of("upload")["total"], content.len());
    assert_eq!(of("stored")["sha1"], sha1_hex(&content));
    assert_eq!(of("stored")["path"], "a/b.gcode");
    assert_eq!(of("started")["path"], "a/b.gcode");
    assert_eq!(of("status")["job"]["path"], "a/b.gcode");
    assert_eq!(lines.last().expect("a line")["end"], "finished");
}

#[tokio::test]
async fn printer_of_the_word_sim_needs_no_key() {
    let scratch = Scratch::new();
    let file = scratch.file("part.gcode", &gcode(30));
    let ran = run("", &["print", &file, "sim"]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", ran.stdout);
    assert!(ran.stdout.contains("Finished part.gcode"), "{}", ran.stdout);
}

#[tokio::test]
async fn wrong_key_is_refused_and_not_repeated_in_the_output() {
    let (sim, scratch, key) = (simulator().await, Scratch::new(), "0123456789ABCDEF0123456789ABCDEF");
    let file = scratch.file("part.gcode", &gcode(1));
    for args in [
        &["print", &file, &sim.url()][..],
        &["status", &sim.url()],
        &["watch", &sim.url()],
        &["--json", "files", "list", &sim.url()],
    ] {
        let ran = run(key, args).await;
        assert_eq!(ran.code, Some(4), "{args:?}: {}{}", ran.stdout, ran.stderr);
        assert!(!(ran.stdout + &ran.stderr).contains(key), "{args:?}");
    }
    assert!(sim.files().is_empty());
}

#[tokio::test]
async fn missing_key_says_where_to_put_it() {
    let sim = simulator().await;
    let ran = run("", &["status", &sim.url()]).await;
    assert_eq!(ran.code, Some(4));
    assert!(ran.stderr.contains("PRINTHOST_KEY") && ran.stderr.contains("--key-file"), "{}", ran.stderr);
    assert!(sim.requests().is_empty());
}

#[tokio::test]
async fn key_file_wins_over_the_environment() {
    let (sim, scratch) = (simulator().await, Scratch::new());
    let keys =
        scratch.file("keys", format!("octoprint://other KEY\n{} {}\n", sim.url(), sim.api_key()).as_bytes());
    let ran = run("wrong", &["status", &sim.url(), "--key-file", &keys]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("Idle"), "{}", ran.stdout);
}

#[tokio::test]
async fn unreachable_printer_is_told_apart() {
    let scratch = Scratch::new();
    let file = scratch.file("part.gcode", &gcode(1));
    let sim = simulator().await;
    let url = sim.url();
    drop(sim); // Nobody listens there any more.
    let ran = run("key", &["print", &file, &url]).await;
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let ran = run("key", &["--json", "status", &url]).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), ""));
    assert_eq!(ran.json()[0]["error"]["kind"], "unreachable");
}

#[tokio::test]
async fn second_print_of_a_file_names_the_way_to_replace_it() {
    let (sim, scratch) = (simulator().await, Scratch::new());
    let file = scratch.file("part.gcode", &gcode(60));
    let args = ["print", &file, &sim.url()];
    assert_eq!(run(sim.api_key(), &args).await.code, Some(0));
    let ran = run(sim.api_key(), &args).await;
    assert_eq!(ran.code, Some(5));
    assert!(ran.stderr.contains("--overwrite"), "{}", ran.stderr);
    let ran = run(sim.api_key(), &["print", &file, &sim.url(), "--overwrite"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[tokio::test]
async fn print_on_an_offline_printer_is_stored_and_says_that_it_was_not_started() {
    let sim = OctoPrintSim::start(SimConfig::default().connected(false)).await.expect("a free port");
    let scratch = Scratch::new();
    let file = scratch.file("part.gcode", &gcode(1));
    let ran = run(sim.api_key(), &["print", &file, &sim.url()]).await;
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    assert!(ran.stdout.contains("not started"), "{}", ran.stdout);
    assert_eq!(sim.files().len(), 1);
}

#[tokio::test]
async fn no_start_only_stores_and_no_wait_returns_while_it_prints() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.expect("a free port");
    let scratch = Scratch::new();
    let file = scratch.file("part.gcode", &gcode(600));
    let ran = run(sim.api_key(), &["print", &file, &sim.url(), "--no-start"]).await;
    assert_eq!((ran.code, sim.state_text().as_str()), (Some(0), "Operational"));
    let ran = run(sim.api_key(), &["print", &file, &sim.url(), "--no-wait", "--overwrite"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(["Starting", "Printing"].contains(&sim.state_text().as_str()));
    let status = run(sim.api_key(), &["--json", "status", &sim.url()]).await.json();
    assert_eq!(status.last().expect("a line")["job"]["path"], "part.gcode");
}

#[tokio::test]
async fn mistakes_in_the_arguments_are_usage_errors_in_both_formats() {
    for args in [
        &["status", "octopi.local"][..],
        &["print", "x"],
        &["status", "octoprint://x", "--pin", "abc"],
        &["status", "octoprint://x", "--pin", &"a5".repeat(32)], // not encrypted
        &["print", "x", "sim", "--limit-rate", "0"],
    ] {
        let ran = run("key", args).await;
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
        let ran = run("key", &[args, &["--json"]].concat()).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""), "{args:?}");
        assert_eq!(ran.json()[0]["error"]["kind"], "invalid_input", "{args:?}");
    }
}
