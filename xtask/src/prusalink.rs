//! A real PrusaLink with a simulated MK3S, on a free loopback port.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::octoprint::{free_ports, remove_leftovers, system_python};
use crate::simulated::Simulated;
use crate::steps::{self, Result};
use crate::workspace::{self, remove_dir};

pub(crate) const VERSION: &str = "0.8.1";
/// The versions of what it depends on.
const CONSTRAINTS: &str = include_str!("../prusalink/constraints-0.8.1.txt");

const API_KEY: &str = "PRINTHOSTTESTKEY0000000000000001";
/// Of the user `maker`.
pub(crate) const PASSWORD: &str = "Secret123";
/// MD5 of `maker:Administrator:` and the password.
const DIGEST: &str = "da63ea675634bb2aa5058c2f4a4ece28";

/// Seconds of the printer's time per second.
const TIME_SCALE: &str = "20";
/// How long it may take until its printer is idle.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// Installs it into a virtual environment of its own, unless it is there already.
pub(crate) fn install() -> Result {
    if is_installed() {
        return Ok(());
    }
    remove_dir(&home())?;
    steps::run(workspace::command(system_python()).args(["-m", "venv"]).arg(home()))?;
    let constraints = home().join("constraints.txt");
    write(&constraints, CONSTRAINTS)?;
    let mut pip = workspace::command(python());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint"]);
    steps::run(pip.arg(&constraints).arg(format!("prusalink=={VERSION}")).arg("setuptools"))?;
    // Last, so that an interrupted installation starts over.
    write(&marker(), &installed_from())
}

fn is_installed() -> bool {
    fs::read_to_string(marker()).is_ok_and(|text| text == installed_from())
}

fn home() -> PathBuf {
    workspace::tools_dir().join(format!("prusalink-{VERSION}"))
}

fn marker() -> PathBuf {
    home().join("installed-from")
}

fn python() -> PathBuf {
    home().join("bin/python")
}

/// Everything an installation depends on: a change of it means to install anew.
fn installed_from() -> String {
    format!("{VERSION}\n{CONSTRAINTS}")
}

/// A running PrusaLink, stopped on drop together with its printer.
pub(crate) struct PrusaLink {
    process: Child,
    printer: Simulated,
    port: u16,
    dir: PathBuf,
}

impl PrusaLink {
    /// Starts it with fresh data and waits until its printer is idle.
    ///
    /// It also ends when this process dies. That is tied to the calling thread, so call this on the main thread. The
    /// command `printhost-sim` must have been built, as [`crate::simulated::build`] does.
    pub(crate) fn start() -> Result<Self> {
        if !is_installed() {
            return Err(format!("PrusaLink {VERSION} is not installed: run `cargo xtask setup`"));
        }
        let peers = workspace::target_dir().join("peers");
        remove_leftovers(&peers);
        let dir = peers.join(format!("prusalink-{VERSION}-{}", std::process::id()));
        remove_dir(&dir)?;
        fs::create_dir_all(&dir).map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
        // It takes other paths as relative to its home.
        let dir = dir.canonicalize().map_err(|error| format!("{}: {error}", dir.display()))?;

        let port = free_ports(1)?.into_iter().next().ok_or("no free port")?;
        let printer = Simulated::start("MK3S", &["mk3s", "--time-scale", TIME_SCALE], &dir.join("ttyMK3"))?;
        let config = dir.join("prusalink.ini");
        write(&config, &configuration(&dir, port))?;
        write(&dir.join("prusa_printer_settings.ini"), &settings())?;
        let process = serve(&config, &dir.join("console.log"))?;
        let mut server = Self { process, printer, port, dir };
        server.wait_until("knows its printer", "/api/v1/info", |info| {
            info["serial"].is_string() && info["nozzle_diameter"].is_number()
        })?;
        server.wait_until("has an idle printer", "/api/v1/status", |status| {
            status["printer"]["state"] == "IDLE"
        })?;
        Ok(server)
    }

    /// What the tests need to know, as environment variables.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("PRINTHOST_PRUSALINK_URL", format!("prusalink://127.0.0.1:{}", self.port)),
            ("PRINTHOST_PRUSALINK_KEY", API_KEY.to_owned()),
            ("PRINTHOST_PRUSALINK_PASSWORD", PASSWORD.to_owned()),
            ("PRINTHOST_PRUSALINK_SUPERVISOR", self.process.id().to_string()),
        ]
    }

    /// Its address.
    pub(crate) fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// An error if it or its printer has ended by itself.
    pub(crate) fn check(&mut self) -> Result {
        match self.process.try_wait().map_err(|error| format!("PrusaLink: {error}"))? {
            Some(status) => Err(format!("PrusaLink {VERSION} ended: {status}; {}", self.log_hint())),
            None => self.printer.check(),
        }
    }

    /// Its data, removed by a later start.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where its messages are.
    pub(crate) fn log_hint(&self) -> String {
        format!("see {}", self.dir.join("console.log").display())
    }

    /// The printer, which tells what it is like and takes what happens to it.
    pub(crate) fn printer(&mut self) -> &mut Simulated {
        &mut self.printer
    }

    /// Polls a path until its JSON is as it should be. Returns that.
    pub(crate) fn wait_until(
        &mut self,
        what: &str,
        path: &str,
        ready: impl Fn(&serde_json::Value) -> bool,
    ) -> Result<serde_json::Value> {
        let deadline = Instant::now() + START_TIMEOUT;
        let mut last = None;
        while Instant::now() < deadline {
            self.check()?;
            last = self.get(path);
            if let Some(body) = last.take_if(|body| ready(body)) {
                return Ok(body);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(format!(
            "no PrusaLink {VERSION} that {what} within {} s, but {last:?}; {}",
            START_TIMEOUT.as_secs(),
            self.log_hint()
        ))
    }

    /// The JSON answer to a GET, if the status is a success.
    pub(crate) fn get(&self, path: &str) -> Option<serde_json::Value> {
        let answer = self.curl(path, &["--fail"]).ok()?;
        serde_json::from_str(&answer).ok()
    }

    /// What curl says to a request with the key.
    pub(crate) fn curl(&self, path: &str, args: &[&str]) -> Result<String> {
        let key = format!("X-Api-Key: {API_KEY}");
        self.curl_without_key(path, &[&["--header", &key], args].concat())
    }

    /// As [`Self::curl`], with no other login than the arguments have.
    pub(crate) fn curl_without_key(&self, path: &str, args: &[&str]) -> Result<String> {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"])
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

impl Drop for PrusaLink {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(config: &Path, log: &Path) -> Result<Child> {
    let console = File::create(log).map_err(|error| format!("cannot create {}: {error}", log.display()))?;
    let errors = console.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
    // The kernel ends it when this process dies in whatever way.
    let mut setpriv = workspace::command("setpriv");
    let scripts = workspace::root().join("xtask/prusalink");
    setpriv.args(["--pdeathsig", "KILL", "--"]).arg(python()).arg(scripts.join("supervise.py"));
    setpriv.arg(python()).arg(scripts.join("run.py"));
    setpriv.args(["--foreground", "--info", "--config"]).arg(config);
    setpriv
        .stdin(Stdio::null())
        .stdout(console)
        .stderr(errors)
        .spawn()
        .map_err(|error| format!("cannot start PrusaLink {VERSION}: {error}"))
}

fn configuration(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        "[daemon]\ndata_dir = {dir}\n\
         [http]\naddress = 127.0.0.1\nport = {port}\n\
         [printer]\nport = {dir}/ttyMK3\ndirectory = ./PrusaLink gcodes\n\
         [cameras]\nauto_detect = False\n"
    )
}

/// Without a token it contacts nobody.
fn settings() -> String {
    format!(
        "[printer]\ntype = MK3S\nname = printhost\nlocation = test\n\
         [network]\nhostname = printhost-test\n\
         [service::local]\nenable = 1\nusername = maker\ndigest = {DIGEST}\napi_key = {API_KEY}\n"
    )
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
