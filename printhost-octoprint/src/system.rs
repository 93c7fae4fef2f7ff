//! The machine OctoPrint runs on, and what it knows of a failed printer.

use alloc::{string::String, vec::Vec};

use printhost_core::{Outcome, Result};
use printhost_net::{Net, proto::percent::encode_component};

use crate::{OctoPrint, api, wire, wire::Order};

/// The machine OctoPrint runs on. Every `None` means that it did not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SystemInfo {
    /// OctoPrint's version.
    pub version: Option<String>,
    /// OctoPrint runs without its plugins.
    pub safe_mode: Option<bool>,
    /// The operating system.
    pub platform: Option<String>,
    /// Python's version.
    pub python: Option<String>,
    /// How many cores there are.
    pub cores: Option<u32>,
    /// Memory, bytes.
    pub memory: Option<u64>,
    /// Which Raspberry Pi it is, where it is one.
    pub raspberry_pi: Option<String>,
    /// The printer's firmware, while it is connected.
    pub firmware: Option<String>,
}

/// Something OctoPrint's machine can be told to do: restart, shut down, what its owner has set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SystemCommand {
    /// `core`, `plugin` or `custom`.
    pub source: String,
    /// Its name for programs.
    pub action: String,
    /// Its name for people.
    pub name: String,
    /// What to ask before; may contain HTML.
    pub confirm: Option<String>,
}

/// Why the printer has failed, in OctoPrint's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrinterFailure {
    /// What the printer said.
    pub error: String,
    /// What kind of failure it is: `firmware`, `connection`, ….
    pub reason: String,
    /// What OctoPrint did: `emergency`, `disconnect`, `cancel`, ….
    pub consequence: Option<String>,
    /// The name of a page about it on `faq.octoprint.org`.
    pub faq: Option<String>,
    /// The last lines of the terminal; empty without the permission MONITOR_TERMINAL.
    pub log: Vec<String>,
}

impl<N: Net> OctoPrint<N> {
    /// The machine OctoPrint runs on. `GET /api/system/info`, permission SYSTEM; takes OctoPrint a moment.
    pub async fn system_info(&self) -> Result<SystemInfo> {
        let info = self.get::<wire::System>("system info", "/api/system/info").await?.systeminfo;
        Ok(SystemInfo {
            version: info.version,
            safe_mode: info.safe_mode,
            platform: info.platform,
            python: info.python,
            cores: info.cores,
            memory: info.ram,
            raspberry_pi: info.pi_model,
            firmware: info.firmware,
        })
    }

    /// What OctoPrint's machine can be told to do. `GET /api/system/commands`, permission SYSTEM.
    pub async fn system_commands(&self) -> Result<Vec<SystemCommand>> {
        let mut commands = Vec::new();
        let login = &self.login;
        self.each("system commands", "/api/system/commands", &mut |item| {
            let wire::SystemCommand { source, action, name, confirm } =
                api::parse(login, "system commands", item)?;
            commands.push(SystemCommand { source, action, name: name.unwrap_or_default(), confirm });
            Ok(true)
        })
        .await?;
        Ok(commands)
    }

    /// Tells OctoPrint's machine to do something, once. `POST /api/system/commands/{source}/{action}`, permission
    /// SYSTEM. What restarts OctoPrint may cut its own answer: [`printhost_core::ErrorKind::Unconfirmed`].
    pub async fn run_system_command(&self, source: &str, action: &str) -> Result<Outcome> {
        let mut path = String::from("/api/system/commands/");
        encode_component(&mut path, source);
        path.push('/');
        encode_component(&mut path, action);
        self.once("system command", &path, Order::default().json()).await
    }

    /// Why the printer has failed last; `None` when it has not. `GET /api/printer/error`, permission STATUS.
    ///
    /// Since OctoPrint 1.11, [`printhost_core::ErrorKind::NotFound`] before. OctoPrint 2.0.0rc7 forgets it at once; the
    /// reason is then in [`printhost_core::PrinterStatus::fault`], if [`printhost_core::PrintHost::run`] was polled.
    pub async fn printer_failure(&self) -> Result<Option<PrinterFailure>> {
        let failure: wire::PrinterError = self.get("printer failure", "/api/printer/error").await?;
        let (error, reason) = (failure.error.unwrap_or_default(), failure.reason.unwrap_or_default());
        if error.is_empty() && reason.is_empty() {
            return Ok(None);
        }
        let (consequence, faq) = (failure.consequence, failure.faq);
        Ok(Some(PrinterFailure { error, reason, consequence, faq, log: failure.logs }))
    }
}
