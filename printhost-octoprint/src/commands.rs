//! What [`Command`] asks for, and how it is found out whether that happened.

use alloc::{format, vec::Vec};
use core::time::Duration;

use printhost_core::{
    Axes, Clock, Command, Confirmation, Error, ErrorKind, Heater, HeaterId, Outcome, Phase, PrintHost as _,
    PrinterStatus, Result, Retry,
};
use printhost_net::Net;

use crate::{
    OctoPrint, api, wire,
    wire::{GcodeBody, OfTool, Order},
};

/// OctoPrint refuses bodies of more than 100 KB with a bare 400 (1.11.8).
const MAX_GCODE: usize = 64 << 10;
/// Before the printer is read after a lost answer, and between two such reads.
const SETTLES: Duration = Duration::from_millis(400);
/// When to look again for what was accepted: OctoPrint shows it once the line was sent to the printer, behind those that
/// wait, and on a busy Pi that takes longer than a moment.
const LATE: [Duration; 3] = [SETTLES, Duration::from_millis(800), Duration::from_millis(1600)];

/// How much longer than since it was sent a job may have been printing that a lost start has begun: clocks differ, and
/// OctoPrint counts whole seconds.
const SLACK: Duration = Duration::from_secs(5);

const JOB: &str = "/api/job";
const PRINT_HEAD: &str = "/api/printer/printhead";
const TOOL: &str = "/api/printer/tool";

impl<N: Net> OctoPrint<N> {
    pub(crate) async fn order(&self, command: Command<'_>) -> Result<Outcome> {
        command.check()?;
        let operation = command.name();
        match command {
            Command::Pause => self.job(command, "pause", Some("pause")).await,
            Command::Resume => self.job(command, "pause", Some("resume")).await,
            Command::Cancel => self.job(command, "cancel", None).await,
            Command::ConnectPrinter => self.connect_as_preferred(operation).await,
            Command::DisconnectPrinter => {
                let sent = self.post(operation, "/api/connection", Order::new("disconnect").json()).await;
                self.confirm(sent, |status| shows(command, status.phase)).await
            }
            Command::SetTemperature { heater, celsius } => self.heat(operation, heater, celsius).await,
            Command::Home(axes) => {
                self.once(
                    operation,
                    PRINT_HEAD,
                    Order { axes: Some(names(axes)), ..Order::new("home") }.json(),
                )
                .await
            }
            Command::Jog { x, y, z, speed } => {
                let moved = |mm| (mm != 0.0).then_some(mm);
                let (x, y, z) = (moved(x), moved(y), moved(z));
                if x.or(y).or(z).is_none() {
                    return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail("no axis moves"));
                }
                self.once(operation, PRINT_HEAD, Order { x, y, z, speed, ..Order::new("jog") }.json()).await
            }
            Command::Extrude { mm, speed } => {
                let order = Order { amount: Some(mm), speed, ..Order::new("extrude") };
                self.once(operation, TOOL, order.json()).await
            }
            Command::SelectTool(tool) => {
                let order = Order { tool: Some(&format!("tool{tool}")), ..Order::new("select") };
                self.once(operation, TOOL, order.json()).await
            }
            Command::SpeedFactor(percent) => {
                let factor = Some(within(operation, percent, 50, 200)?);
                self.once(operation, PRINT_HEAD, Order { factor, ..Order::new("feedrate") }.json()).await
            }
            Command::FlowFactor(percent) => {
                let factor = Some(within(operation, percent, 75, 125)?);
                self.once(operation, TOOL, Order { factor, ..Order::new("flowrate") }.json()).await
            }
            Command::EmergencyStop => self.gcode(operation, "M112", false).await,
            Command::Gcode(lines) => self.gcode(operation, lines, true).await,
            _ => Err(Error::unsupported(operation)),
        }
    }

    async fn job(&self, command: Command<'_>, order: &str, action: Option<&str>) -> Result<Outcome> {
        let sent = self.post(command.name(), JOB, Order { action, ..Order::new(order) }.json()).await;
        self.confirm(sent, |status| shows(command, status.phase)).await
    }

    /// Asked for a tool it does not have, OctoPrint heats the one it has (1.11.8, 2.0.0rc7); so the tools are read
    /// before, except for the first, which every printer has.
    async fn heat(&self, operation: &'static str, heater: HeaterId, celsius: f32) -> Result<Outcome> {
        let mut order = Order::new("target");
        let tool;
        let path = match heater {
            HeaterId::Bed => "/api/printer/bed",
            HeaterId::Chamber => "/api/printer/chamber",
            HeaterId::Tool(n) => {
                if n > 0 {
                    let tools: wire::Temperatures = self.get(operation, TOOL).await?;
                    if tools.tools.get(usize::from(n)).is_none_or(|t| t.actual.is_none()) {
                        return Err(Error::unsupported(operation)
                            .with_detail(format_args!("the printer shows no heater of tool {n}")));
                    }
                }
                tool = format!("tool{n}");
                order.targets = Some(OfTool(&tool, celsius));
                TOOL
            }
            _ => return Err(Error::unsupported(operation)),
        };
        if order.targets.is_none() {
            order.target = Some(celsius);
        }
        let sent = self.post(operation, path, order.json()).await;
        let is_set = |heater: &Heater| heater.target.is_some_and(|target| (target - celsius).abs() < 0.5);
        self.confirm_late(sent, |status| {
            match heater {
                HeaterId::Bed => status.bed.as_ref(),
                HeaterId::Chamber => status.chamber.as_ref(),
                HeaterId::Tool(n) => status.tools.get(usize::from(n)),
                _ => None,
            }
            .is_some_and(is_set)
        })
        .await
    }

    async fn gcode(&self, operation: &'static str, lines: &str, with_replies: bool) -> Result<Outcome> {
        if lines.len() > MAX_GCODE {
            let detail = format_args!("at most {MAX_GCODE} bytes of G-code at a time");
            return Err(Error::new(ErrorKind::TooLarge, operation).with_detail(detail));
        }
        let commands: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let body = api::json(operation, &GcodeBody { commands: &commands })?;
        let clock = self.net.parts().clock();
        let replies = match with_replies {
            true => self.console.listen(&commands, self.net.parts().limits().message, clock).await,
            false => None,
        };
        let call = api::Call::post_json(operation, "/api/printer/command");
        match self.post_bytes(call, &body).await {
            Ok(response) => {
                response.finish().await;
                let mut outcome = Outcome::accepted();
                if let Some(replies) = replies {
                    outcome.replies = replies.collect(clock).await;
                }
                Ok(outcome)
            }
            Err(e) if e.retry() == Retry::ReadFirst => Err(e.unconfirmed()),
            Err(e) => Err(e),
        }
    }

    /// Sends what cannot be read back.
    pub(crate) async fn once(&self, operation: &'static str, path: &str, body: Vec<u8>) -> Result<Outcome> {
        match self.post(operation, path, body).await {
            Ok(()) => Ok(Outcome::accepted()),
            Err(e) if e.retry() == Retry::ReadFirst => Err(e.unconfirmed()),
            Err(e) => Err(e),
        }
    }

    /// Reads the printer after a command. When the command's answer was lost, that settles whether it was carried
    /// out; it is never sent again.
    pub(crate) async fn confirm(
        &self,
        sent: Result<()>,
        shows: impl Fn(&PrinterStatus) -> bool,
    ) -> Result<Outcome> {
        let lost = match sent {
            Ok(()) => None,
            Err(e) if e.retry() == Retry::ReadFirst => Some(e.unconfirmed()),
            Err(e) => return Err(e),
        };
        let mut confirmed = false;
        for _ in 0..lost.as_ref().map_or(1, reads) {
            if let Some(lost) = &lost {
                self.settles(lost).await;
            }
            confirmed = self.status().await.is_ok_and(|status| shows(&status));
            if confirmed {
                break;
            }
        }
        match lost {
            _ if confirmed => Ok(Outcome::confirmed()),
            None => Ok(Outcome::accepted()),
            Some(error) => Err(error),
        }
    }

    /// Whether the job in a status can have begun since `sent`, by this driver's clock. A start that was refused, with
    /// the refusal lost, leaves a job that is older: the reason for the refusal.
    pub(crate) fn began_since(&self, sent: Duration, status: &PrinterStatus) -> bool {
        let passed = self.net.parts().clock().now().saturating_sub(sent) + SLACK;
        status.job.as_ref().and_then(|job| job.elapsed).is_none_or(|elapsed| elapsed <= passed)
    }

    /// As [`Self::confirm`], for what OctoPrint answers before it shows.
    pub(crate) async fn confirm_late(
        &self,
        sent: Result<()>,
        shows: impl Fn(&PrinterStatus) -> bool,
    ) -> Result<Outcome> {
        let outcome = self.confirm(sent, &shows).await?;
        if outcome.confirmation == Confirmation::Accepted {
            for waits in LATE {
                self.net.parts().clock().sleep(waits).await;
                if self.status().await.is_ok_and(|status| shows(&status)) {
                    return Ok(Outcome::confirmed());
                }
            }
        }
        Ok(outcome)
    }

    /// Waits before the host is read after an answer was lost with its connection: what was sent before that may still
    /// be on its way through the host, and OctoPrint 1.11.8 forgets the hash of a file that is asked for while it is
    /// being stored.
    pub(crate) async fn settles(&self, lost: &Error) {
        if lost.http_status().is_none() {
            self.net.parts().clock().sleep(SETTLES).await;
        }
    }
}

/// How often the host is read after a lost answer.
pub(crate) fn reads(lost: &Error) -> u8 {
    if lost.http_status().is_none() { 2 } else { 1 }
}

/// Whether a phase is what a command leads to.
pub(crate) fn shows(command: Command<'_>, phase: Phase) -> bool {
    match command {
        Command::Pause => matches!(phase, Phase::Pausing | Phase::Paused),
        Command::Resume => matches!(phase, Phase::Resuming | Phase::Printing),
        Command::Cancel => phase == Phase::Cancelling || !(phase.has_job() || phase.leaves_job_open()),
        Command::ConnectPrinter => !matches!(phase, Phase::Offline | Phase::Faulted | Phase::Unknown),
        Command::DisconnectPrinter => phase == Phase::Offline,
        _ => false,
    }
}

fn names(axes: Axes) -> Vec<&'static str> {
    [(axes.x, "x"), (axes.y, "y"), (axes.z, "z")]
        .iter()
        .filter(|(on, _)| *on)
        .map(|(_, name)| *name)
        .collect()
}

/// What OctoPrint takes of a factor.
fn within(operation: &'static str, percent: u16, least: u16, most: u16) -> Result<u16> {
    match (least..=most).contains(&percent) {
        true => Ok(percent),
        false => Err(Error::new(ErrorKind::InvalidInput, operation)
            .with_detail(format_args!("OctoPrint takes {least} to {most} %"))),
    }
}
