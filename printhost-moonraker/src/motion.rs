//! Moving by hand. Klipper does it at once, in the middle of a print if need be; so that is looked at before.

use alloc::{format, string::String};
use core::fmt::Write as _;

use printhost_core::{Axes, Error, ErrorKind, Outcome, Phase, Result, Retry};
use printhost_net::Net;

use crate::{
    Moonraker,
    commands::{SCRIPT, not_there},
    jobs::Look,
    wire::{rpc::quoted, tool_name},
};

/// What a move changes beside the position is put back after it.
const SAVE: &str = "SAVE_GCODE_STATE NAME=printhost\n";
const RESTORE: &str = "\nRESTORE_GCODE_STATE NAME=printhost";
const AXES: [char; 3] = ['X', 'Y', 'Z'];

impl<N: Net> Moonraker<N> {
    pub(crate) async fn home_axes(&self, operation: &'static str, axes: Axes) -> Result<Outcome> {
        self.at_rest(operation).await?;
        let mut gcode = String::from("G28");
        for (is_wanted, axis) in [axes.x, axes.y, axes.z].into_iter().zip(AXES) {
            if is_wanted && axes != Axes::ALL {
                let _ = write!(gcode, " {axis}");
            }
        }
        self.move_now(operation, &gcode, false).await
    }

    pub(crate) async fn jog(
        &self,
        operation: &'static str,
        by: [f32; 3],
        speed: Option<u32>,
    ) -> Result<Outcome> {
        if by.iter().all(|mm| *mm == 0.0) {
            return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail("no axis moves"));
        }
        let look = self.at_rest(operation).await?;
        let mut moves = String::from("G1");
        for (mm, axis) in by.into_iter().zip(AXES).filter(|(mm, _)| *mm != 0.0) {
            if !look.objects.motion.homed_axes.contains(axis.to_ascii_lowercase()) {
                return Err(Error::new(ErrorKind::Conflict, operation)
                    .with_detail(format_args!("the axis {axis} was not homed")));
            }
            let _ = write!(moves, " {axis}{mm}");
        }
        with_speed(&mut moves, speed);
        self.move_now(operation, &format!("{SAVE}G91\n{moves}{RESTORE}"), true).await
    }

    pub(crate) async fn extrude(
        &self,
        operation: &'static str,
        mm: f32,
        speed: Option<u32>,
    ) -> Result<Outcome> {
        self.at_rest(operation).await?;
        let mut moves = format!("G1 E{mm}");
        with_speed(&mut moves, speed);
        self.move_now(operation, &format!("{SAVE}M83\n{moves}{RESTORE}"), true).await
    }

    /// A macro `T1` is how a printer with a tool changer does it; without one, only the extruder is another.
    pub(crate) async fn select_tool(&self, operation: &'static str, tool: u8) -> Result<Outcome> {
        let known = self.objects(operation).await?.ok_or_else(|| not_there(operation))?;
        self.at_rest(operation).await?;
        let has = |bits: u16| tool < 16 && bits & (1 << tool) != 0;
        let gcode = match () {
            () if has(known.tool_macros) => format!("T{tool}"),
            () if has(known.tools) => format!("ACTIVATE_EXTRUDER EXTRUDER={}", tool_name(tool)),
            () => {
                return Err(Error::new(ErrorKind::InvalidInput, operation)
                    .with_detail(format_args!("the printer has no tool {tool}")));
            }
        };
        self.move_now(operation, &gcode, false).await
    }

    /// A printer that does nothing, or is paused.
    async fn at_rest(&self, operation: &'static str) -> Result<Look> {
        let look = self.look_at(operation).await?;
        let why = match look.status.phase {
            _ if look.objects.klippy != "ready" => "Klipper is not ready",
            Phase::Paused => return Ok(look),
            phase if phase.has_job() => "the printer is printing",
            _ => return Ok(look),
        };
        Err(Error::new(ErrorKind::Conflict, operation).with_detail(why))
    }

    /// Sends it once. What Klipper refuses in the middle leaves it in another mode, which is put back: that moves nothing.
    async fn move_now(&self, operation: &'static str, gcode: &str, saves: bool) -> Result<Outcome> {
        match self.send_or_take(operation, SCRIPT, &script(gcode)).await {
            Ok(()) => Ok(Outcome::accepted()),
            Err(e) if e.retry() == Retry::ReadFirst => Err(e.unconfirmed()),
            Err(e) => {
                if saves && matches!(e.kind(), ErrorKind::Conflict | ErrorKind::InvalidInput) {
                    let _ = self.send(operation, SCRIPT, &script(RESTORE.trim())).await;
                }
                Err(e)
            }
        }
    }
}

fn script(gcode: &str) -> String {
    format!(r#"{{"script":{}}}"#, quoted(gcode))
}

fn with_speed(moves: &mut String, speed: Option<u32>) {
    if let Some(speed) = speed {
        let _ = write!(moves, " F{speed}");
    }
}
