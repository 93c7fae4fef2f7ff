use alloc::vec::Vec;

use printhost_core::{
    Command, Error, ErrorKind, Outcome, Phase, PrintHost as _, PrinterStatus, RemotePath, Result, Retry,
};
use printhost_net::Net;

use crate::{
    OctoPrint,
    files::route,
    wire::{CommandBody, GcodeBody},
};

/// OctoPrint refuses bodies of more than 100 KB with a bare 400 (1.11.8).
const MAX_GCODE: usize = 64 << 10;

impl<N: Net> OctoPrint<N> {
    pub(crate) async fn start_file(&self, path: &str) -> Result<Outcome> {
        let path = RemotePath::parse(path)?;
        let body = CommandBody { command: "select", action: None, print: Some(true) };
        let sent = self.post("start", &route("/api/files/local/", path), &body).await;
        let is_ours =
            |s: &PrinterStatus| s.job.as_ref().and_then(|j| j.path.as_deref()) == Some(path.as_str());
        self.confirm(sent, |status| status.phase.has_job() && is_ours(status)).await
    }

    pub(crate) async fn order(&self, command: Command<'_>) -> Result<Outcome> {
        let operation = command.name();
        let job = |command, action| CommandBody { command, action, print: None };
        let (path, body) = match command {
            Command::Pause => ("/api/job", job("pause", Some("pause"))),
            Command::Resume => ("/api/job", job("pause", Some("resume"))),
            Command::Cancel => ("/api/job", job("cancel", None)),
            Command::ConnectPrinter => ("/api/connection", job("connect", None)),
            Command::DisconnectPrinter => ("/api/connection", job("disconnect", None)),
            Command::EmergencyStop => return self.gcode(operation, "M112").await,
            Command::Gcode(lines) => return self.gcode(operation, lines).await,
            _ => return Err(Error::unsupported(operation)),
        };
        let sent = self.post(operation, path, &body).await;
        self.confirm(sent, |status| shows(command, status.phase)).await
    }

    async fn gcode(&self, operation: &'static str, lines: &str) -> Result<Outcome> {
        if lines.len() > MAX_GCODE {
            let detail = format_args!("at most {MAX_GCODE} bytes of G-code at a time");
            return Err(Error::new(ErrorKind::TooLarge, operation).with_detail(detail));
        }
        let commands: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if commands.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail("there is no G-code"));
        }
        match self.post(operation, "/api/printer/command", &GcodeBody { commands }).await {
            Ok(()) => Ok(Outcome::accepted()),
            Err(e) if e.retry() == Retry::ReadFirst => Err(e.unconfirmed()),
            Err(e) => Err(e),
        }
    }

    /// Reads the printer after a command. When the command's answer was lost, that settles whether it was carried
    /// out; it is never sent again.
    async fn confirm(&self, sent: Result<()>, shows: impl Fn(&PrinterStatus) -> bool) -> Result<Outcome> {
        let lost = match sent {
            Ok(()) => None,
            Err(e) if e.retry() == Retry::ReadFirst => Some(e.unconfirmed()),
            Err(e) => return Err(e),
        };
        let confirmed = self.status().await.is_ok_and(|status| shows(&status));
        match lost {
            _ if confirmed => Ok(Outcome::confirmed()),
            None => Ok(Outcome::accepted()),
            Some(error) => Err(error),
        }
    }
}

/// Whether a phase is what a command leads to.
fn shows(command: Command<'_>, phase: Phase) -> bool {
    match command {
        Command::Pause => matches!(phase, Phase::Pausing | Phase::Paused),
        Command::Resume => matches!(phase, Phase::Resuming | Phase::Printing),
        Command::Cancel => phase == Phase::Cancelling || !(phase.has_job() || phase.leaves_job_open()),
        Command::ConnectPrinter => !matches!(phase, Phase::Offline | Phase::Faulted | Phase::Unknown),
        Command::DisconnectPrinter => phase == Phase::Offline,
        _ => false,
    }
}
