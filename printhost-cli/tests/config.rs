//! `printhost config`, and printers by name.

mod common;

use std::path::{Path, PathBuf};

use common::{PATIENCE, Ran, Scratch, printhost, run_with, simulator};
use printhost_sim::OctoPrintSim;
use tokio::time::timeout;

const COMMENTED: &str = "# The lab's printers.

[printers.old] # next to the door
url = \"octoprint://192.0.2.1\"
groups = [\"lab\"]
";

/// A folder with a configuration of this content.
fn configured(content: &str) -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    let path = PathBuf::from(scratch.file("config.toml", content.as_bytes()));
    (scratch, path)
}

async fn ok(config: &Path, stdin: &str, args: &[&str]) -> Ran {
    let ran = run_with(config, stdin, args).await;
    assert_eq!(ran.code, Some(0), "{args:?}: {}{}", ran.stdout, ran.stderr);
    ran
}

/// Two simulators called left and right, with their keys kept.
async fn two() -> (Scratch, PathBuf, OctoPrintSim, OctoPrintSim) {
    let (scratch, left, right) = (Scratch::new(), simulator().await, simulator().await);
    let config = scratch.path().join("config.toml");
    for (name, sim) in [("left", &left), ("right", &right)] {
        ok(&config, "", &["config", "add", name, &sim.url(), "--group", "lab"]).await;
        ok(&config, &format!("{}\n", sim.api_key()), &["config", "set-key", name]).await;
    }
    (scratch, config, left, right)
}

#[tokio::test]
async fn editing_keeps_comments_and_what_others_wrote() {
    let (_scratch, config) = configured(COMMENTED);
    let args =
        ["config", "add", "new", "octoprint+https://farm", "--pin", &"a5".repeat(32), "--group", "lab"];
    ok(&config, "", &args).await;
    let text = std::fs::read_to_string(&config).expect("it exists");
    assert!(text.starts_with(COMMENTED), "{text}");
    let listed = ok(&config, "", &["config", "list", "--json"]).await.json();
    assert_eq!(listed[1]["printer"], "new");
    assert_eq!((&listed[1]["trust"], &listed[1]["groups"][0]), (&"pin".into(), &"lab".into()));
    ok(&config, "", &["config", "remove", "new"]).await;
    assert_eq!(std::fs::read_to_string(&config).expect("it exists"), COMMENTED);
}

#[tokio::test]
async fn printer_is_replaced_only_when_told() {
    let (_scratch, config) = configured(COMMENTED);
    let args = ["config", "add", "old", "octoprint://192.0.2.9"];
    let ran = run_with(&config, "", &args).await;
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    assert!(ran.stderr.contains("--replace"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(&config).expect("it exists"), COMMENTED);
    ok(&config, "", &[&args[..], &["--replace"]].concat()).await;
    let text = std::fs::read_to_string(&config).expect("it exists");
    assert!(
        text.contains("192.0.2.9") && text.contains("next to the door") && text.contains("lab\""),
        "{text}"
    );
}

#[tokio::test]
async fn new_address_loses_no_pin_unless_it_cannot_have_one() {
    let (_scratch, config) = configured("");
    let add = ["config", "add", "new", "octoprint+https://farm", "--pin", &"a5".repeat(32), "--group", "lab"];
    ok(&config, "", &add).await;
    let trust = async |url: &str| {
        ok(&config, "", &["config", "add", "new", url, "--replace"]).await;
        let listed = ok(&config, "", &["config", "list", "--json"]).await.json();
        assert_eq!(listed[0]["groups"][0], "lab");
        listed[0]["trust"].clone()
    };
    assert_eq!(trust("octoprint+https://farm.example").await, "pin");
    assert_ne!(trust("octoprint://farm.example").await, "pin");
}

#[tokio::test]
async fn mistakes_in_the_configuration_are_named_and_nothing_is_guessed() {
    for (content, what) in [
        ("[printers.x]\nurl = 5\n", "url"),
        ("[printers.x]\n", "url is missing"),
        ("[printers.x]\nurl = \"http://x\"\n", "octoprint://x"),
        ("[printers.x]\nurl = \"octoprint://x\"\nkey = \"SECRETSECRET\"\n", "key means nothing"),
        ("[printers.x]\nurl = \"octoprint://x\"\npin = \"sha256//a\"\n", "SHA-256"),
        ("[printers.x]\nurl = \"octoprint://x\"\ngroups = \"lab\"\n", "groups"),
        ("printers = 1\n", "printers"),
        ("[printers.x\n", "config.toml"),
    ] {
        let (_scratch, config) = configured(content);
        let ran = run_with(&config, "", &["status", "x"]).await;
        assert_eq!(ran.code, Some(2), "{content}: {}", ran.stderr);
        assert!(ran.stderr.contains(what), "{content}: {}", ran.stderr);
        assert!(!ran.stderr.contains("SECRET"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn names_that_mean_something_else_are_refused() {
    let (_scratch, config) = configured("");
    for name in ["sim", "@lab", "octoprint://x", "a b", ""] {
        let ran = run_with(&config, "", &["config", "add", "--", name, "octoprint://x"]).await;
        assert_eq!(ran.code, Some(2), "{name}: {}", ran.stdout);
    }
    let ran = run_with(&config, "", &["status", "octopi.local"]).await;
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("octoprint://octopi.local"), "{}", ran.stderr);
}

#[tokio::test]
async fn key_is_kept_for_its_owner_only_and_never_shown() {
    let (scratch, config, left, _right) = two().await;
    let keys = config.with_extension("keys");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&keys).expect("it exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(scratch.names(), ["config.keys", "config.lock", "config.toml"]);
    for args in [&["config", "list"][..], &["config", "list", "--json"], &["status", "left", "--json"]] {
        let ran = ok(&config, "", args).await;
        assert!(!(ran.stdout + &ran.stderr).contains(left.api_key()), "{args:?}");
    }
    assert!(!std::fs::read_to_string(&config).expect("it exists").contains(left.api_key()));
    ok(&config, "", &["config", "remove", "left"]).await;
    assert!(!std::fs::read_to_string(&keys).expect("it exists").contains(&left.url()));
}

#[tokio::test]
async fn kept_key_of_a_printer_goes_before_the_one_for_all() {
    let (_scratch, config, _left, _right) = two().await;
    let mut command = printhost("another printer's key", &["status", "@all", "--json"]);
    let output = timeout(PATIENCE, command.env("PRINTHOST_CONFIG", &config).output()).await;
    let ran = Ran::from(output.expect("it ends").expect("it starts"));
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    assert_eq!(ran.json().len(), 2);
}

#[tokio::test]
async fn group_is_told_once_per_printer_in_the_order_of_the_file() {
    let (_scratch, config, left, right) = two().await;
    ok(&config, "", &["config", "add", "alias", &left.url(), "--group", "lab"]).await;
    let ran = ok(&config, "", &["status", "@lab", "right", "--json"]).await;
    let names: Vec<String> =
        ran.json().iter().map(|line| line["printer"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"left".into()) && names.contains(&"right".into()), "{names:?}");
    let asked = |sim: &OctoPrintSim| sim.requests().iter().filter(|r| r.path == "/api/version").count();
    assert_eq!((asked(&left), asked(&right)), (1, 1));
    let ran = run_with(&config, "", &["status", "@nobody"]).await;
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    let ran = run_with(&config, "", &["print", "x.gcode", "@lab"]).await;
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
}

#[tokio::test]
async fn keys_kept_at_the_same_time_are_all_kept() {
    let (_scratch, config) = configured("");
    let all = (0..8).map(async |n| {
        let (name, url) = (format!("p{n}"), format!("octoprint://192.0.2.{n}"));
        ok(&config, "", &["config", "add", &name, &url]).await;
        ok(&config, &format!("KEY-OF-{n}"), &["config", "set-key", &name]).await;
    });
    futures::future::join_all(all).await;
    let listed = ok(&config, "", &["config", "list", "--json"]).await.json();
    assert_eq!(listed.len(), 8);
    assert!(listed.iter().all(|printer| printer["key"] == true), "{listed:?}");
}

#[tokio::test]
async fn without_a_configuration_its_usual_place_is_told_and_nothing_is_created() {
    let scratch = Scratch::new();
    let mut command = printhost("", &["config", "path"]);
    command.env_remove("PRINTHOST_CONFIG").env("XDG_CONFIG_HOME", scratch.path());
    let ran = Ran::from(command.output().await.expect("it runs"));
    let path = scratch.path().join("printhost").join("config.toml");
    assert_eq!(ran.stdout.trim(), path.to_str().expect("UTF-8"));
    assert!(scratch.names().is_empty());
}
