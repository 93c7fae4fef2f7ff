//! `printhost discover`, on the loopback interface only.

mod common;

use std::{collections::HashMap, net::Ipv4Addr};

use common::{Ran, Scratch, run_with};
use mdns_sd::{IfKind, ServiceDaemon, ServiceInfo};

/// Announces printers until it is dropped.
struct Announcer(ServiceDaemon);

impl Announcer {
    fn start() -> Self {
        let daemon = ServiceDaemon::new().expect("a socket");
        daemon.disable_interface(IfKind::All).expect("a daemon");
        daemon.enable_interface(IfKind::Addr(Ipv4Addr::LOCALHOST.into())).expect("a daemon");
        Self(daemon)
    }

    fn announce(&self, kind: &str, name: &str, host: &str, port: u16) {
        let txt =
            HashMap::from([("path".to_owned(), "/".to_owned()), ("version".to_owned(), "1.11.8".to_owned())]);
        let kind = format!("{kind}._tcp.local.");
        let info = ServiceInfo::new(&kind, name, &format!("{host}.local."), "127.0.0.1", port, txt);
        self.0.register(info.expect("a service")).expect("a daemon");
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        let _ = self.0.shutdown();
    }
}

#[tokio::test]
async fn announced_printer_is_found_and_added_once_under_a_name_of_its_own() {
    let announcer = Announcer::start();
    // Other announcers may be there too.
    let (host, port) = (format!("ph{}", std::process::id()), 20_000 + (std::process::id() % 20_000) as u16);
    announcer.announce("_octoprint", &format!("OctoPrint on {host}"), &host, port);
    announcer.announce("_moonraker", &format!("Voron {host}"), &format!("{host}v"), port + 1);
    let scratch = Scratch::new();
    let config = scratch.path().join("config.toml");
    let discover = ["discover", "--interface", "127.0.0.1", "--seconds", "3", "--add", "--json"];
    let of = |ran: &Ran, event: &str| {
        let lines = ran.json().into_iter().filter(|line| line["event"] == event);
        lines.filter(|line| line.to_string().contains(&host)).collect::<Vec<_>>()
    };
    let ran = run_with(&config, "", &discover).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let found = of(&ran, "found");
    assert_eq!(found.len(), 2, "{}", ran.stdout);
    let octoprint = found.iter().find(|line| line["kind"] == "octoprint").expect("an OctoPrint");
    assert_eq!((&octoprint["port"], &octoprint["version"]), (&port.into(), &"1.11.8".into()));
    assert_eq!(octoprint["url"], format!("octoprint://127.0.0.1:{port}"));
    let added = of(&ran, "added");
    assert_eq!(added.len(), 2, "{}", ran.stdout);
    assert_eq!(
        (&added[0]["printer"], &added[1]["printer"]),
        (&host.clone().into(), &format!("{host}v").into())
    );
    let again = run_with(&config, "", &discover).await;
    assert!(of(&again, "added").is_empty(), "{}", again.stdout);
    let listed = run_with(&config, "", &["config", "list"]).await;
    assert!(listed.stdout.contains(&format!("octoprint://127.0.0.1:{port}")), "{}", listed.stdout);
}
