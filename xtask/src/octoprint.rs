//! Real OctoPrints with their simulated printers, each on a free loopback port.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Process, tied};
use crate::python::{Environment, Pins};
use crate::server::{Server, free_port, fresh_dir};
use crate::steps::{self, Result, Steps};
use crate::workspace::{command, create_dir, write};

/// The newest stable release.
pub(crate) const STABLE: Environment = release("1.11.8", include_str!("../octoprint/constraints-1.11.8.txt"));

/// The newest release candidate of the next generation.
pub(crate) const NEXT: Environment =
    release("2.0.0rc7", include_str!("../octoprint/constraints-2.0.0rc7.txt"));

/// Everything the tests run against.
pub(crate) const RELEASES: [Environment; 2] = [STABLE, NEXT];

const API_KEY: &str = "PRINTHOSTTESTKEY0000000000000001";
/// In the words of 1.x; 2.0 moves the settings to their new places itself when it starts.
const CONFIG: &str = include_str!("../octoprint/config.yaml");

const fn release(version: &'static str, constraints: &'static str) -> Environment {
    let pins = Pins::Constraints(constraints);
    Environment {
        settings: &[API_KEY, CONFIG],
        ..Environment::new("OctoPrint", version, &["OctoPrint"], pins)
    }
}

/// Installs a release, unless it is there already.
pub(crate) fn install(release: &Environment) -> Result {
    release.install_and(|| create_template(release))
}

/// A data directory with the settings and one administrator whose API key is known.
fn create_template(release: &Environment) -> Result {
    let template = template(release);
    create_dir(&template)?;
    let mut add = command(release.python());
    add.args(["-m", "octoprint", "--basedir"]).arg(&template);
    steps::run(add.args(["user", "add", "admin", "--password", "secret", "--admin"]))?;
    let users = template.join("users.yaml");
    let text =
        fs::read_to_string(&users).map_err(|error| format!("cannot read {}: {error}", users.display()))?;
    let with_key = text.replacen("\n  apikey: null\n", &format!("\n  apikey: {API_KEY}\n"), 1);
    if with_key == text {
        return Err(format!("{} has no place for an API key:\n{text}", users.display()));
    }
    write(&users, with_key)?;
    // Adding a user to 1.x has written a config.yaml of its own.
    write(&template.join("config.yaml"), CONFIG)
}

fn template(release: &Environment) -> PathBuf {
    release.home().join("template")
}

/// A running OctoPrint, stopped on drop.
pub(crate) struct OctoPrint {
    release: &'static Environment,
    process: Process,
    port: u16,
    basedir: PathBuf,
}

impl OctoPrint {
    /// Starts a server with fresh data and waits until its printer is operational.
    ///
    /// It also ends when this process dies. That is tied to the calling thread, so call this on the main thread.
    pub(crate) fn start(release: &'static Environment) -> Result<Self> {
        release.demand()?;
        let (port, basedir) = (free_port()?, fresh_dir(&format!("octoprint-{}", release.version))?);
        copy_dir(&template(release), &basedir)
            .map_err(|error| format!("cannot create {}: {error}", basedir.display()))?;
        // --iknowwhatimdoing allows to run it as root, as in a container.
        let mut serve = tied(release.python());
        serve.args(["-m", "octoprint", "serve", "--iknowwhatimdoing", "--host", "127.0.0.1", "--port"]);
        serve.arg(port.to_string()).arg("--basedir").arg(&basedir);
        let process = Process::logged(release.to_string(), &mut serve, &basedir.join("console.log"))?;
        let mut server = Self { release, process, port, basedir };
        server.wait_until("answers", "/api/version", |answer| answer["server"] == release.version)?;
        server.wait_until("has an operational printer", "/api/connection", |connection| {
            connection["current"]["state"] == "Operational"
        })?;
        Ok(server)
    }

    /// [`Self::start`] as a step.
    pub(crate) fn step(steps: &mut Steps, release: &'static Environment) -> Result<Self> {
        steps.run(format!("{release} starts"), || Self::start(release))
    }

    /// Which it is.
    pub(crate) fn version(&self) -> &'static str {
        self.release.version
    }
}

impl Server for OctoPrint {
    fn name(&self) -> String {
        self.release.to_string()
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn key(&self) -> &str {
        API_KEY
    }

    fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("PRINTHOST_OCTOPRINT_URL", format!("octoprint://127.0.0.1:{}", self.port)),
            ("PRINTHOST_OCTOPRINT_KEY", API_KEY.to_owned()),
            ("PRINTHOST_OCTOPRINT_BASEDIR", self.basedir.display().to_string()),
            ("PRINTHOST_OCTOPRINT_VERSION", self.version().to_owned()),
        ]
    }

    fn check(&mut self) -> Result {
        self.process.check()
    }

    fn log_hint(&self) -> String {
        let (console, logs) = (self.basedir.join("console.log"), self.basedir.join("logs"));
        format!("see {} and {}", console.display(), logs.display())
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
