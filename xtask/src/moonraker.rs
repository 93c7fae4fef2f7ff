//! A real Moonraker with a real Klipper and a simulated micro-controller, on a free loopback port.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::klipper::{self, KLIPPY};
use crate::python::{Environment, Pins};
use crate::server::{Server, free_port, fresh_dir};
use crate::service::Service;
use crate::simulated::Simulated;
use crate::steps::{Result, Steps};
use crate::workspace::{create_dir, write};

pub(crate) const VERSION: &str = "0.11.0";
const CONFIG: &str = include_str!("../moonraker/moonraker.conf");

pub(crate) const MOONRAKER: Environment = Environment::new(
    "Moonraker",
    VERSION,
    &["moonraker"],
    Pins::Constraints(include_str!("../moonraker/constraints-0.11.0.txt")),
);

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
        MOONRAKER.demand()?;
        KLIPPY.demand()?;
        let dir = fresh_dir("moonraker")?;
        let [config, gcodes, logs, comms] = ["config", "gcodes", "logs", "comms"].map(|name| dir.join(name));
        [&config, &gcodes, &logs, &comms].into_iter().try_for_each(|folder| create_dir(folder))?;
        let (mcu, socket) = (dir.join("mcu"), comms.join("klippy.sock"));
        let printer = Simulated::start("micro-controller", &["klipper-mcu"], &mcu)?;
        klipper::configure(&config, &mcu, &gcodes)?;
        let klipper = Service::start("klippy", &dir, &klipper::command(&config, &logs, &socket))?;

        let port = free_port()?;
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

    /// [`Self::start`] as a step.
    pub(crate) fn step(steps: &mut Steps, access: Access) -> Result<Self> {
        steps.run(format!("{MOONRAKER} starts"), || Self::start(access))
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

    /// Its data, removed by a later start.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Server for Moonraker {
    fn name(&self) -> String {
        MOONRAKER.to_string()
    }

    fn port(&self) -> u16 {
        self.port
    }

    fn key(&self) -> &str {
        &self.key
    }

    fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("PRINTHOST_MOONRAKER_URL", format!("moonraker://127.0.0.1:{}", self.port)),
            ("PRINTHOST_MOONRAKER_KEY", self.key.clone()),
            // With the processes' files, see `Service`.
            ("PRINTHOST_MOONRAKER_DATA", self.dir.display().to_string()),
            ("PRINTHOST_MOONRAKER_MCU", self.printer.pid().to_string()),
        ]
    }

    /// The servers are started again.
    fn check(&mut self) -> Result {
        self.printer.check()
    }

    fn log_hint(&self) -> String {
        format!("see {} and {}", self.moonraker.output().display(), self.dir.join("logs").display())
    }

    /// The result in the answer.
    fn get(&self, path: &str) -> Option<Value> {
        let mut answer: Value = serde_json::from_str(&self.curl(path, &["--fail"]).ok()?).ok()?;
        Some(answer["result"].take())
    }
}

fn command(dir: &Path, config: &Path) -> Command {
    let mut moonraker = Command::new(MOONRAKER.program("moonraker"));
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
    write(&folder.join("moonraker.conf"), config)
}
