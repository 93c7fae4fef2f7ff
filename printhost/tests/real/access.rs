//! Keys: what they may do, and how an application gets one.

use std::time::Duration;

use printhost::{
    BaseUrl, Command, ErrorKind, PrintHost, Upload, beside, net::Net, net_tokio::PortableNet,
    octoprint::app_keys::request_app_key,
};

use super::peer::Peer;

/// A user that may do this, and its key.
fn user(peer: &Peer, name: &str, groups: &str, permissions: &str) -> String {
    let json = format!(
        r#"{{"name": "{name}", "password": "weak-{name}", "active": true, "groups": {groups}, "permissions": {permissions}}}"#
    );
    assert_eq!(peer.post("/api/access/users", &json).0, 200);
    peer.post(&format!("/api/access/users/{name}/apikey"), "{}").1["apikey"].as_str().unwrap().to_owned()
}

fn remove(peer: &Peer, name: &str) {
    assert_eq!(peer.curl_with(&["--request", "DELETE"], &format!("/api/access/users/{name}")).0, 200);
}

async fn weak_key<N: Net + Clone>(net: N, back_end: &str) {
    let peer = Peer::from_environment();
    let name = format!("reader-{}-{back_end}", std::process::id());
    let key = user(&peer, &name, r#"["readonly"]"#, "[]");
    let host = peer.octoprint_with(net.clone(), &key);
    host.connect().await.unwrap();
    host.status().await.unwrap();

    let us = host.current_user().await.unwrap();
    assert_eq!((us.name.as_str(), &us.groups[..]), (name.as_str(), &["readonly".to_owned()][..]));
    assert!(us.may("STATUS") && us.may("files_list") && !us.may("FILES_UPLOAD") && !us.may("CONTROL"));
    let forbidden = [
        host.upload(Upload::new("weak.gcode", 4, &mut &b"G28\n"[..])).await.map(drop),
        host.command(Command::Gcode("M105")).await.map(drop),
        host.command(Command::Pause).await.map(drop),
        host.command(Command::ConnectPrinter).await.map(drop),
        host.create_folder("weak").await.map(drop),
        host.sd_refresh().await.map(drop),
        host.users().await.map(drop),
        host.system_info().await.map(drop),
        host.printer_profiles().await.map(drop),
    ];
    for (i, result) in forbidden.into_iter().enumerate() {
        let error = result.expect_err(&format!("number {i}"));
        // What OctoPrint refuses for the printer's state first is no secret either.
        assert!(matches!(error.kind(), ErrorKind::Forbidden | ErrorKind::Conflict), "number {i}: {error}");
        if i != 2 {
            assert_eq!(error.http_status(), Some(403), "number {i}: {error}");
        }
    }
    assert_eq!(peer.stored("weak.gcode"), None);
    assert_eq!(peer.curl("/api/files/local/weak").0, 404);
    remove(&peer, &name);
    let error = host.current_user().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "the key is nobody's any more: {error}");

    // Without the right to see the terminal there are no replies, and nobody waits for them.
    let name = format!("deaf-{}-{back_end}", std::process::id());
    let key = user(&peer, &name, "[]", r#"["STATUS", "CONTROL"]"#);
    let host = peer.octoprint_with(net.clone(), &key);
    let mut events = host.events().unwrap();
    let told = beside(&host, async {
        while !matches!(events.next().await, printhost::Event::Resynced) {}
        let command = host.command(Command::Gcode("M118 secret"));
        tokio::time::timeout(Duration::from_secs(2), command).await.expect("at once").unwrap()
    })
    .await
    .unwrap();
    assert!(told.replies.is_empty(), "{told:?}");
    remove(&peer, &name);
}

async fn who_and_what<N: Net>(net: N) {
    let peer = Peer::from_environment();
    let host = peer.octoprint(net);
    let us = host.current_user().await.unwrap();
    let shown = peer.curl("/api/currentuser").1;
    assert_eq!(us.name, shown["name"].as_str().unwrap());
    assert_eq!(us.permissions.len(), shown["permissions"].as_array().unwrap().len());
    assert!(us.may("FILES_UPLOAD"));
    let users = host.users().await.unwrap();
    let admin = users.iter().find(|user| user.name == "admin").unwrap();
    assert!(admin.may("PRINT") && admin.is_active && !format!("{users:?}").contains(&peer.key));

    let profile = host.current_profile().await.unwrap().unwrap();
    let shown = peer.curl("/api/printerprofiles/_default").1;
    assert_eq!((profile.id.as_str(), profile.name.as_str()), ("_default", shown["name"].as_str().unwrap()));
    assert_eq!(profile.heated_bed, shown["heatedBed"].as_bool().unwrap());
    assert_eq!(profile.tools.map(u64::from), shown["extruder"]["count"].as_u64());
    assert_eq!(profile.volume.map(|sides| f64::from(sides[2])), shown["volume"]["height"].as_f64());
    assert_eq!(host.printer_profiles().await.unwrap().len(), 1);

    let info = host.system_info().await.unwrap();
    assert_eq!(info.version.as_deref(), peer.curl("/api/version").1["server"].as_str());
    assert!(info.platform.is_some() && info.python.is_some() && info.memory.is_some());
    assert!(host.system_commands().await.unwrap().is_empty(), "none are set up");
    let none = host.run_system_command("core", "no such/thing").await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound);
}

/// The administrator decides on the request of an application of that name.
fn decide(peer: &Peer, app: &str, grants: bool) {
    let pending = peer.curl("/api/plugin/appkeys").1["pending"].clone();
    let (token, _) =
        pending.as_object().unwrap().iter().find(|(_, request)| request["app_id"] == app).expect("asked");
    let path = format!("/plugin/appkeys/decision/{token}");
    assert_eq!(peer.post(&path, &format!(r#"{{"decision": {grants}}}"#)).0, 204);
}

#[tokio::test]
async fn an_application_gets_a_key_that_its_user_grants() {
    let peer = Peer::from_environment();
    let (net, app) = (printhost::HyperNet::new(), format!("granted {}", std::process::id()));
    let request = request_app_key(&net, peer.url.base(), &app, Some("admin")).await.unwrap();
    assert!(request.auth_dialog().unwrap().contains("/plugin/appkeys/auth/"));
    assert_eq!(request.poll().await.unwrap(), None);
    decide(&peer, &app, true);
    let key = request.wait().await.unwrap();
    let host = peer.octoprint_with(net.clone(), key.expose());
    assert_eq!(host.current_user().await.unwrap().name, "admin");
    assert!(!format!("{request:?} {key:?}").contains(key.expose()));
    // It is handed out once.
    assert_eq!(request.poll().await.unwrap_err().kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn an_application_that_is_denied_is_told_so() {
    let peer = Peer::from_environment();
    let (net, app) = (PortableNet::new(), format!("denied {}", std::process::id()));
    let request = request_app_key(&net, peer.url.base(), &app, None).await.unwrap();
    assert_eq!(request.poll().await.unwrap(), None);
    decide(&peer, &app, false);
    let error = request.wait().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.detail().unwrap().contains("denied"), "{error}");

    let elsewhere = BaseUrl::parse(&format!("{}/static", peer.url.base())).unwrap();
    let error = request_app_key(&net, &elsewhere, "x", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = request_app_key(&net, peer.url.base(), " ", None).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::InvalidInput, None));
}

#[tokio::test]
async fn a_weak_key_is_forbidden_what_it_may_not_over_hyper() {
    weak_key(printhost::HyperNet::new(), "hyper").await;
}

#[tokio::test]
async fn a_weak_key_is_forbidden_what_it_may_not_over_the_portable_client() {
    weak_key(PortableNet::new(), "portable").await;
}

#[tokio::test]
async fn users_profiles_and_the_machine_are_told_over_hyper() {
    who_and_what(printhost::HyperNet::new()).await;
}

#[tokio::test]
async fn users_profiles_and_the_machine_are_told_over_the_portable_client() {
    who_and_what(PortableNet::new()).await;
}
