//! What [`Command`] asks for.

use alloc::format;

use printhost_core::{Command, Error, ErrorKind, HeaterId, Outcome, Result, Retry};
use printhost_net::Net;

use crate::{
    Moonraker,
    jobs::Look,
    wire::{self, rpc::quoted, tool_name},
};

/// More G-code than this is a file.
const MAX_GCODE: usize = 64 << 10;
pub(crate) const SCRIPT: &str = "printer.gcode.script";

impl<N: Net> Moonraker<N> {
    pub(crate) async fn order(&self, command: Command<'_>) -> Result<Outcome> {
        command.check()?;
        let operation = command.name();
        match command {
            Command::Pause | Command::Resume | Command::Cancel => self.steer_job(command).await,
            Command::Gcode(lines) => self.gcode(operation, lines).await,
            Command::SetTemperature { heater, celsius } => self.heat(operation, heater, celsius).await,
            Command::Home(axes) => self.home_axes(operation, axes).await,
            Command::Jog { x, y, z, speed } => self.jog(operation, [x, y, z], speed).await,
            Command::Extrude { mm, speed } => self.extrude(operation, mm, speed).await,
            Command::SelectTool(tool) => self.select_tool(operation, tool).await,
            Command::SpeedFactor(percent) => {
                self.script(operation, &format!("M220 S{percent}"), |look| {
                    look.status.speed_factor == Some(percent)
                })
                .await
            }
            Command::FlowFactor(percent) => {
                self.script(operation, &format!("M221 S{percent}"), |look| {
                    look.status.flow_factor == Some(percent)
                })
                .await
            }
            Command::EmergencyStop => {
                let is_stopped = |look: &Look| matches!(look.objects.klippy.as_str(), "shutdown" | "error");
                self.steer(operation, "printer.emergency_stop", "", is_stopped).await
            }
            Command::RestartHost => self.restart(operation, "printer.restart").await,
            Command::RestartFirmware => self.restart(operation, "printer.firmware_restart").await,
            _ => Err(Error::unsupported(operation)),
        }
    }

    /// Sends G-code whose effect shows.
    pub(crate) async fn script(
        &self,
        operation: &'static str,
        gcode: &str,
        shows: impl Fn(&Look) -> bool,
    ) -> Result<Outcome> {
        self.steer(operation, SCRIPT, &format!(r#"{{"script":{}}}"#, quoted(gcode)), shows).await
    }

    /// Klipper passes over a heater it does not have with an error, but of none it says which it has.
    async fn heat(&self, operation: &'static str, heater: HeaterId, celsius: f32) -> Result<Outcome> {
        let known = self.objects(operation).await?.ok_or_else(|| not_there(operation))?;
        let name = match heater {
            HeaterId::Tool(n) if n < 16 && known.tools & (1 << n) != 0 => Some(tool_name(n)),
            HeaterId::Bed if known.bed => Some("heater_bed".into()),
            HeaterId::Chamber => known.chamber.filter(|name| name.starts_with("heater_generic ")),
            _ => None,
        };
        let Some(name) = name else {
            return Err(Error::unsupported(operation).with_detail("the printer has no such heater"));
        };
        let short = name.rsplit(' ').next().unwrap_or_default();
        let gcode = format!("SET_HEATER_TEMPERATURE HEATER={short} TARGET={celsius}");
        self.script(operation, &gcode, |look| {
            let objects = &look.objects;
            let heater = match heater {
                HeaterId::Tool(n) => objects.tools.get(usize::from(n)),
                HeaterId::Bed => objects.bed.as_ref(),
                _ => objects.chamber.as_ref(),
            };
            heater
                .and_then(|h: &wire::Heater| h.target)
                .is_some_and(|t| (t - f64::from(celsius)).abs() < 0.05)
        })
        .await
    }

    /// Klipper answers when everything has been carried out, and refuses with its own words. An unknown command it only
    /// tells in the console.
    async fn gcode(&self, operation: &'static str, lines: &str) -> Result<Outcome> {
        if lines.len() > MAX_GCODE {
            let detail = format_args!("at most {MAX_GCODE} bytes of G-code at a time");
            return Err(Error::new(ErrorKind::TooLarge, operation).with_detail(detail));
        }
        let replies = self.console.listen(lines, self.net.parts().limits().message);
        let params = format!(r#"{{"script":{}}}"#, quoted(lines));
        let mut outcome = match self.send_or_take(operation, SCRIPT, &params).await {
            Ok(()) => Outcome::accepted(),
            Err(e) if e.retry() == Retry::ReadFirst => return Err(e.unconfirmed()),
            Err(e) => return Err(e),
        };
        if let Some(replies) = replies {
            outcome.replies = replies.collect();
        }
        Ok(outcome)
    }

    /// Klipper's own state settles it: it is away for a moment, and then anew.
    async fn restart(&self, operation: &'static str, method: &str) -> Result<Outcome> {
        match self.send(operation, method, "").await {
            Ok(_) => Ok(Outcome::accepted()),
            Err(e) if e.retry() == Retry::ReadFirst => Err(e.unconfirmed()),
            Err(e) => Err(e),
        }
    }
}

/// Klipper is not there.
pub(crate) fn not_there(operation: &'static str) -> Error {
    Error::new(ErrorKind::Conflict, operation).with_detail("Klipper is not connected")
}
