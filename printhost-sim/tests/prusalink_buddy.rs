//! What the firmware of Prusa's printers does otherwise than a Pi, as its source says; asked by curl and by sockets.

mod common;

use std::time::Duration;

use common::{Answer, ask, scratch, wait_until};
use printhost_sim::{PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const FILES: &str = "/api/v1/files/usb";

fn config() -> PrusaLinkConfig {
    PrusaLinkConfig::new(PrusaLinkFamily::Buddy).time_scale(20.0)
}

async fn start(config: PrusaLinkConfig) -> PrusaLinkSim {
    PrusaLinkSim::start(config).await.expect("a free port")
}

async fn curl(sim: &PrusaLinkSim, path: &str, args: &[&str]) -> Answer {
    let key = format!("X-Api-Key: {}", sim.config().api_key);
    let with_key = ["-H", &key, "-H", "Accept: application/json"];
    ask(&format!("http://{}{path}", sim.addr()), &[&with_key, args].concat()).await
}

async fn put(sim: &PrusaLinkSim, name: &str, content: &str, fields: &[&str]) -> Answer {
    let body = format!("@{}", scratch(content).display());
    let mut args = vec!["-X", "PUT", "--data-binary", &body];
    args.extend(fields.iter().flat_map(|field| ["-H", *field]));
    curl(sim, &format!("{FILES}/{name}"), &args).await
}

fn message(answer: &Answer) -> String {
    answer.json()["message"].as_str().expect("a message").to_owned()
}

/// The head of a request with the key.
fn head(sim: &PrusaLinkSim, method: &str, path: &str, fields: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\n{fields}\r\n", sim.config().api_key)
}

/// Reads an answer with a length.
async fn answer(stream: &mut TcpStream) -> String {
    let mut raw = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await.expect("an open connection");
        raw.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&raw);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(n > 0, "{text}");
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return text.into_owned();
        }
    }
}

#[tokio::test]
async fn digest_is_that_of_rfc_2069_and_an_answer_to_an_old_nonce_is_called_stale() {
    let sim = start(config().nonce_life(Duration::from_millis(300))).await;
    let url = format!("http://{}/api/version", sim.addr());
    let challenge = ask(&url, &["-i"]).await;
    let text = String::from_utf8_lossy(&challenge.body).to_ascii_lowercase();
    assert!(text.contains("www-authenticate: digest realm=\"printer api\", nonce=\""), "{text}");
    assert!(!text.contains("qop") && !text.contains("algorithm") && text.contains("stale=false"), "{text}");
    let user = format!("maker:{}", sim.config().password);
    let right = ask(&url, &["--digest", "-u", &user]).await;
    assert_eq!((right.status, right.json()["text"].as_str()), (200, Some("PrusaLink")));
    assert_eq!(ask(&url, &["--digest", "-u", "maker:wrong"]).await.status, 401);
    assert_eq!(sim.challenges().1, 0);

    let nonce = text.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a nonce");
    let md5 = |text: String| format!("{:x}", md5::compute(text));
    let (secret, what) =
        (md5(format!("maker:Printer API:{}", sim.config().password)), md5("GET:/api/version".into()));
    let old = md5(format!("{secret}:{nonce}:{what}"));
    let login = format!("Authorization: Digest username=\"maker\", nonce=\"{nonce}\", response=\"{old}\"");
    tokio::time::sleep(Duration::from_millis(350)).await;
    let stale = ask(&url, &["-i", "-H", &login]).await;
    let text = String::from_utf8_lossy(&stale.body).to_ascii_lowercase();
    assert!(stale.status == 401 && text.contains("stale=true"), "{text}");
    assert_eq!(sim.challenges().1, 1);
    let wrong = ask(&url, &["-H", "X-Api-Key: wrong"]).await;
    assert_eq!(wrong.status, 401);
}

#[tokio::test]
async fn two_connections_are_served_and_a_third_waits_until_one_is_idle() {
    let sim = start(config()).await;
    let request = head(&sim, "PUT", &format!("{FILES}/slow.gcode"), "Content-Length: 1000\r\n");
    let mut upload = TcpStream::connect(sim.addr()).await.expect("a connection");
    upload.write_all(request.as_bytes()).await.expect("sent");
    let mut idle = TcpStream::connect(sim.addr()).await.expect("a connection");
    let status = head(&sim, "GET", "/api/v1/status", "");
    idle.write_all(status.as_bytes()).await.expect("sent");
    assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200"));
    // It is kept, and used again.
    idle.write_all(status.as_bytes()).await.expect("sent");
    assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200"));
    let mut third = TcpStream::connect(sim.addr()).await.expect("a connection");
    third.write_all(status.as_bytes()).await.expect("sent");
    assert!(answer(&mut third).await.contains("\"transfer\""));
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.expect("closed to make room");
    assert_eq!((rest.len(), sim.most_at_once().0), (0, 2));

    // With both at work, nobody else is served.
    let other = head(&sim, "PUT", &format!("{FILES}/x.gcode"), "Content-Length: 1000\r\n");
    third.write_all(other.as_bytes()).await.expect("sent");
    assert!(answer(&mut third).await.starts_with("HTTP/1.1 409"));
}

#[tokio::test]
async fn one_file_is_taken_at_a_time_and_one_that_exists_is_refused_after_it_was_sent() {
    let sim = start(config()).await;
    assert_eq!(put(&sim, "a%20b.gcode", "G28\n", &[]).await.status, 201);
    let request = head(
        &sim,
        "PUT",
        &format!("{FILES}/a%20b.gcode"),
        "Accept: application/json\r\nContent-Length: 1000\r\n",
    );
    let mut upload = TcpStream::connect(sim.addr()).await.expect("a connection");
    upload.write_all(request.as_bytes()).await.expect("sent");
    upload.write_all(&[b';'; 500]).await.expect("taken");
    while curl(&sim, "/api/v1/transfer", &[]).await.status != 200 {}
    let told = curl(&sim, "/api/v1/transfer", &[]).await.json();
    assert!(told["size"] == "1000" && told["id"].is_u64(), "{told}");
    let second = put(&sim, "other.gcode", "G28\n", &[]).await;
    assert_eq!((second.status, message(&second).as_str()), (409, "Another transfer in progress"));
    let early = timeout(Duration::from_millis(300), upload.read_u8()).await;
    assert!(early.is_err(), "it was refused before it was sent");
    upload.write_all(&[b';'; 500]).await.expect("taken");
    let refused = answer(&mut upload).await;
    assert!(refused.starts_with("HTTP/1.1 409") && refused.contains("File already exists"), "{refused}");
    assert_eq!(sim.files()[0].size, 4);
    let replaced = put(&sim, "a%20b.gcode", "G28\nG28\n", &["Overwrite: ?1"]).await;
    assert_eq!((replaced.status, sim.files()[0].size), (201, 8));
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_in_the_words_of_the_firmware() {
    let sim = start(config().room(100)).await;
    for (name, content, fields, status, words) in [
        ("big.gcode", "G28\n".repeat(30).as_str(), &[][..], 507, "USB drive full"),
        ("x.exe", "x", &[], 415, "Not a GCODE"),
        ("a%3Ab.gcode", "x", &[], 422, "Filename contains invalid characters"),
        ("empty.gcode", "", &["Content-Length: 0"], 501, "0-sized files aren't implemented"),
        ("chunked.gcode", "x", &["Transfer-Encoding: chunked"], 411, ""),
    ] {
        let answer = put(&sim, name, content, fields).await;
        assert_eq!((answer.status, message(&answer).as_str()), (status, words), "{name}");
    }
    assert_eq!(curl(&sim, "/api/v1/files/local", &[]).await.status, 403);
    assert_eq!(put(&sim, "sub", "", &["Create-Folder: ?1"]).await.status, 201);
    let again = put(&sim, "sub", "", &["Create-Folder: ?1"]).await;
    assert_eq!((again.status, message(&again).as_str()), (409, "Already exists"));
    assert!(sim.files().is_empty());
}

#[tokio::test]
async fn files_have_short_names_and_the_end_of_a_print_is_shown_until_somebody_confirms_it() {
    let sim = start(config()).await;
    assert_eq!(put(&sim, "in%20here/a%20long%20name.gcode", "M73 P50 R1\nG4 P4000\n", &[]).await.status, 201);
    let folder = curl(&sim, &format!("{FILES}/in%20here"), &[]).await.json();
    let file = &folder["children"][0];
    assert_eq!((&file["name"], &file["display_name"]), (&"ALONGN~1.GCO".into(), &"a long name.gcode".into()));
    assert!(file["ro"] == false && file.get("read_only").is_none() && folder.get("size").is_none());
    assert_eq!(file["refs"]["download"], "/usb/INHERE~1/ALONGN~1.GCO");
    let content = curl(&sim, "/usb/INHERE~1/ALONGN~1.GCO", &[]).await;
    assert_eq!(content.body, b"M73 P50 R1\nG4 P4000\n");

    let start = curl(&sim, &format!("{FILES}/in%20here/a%20long%20name.gcode"), &["-X", "POST"]).await;
    assert_eq!(start.status, 204);
    let status = curl(&sim, "/api/v1/status", &[]).await.json();
    assert!(
        status["storage"].is_object() && status["job"]["id"] == 1 && status["job"]["time_printing"].is_u64()
    );
    let job = curl(&sim, "/api/v1/job", &[]).await.json();
    assert_eq!(
        (&job["file"]["path"], &job["file"]["display_name"]),
        (&"/usb/INHERE~1".into(), &"a long name.gcode".into())
    );
    assert!(sim.call_for_attention());
    assert_eq!(curl(&sim, "/api/v1/job", &[]).await.json()["state"], "PAUSED");
    assert_eq!(curl(&sim, "/api/v1/status", &[]).await.json()["printer"]["state"], "ATTENTION");
    assert_eq!(curl(&sim, "/api/v1/job/1/continue", &["-X", "PUT"]).await.status, 400);
    sim.confirm();
    wait_until("the end", || sim.state_text() == "FINISHED").await;
    assert_eq!(curl(&sim, "/api/v1/job", &[]).await.status, 204);
    sim.confirm();
    assert_eq!(sim.state_text(), "IDLE");
}
