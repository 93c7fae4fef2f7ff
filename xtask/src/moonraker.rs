//! A real Moonraker with a real Klipper and a simulated micro-controller, on a free loopback port.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::klipper;
use crate::octoprint::{free_ports, remove_leftovers, system_python};
use crate::service::Service;
use crate::simulated::Simulated;
use crate::steps::{self, Result};
use crate::workspace::{self, remove_dir};

pub(crate) const VERSION: &str = "0.11.0";
/// The versions of what it depends on.
const CONSTRAINTS: &str = include_str!("../moonraker/constraints-0.11.0.txt");
const CONFIG: &str = include_str!("../moonraker/moonraker.conf");

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Installs it into a virtual environment of its own, unless it is there already.
pub(crate) fn install() -> Result {
    if is_installed() {
        return Ok(());
    }
    remove_dir(&home())?;
    steps::run(workspace::command(system_python()).args(["-m", "venv"]).arg(home()))?;
    let constraints = home().join("constraints.txt");
    write(&constraints, CONSTRAINTS)?;
    let mut pip = workspace::command(home().join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint"]);
    steps::run(pip.arg(&constraints).arg(format!("moonraker=={VERSION}")))?;
    // Last, so that an interrupted installation starts over.
    write(&marker(), &installed_from())
}

fn is_installed() -> bool {
    fs::read_to_string(marker()).is_ok_and(|text| text == installed_from())
}

fn home() -> PathBuf {
    workspace::tools_dir().join(format!("moonraker-{VERSION}"))
}

fn marker() -> PathBuf {
    home().join("installed-from")
}

/// Everything an installation depends on: a change of it means to install anew.
fn installed_from() -> String {
    format!("{VERSION}\n{CONSTRAINTS}")
}

/// Who may do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Every program on this machine.
    Trusted,
    /// Who has the key.
    Locked,
}

/// A running Moonraker, stopped on drop together with its Klipper and the printer.
pub(crate) struct Moonraker {
    pub(crate) moonraker: Service,
    pub(crate) klipper: Service,
    pub(crate) printer: Simulated,
    port: u16,
    dir: PathBuf,
    key: String,
}

impl Moonraker {
    /// Starts it with fresh data and waits until its printer is ready.
    ///
    /// It also ends when this process dies. That is tied to the calling thread, so call this on the main thread. The
    /// command `printhost-sim` must have been built, as [`crate::simulated::build`] does.
    pub(crate) fn start(access: Access) -> Result<Self> {
        if !is_installed() || !klipper::is_installed() {
            let (server, host) = (VERSION, klipper::VERSION);
            return Err(format!(
                "Moonraker {server} or Klipper {host} is not installed: run `cargo xtask setup`"
            ));
        }
        let dir = fresh_dir()?;
        let [config, gcodes, logs, comms] = ["config", "gcodes", "logs", "comms"].map(|name| dir.join(name));
        for folder in [&config, &gcodes, &logs, &comms] {
            fs::create_dir(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        }
        let (mcu, socket) = (dir.join("mcu"), comms.join("klippy.sock"));
        let printer = Simulated::start("micro-controller", &["klipper-mcu"], &mcu)?;
        klipper::configure(&config, &mcu, &gcodes)?;
        let klipper = Service::start("klippy", &dir, &klipper::command(&config, &logs, &socket))?;

        let port = free_ports(1)?.into_iter().next().ok_or("no free port")?;
        configure(&config, port, &socket, Access::Trusted)?;
        let moonraker = Service::start("moonraker", &dir, &command(&dir, &config))?;
        let mut server = Self { moonraker, klipper, printer, port, dir, key: String::new() };
        // It makes up its key itself, and tells it to whom it trusts.
        let told = server.wait_until("tells its key", "/access/api_key", |key| key.is_string())?;
        server.key = told.as_str().unwrap_or_default().to_owned();
        if access == Access::Locked {
            configure(&config, port, &socket, access)?;
            server.moonraker.crash()?;
        }
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Until a print can be started.
    pub(crate) fn wait_until_ready(&mut self) -> Result {
        self.wait_until("is ready", "/server/info", |info| info["klippy_state"] == "ready")?;
        // For a moment Klipper takes what it does not know yet for 0 °C.
        let path = "/printer/objects/query?extruder=can_extrude&print_stats=state";
        let is_ready = |answer: &Value| {
            let status = &answer["status"];
            status["extruder"]["can_extrude"] == true && status["print_stats"]["state"] == "standby"
        };
        self.wait_until("knows its temperatures", path, is_ready).map(drop)
    }

    /// Where it listens, and the key it accepts.
    pub(crate) fn port_and_key(&self) -> (u16, &str) {
        (self.port, &self.key)
    }

    /// What the tests need to know, as environment variables.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("PRINTHOST_MOONRAKER_URL", format!("moonraker://127.0.0.1:{}", self.port)),
            ("PRINTHOST_MOONRAKER_KEY", self.key.clone()),
            // With the processes' files, see `Service`.
            ("PRINTHOST_MOONRAKER_DATA", self.dir.display().to_string()),
            ("PRINTHOST_MOONRAKER_MCU", self.printer.pid().to_string()),
        ]
    }

    /// An error if the printer has ended by itself. The servers are started again.
    pub(crate) fn check(&mut self) -> Result {
        self.printer.check()
    }

    /// Its data, removed by a later start.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where its messages are, and those of Klipper.
    pub(crate) fn log_hint(&self) -> String {
        format!("see {} and {}", self.moonraker.output().display(), self.dir.join("logs").display())
    }

    /// Polls a path until its result is as it should be. Returns that.
    pub(crate) fn wait_until(
        &mut self,
        what: &str,
        path: &str,
        ready: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        while Instant::now() < deadline {
            self.check()?;
            last = self.get(path);
            if let Some(result) = last.take_if(|result| ready(result)) {
                return Ok(result);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!(
            "no Moonraker {VERSION} that {what} within {} s, but {last:?}; {}",
            PATIENCE.as_secs(),
            self.log_hint()
        ))
    }

    /// The result of a GET, if the status is a success.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        let answer = self.curl(path, &["--fail"]).ok()?;
        let mut answer: Value = serde_json::from_str(&answer).ok()?;
        Some(answer["result"].take())
    }

    /// What curl says to a request with the key.
    pub(crate) fn curl(&self, path: &str, args: &[&str]) -> Result<String> {
        let key = format!("X-Api-Key: {}", self.key);
        let with_key = ["--header", &key];
        self.curl_without_key(path, &[if self.key.is_empty() { &[] } else { &with_key[..] }, args].concat())
    }

    /// As [`Self::curl`], with no other login than the arguments have.
    pub(crate) fn curl_without_key(&self, path: &str, args: &[&str]) -> Result<String> {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--globoff", "--max-time", "30", "--noproxy", "*"])
            .args(args)
            .arg(format!("http://127.0.0.1:{}{path}", self.port))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("curl: {error}"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(format!("curl {path}: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
    }
}

/// Several may run in one process, one after another or side by side.
fn fresh_dir() -> Result<PathBuf> {
    let peers = workspace::target_dir().join("peers");
    remove_leftovers(&peers);
    fs::create_dir_all(&peers).map_err(|error| format!("cannot create {}: {error}", peers.display()))?;
    let peers = peers.canonicalize().map_err(|error| format!("{}: {error}", peers.display()))?;
    for number in 0.. {
        let dir = peers.join(format!("moonraker{number}-{}", std::process::id()));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("cannot create {}: {error}", dir.display())),
        }
    }
    Err("no free folder".to_owned())
}

fn command(dir: &Path, config: &Path) -> Command {
    let mut moonraker = Command::new(home().join("bin/moonraker"));
    moonraker.arg("-n").arg("-d").arg(dir).arg("-c").arg(config.join("moonraker.conf"));
    moonraker
}

fn configure(folder: &Path, port: u16, socket: &Path, access: Access) -> Result {
    let who = match access {
        Access::Trusted => "trusted_clients: 127.0.0.1",
        Access::Locked => "force_logins: True",
    };
    let config = CONFIG
        .replace("PORT", &port.to_string())
        .replace("SOCKET", &socket.display().to_string())
        .replace("ACCESS", who);
    write(&folder.join("moonraker.conf"), &config)
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
