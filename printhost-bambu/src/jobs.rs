//! Starting a print, and steering the one there is.

use alloc::{boxed::Box, format};
use core::time::Duration;

use printhost_core::{Command, Entropy as _, Error, ErrorKind, Outcome, Phase, RemotePath, Result};
use printhost_net::Net;

use crate::{
    Bambu, StartOptions, codes,
    live::{Live, Ours},
    start_options::project_file,
    wire::orders::{self, Order},
};

/// How long the begin of a print may take to show: the printer unpacks the file first.
const TO_BEGIN: Duration = Duration::from_secs(25);
/// The longest name of a job that printers keep whole.
const SUBTASK: usize = 96;

impl<N: Net> Bambu<N> {
    /// Starts printing a stored file, as [`printhost_core::PrintHost::start`] does it with the defaults.
    ///
    /// A project (`.3mf`) is started by its plate; any other file as plain G-code, for which the options do not count.
    /// [`ErrorKind::Conflict`] while the printer has a job, read before anything is sent: some firmwares end the job that is
    /// running when another one is started. [`ErrorKind::NotFound`] when FTP shows no such file.
    ///
    /// `Confirmed` when the printer shows this very job as begun. It is sent once; when the printer does not show it within
    /// half a minute and raises no error either, the outcome is [`ErrorKind::Unconfirmed`].
    pub async fn start_with(&self, path: &str, options: &StartOptions) -> Result<Outcome> {
        let operation = "start";
        let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?;
        options.check(operation)?;
        self.refresh(operation).await?;
        self.with_live(|live| free_for_a_job(operation, live))?;
        Box::pin(self.must_be_there(operation, path.as_str())).await?;
        let (order, ours) = self.job_of(path, options);
        // Somebody else may have started something meanwhile.
        self.with_live(|live| free_for_a_job(operation, live))?;
        let before = self.with_live(|live| {
            live.ours = Some(ours.clone());
            (live.errors().print, live.report().gcode_state.clone())
        });
        let has_begun = move |live: &Live| {
            let is_at_work = match live.state() {
                "PREPARE" | "SLICING" | "RUNNING" | "PAUSE" => true,
                // A short one may be over; without a number it may as well be an earlier one of the same file.
                "FINISH" => ours.id.is_some(),
                _ => false,
            };
            is_at_work && live.is_ours(&ours)
        };
        let outcome = Box::pin(self.carry_out(operation, &order, Some(&has_begun))).await?;
        if outcome == Outcome::confirmed() {
            return Ok(outcome);
        }
        // It was received, and the printer reads the file.
        let begun = self.until_or(TO_BEGIN, |live| {
            if has_begun(live) {
                return Some(Ok(()));
            }
            let error = live.errors().print;
            (error != before.0 && codes::is_failure(error)).then(|| Err(codes::error(operation, error)))
        });
        match begun.await {
            Some(begun) => begun.map(|()| Outcome::confirmed()),
            None => Err(Error::new(ErrorKind::Unconfirmed, operation).with_detail(
                "the printer has taken the order and does not begin; is the plate in the file?",
            )),
        }
    }

    /// The order that starts a file, and by what its job is known again.
    fn job_of(&self, path: RemotePath<'_>, options: &StartOptions) -> (Order, Ours) {
        let mut random = [0; 4];
        let parts = self.net.parts();
        parts.entropy().fill(&mut random);
        // Not 0, which is no number, and what an i32 holds, which is what small printers have for it.
        let id = (u32::from_le_bytes(random) & 0x7FFF_FFFF).max(1);
        let stem = stem(path.name());
        let is_project = is_project(path.name());
        let order = match is_project {
            true => {
                let form = options.url_form.unwrap_or_else(|| self.url_form());
                project_file(options, path.as_str(), form, stem, id)
            }
            false => orders::gcode_file(path.as_str()),
        };
        let ours = Ours { id: is_project.then_some(id), path: path.as_str().into() };
        (order, ours)
    }

    /// Pause, resume, cancel.
    pub(crate) async fn steer_job(&self, command: Command<'_>) -> Result<Outcome> {
        let operation = command.name();
        self.refresh(operation).await?;
        let phase = self.with_live(|live| live.status().phase);
        let refuse = |why: &str| Err(Error::new(ErrorKind::Conflict, operation).with_detail(why));
        match (command, phase) {
            (_, phase) if !phase.has_job() => return refuse("there is no job"),
            (Command::Pause, Phase::Paused) => return refuse("the job is paused already"),
            (Command::Resume, phase) if phase != Phase::Paused => return refuse("the job is not paused"),
            _ => {}
        }
        match command {
            Command::Pause => {
                self.carry_out(operation, &orders::steer("pause"), Some(&|live| live.state() == "PAUSE"))
                    .await
            }
            Command::Resume => {
                let goes_on = |live: &Live| matches!(live.state(), "RUNNING" | "PREPARE");
                self.carry_out(operation, &orders::steer("resume"), Some(&goes_on)).await
            }
            _ => {
                let is_over = |live: &Live| matches!(live.state(), "FAILED" | "IDLE" | "FINISH");
                self.carry_out(operation, &orders::steer("stop"), Some(&is_over)).await
            }
        }
    }

    /// What the caller is to do with an object or a move is refused while something prints.
    pub(crate) fn must_rest(&self, operation: &'static str) -> Result<()> {
        match self.with_live(|live| live.status().phase) {
            phase if phase.has_job() => {
                Err(Error::new(ErrorKind::Conflict, operation).with_detail("the printer has a job"))
            }
            _ => Ok(()),
        }
    }
}

/// A printer that can take a job, as it was last told.
fn free_for_a_job(operation: &'static str, live: &mut Live) -> Result<()> {
    let state = live.state();
    if matches!(state, "PREPARE" | "SLICING" | "RUNNING" | "PAUSE") {
        let why = format!("there is a job already ({state})");
        return Err(Error::new(ErrorKind::Conflict, operation).with_detail(why));
    }
    if live.report().upgrade_state.status.as_deref().is_some_and(|s| matches!(s, "DOWNLOADING" | "FLASHING"))
    {
        return Err(Error::new(ErrorKind::Conflict, operation).with_detail("the printer is being updated"));
    }
    Ok(())
}

pub(crate) fn is_project(name: &str) -> bool {
    name.len() > 4 && name.as_bytes()[name.len() - 4..].eq_ignore_ascii_case(b".3mf")
}

/// A file's name without what tells its kind, as printers show it.
fn stem(name: &str) -> &str {
    let lower = |end: &str| {
        let at = name.len().checked_sub(end.len())?;
        let tail = name.get(at..)?;
        (at > 0 && tail.eq_ignore_ascii_case(end)).then(|| &name[..at])
    };
    let stem = lower(".gcode.3mf").or_else(|| lower(".3mf")).unwrap_or(name);
    let mut end = stem.len().min(SUBTASK);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    &stem[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_is_named_after_the_file_without_its_kind() {
        assert_eq!((stem("cube.gcode.3mf"), stem("cube.3MF"), stem(".3mf")), ("cube", "cube", ".3mf"));
        let long = "ü".repeat(80);
        assert_eq!(stem(&long).len(), 96);
        assert!(
            is_project("a.3mf") && is_project("A.GCODE.3MF") && !is_project(".3mf") && !is_project("ü.gcode")
        );
    }
}
