//! Starting a print, and steering the one there is.

use alloc::{boxed::Box, format};
use core::time::Duration;

use printhost_core::{
    Clock as _, Command, Entropy as _, Error, ErrorKind, Outcome, Phase, RemotePath, Result,
};
use printhost_net::{Net, ftp::PARTIAL};

use crate::{
    Bambu, StartOptions, codes,
    effects::TO_SHOW,
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
    /// running when another one is started; [`ErrorKind::Busy`] while another start is under way, or half a minute after one
    /// that was dropped or is [`ErrorKind::Unconfirmed`]. [`ErrorKind::NotFound`] when FTP shows no such file.
    ///
    /// `Confirmed` when the printer shows this very job as begun. It is sent once; when the printer does not show it within
    /// half a minute and raises no error either, or answers other questions and not this order, the outcome is
    /// [`ErrorKind::Unconfirmed`].
    pub async fn start_with(&self, path: &str, options: &StartOptions) -> Result<Outcome> {
        let operation = "start";
        let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?;
        if path.name().ends_with(PARTIAL) {
            let why = "a file of this name is not complete";
            return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
        }
        options.check(operation)?;
        self.refresh(operation).await?;
        let now = self.net.parts().clock().now();
        self.with_live(|live| free_for_a_job(operation, live, now))?;
        Box::pin(self.must_be_there(operation, path.as_str())).await?;
        // That may have taken a while.
        self.refresh_all(operation).await?;
        let id = self.fresh_id();
        let begun = Box::pin(self.begin(operation, path, options, id)).await;
        // What may still begin stays known.
        if !begun.as_ref().is_err_and(|e| e.kind() == ErrorKind::Unconfirmed) {
            self.with_live(|live| live.starting.take_if(|(starting, _)| *starting == id));
        }
        begun
    }

    /// Sends the order, and waits until its job shows.
    async fn begin(
        &self,
        operation: &'static str,
        path: RemotePath<'_>,
        options: &StartOptions,
        id: u32,
    ) -> Result<Outcome> {
        let (order, ours) = self.job_of(path, options, id);
        let now = self.net.parts().clock().now();
        let (before, was_over) =
            self.with_live(|live| (live.errors().print, live.state() == "FINISH" && live.is_ours(&ours)));
        let job = ours.clone();
        let may = move |live: &mut Live| {
            free_for_a_job(operation, live, now)?;
            live.ours = Some(job.clone());
            live.starting = Some((id, now));
            Ok(())
        };
        let has_begun = move |live: &Live| live.has_begun(&ours, was_over);
        let outcome = Box::pin(self.carry_out_if(&may, operation, &order, Some(&has_begun))).await?;
        if outcome == Outcome::confirmed() {
            return Ok(outcome);
        }
        // It was received, and the printer reads the file.
        let begun = self.until_or(TO_BEGIN, |live| {
            if has_begun(live) {
                return Some(Ok(()));
            }
            let error = live.errors().print;
            (error != before && codes::is_failure(error)).then(|| Err(codes::error(operation, error)))
        });
        match begun.await {
            Some(begun) => begun.map(|()| Outcome::confirmed()),
            None => Err(Error::new(ErrorKind::Unconfirmed, operation).with_detail(
                "the printer has taken the order and does not begin; is the plate in the file?",
            )),
        }
    }

    /// A job's number: not 0, which is no number, and what an i32 holds, which is what small printers have for it.
    fn fresh_id(&self) -> u32 {
        let mut random = [0; 4];
        self.net.parts().entropy().fill(&mut random);
        (u32::from_le_bytes(random) & 0x7FFF_FFFF).max(1)
    }

    /// The order that starts a file, and by what its job is known again.
    fn job_of(&self, path: RemotePath<'_>, options: &StartOptions, id: u32) -> (Order, Ours) {
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
        let (is_pause, is_resume) = (command == Command::Pause, command == Command::Resume);
        let may = move |live: &mut Live| {
            let why = match live.status().phase {
                phase if !phase.has_job() => "there is no job",
                Phase::Paused if is_pause => "the job is paused already",
                phase if is_resume && phase != Phase::Paused => "the job is not paused",
                _ => return Ok(()),
            };
            Err(Error::new(ErrorKind::Conflict, operation).with_detail(why))
        };
        let (order, shows): (_, fn(&Live) -> bool) = match command {
            Command::Pause => ("pause", |live| live.state() == "PAUSE"),
            Command::Resume => ("resume", |live| matches!(live.state(), "RUNNING" | "PREPARE")),
            _ => ("stop", |live| matches!(live.state(), "FAILED" | "IDLE" | "FINISH")),
        };
        self.carry_out_if(&may, operation, &orders::steer(order), Some(&shows)).await
    }

    /// Sends G-code that moves something, unless the printer prints, calibrates itself or does who knows what.
    pub(crate) async fn move_at_rest(&self, operation: &'static str, lines: &str) -> Result<Outcome> {
        let may = move |live: &mut Live| rests(operation, live);
        self.carry_out_if(&may, operation, &orders::gcode_line(lines), None).await
    }
}

/// [`ErrorKind::Conflict`] unless the printer does nothing.
pub(crate) fn rests(operation: &'static str, live: &Live) -> Result<()> {
    if live.rests() {
        return Ok(());
    }
    // A word of its own may be anything.
    let state = match live.state() {
        state @ ("INIT" | "PREPARE" | "SLICING" | "RUNNING" | "PAUSE" | "OFFLINE") => state,
        _ => "nobody knows what",
    };
    let why = format!("the printer has a job or something else to do ({state})");
    Err(Error::new(ErrorKind::Conflict, operation).with_detail(why))
}

/// A printer that can take a job, as it was last told. It may be told one and take a while to show it.
fn free_for_a_job(operation: &'static str, live: &Live, now: Duration) -> Result<()> {
    rests(operation, live)?;
    if live.starting.is_some_and(|(_, since)| now.saturating_sub(since) < TO_SHOW + TO_BEGIN) {
        let why = "the printer was told to start a print a moment ago";
        return Err(Error::new(ErrorKind::Busy, operation).with_detail(why));
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
