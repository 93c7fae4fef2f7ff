//! Commands on files: unselect, copy, move, analyse, upload to the SD card; and thumbnails.

mod common;

use common::{curl, get, keys, post, slow_gcode, start, upload, wait_for_state, wait_until};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::{Value, json};

async fn command(sim: &OctoPrintSim, path: &str, body: Value) -> (u16, String) {
    let answer = post(sim, &format!("/api/files/local/{path}"), body).await;
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

fn to(command: &str, destination: &str) -> Value {
    json!({ "command": command, "destination": destination })
}

#[tokio::test]
async fn only_the_selected_file_is_unselected_and_not_while_it_prints() {
    let sim = start().await;
    upload(&sim, "a.gcode", &slow_gcode(50), &[]).await;
    upload(&sim, "b.gcode", "G28\n", &[]).await;
    let unselect = || json!({ "command": "unselect" });
    let nothing = "Cannot unselect current file when there is no file selected";
    assert_eq!(command(&sim, "current", unselect()).await, (409, nothing.to_owned()));
    command(&sim, "a.gcode", json!({ "command": "select" })).await;
    let other = "Only the currently selected file can be unselected";
    assert_eq!(command(&sim, "b.gcode", unselect()).await, (400, other.to_owned()));
    assert_eq!(command(&sim, "a.gcode", unselect()).await.0, 204);
    assert_eq!(get(&sim, "/api/job").await.json()["job"]["file"]["path"], Value::Null);
    command(&sim, "a.gcode", json!({ "command": "select", "print": true })).await;
    wait_for_state(&sim, "Printing").await;
    let printing = "Printer is already printing, cannot unselect current file";
    assert_eq!(command(&sim, "current", unselect()).await, (409, printing.to_owned()));
}

#[tokio::test]
async fn files_and_folders_are_copied_and_moved_into_folders_or_to_names() {
    let sim = start().await;
    upload(&sim, "a.gcode", "G28\n", &[]).await;
    upload(&sim, "b.gcode", "G29\n", &["path=one/two"]).await;
    assert_eq!(command(&sim, "a.gcode", to("copy", "one")).await.0, 201);
    assert_eq!(command(&sim, "a.gcode", to("copy", "/one/")).await.0, 409);
    assert_eq!(command(&sim, "a.gcode", to("copy", "one/c.gcode")).await.0, 201);
    assert_eq!(command(&sim, "one", to("copy", "copied")).await.0, 201);
    assert_eq!(command(&sim, "one", to("move", "copied")).await.0, 201);
    let paths: Vec<String> = sim.files().into_iter().map(|file| file.path).collect();
    let expected = [
        "a.gcode",
        "copied/a.gcode",
        "copied/c.gcode",
        "copied/one/a.gcode",
        "copied/one/c.gcode",
        "copied/one/two/b.gcode",
        "copied/two/b.gcode",
    ];
    assert_eq!(paths, expected);
    assert_eq!(sim.files()[5].data.as_deref(), Some(&b"G29\n"[..]));
}

#[tokio::test]
async fn a_copy_or_move_that_cannot_be_is_refused_and_changes_nothing() {
    let sim = start().await;
    upload(&sim, "a.gcode", "G28\n", &[]).await;
    upload(&sim, "b.gcode", "G28\n", &["path=folder"]).await;
    let error = |text: &str| json!({ "error": text });
    for (path, body, status, expected) in [
        ("a.gcode", json!({ "command": "copy" }), 400, "Mandatory parameters missing"),
        ("a.gcode", to("copy", "none/x.gcode"), 500, "Could not copy a.gcode to none/x.gcode"),
        ("a.gcode", to("copy", "../x.gcode"), 409, "Exception thrown by storage, bad folder/file name?"),
        ("a.gcode", to("move", "a.gcode"), 409, "File or folder does already exist"),
        ("a.gcode", to("move", "a.exe"), 415, "Could not move a.gcode to a.exe, invalid type"),
        ("a.gcode", json!({ "command": "slice" }), 415, "Cannot slice file, no slicer available"),
        ("folder", json!({ "command": "frob" }), 400, "command is invalid"),
    ] {
        let (found, text) = command(&sim, path, body.clone()).await;
        let text: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((found, text), (status, error(expected)), "{path} {body}");
    }
    for (path, body) in [("none.gcode", to("move", "c.gcode")), ("folder", json!({ "command": "select" }))] {
        assert_eq!(command(&sim, path, body).await.0, 404);
    }
    assert_eq!(command(&sim, "folder", to("move", "folder/inside")).await.0, 500);
    assert_eq!(sim.files().len(), 2);
    // A copy into the folder itself is none of these.
    assert_eq!(command(&sim, "folder", to("copy", "folder/inside")).await.0, 201);
    assert_eq!(sim.files().len(), 3);
}

#[tokio::test]
async fn a_file_in_use_is_copied_but_not_moved() {
    let sim = start().await;
    upload(&sim, "a.gcode", &slow_gcode(50), &["print=true"]).await;
    wait_for_state(&sim, "Printing").await;
    assert_eq!(command(&sim, "a.gcode", to("copy", "b.gcode")).await.0, 201);
    let (status, text) = command(&sim, "a.gcode", to("move", "c.gcode")).await;
    assert_eq!(status, 409);
    assert!(text.contains("Trying to move a file or folder that is currently in use"), "{text}");
}

#[tokio::test]
async fn a_stored_file_is_written_to_the_card_on_command() {
    let sim = start().await;
    upload(&sim, "a.gcode", "G28\n", &[]).await;
    let (status, text) = command(&sim, "a.gcode", json!({ "command": "uploadSd" })).await;
    let body: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &body["file"]["path"]), (201, &json!("/a.gco")));
    assert_eq!(keys(&body), ["effectivePrint", "effectiveSelect", "file"]);
    wait_until("written", || sim.terminal().contains(&"Recv: A.GCO 4".to_owned())).await;
}

#[tokio::test]
async fn a_slicers_thumbnail_is_served_where_the_file_says() {
    let content = "; thumbnail begin 2x2 8\n; iVBORw==\n; thumbnail end\nG28\n";
    let sim = OctoPrintSim::start(SimConfig::default().thumbnails(true)).await.expect("a port");
    upload(&sim, "with picture.gcode", content, &["path=folder"]).await;
    upload(&sim, "without.gcode", "G28\n", &[]).await;
    let file = get(&sim, "/api/files/local/folder/with%20picture.gcode").await.json();
    assert_eq!(file["thumbnail_src"], "prusaslicerthumbnails");
    let picture = curl(&sim, &format!("/{}", file["thumbnail"].as_str().expect("a path")), &[]).await;
    assert_eq!((picture.status, picture.body.as_slice()), (200, &b"\x89PNG"[..]));
    assert!(get(&sim, "/api/files/local/without.gcode").await.json().get("thumbnail").is_none());
    let plain = start().await;
    upload(&plain, "a.gcode", content, &[]).await;
    assert!(get(&plain, "/api/files/local/a.gcode").await.json().get("thumbnail").is_none());
}
