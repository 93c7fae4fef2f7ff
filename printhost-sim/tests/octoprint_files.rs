//! Uploads, listings, downloads and deletion.

mod common;

use common::{curl, curl_without_key, delete, get, keys, post, slow_gcode, start, upload, wait_for_state};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const GCODE: &str = "; tiny\nG28\nG1 X10 Y10 F3000\n";
/// By coreutils, not by the simulator.
const GCODE_SHA1: &str = "432799837d6ef7633bf9bea064544bc45feaf781";

#[tokio::test]
async fn an_upload_is_201_with_its_location_and_is_stored_byte_for_byte() {
    let sim = start().await;
    let answer = upload(&sim, "tiny.gcode", GCODE, &["print=false", "path="]).await;
    assert_eq!(answer.status, 201);
    let base = format!("http://{}", sim.addr());
    let expected = json!({
        "done": true,
        "effectivePrint": false,
        "effectiveSelect": false,
        "files": { "local": {
            "name": "tiny.gcode",
            "origin": "local",
            "path": "tiny.gcode",
            "refs": {
                "download": format!("{base}/downloads/files/local/tiny.gcode"),
                "resource": format!("{base}/api/files/local/tiny.gcode"),
            },
        } },
    });
    assert_eq!(answer.json(), expected);
    let files = sim.files();
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].path.as_str(), files[0].size), ("tiny.gcode", GCODE.len() as u64));
    assert_eq!(files[0].data.as_deref(), Some(GCODE.as_bytes()));
}

#[tokio::test]
async fn a_path_and_a_name_outside_ascii_are_kept_and_encoded_in_links() {
    let sim = start().await;
    let answer = curl(
        &sim,
        "/api/files/local",
        &["-i", "-F", "path=sub/deep", "-F", "file=G28;filename=in folder ü.gcode"],
    )
    .await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let link = format!("http://{}/api/files/local/sub/deep/in%20folder%20%C3%BC.gcode", sim.addr());
    assert!(text.starts_with("HTTP/1.1 201 CREATED\r\n"), "{text}");
    assert!(text.contains(&format!("\r\nLocation: {link}\r\n")), "{text}");
    assert!(text.contains(r#""path": "sub/deep/in folder \u00fc.gcode""#), "{text}");
    let info = get(&sim, "/api/files/local/sub/deep/in%20folder%20%C3%BC.gcode").await;
    assert_eq!(info.json()["name"], "in folder ü.gcode");
}

#[tokio::test]
async fn the_extended_file_name_wins_over_the_plain_one() {
    let sim = start().await;
    let body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"u.gcode\"; \
        filename*=UTF-8''%C3%BC.gcode\r\n\r\nG28\r\n--b--\r\n";
    let args = ["-H", "Content-Type: multipart/form-data; boundary=b", "--data-binary", body];
    assert_eq!(curl(&sim, "/api/files/local", &args).await.status, 201);
    assert_eq!(sim.files()[0].path, "ü.gcode");
}

#[tokio::test]
async fn file_information_has_the_shape_of_the_real_one() {
    let sim = start().await;
    upload(&sim, "tiny.gcode", GCODE, &[]).await;
    let info = get(&sim, "/api/files/local/tiny.gcode").await.json();
    let expected =
        ["date", "display", "hash", "name", "origin", "path", "refs", "size", "type", "typePath", "user"];
    assert_eq!(keys(&info), expected);
    assert_eq!(info["hash"], GCODE_SHA1);
    assert_eq!(info["hash"], sim.files()[0].sha1_hex);
    assert_eq!(info["typePath"], json!(["machinecode", "gcode"]));
    let missing = get(&sim, "/api/files/local/none.gcode").await;
    assert_eq!(missing.status, 404);
    assert!(missing.error().starts_with("The requested URL was not found"));
}

#[tokio::test]
async fn folders_are_nested_only_in_a_recursive_listing() {
    let sim = start().await;
    assert_eq!(get(&sim, "/api/files").await.json()["files"], json!([]));
    upload(&sim, "a.gcode", GCODE, &["path=sub/deep"]).await;
    upload(&sim, "b.gcode", GCODE, &[]).await;
    let flat = get(&sim, "/api/files").await.json();
    assert_eq!(keys(&flat), ["files", "free", "total"]);
    assert_eq!(flat["files"][1]["children"], json!([]));
    let folder = ["children", "date", "display", "name", "origin", "path", "prints", "refs", "size", "type"];
    assert_eq!(keys(&flat["files"][1])[..10], folder);
    let deep = get(&sim, "/api/files/local?recursive=true").await.json();
    assert_eq!(deep["files"][1]["children"][0]["children"][0]["path"], "sub/deep/a.gcode");
    assert_eq!(get(&sim, "/api/files/local/sub").await.json()["children"][0]["path"], "sub/deep");
}

#[tokio::test]
async fn an_unchanged_listing_is_304() {
    let sim = start().await;
    let head = String::from_utf8_lossy(&curl(&sim, "/api/files", &["-i"]).await.body).into_owned();
    let etag = head.lines().find_map(|line| line.strip_prefix("Etag: ")).expect("an ETag").to_owned();
    let header = format!("If-None-Match: {etag}");
    assert_eq!(curl(&sim, "/api/files", &["-H", &header]).await.status, 304);
    upload(&sim, "a.gcode", GCODE, &[]).await;
    assert_eq!(curl(&sim, "/api/files", &["-H", &header]).await.status, 200);
}

#[tokio::test]
async fn the_same_name_overwrites_unless_told_not_to() {
    let sim = start().await;
    upload(&sim, "a.gcode", GCODE, &[]).await;
    assert_eq!(upload(&sim, "a.gcode", "G28\n", &[]).await.status, 201);
    assert_eq!(sim.files()[0].size, 4);
    let answer = upload(&sim, "a.gcode", GCODE, &["noOverwrite=true"]).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.error(), "File already exists and noOverwrite was set");
    assert_eq!(sim.files()[0].size, 4);
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_as_the_real_one_does() {
    let sim = start().await;
    for (name, fields, status, error) in [
        ("evil.exe", &[][..], 415, "Could not upload file, invalid type"),
        ("x.gcode", &["path=../../etc"], 400, "Can not upload file, invalid file name"),
    ] {
        let answer = upload(&sim, name, GCODE, fields).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, error));
    }
    let nothing = curl(&sim, "/api/files/local", &["-F", "print=false"]).await;
    assert_eq!(
        (nothing.status, nothing.error().as_str()),
        (400, "No file to upload and no folder to create")
    );
    let elsewhere = curl(&sim, "/api/files/nowhere", &["-F", "file=G28;filename=a.gcode"]).await;
    assert_eq!(elsewhere.status, 404);
    assert!(sim.files().is_empty());
}

#[tokio::test]
async fn cut_upload_is_not_listed() {
    let sim = start().await;
    let part = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.gcode\"\r\n\r\nG28\r\n";
    // Cut within the part, and after the closing boundary but before the announced length.
    for sent in [part.to_owned(), format!("{part}--b--\r\n")] {
        let head = format!(
            "POST /api/files/local HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n",
            sim.api_key(),
            sent.len() + 10
        );
        let mut stream = TcpStream::connect(sim.addr()).await.expect("the simulator listens");
        stream.write_all((head + &sent).as_bytes()).await.expect("half an upload");
        stream.shutdown().await.expect("an open socket");
        let mut answer = Vec::new();
        // The end of the stream means that the server has given up on the request.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 2"));
        assert!(sim.files().is_empty());
    }
    assert_eq!(get(&sim, "/api/files/local/a.gcode").await.status, 404);
}

#[tokio::test]
async fn an_upload_that_waits_for_100_continue_is_told_to_go_on() {
    let sim = start().await;
    let args = ["-v", "-H", "Expect: 100-continue", "-F", "file=G28;filename=a.gcode"];
    let key = format!("X-Api-Key: {}", sim.api_key());
    let output = tokio::process::Command::new("curl")
        .args(args)
        .args(["-s", "-H", &key, &format!("http://{}/api/files/local", sim.addr())])
        .output()
        .await
        .expect("curl is installed");
    let trace = String::from_utf8_lossy(&output.stderr);
    assert!(trace.contains("HTTP/1.1 100 "), "{trace}");
    assert!(trace.contains("HTTP/1.1 201 CREATED"), "{trace}");
}

#[tokio::test]
async fn a_download_returns_the_uploaded_bytes_and_ranges_of_them() {
    let sim = start().await;
    let content = slow_gcode(20_000);
    upload(&sim, "a.gcode", &content, &["path=sub"]).await;
    let path = "/downloads/files/local/sub/a.gcode";
    let whole = get(&sim, path).await;
    assert_eq!((whole.status, whole.body == content.as_bytes()), (200, true));
    let range = curl(&sim, path, &["-r", "4-11"]).await;
    assert_eq!((range.status, range.body.as_slice()), (206, &content.as_bytes()[4..12]));
    let head = String::from_utf8_lossy(&curl(&sim, path, &["-I"]).await.body).into_owned();
    assert!(head.contains(&format!("Content-Length: {}\r\n", content.len())), "{head}");
    assert_eq!(curl(&sim, path, &["-r", "9999999-"]).await.status, 416);
    let refused = curl_without_key(&sim, path, &[]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.starts_with(b"<html>"));
}

#[tokio::test]
async fn content_over_the_limit_is_hashed_but_its_download_is_507() {
    let config = SimConfig::default().keep_content_up_to(10).time_scale(20.0);
    let sim = OctoPrintSim::start(config).await.expect("a free port");
    upload(&sim, "a.gcode", GCODE, &["print=true"]).await;
    let file = &sim.files()[0];
    assert_eq!((file.size, file.data.is_none()), (GCODE.len() as u64, true));
    assert_eq!(file.sha1_hex, GCODE_SHA1);
    assert_eq!(get(&sim, "/downloads/files/local/a.gcode").await.status, 507);
    wait_for_state(&sim, "Operational").await;
}

#[tokio::test]
async fn folders_are_created_and_removed_with_what_they_hold() {
    let sim = start().await;
    for _ in 0..2 {
        let args = ["-F", "foldername=child", "-F", "path=newfolder"];
        let answer = curl(&sim, "/api/files/local", &args).await;
        assert_eq!(answer.status, 201);
        let resource = format!("http://{}/api/files/local/newfolder/child", sim.addr());
        let folder = json!({
            "name": "child",
            "origin": "local",
            "path": "newfolder/child",
            "refs": { "resource": resource },
        });
        assert_eq!(answer.json(), json!({ "done": true, "folder": folder }));
    }
    upload(&sim, "a.gcode", GCODE, &["path=newfolder/child"]).await;
    assert_eq!(delete(&sim, "/api/files/local/newfolder").await.status, 204);
    assert!(sim.files().is_empty());
    assert_eq!(get(&sim, "/api/files/local/newfolder").await.status, 404);
}

#[tokio::test]
async fn the_printing_file_is_neither_deleted_nor_overwritten() {
    let sim = start().await;
    let answer = upload(&sim, "a.gcode", &slow_gcode(50), &["print=true"]).await;
    assert_eq!(answer.json()["effectivePrint"], true);
    wait_for_state(&sim, "Printing").await;
    let deleted = delete(&sim, "/api/files/local/a.gcode").await;
    assert_eq!(deleted.status, 409);
    assert_eq!(deleted.error(), "Trying to delete a file that is currently in use");
    let overwritten = upload(&sim, "a.gcode", GCODE, &[]).await;
    assert_eq!(overwritten.status, 409);
    assert_eq!(overwritten.error(), "Trying to overwrite file that is currently being printed");
    let other = upload(&sim, "b.gcode", GCODE, &["print=true"]).await;
    assert_eq!((other.status, &other.json()["effectivePrint"]), (201, &json!(false)));
    let select = post(&sim, "/api/files/local/b.gcode", json!({ "command": "select" })).await;
    assert_eq!(select.status, 409);
    assert_eq!(select.error(), "Printer is already printing, cannot select a new file");
}

#[tokio::test]
async fn commands_on_files_check_the_file_first() {
    let sim = start().await;
    let select = json!({ "command": "select" });
    assert_eq!(post(&sim, "/api/files/local/a.gcode", select.clone()).await.status, 404);
    upload(&sim, "a.gcode", GCODE, &[]).await;
    let invalid = post(&sim, "/api/files/local/a.gcode", json!({ "command": "frob" })).await;
    assert_eq!((invalid.status, invalid.error().as_str()), (400, "command is invalid"));
    assert_eq!(post(&sim, "/api/files/local/a.gcode", select).await.status, 204);
    assert_eq!(get(&sim, "/api/job").await.json()["job"]["file"]["path"], "a.gcode");
    assert_eq!(delete(&sim, "/api/files/local/a.gcode").await.status, 204);
    assert_eq!(get(&sim, "/api/job").await.json()["job"]["file"]["path"], json!(null));
    assert_eq!(delete(&sim, "/api/files/local/a.gcode").await.status, 404);
}
