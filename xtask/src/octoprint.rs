//! A real OctoPrint with its simulated printer, on a free loopback port.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::steps::{self, Result};
use crate::workspace;

pub(crate) const VERSION: &str = "1.11.8";

const API_KEY: &str = "PRINTHOSTTESTKEY0000000000000001";
const CONFIG: &str = include_str!("../octoprint/config.yaml");
const CONSTRAINTS: &str = include_str!("../octoprint/constraints.txt");

/// How long the server may take to answer, and then the printer to connect.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// Installs OctoPrint into a virtual environment of its own, unless it is there already.
pub(crate) fn install() -> Result {
    if is_installed() {
        return Ok(());
    }
    let home = home();
    remove_dir(&home)?;
    fs::create_dir_all(&home).map_err(|error| format!("cannot create {}: {error}", home.display()))?;
    steps::run(workspace::command(system_python()).args(["-m", "venv"]).arg(&home))?;
    let constraints = home.join("constraints.txt");
    write(&constraints, CONSTRAINTS)?;
    steps::run(
        python()
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint"])
            .arg(&constraints)
            .arg(format!("OctoPrint=={VERSION}")),
    )?;
    create_template()?;
    // Last, so that an interrupted installation starts over.
    write(&marker(), &installed_from())
}

/// A running OctoPrint, stopped on drop.
pub(crate) struct OctoPrint {
    process: Child,
    port: u16,
    basedir: PathBuf,
}

impl OctoPrint {
    /// Starts a server with fresh data and waits until its printer is operational.
    ///
    /// The server also ends when this process dies. That is tied to the calling
    /// thread, so call this on the main thread.
    pub(crate) fn start() -> Result<Self> {
        if !is_installed() {
            return Err(format!("OctoPrint {VERSION} is not installed: run `cargo xtask setup`"));
        }
        let peers = workspace::target_dir().join("peers");
        remove_leftovers(&peers);
        let basedir = peers.join(format!("octoprint-{}", std::process::id()));
        remove_dir(&basedir)?;
        copy_dir(&template(), &basedir)
            .map_err(|error| format!("cannot create {}: {error}", basedir.display()))?;

        let log = basedir.join("console.log");
        let console =
            File::create(&log).map_err(|error| format!("cannot create {}: {error}", log.display()))?;
        let errors = console.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let port = free_port()?;
        let process = serve(&basedir, port)
            .stdin(Stdio::null())
            .stdout(console)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("cannot start OctoPrint: {error}"))?;

        let mut server = Self { process, port, basedir };
        server.wait_until("answers", "/api/version", |_| true)?;
        server.wait_until("has an operational printer", "/api/connection", |connection| {
            connection["current"]["state"] == "Operational"
        })?;
        Ok(server)
    }

    /// What the tests need to know, as environment variables.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("PRINTHOST_OCTOPRINT_URL", format!("octoprint://127.0.0.1:{}", self.port)),
            ("PRINTHOST_OCTOPRINT_KEY", API_KEY.to_owned()),
            ("PRINTHOST_OCTOPRINT_BASEDIR", self.basedir.display().to_string()),
        ]
    }

    /// Waits until the server ends by itself, which is an error.
    pub(crate) fn wait(&mut self) -> Result {
        let status = self.process.wait().map_err(|error| format!("OctoPrint: {error}"))?;
        Err(format!("OctoPrint ended: {status}; {}", self.log_hint()))
    }

    /// Where its messages are.
    pub(crate) fn log_hint(&self) -> String {
        format!(
            "see {} and {}",
            self.basedir.join("console.log").display(),
            self.basedir.join("logs").display()
        )
    }

    fn wait_until(&mut self, what: &str, path: &str, ready: impl Fn(&serde_json::Value) -> bool) -> Result {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait().map_err(|error| format!("OctoPrint: {error}"))? {
                return Err(format!("OctoPrint ended: {status}; {}", self.log_hint()));
            }
            if self.get(path).is_some_and(|body| ready(&body)) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(format!("no OctoPrint that {what} within {} s; {}", START_TIMEOUT.as_secs(), self.log_hint()))
    }

    /// The JSON answer to a GET, if the status is a success.
    pub(crate) fn get(&self, path: &str) -> Option<serde_json::Value> {
        let output = Command::new("curl")
            .args(["--silent", "--fail", "--max-time", "5", "--noproxy", "*", "--header"])
            .arg(format!("X-Api-Key: {API_KEY}"))
            .arg(format!("http://127.0.0.1:{}{path}", self.port))
            .stdin(Stdio::null())
            .output()
            .ok()?;
        if output.status.success() { serde_json::from_slice(&output.stdout).ok() } else { None }
    }
}

impl Drop for OctoPrint {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn home() -> PathBuf {
    workspace::tools_dir().join(format!("octoprint-{VERSION}"))
}

fn template() -> PathBuf {
    home().join("template")
}

fn marker() -> PathBuf {
    home().join("installed-from")
}

fn is_installed() -> bool {
    fs::read_to_string(marker()).is_ok_and(|text| text == installed_from())
}

/// Everything an installation depends on: a change of it means to install anew.
fn installed_from() -> String {
    format!("{VERSION}\n{API_KEY}\n{CONFIG}\n{CONSTRAINTS}")
}

/// Debian's Python comes first because `setup` installs its `venv` module.
pub(crate) fn system_python() -> &'static str {
    if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

/// The Python of its virtual environment, which also has python-zeroconf.
pub(crate) fn python_path() -> PathBuf {
    home().join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

fn python() -> Command {
    workspace::command(python_path())
}

/// A data directory with the settings and one administrator whose API key is known.
fn create_template() -> Result {
    let template = template();
    fs::create_dir_all(&template)
        .map_err(|error| format!("cannot create {}: {error}", template.display()))?;
    steps::run(python().args(["-m", "octoprint", "--basedir"]).arg(&template).args([
        "user",
        "add",
        "admin",
        "--password",
        "secret",
        "--admin",
    ]))?;
    let users = template.join("users.yaml");
    let text =
        fs::read_to_string(&users).map_err(|error| format!("cannot read {}: {error}", users.display()))?;
    let with_key = text.replacen("\n  apikey: null\n", &format!("\n  apikey: {API_KEY}\n"), 1);
    if with_key == text {
        return Err(format!("{} has no place for an API key:\n{text}", users.display()));
    }
    write(&users, &with_key)?;
    // Adding a user has written a config.yaml of its own.
    write(&template.join("config.yaml"), CONFIG)
}

fn serve(basedir: &Path, port: u16) -> Command {
    let mut command = if cfg!(target_os = "linux") {
        // The kernel ends the server when this process dies in whatever way.
        let mut setpriv = workspace::command("setpriv");
        setpriv.args(["--pdeathsig", "KILL", "--"]).arg(python_path());
        setpriv
    } else {
        python()
    };
    // --iknowwhatimdoing allows to run it as root, as in a container.
    command
        .args(["-m", "octoprint", "serve", "--iknowwhatimdoing", "--host", "127.0.0.1", "--port"])
        .arg(port.to_string())
        .arg("--basedir")
        .arg(basedir);
    command
}

fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

/// Removes the data of earlier runs, which stays behind for their logs.
fn remove_leftovers(peers: &Path) {
    if !Path::new("/proc/self").exists() {
        return; // no way to tell which runs are over
    }
    for entry in fs::read_dir(peers).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.rsplit_once('-')).map(|(_, pid)| pid);
        if let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok())
            && !Path::new("/proc").join(pid.to_string()).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn remove_dir(dir: &Path) -> Result {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", dir.display()))
        }
        _ => Ok(()),
    }
}

fn copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
