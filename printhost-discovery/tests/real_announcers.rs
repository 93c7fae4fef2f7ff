//! Against announcers that are not ours: python-zeroconf, and a real OctoPrint that announces itself with it.
//!
//! Both come from OctoPrint's virtual environment; `PRINTHOST_PYTHON` names its Python. Everything stays on one
//! interface: `PRINTHOST_INTERFACE`, an IPv4 address of this machine, 127.0.0.1 by default. Other announcers may be
//! there too, so names and ports here are this process's own. With `--test-threads=1` it takes half a minute, otherwise
//! up to three minutes (see `PATIENCE`).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use printhost_discovery::{Change, DiscoveredPrinter, Discovery, Kind, Options, discover};
use serde_json::{Value, json};

/// Longer than the 120 s for which an announced host is believed: when a question and a goodbye cross, python-zeroconf
/// answers after its goodbye, and the service lives on until then. Nothing waits that long otherwise.
const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test]
async fn prusalink_is_one_printer_through_all_it_announces_until_its_goodbye() {
    let mut announcer = Announcer::start();
    let mut watch = Watch::start();
    let (host, port) = (unique("mk3"), free_port());
    let service = |kind: &str, name: &str| {
        let host = format!("{host}.local");
        json!({"type": kind, "name": format!("PrusaLink at {name}"), "host": host, "port": port, "txt": {"path": "/"}})
    };
    let name = |name: &str| format!("PrusaLink at {name}");
    let (old, new) = (unique("old"), unique("new"));

    for kind in ["_octoprint._tcp", "_http._tcp", "_prusalink._tcp"] {
        announcer.tell("announce", &service(kind, &old));
    }
    let found = watch.until(|change| change.printer().port == port).await;
    assert!(matches!(found, Change::Found(_)), "{found:?}");
    let found = found.printer().clone();
    assert_eq!((found.kind, &found.name), (Kind::PrusaLink, &name(&old)));
    let interface = interface();
    assert_eq!(found.url(), format!("prusalink://{interface}:{port}"));
    assert_eq!(found.url_by_name(), Some(format!("prusalink://{host}.local:{port}")));

    // The host renames its services, the new name before the old one's goodbye.
    for kind in ["_octoprint._tcp", "_prusalink._tcp"] {
        announcer.tell("announce", &service(kind, &new));
    }
    let renamed = watch.until(|change| change.printer().name == name(&new)).await;
    assert!(matches!(&renamed, Change::Updated(printer) if printer.id == found.id), "{renamed:?}");
    for kind in ["_octoprint._tcp", "_prusalink._tcp"] {
        announcer.tell("withdraw", &service(kind, &old));
    }
    assert_eq!(watch.of_port(port).len(), 1);

    announcer.tell("withdraw", &service("_prusalink._tcp", &new));
    announcer.tell("withdraw", &service("_octoprint._tcp", &new));
    let lost = watch.until(|change| is_lost(change, found.port)).await;
    assert_eq!((lost.printer().id, lost.printer().kind), (found.id, Kind::PrusaLink));
    assert!(watch.of_port(port).is_empty());
    watch.told_of_one_printer(port);
}

#[tokio::test]
async fn changed_txt_and_port_of_moonraker_are_told() {
    let mut announcer = Announcer::start();
    let mut watch = Watch::start();
    let host = unique("voron");
    let uuid = unique("uuid");
    let service = |port: u16, txt: Value| {
        let name = format!("moonraker @ {host}");
        json!({"type": "_moonraker._tcp", "name": name, "host": format!("{host}.local"), "port": port, "txt": txt})
    };
    let txt =
        |version: &str| json!({"uuid": uuid, "https_port": "", "version": version, "route_prefix": "/one"});
    let mine = |change: &Change| change.printer().txt.get("uuid") == Some(&uuid);
    let ports = [free_port(), free_port()];

    announcer.tell("announce", &service(ports[0], txt("v0.11.0")));
    let found = watch.until(mine).await.printer().clone();
    assert_eq!(found.url(), format!("moonraker://{}:{}/one", interface(), ports[0]));
    assert_eq!(found.version.as_deref(), Some("v0.11.0"));

    announcer.tell("change", &service(ports[0], txt("v0.12.0")));
    let updated = watch.until(|change| mine(change) && change.printer().version != found.version).await;
    assert!(matches!(&updated, Change::Updated(p) if p.id == found.id), "{updated:?}");
    assert_eq!(updated.printer().version.as_deref(), Some("v0.12.0"));

    announcer.tell("change", &service(ports[1], txt("v0.12.0")));
    let moved = watch.until(|change| mine(change) && change.printer().port != ports[0]).await;
    assert!(matches!(&moved, Change::Updated(p) if p.id == found.id && p.port == ports[1]), "{moved:?}");
}

#[tokio::test]
async fn printer_that_vanishes_without_goodbye_is_lost_when_its_time_is_up() {
    let mut announcer = Announcer::start();
    let mut watch = Watch::start();
    let (name, port) = (unique("short-lived"), free_port());
    let host = format!("{name}.local");
    announcer.tell(
        "announce",
        &json!({"type": "_octoprint._tcp", "name": name, "host": host, "port": port, "ttl": 4}),
    );
    watch.until(|change| change.printer().name == name).await;
    drop(announcer);
    watch.until(|change| is_lost(change, port)).await;
}

#[tokio::test]
async fn hostile_announcement_does_no_harm() {
    let mut announcer = Announcer::start();
    let mut watch = Watch::start();
    let (host, port) = (unique("evil"), free_port());
    announcer.tell(
        "announce",
        &json!({
            "type": "_octoprint._tcp",
            "name": format!("{host} \u{202e}\u{9b}31m"),
            "host": format!("{host}.local"),
            "port": port,
            "txt": {"path": "/x?key=1#\r\n", "version": "\u{1b}]0;owned\u{7}", "u": "joe", "p": "hunter2", "": "x"},
        }),
    );
    let found = watch.until(|change| change.printer().port == port).await.printer().clone();
    assert_eq!(found.name, format!("{host} 31m"));
    assert_eq!(found.url(), format!("octoprint://{}:{port}", interface()));
    let text = format!("{found:?} {}", found.url());
    assert!(!text.contains("joe") && !text.contains("hunter2") && !text.contains("\\u{1b}"), "{text}");
}

#[tokio::test]
async fn real_octoprint_is_found_with_what_it_says_of_itself() {
    let mut watch = Watch::start();
    let octoprint = OctoPrint::start();
    let found = watch.until(|change| change.printer().port == octoprint.port).await.printer().clone();
    assert_eq!(found.kind, Kind::OctoPrint);
    assert_eq!(found.name, format!("OctoPrint instance \"{}\"", octoprint.name));
    assert_eq!(found.url(), format!("octoprint://{}:{}/behind/proxy", interface(), octoprint.port));
    assert_eq!(found.version, Some(octoprint.version()));
    assert_eq!(found.txt.get("uuid"), Some(&octoprint.uuid));
    assert_eq!(found.txt.get("model").map(String::as_str), Some("Ender"));
    assert!(!format!("{found:?}").contains("hunter2"));

    // A second look, by somebody who missed the announcement, has to ask.
    let printers = discover(options(), Duration::from_secs(3)).await.unwrap();
    assert_eq!(printers.iter().filter(|printer| printer.port == octoprint.port).count(), 1, "{printers:?}");

    octoprint.stop();
    let lost = watch.until(|change| is_lost(change, found.port)).await;
    assert_eq!(lost.printer().id, found.id);
    watch.told_of_one_printer(found.port);
}

/// A discovery and all it has told.
struct Watch {
    discovery: Discovery,
    told: Vec<Change>,
}

impl Watch {
    fn start() -> Self {
        Self { discovery: Discovery::new(options()).expect("a discovery"), told: Vec::new() }
    }

    /// The next change that fits.
    async fn until(&mut self, fits: impl Fn(&Change) -> bool) -> Change {
        let Self { discovery, told } = self;
        let wanted = async {
            loop {
                let change = discovery.next().await.expect("the discovery goes on");
                told.push(change.clone());
                if fits(&change) {
                    return change;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, wanted).await;
        found.unwrap_or_else(|_| panic!("waited in vain; told was {:#?}", self.told))
    }

    fn of_port(&self, port: u16) -> Vec<DiscoveredPrinter> {
        self.discovery.printers().into_iter().filter(|printer| printer.port == port).collect()
    }

    /// Whatever happened on that port happened to one printer, found once and lost once.
    fn told_of_one_printer(&self, port: u16) {
        let mut counts = BTreeMap::new();
        for change in self.told.iter().filter(|change| change.printer().port == port) {
            let count: &mut (u32, u32) = counts.entry(change.printer().id).or_default();
            count.0 += u32::from(matches!(change, Change::Found(_)));
            count.1 += u32::from(matches!(change, Change::Lost(_)));
        }
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [(1, 1)], "{:#?}", self.told);
    }
}

/// python-zeroconf, without goodbyes on drop.
struct Announcer {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Announcer {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/announcer.py");
        let mut process = python()
            .arg(script)
            .arg(interface().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("PRINTHOST_PYTHON runs");
        let orders = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        let mut announcer = Self { process, orders, answers };
        assert_eq!(announcer.answer(), "ready");
        announcer
    }

    /// Returns when python-zeroconf says it has done so.
    fn tell(&mut self, what: &str, service: &Value) {
        let mut order = service.clone();
        order["do"] = json!(what);
        order["addresses"] = json!([interface().to_string()]);
        writeln!(self.orders, "{order}").expect("the announcer listens");
        assert_eq!(self.answer(), "done");
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the announcer answers");
        line.trim().to_owned()
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A server of its own, since the one that other tests share must not announce itself.
struct OctoPrint {
    process: Child,
    basedir: PathBuf,
    port: u16,
    name: String,
    uuid: String,
}

impl OctoPrint {
    fn start() -> Self {
        let basedir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(unique("octoprint"));
        let (port, name) = (free_port(), unique("discovered"));
        let uuid = format!("00000000-0000-4000-8000-{:012x}", std::process::id());
        let no = json!({"enabled": false});
        let config = json!({
            "server": {"firstRun": false, "secretKey": "0123456789abcdef0123456789abcdef", "onlineCheck": no,
                       "ignoreIncompleteStartup": true, "pluginBlacklist": no, "pythonEolCheck": no, "ipCheck": no},
            "appearance": {"name": name},
            "webcam": {"timelapseEnabled": false},
            "plugins": {
                "_disabled": ["announcements", "achievements", "backup", "classicwebcam", "errortracking",
                              "file_check", "firmware_check", "gcodeviewer", "health_check", "pisupport",
                              "pluginmanager", "softwareupdate", "tracking"],
                "discovery": {"addresses": [interface().to_string()], "upnpUuid": uuid, "model": {"name": "Ender"},
                              "pathPrefix": "/behind/proxy/", "httpUsername": "joe", "httpPassword": "hunter2"},
            },
        });
        std::fs::create_dir_all(&basedir).expect("a directory");
        // JSON is YAML.
        std::fs::write(basedir.join("config.yaml"), config.to_string()).expect("a file");
        let process = python()
            .args(["-m", "octoprint", "serve", "--iknowwhatimdoing", "--host"])
            .arg(interface().to_string())
            .args(["--port", &port.to_string(), "--basedir"])
            .arg(&basedir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("PRINTHOST_PYTHON runs");
        Self { process, basedir, port, name, uuid }
    }

    /// As OctoPrint's own package says it.
    fn version(&self) -> String {
        let output = python().args(["-c", "import octoprint; print(octoprint.__version__)"]).output();
        String::from_utf8(output.expect("PRINTHOST_PYTHON runs").stdout).expect("text").trim().to_owned()
    }

    /// Lets it say goodbye.
    fn stop(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        self.process.wait().expect("it ends");
    }
}

impl Drop for OctoPrint {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.basedir);
    }
}

fn python() -> Command {
    let python = std::env::var_os("PRINTHOST_PYTHON").expect("PRINTHOST_PYTHON names a Python with zeroconf");
    if cfg!(target_os = "linux") {
        // The kernel ends it when this process dies in whatever way.
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--pdeathsig", "KILL", "--"]).arg(python);
        setpriv
    } else {
        Command::new(python)
    }
}

fn interface() -> Ipv4Addr {
    let named = std::env::var("PRINTHOST_INTERFACE");
    named.map_or(Ipv4Addr::LOCALHOST, |address| {
        address.parse().expect("PRINTHOST_INTERFACE is an IPv4 address")
    })
}

fn options() -> Options {
    Options::default().interface(interface().to_string())
}

fn unique(what: &str) -> String {
    format!("{what}-{}", std::process::id())
}

fn is_lost(change: &Change, port: u16) -> bool {
    matches!(change, Change::Lost(printer) if printer.port == port)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((interface(), 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
