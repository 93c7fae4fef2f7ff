//! `printhost files` as a user runs it.

mod common;

use common::{Scratch, gcode, run, simulator};
use printhost::{AnyHost, HyperNet, PrintHost as _, Upload};

#[tokio::test]
async fn file_comes_back_with_equal_bytes_and_is_gone_after_its_deletion() {
    for client in ["hyper", "portable"] {
        let (sim, scratch) = (simulator().await, Scratch::new());
        let (key, url) = (sim.api_key(), sim.url());
        let content: Vec<u8> =
            (0..300_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let file = scratch.file("part.gcode", &content);
        let copy = scratch.path().join("copy.gcode");
        let copy = copy.to_str().expect("UTF-8");
        let path = "sub/part ü.gcode";
        let files = async |args: &[&str]| run(key, &[&["files"], args, &["--client", client]].concat()).await;

        let ran = files(&["upload", &url, &file, "--as", path]).await;
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(sim.state_text(), "Operational");

        let root = files(&["list", &url]).await;
        assert!(root.stdout.ends_with("  sub/\n"), "{}", root.stdout);
        let listing = files(&["list", &url, "sub", "--json"]).await.json();
        assert_eq!(listing.len(), 1);
        assert_eq!((&listing[0]["path"], &listing[0]["size"]), (&path.into(), &content.len().into()));
        assert_eq!(listing[0]["sha1"], sim.files()[0].sha1_hex);

        let ran = files(&["download", &url, path, copy]).await;
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(std::fs::read(copy).expect("the copy") == content);
        assert_eq!(scratch.names(), ["copy.gcode", "part.gcode"]);

        let ran = files(&["delete", &url, path]).await;
        assert_eq!((ran.code, sim.files().len()), (Some(2), 1), "nobody confirmed it");
        assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
        let ran = files(&["delete", &url, path, "--yes"]).await;
        assert_eq!((ran.code, sim.files().len()), (Some(0), 0), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn failed_download_leaves_nothing_behind() {
    let (sim, scratch) = (simulator().await, Scratch::new());
    let to = scratch.path().join("copy.gcode");
    let to = to.to_str().expect("UTF-8");
    let ran = run(sim.api_key(), &["files", "download", &sim.url(), "none.gcode", to]).await;
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(scratch.names().is_empty(), "{:?}", scratch.names());
}

#[tokio::test]
async fn download_replaces_a_file_only_when_told() {
    let (sim, scratch) = (simulator().await, Scratch::new());
    let file = scratch.file("part.gcode", &gcode(3));
    let here = scratch.file("here.gcode", b"mine");
    let download = ["files", "download", &sim.url(), "part.gcode", &here];
    assert_eq!(run(sim.api_key(), &["files", "upload", &sim.url(), &file]).await.code, Some(0));
    let ran = run(sim.api_key(), &download).await;
    assert_eq!(ran.code, Some(5));
    assert!(ran.stderr.contains("--overwrite"), "{}", ran.stderr);
    assert_eq!(std::fs::read(&here).expect("it exists"), b"mine");
    let ran = run(sim.api_key(), &[&download[..], &["--overwrite"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(std::fs::read(&here).expect("it exists"), gcode(3));
}

#[tokio::test]
async fn listing_goes_on_past_its_first_page() {
    const FILES: usize = 501;
    let sim = simulator().await;
    let host = AnyHost::new(HyperNet::new(), &sim.url().parse().expect("a URL"), sim.api_key());
    for n in 0..FILES {
        let (path, mut body) = (format!("{n}.gcode"), &b"G28\n"[..]);
        host.upload(Upload::new(&path, 4, &mut body)).await.expect("it is stored");
    }
    let ran = run(sim.api_key(), &["files", "list", &sim.url()]).await;
    let mut listed: Vec<&str> =
        ran.stdout.lines().filter_map(|line| line.split_whitespace().last()).collect();
    listed.sort_unstable();
    listed.dedup();
    assert_eq!(listed.len(), FILES);
    assert_eq!(ran.stdout.lines().count(), FILES);
}
