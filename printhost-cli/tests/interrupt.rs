//! Ctrl-C, and what is seen live before it.
#![cfg(unix)]

mod common;

use common::{PATIENCE, Scratch, gcode, printhost, run, simulator};
use printhost_sim::{OctoPrintSim, SimConfig};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

/// Reads stdout up to a line that contains this.
async fn read_until(lines: &mut Lines<BufReader<ChildStdout>>, what: &str) -> String {
    let found = async {
        while let Some(line) = lines.next_line().await.expect("a readable line") {
            if line.contains(what) {
                return line;
            }
        }
        panic!("the output ended without {what}");
    };
    timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Starts the program and hands out its output line by line.
fn start(key: &str, args: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = printhost(key, args).spawn().expect("the program starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    (child, lines)
}

async fn interrupt(child: &Child) {
    let pid = child.id().expect("it runs").to_string();
    let kill = tokio::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(kill.await.expect("kill runs").success());
}

async fn code(child: &mut Child) -> Option<i32> {
    timeout(PATIENCE, child.wait()).await.expect("the program ends").expect("a status").code()
}

#[tokio::test]
async fn interrupted_upload_is_not_stored() {
    for client in ["hyper", "portable"] {
        let (sim, scratch) = (simulator().await, Scratch::new());
        let file = scratch.file("part.gcode", &gcode(3000));
        let args = ["--json", "print", &file, &sim.url(), "--limit-rate", "2k", "--client", client];
        let (mut child, mut lines) = start(sim.api_key(), &args);
        read_until(&mut lines, r#""event":"upload""#).await;
        interrupt(&child).await;
        let line = read_until(&mut lines, r#""event":"interrupted""#).await;
        assert!(line.contains(r#""stored":false"#), "{line}");
        assert_eq!(code(&mut child).await, Some(130));
        // Asked of the server, which by then has seen the connection end.
        let listing = run(sim.api_key(), &["files", "list", &sim.url()]).await;
        assert_eq!((listing.code, listing.stdout.as_str()), (Some(0), ""));
        assert!(sim.files().is_empty());
    }
}

#[tokio::test]
async fn interrupted_upload_to_many_tells_of_each_what_it_has() {
    let (quick, slow, scratch) = (simulator().await, simulator().await, Scratch::new());
    let file = scratch.file("part.gcode", &gcode(3000));
    // One after the other: the first has it all when the second has begun.
    let (quick_url, slow_url) = (quick.url(), slow.url());
    let size = gcode(3000).len();
    let args = [
        "--json",
        "upload",
        &file,
        &quick_url,
        &slow_url,
        "--at-once",
        "1",
        "--limit-rate",
        &size.to_string(),
    ];
    let (mut child, mut lines) = start(quick.api_key(), &args);
    read_until(&mut lines, r#""event":"stored""#).await;
    let line = read_until(&mut lines, r#""event":"upload""#).await;
    assert!(line.contains(&slow_url), "{line}");
    interrupt(&child).await;
    for (url, stored) in [(&quick_url, true), (&slow_url, false)] {
        let line = read_until(&mut lines, r#""event":"result""#).await;
        assert!(line.contains(url.as_str()) && line.contains(&format!(r#""stored":{stored}"#)), "{line}");
    }
    assert_eq!(code(&mut child).await, Some(130));
    assert_eq!((quick.files().len(), slow.files().len()), (1, 0));
}

#[tokio::test]
async fn interrupted_following_leaves_the_print_alone() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.expect("a free port");
    let scratch = Scratch::new();
    let file = scratch.file("part.gcode", &gcode(600));
    let (mut child, mut lines) = start(sim.api_key(), &["print", &file, &sim.url()]);
    read_until(&mut lines, "Printing").await;
    interrupt(&child).await;
    read_until(&mut lines, "the print goes on").await;
    assert_eq!(code(&mut child).await, Some(130));
    assert_eq!(sim.state_text(), "Printing");
}

#[tokio::test]
async fn watch_follows_two_printers_until_interrupted() {
    let (a, b, scratch) = (simulator().await, simulator().await, Scratch::new());
    let (mut child, mut lines) = start(a.api_key(), &["--json", "watch", &a.url(), &b.url()]);
    read_until(&mut lines, "resynced").await;
    read_until(&mut lines, "resynced").await;
    let file = scratch.file("part.gcode", &gcode(30));
    let ran = run(b.api_key(), &["print", &file, &b.url(), "--no-wait"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let started = read_until(&mut lines, r#""job":"started""#).await;
    assert!(started.contains(&b.url()), "{started}");
    read_until(&mut lines, r#""job":"finished""#).await;
    interrupt(&child).await;
    assert_eq!(code(&mut child).await, Some(130));
}
