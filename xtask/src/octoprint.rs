//! Real OctoPrints with their simulated printers, each on a free loopback port.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::steps::{self, Result};
use crate::workspace::{self, remove_dir};

/// A release of OctoPrint.
pub(crate) struct Release {
    pub(crate) version: &'static str,
    /// The versions of what it depends on.
    constraints: &'static str,
}

/// The newest stable release.
pub(crate) const STABLE: Release =
    Release { version: "1.11.8", constraints: include_str!("../octoprint/constraints-1.11.8.txt") };

/// The newest release candidate of the next generation.
pub(crate) const NEXT: Release =
    Release { version: "2.0.0rc7", constraints: include_str!("../octoprint/constraints-2.0.0rc7.txt") };

/// Everything the tests run against.
pub(crate) const RELEASES: [Release; 2] = [STABLE, NEXT];

const API_KEY: &str = "PRINTHOSTTESTKEY0000000000000001";
/// In the words of 1.x; 2.0 moves the settings to their new places itself when it starts.
const CONFIG: &str = include_str!("../octoprint/config.yaml");

/// How long the server may take to answer, and then the printer to connect.
const START_TIMEOUT: Duration = Duration::from_secs(120);

impl Release {
    /// Installs it into a virtual environment of its own, unless it is there already.
    pub(crate) fn install(&self) -> Result {
        if self.is_installed() {
            return Ok(());
        }
        let home = self.home();
        remove_dir(&home)?;
        fs::create_dir_all(&home).map_err(|error| format!("cannot create {}: {error}", home.display()))?;
        steps::run(workspace::command(system_python()).args(["-m", "venv"]).arg(&home))?;
        let constraints = home.join("constraints.txt");
        write(&constraints, self.constraints)?;
        steps::run(
            self.python()
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint"])
                .arg(&constraints)
                .arg(format!("OctoPrint=={}", self.version)),
        )?;
        self.create_template()?;
        // Last, so that an interrupted installation starts over.
        write(&self.marker(), &self.installed_from())
    }

    fn home(&self) -> PathBuf {
        workspace::tools_dir().join(format!("octoprint-{}", self.version))
    }

    fn template(&self) -> PathBuf {
        self.home().join("template")
    }

    fn marker(&self) -> PathBuf {
        self.home().join("installed-from")
    }

    fn is_installed(&self) -> bool {
        fs::read_to_string(self.marker()).is_ok_and(|text| text == self.installed_from())
    }

    /// Everything an installation depends on: a change of it means to install anew.
    fn installed_from(&self) -> String {
        format!("{}\n{API_KEY}\n{CONFIG}\n{}", self.version, self.constraints)
    }

    /// The Python of its virtual environment, which also has python-zeroconf.
    pub(crate) fn python_path(&self) -> PathBuf {
        self.home().join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
    }

    fn python(&self) -> Command {
        workspace::command(self.python_path())
    }

    /// A data directory with the settings and one administrator whose API key is known.
    fn create_template(&self) -> Result {
        let template = self.template();
        fs::create_dir_all(&template)
            .map_err(|error| format!("cannot create {}: {error}", template.display()))?;
        steps::run(self.python().args(["-m", "octoprint", "--basedir"]).arg(&template).args([
            "user",
            "add",
            "admin",
            "--password",
            "secret",
            "--admin",
        ]))?;
        let users = template.join("users.yaml");
        let text = fs::read_to_string(&users)
            .map_err(|error| format!("cannot read {}: {error}", users.display()))?;
        let with_key = text.replacen("\n  apikey: null\n", &format!("\n  apikey: {API_KEY}\n"), 1);
        if with_key == text {
            return Err(format!("{} has no place for an API key:\n{text}", users.display()));
        }
        write(&users, &with_key)?;
        // Adding a user to 1.x has written a config.yaml of its own.
        write(&template.join("config.yaml"), CONFIG)
    }

    fn serve(&self, basedir: &Path, port: u16) -> Command {
        let mut command = if cfg!(target_os = "linux") {
            // The kernel ends the server when this process dies in whatever way.
            let mut setpriv = workspace::command("setpriv");
            setpriv.args(["--pdeathsig", "KILL", "--"]).arg(self.python_path());
            setpriv
        } else {
            self.python()
        };
        // --iknowwhatimdoing allows to run it as root, as in a container.
        command
            .args(["-m", "octoprint", "serve", "--iknowwhatimdoing", "--host", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .arg("--basedir")
            .arg(basedir);
        command
    }
}

/// A running OctoPrint, stopped on drop.
pub(crate) struct OctoPrint {
    release: &'static Release,
    process: Child,
    port: u16,
    basedir: PathBuf,
}

impl OctoPrint {
    /// Starts a server with fresh data and waits until its printer is operational.
    ///
    /// The server also ends when this process dies. That is tied to the calling
    /// thread, so call this on the main thread.
    pub(crate) fn start(release: &'static Release) -> Result<Self> {
        let servers = Self::start_all(std::slice::from_ref(release))?;
        servers.into_iter().next().ok_or_else(|| "no OctoPrint has started".to_owned())
    }

    /// As [`Self::start`], with several at the same time.
    pub(crate) fn start_all(releases: &'static [Release]) -> Result<Vec<Self>> {
        let ports = free_ports(releases.len())?;
        let start = |(release, port)| Self::spawn(release, port);
        let mut servers = releases.iter().zip(ports).map(start).collect::<Result<Vec<_>>>()?;
        servers.iter_mut().try_for_each(Self::wait_until_ready)?;
        Ok(servers)
    }

    fn spawn(release: &'static Release, port: u16) -> Result<Self> {
        let version = release.version;
        if !release.is_installed() {
            return Err(format!("OctoPrint {version} is not installed: run `cargo xtask setup`"));
        }
        let peers = workspace::target_dir().join("peers");
        remove_leftovers(&peers);
        let basedir = peers.join(format!("octoprint-{version}-{}", std::process::id()));
        remove_dir(&basedir)?;
        copy_dir(&release.template(), &basedir)
            .map_err(|error| format!("cannot create {}: {error}", basedir.display()))?;

        let log = basedir.join("console.log");
        let console =
            File::create(&log).map_err(|error| format!("cannot create {}: {error}", log.display()))?;
        let errors = console.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let process = release
            .serve(&basedir, port)
            .stdin(Stdio::null())
            .stdout(console)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("cannot start OctoPrint {version}: {error}"))?;
        Ok(Self { release, process, port, basedir })
    }

    /// Which it is.
    pub(crate) fn version(&self) -> &'static str {
        self.release.version
    }

    /// Where it listens on the loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What the tests need to know, as environment variables.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("PRINTHOST_OCTOPRINT_URL", format!("octoprint://127.0.0.1:{}", self.port)),
            ("PRINTHOST_OCTOPRINT_KEY", API_KEY.to_owned()),
            ("PRINTHOST_OCTOPRINT_BASEDIR", self.basedir.display().to_string()),
            ("PRINTHOST_OCTOPRINT_VERSION", self.version().to_owned()),
        ]
    }

    /// An error if the server has ended by itself.
    pub(crate) fn check(&mut self) -> Result {
        match self.process.try_wait().map_err(|error| format!("OctoPrint {}: {error}", self.version()))? {
            None => Ok(()),
            Some(status) => Err(format!("OctoPrint {} ended: {status}; {}", self.version(), self.log_hint())),
        }
    }

    /// Where its messages are.
    pub(crate) fn log_hint(&self) -> String {
        format!(
            "see {} and {}",
            self.basedir.join("console.log").display(),
            self.basedir.join("logs").display()
        )
    }

    fn wait_until_ready(&mut self) -> Result {
        let version = self.version();
        self.wait_until("answers", "/api/version", |answer| answer["server"] == version)?;
        self.wait_until("has an operational printer", "/api/connection", |connection| {
            connection["current"]["state"] == "Operational"
        })
    }

    fn wait_until(&mut self, what: &str, path: &str, ready: impl Fn(&serde_json::Value) -> bool) -> Result {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            self.check()?;
            if self.get(path).is_some_and(|body| ready(&body)) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(format!(
            "no OctoPrint {} that {what} within {} s; {}",
            self.version(),
            START_TIMEOUT.as_secs(),
            self.log_hint()
        ))
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

/// Debian's Python comes first because `setup` installs its `venv` module.
pub(crate) fn system_python() -> &'static str {
    if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

/// All of them are held until the last is found, so that they differ.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: std::io::Result<Vec<_>> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect();
    listeners
        .and_then(|listeners| listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect())
        .map_err(|error| format!("no free port: {error}"))
}

/// Removes the data of earlier runs, which stays behind for their logs.
pub(crate) fn remove_leftovers(peers: &Path) {
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
