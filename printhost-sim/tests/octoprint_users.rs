//! Accounts, sessions and application keys.

mod common;

use common::{Browser, Push, ask, curl_without_key, get, post, slow_gcode, start, upload, wait_until};
use printhost_sim::{Group, OctoPrintSim, SimConfig, User};
use serde_json::{Value, json};

async fn with_reader() -> OctoPrintSim {
    let reader = User::new("reader", "pw", Group::ReadOnly).api_key("READER");
    let operator = User::new("operator", "pw", Group::Operators).api_key("OPERATOR");
    let config = SimConfig::default().user(reader).user(operator).rate_limits(false);
    OctoPrintSim::start(config).await.expect("a port")
}

async fn login(browser: &Browser, user: &str, password: &str) -> u16 {
    browser.post("/api/login", &json!({ "user": user, "pass": password }).to_string()).await.status
}

/// Asks for an application key; gives the address to poll.
async fn ask_for_key(sim: &OctoPrintSim, app: &str) -> String {
    let body = json!({ "app": app }).to_string();
    let args = ["-H", "Content-Type: application/json", "-d", &body];
    let asked = curl_without_key(sim, "/plugin/appkeys/request", &args).await;
    assert_eq!(asked.status, 201);
    let token = asked.json()["app_token"].as_str().expect("a token").to_owned();
    format!("http://{}/plugin/appkeys/request/{token}", sim.addr())
}

#[tokio::test]
async fn a_session_reads_with_its_cookie_and_changes_only_with_the_token() {
    let sim = with_reader().await;
    let browser = Browser::open(&sim).await;
    assert_eq!(browser.without_token("/api/version", &[]).await.status, 403);
    assert_eq!(login(&browser, "admin", SimConfig::TEST_PASSWORD).await, 200);
    assert_eq!(browser.without_token("/api/version", &[]).await.status, 200);
    let start = ["-H", "Content-Type: application/json", "-d", r#"{"command":"pause"}"#];
    let forged = browser.without_token("/api/job", &start).await;
    assert_eq!((forged.status, forged.error().as_str()), (400, "CSRF validation failed"));
    assert_eq!(browser.request("/api/job", &start).await.status, 409);
    assert_eq!(browser.post("/api/logout", "{}").await.json(), json!({ "needs": { "group": ["guests"] } }));
    assert_eq!(browser.without_token("/api/version", &[]).await.status, 403);
}

#[tokio::test]
async fn a_session_opens_the_push_channel_until_it_is_logged_out() {
    let sim = with_reader().await;
    let browser = Browser::open(&sim).await;
    let told = browser.post("/api/login", r#"{"user":"reader","pass":"pw"}"#).await.json();
    let auth = format!("reader:{}", told["session"].as_str().expect("a session"));
    let mut push = Push::open(&sim).await;
    push.next().await;
    push.send(json!({ "auth": auth })).await;
    assert!(push.next().await.get("history").is_some());
    browser.post("/api/logout", "{}").await;
    loop {
        let message = push.next().await;
        if message.get("reauthRequired").is_some() {
            assert_eq!(message, json!({ "reauthRequired": { "reason": "logout" } }));
            break;
        }
    }
    assert_eq!(push.next_soon().await, None);
}

#[tokio::test]
async fn each_group_may_do_what_its_permissions_say() {
    let sim = with_reader().await;
    let status = async |key: &str, path: &str, body: Option<Value>| {
        let key = format!("X-Api-Key: {key}");
        let body = body.map(|body| body.to_string());
        let mut args = vec!["-H", key.as_str()];
        if let Some(body) = &body {
            args.extend(["-H", "Content-Type: application/json", "-d", body]);
        }
        ask(&format!("http://{}{path}", sim.addr()), &args).await.status
    };
    let home = || Some(json!({ "command": "home", "axes": ["x"] }));
    for (path, body, reader, operator) in [
        ("/api/job", None, 200, 200),
        ("/api/settings", None, 200, 200),
        ("/api/files", None, 200, 200),
        ("/api/connection", None, 200, 200),
        ("/api/access/permissions", None, 200, 200),
        ("/api/languages", None, 403, 403),
        ("/api/slicing", None, 403, 200),
        ("/api/access/users/reader", None, 200, 403),
        ("/api/access/users", None, 403, 403),
        ("/api/access/groups", None, 403, 403),
        ("/api/printerprofiles", None, 403, 200),
        ("/api/system/info", None, 403, 403),
        ("/plugin/logging/logs", None, 403, 403),
        ("/api/printer/printhead", home(), 403, 204),
        ("/api/job", Some(json!({ "command": "cancel" })), 403, 409),
        ("/api/printer/command", Some(json!({ "command": "M105" })), 403, 204),
        ("/api/connection", Some(json!({ "command": "connect" })), 403, 204),
    ] {
        let statuses =
            (status("READER", path, body.clone()).await, status("OPERATOR", path, body.clone()).await);
        assert_eq!(statuses, (reader, operator), "{path} {body:?}");
    }
    let settings = ask(&format!("http://{}/api/settings", sim.addr()), &["-H", "X-Api-Key: READER"]).await;
    assert_eq!(settings.json()["api"]["key"], Value::Null, "the global key is for administrators");
    let users = get(&sim, "/api/access/users").await.json();
    assert_eq!(users["users"].as_array().map(Vec::len), Some(3));
    assert_eq!(get(&sim, "/api/access/users/nobody").await.status, 404);
    assert_eq!(get(&sim, "/api/access/groups/readonly").await.json()["key"], "readonly");
}

#[tokio::test]
async fn three_wrong_passwords_a_minute_are_too_many() {
    let sim = start().await;
    let browser = Browser::open(&sim).await;
    for _ in 0..3 {
        assert_eq!(login(&browser, "admin", "wrong").await, 403);
    }
    assert_eq!(login(&browser, "admin", SimConfig::TEST_PASSWORD).await, 429);
}

#[tokio::test]
async fn a_file_and_a_job_belong_to_the_user_whose_key_it_was() {
    let sim = with_reader().await;
    let args = ["-H", "X-Api-Key: OPERATOR", "-F", "file=G28;filename=a.gcode", "-F", "select=true"];
    assert_eq!(ask(&format!("http://{}/api/files/local", sim.addr()), &args).await.status, 201);
    assert_eq!(get(&sim, "/api/files/local/a.gcode").await.json()["user"], "operator");
    assert_eq!(get(&sim, "/api/job").await.json()["job"]["user"], "operator");
}

#[tokio::test]
async fn an_approved_application_gets_a_key_that_works() {
    let sim = with_reader().await;
    let poll = ask_for_key(&sim, "mine").await;
    assert_eq!(sim.app_requests().len(), 1);
    assert!(!sim.approve_app("another"));
    assert!(sim.approve_app("mine"));
    let key = ask(&poll, &[]).await.json()["api_key"].as_str().expect("a key").to_owned();
    let header = format!("X-Api-Key: {key}");
    let version = || ask_version(&sim, &header);
    assert_eq!(version().await, 200);
    let revoke = json!({ "command": "revoke", "app": "mine" });
    assert_eq!(post(&sim, "/api/plugin/appkeys", revoke).await.status, 204);
    assert_eq!(version().await, 403);
}

async fn ask_version(sim: &OctoPrintSim, header: &str) -> u16 {
    ask(&format!("http://{}/api/version", sim.addr()), &["-H", header]).await.status
}

#[tokio::test]
async fn a_denied_application_hears_the_same_as_an_unknown_one() {
    let sim = with_reader().await;
    let poll = ask_for_key(&sim, "mine").await;
    assert_eq!(ask(&poll, &[]).await.status, 202);
    assert!(sim.deny_app("mine"));
    assert_eq!(ask(&poll, &[]).await.status, 404);
    assert_eq!(ask(&format!("{poll}x"), &[]).await.status, 404);
}

#[tokio::test]
async fn an_application_is_approved_by_itself_after_so_many_polls() {
    let sim = OctoPrintSim::start(SimConfig::default().approve_apps_after(2)).await.expect("a port");
    let poll = ask_for_key(&sim, "mine").await;
    for status in [202, 202, 200, 404] {
        assert_eq!(ask(&poll, &[]).await.status, status);
    }
}

#[tokio::test]
async fn a_request_that_nobody_polls_is_dropped() {
    let sim = with_reader().await;
    let begun = std::time::Instant::now();
    let poll = ask_for_key(&sim, "mine").await;
    wait_until("dropped", || sim.app_requests().is_empty()).await;
    assert!(begun.elapsed() >= std::time::Duration::from_millis(4900), "{:?}", begun.elapsed());
    assert_eq!(ask(&poll, &[]).await.status, 404);
    assert!(!sim.approve_app("mine"));
}

#[tokio::test]
async fn requests_for_keys_and_their_ends_are_told_on_the_push_channel() {
    let sim = with_reader().await;
    upload(&sim, "slow.gcode", &slow_gcode(1), &[]).await;
    let mut push = Push::authenticated(&sim).await;
    push.send(json!({ "subscribe": { "plugins": ["appkeys"] } })).await;
    let poll = ask_for_key(&sim, "mine").await;
    let next = async |push: &mut Push| loop {
        let message = push.next().await;
        if message.get("plugin").is_some() {
            break message["plugin"].clone();
        }
    };
    let asked = next(&mut push).await;
    assert_eq!((&asked["plugin"], &asked["data"]["app_name"]), (&json!("appkeys"), &json!("mine")));
    sim.deny_app("mine");
    ask(&poll, &[]).await;
    assert_eq!(next(&mut push).await["data"]["type"], "end_request");
}
