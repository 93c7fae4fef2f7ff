//! Who may ask, and what a request must look like before anyone reads it.

mod common;

use common::{curl, curl_without_key, get, keys, post, start, upload};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn version_is_told_to_each_way_of_giving_the_key() {
    let sim = start().await;
    let expected = json!({ "api": "0.1", "server": "1.11.8", "text": "OctoPrint 1.11.8" });
    assert_eq!(get(&sim, "/api/version").await.json(), expected);
    let bearer = format!("Authorization: Bearer {}", sim.api_key());
    assert_eq!(curl_without_key(&sim, "/api/version", &["-H", &bearer]).await.json(), expected);
    let path = format!("/api/version?apikey={}", sim.api_key());
    assert_eq!(curl_without_key(&sim, &path, &[]).await.json(), expected);
    assert_eq!(get(&sim, "/api/server").await.json(), json!({ "safemode": null, "version": "1.11.8" }));
}

#[tokio::test]
async fn missing_or_wrong_key_on_get_is_403() {
    let sim = start().await;
    for args in [&[][..], &["-H", "X-Api-Key: WRONG"]] {
        let answer = curl_without_key(&sim, "/api/job", args).await;
        assert_eq!(answer.status, 403);
        assert!(answer.error().starts_with("You don't have the permission"));
    }
}

#[tokio::test]
async fn wrong_key_on_post_and_delete_is_400_csrf() {
    let sim = start().await;
    let wrong = ["-H", "X-Api-Key: WRONG"];
    for (path, args) in [
        ("/api/job", &["-X", "POST"][..]),
        ("/api/login", &["-X", "POST"]),
        ("/api/files/local", &["-F", "file=G28;filename=a.gcode"]),
        ("/api/files/local/a.gcode", &["-X", "DELETE"]),
    ] {
        let answer = curl_without_key(&sim, path, &[&wrong[..], args].concat()).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.json(), json!({ "error": "CSRF validation failed" }));
    }
    assert!(sim.files().is_empty());
}

#[tokio::test]
async fn only_the_configured_key_is_accepted() {
    let sim = OctoPrintSim::start(SimConfig::default().api_key("OTHER").name("Mill")).await.expect("a port");
    assert_eq!(sim.api_key(), "OTHER");
    assert_eq!(get(&sim, "/api/settings").await.json()["appearance"]["name"], "Mill");
    let old = format!("X-Api-Key: {}", SimConfig::TEST_KEY);
    assert_eq!(curl_without_key(&sim, "/api/version", &["-H", &old]).await.status, 403);
}

#[tokio::test]
async fn login_with_the_key_gives_a_name_and_a_new_session() {
    let sim = start().await;
    let first = post(&sim, "/api/login", json!({ "passive": true })).await;
    assert_eq!(first.status, 200);
    let first = first.json();
    let expected = [
        "_credentials_seen",
        "_is_external_client",
        "_login_mechanism",
        "active",
        "admin",
        "apikey",
        "groups",
        "name",
        "needs",
        "permissions",
        "roles",
        "session",
        "settings",
        "user",
    ];
    assert_eq!(keys(&first), expected);
    assert_eq!(first["name"], "_api");
    assert_eq!(first["session"].as_str().map(str::len), Some(64));
    let second = post(&sim, "/api/login", json!({ "passive": true })).await.json();
    assert_ne!(first["session"], second["session"]);
}

#[tokio::test]
async fn chunked_upload_is_411() {
    let sim = start().await;
    let args = ["-H", "Transfer-Encoding: chunked", "-F", "file=G28;filename=a.gcode"];
    let answer = curl(&sim, "/api/files/local", &args).await;
    assert_eq!(answer.status, 411);
    let page = "<html><title>411: Length Required</title><body>411: Length Required</body></html>";
    assert_eq!(String::from_utf8_lossy(&answer.body), page);
    assert!(sim.files().is_empty());
}

#[tokio::test]
async fn a_body_over_100_kb_is_400_unless_it_is_an_upload() {
    let sim = start().await;
    let long = "x".repeat(101 * 1024);
    let path = common::scratch(&long);
    let data = format!("@{}", path.display());
    let answer = curl(&sim, "/api/printer/command", &["-d", &data]).await;
    assert_eq!((answer.status, answer.body.len()), (400, 0));
    let _ = std::fs::remove_file(path);
    assert_eq!(upload(&sim, "a.gcode", &long, &[]).await.status, 201);
}

#[tokio::test]
async fn an_upload_announced_over_1_gib_is_refused_before_it_is_read() {
    let sim = start().await;
    let head = format!(
        "POST /api/files/local HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Length: 1073741825\r\n\r\n",
        sim.api_key()
    );
    let mut stream = TcpStream::connect(sim.addr()).await.expect("the simulator listens");
    stream.write_all(head.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
}

#[tokio::test]
async fn unknown_routes_are_404_and_wrong_methods_405() {
    let sim = start().await;
    assert_eq!(get(&sim, "/api/doesnotexist").await.status, 404);
    assert_eq!(get(&sim, "/nothing").await.status, 404);
    let answer = curl(&sim, "/api/version", &["-X", "PUT"]).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.error(), "The method is not allowed for the requested URL.");
}

#[tokio::test]
async fn every_answered_request_is_logged_in_order() {
    let sim = start().await;
    get(&sim, "/api/version").await;
    get(&sim, "/api/files/local/a%20b.gcode?recursive=true").await;
    let log: Vec<_> = sim.requests().into_iter().map(|r| (r.method, r.path, r.status)).collect();
    let entry = |path: &str, status| ("GET".to_owned(), path.to_owned(), status);
    assert_eq!(log, [entry("/api/version", 200), entry("/api/files/local/a%20b.gcode", 404)]);
}

#[tokio::test]
async fn a_dropped_simulator_hangs_up_and_frees_its_port() {
    let sim = start().await;
    let addr = sim.addr();
    assert_eq!(sim.url(), format!("octoprint://{addr}"));
    let mut open = TcpStream::connect(addr).await.expect("the simulator listens");
    open.write_all(b"GET /api/version HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("a request");
    let mut byte = [0];
    open.read_exact(&mut byte).await.expect("an answer");
    drop(sim);
    let mut rest = Vec::new();
    let _ = open.read_to_end(&mut rest).await;
    drop(open);
    assert!(TcpStream::connect(addr).await.is_err());
    // The closed connection lingers in the kernel, which does not keep the port from a new listener.
    OctoPrintSim::start(SimConfig::default().port(addr.port())).await.expect("the port is free");
}
