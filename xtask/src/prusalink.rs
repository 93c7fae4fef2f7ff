//! A real PrusaLink with a simulated MK3S, on a free loopback port.

use std::path::{Path, PathBuf};

use crate::process::{Process, tied};
use crate::python::{Environment, Pins};
use crate::server::{Server, free_port, fresh_dir};
use crate::simulated::Simulated;
use crate::steps::{Result, Steps};
use crate::workspace::{self, write};

pub(crate) const VERSION: &str = "0.8.1";

pub(crate) const PRUSALINK: Environment = Environment::new(
    "PrusaLink",
    VERSION,
    &["prusalink", "setuptools"],
    Pins::Constraints(include_str!("../prusalink/constraints-0.8.1.txt")),
);

const API_KEY: &str = "PRINTHOSTTESTKEY0000000000000001";
/// Of the user `maker`.
pub(crate) const PASSWORD: &str = "Secret123";
/// MD5 of `maker:Administrator:` and the password.
const DIGEST: &str = "da63ea675634bb2aa5058c2f4a4ece28";

/// Seconds of the printer's time per second.
const TIME_SCALE: &str = "20";

/// A running PrusaLink, stopped on drop together with its printer.
pub(crate) struct PrusaLink {
    process: Process,
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
        PRUSALINK.demand()?;
        let (dir, port) = (fresh_dir("prusalink")?, free_port()?);
        let printer = Simulated::start("MK3S", &["mk3s", "--time-scale", TIME_SCALE], &dir.join("ttyMK3"))?;
        let config = dir.join("prusalink.ini");
        write(&config, configuration(&dir, port))?;
        write(&dir.join("prusa_printer_settings.ini"), settings())?;
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

    /// [`Self::start`] as a step.
    pub(crate) fn step(steps: &mut Steps) -> Result<Self> {
        steps.run(format!("{PRUSALINK} starts"), Self::start)
    }

    /// Its data, removed by a later start.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The printer, which tells what it is like and takes what happens to it.
    pub(crate) fn printer(&mut self) -> &mut Simulated {
        &mut self.printer
    }
}

impl Server for PrusaLink {
    fn name(&self) -> String {
        PRUSALINK.to_string()
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn key(&self) -> &str {
        API_KEY
    }

    fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("PRINTHOST_PRUSALINK_URL", format!("prusalink://127.0.0.1:{}", self.port)),
            ("PRINTHOST_PRUSALINK_KEY", API_KEY.to_owned()),
            ("PRINTHOST_PRUSALINK_PASSWORD", PASSWORD.to_owned()),
            ("PRINTHOST_PRUSALINK_SUPERVISOR", self.process.id().to_string()),
        ]
    }

    fn check(&mut self) -> Result {
        self.process.check().and_then(|()| self.printer.check())
    }

    fn log_hint(&self) -> String {
        format!("see {}", self.dir.join("console.log").display())
    }
}

fn serve(config: &Path, log: &Path) -> Result<Process> {
    let scripts = workspace::root().join("xtask/prusalink");
    let mut serve = tied(PRUSALINK.python());
    serve.arg(scripts.join("supervise.py")).arg(PRUSALINK.python()).arg(scripts.join("run.py"));
    serve.args(["--foreground", "--info", "--config"]).arg(config);
    Process::logged(PRUSALINK.to_string(), &mut serve, log)
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
