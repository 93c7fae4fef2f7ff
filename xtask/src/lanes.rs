//! Lists of steps that run side by side: most of them wait for servers and timers most of the time.
//!
//! Each lane is a process of its own, this program again. What it prints is kept in `target/lanes`; what a lane printed
//! that failed is shown when all have ended, so that it stands last and not between pages of what passed.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::{Process, tied};
use crate::steps::{Result, Steps};
use crate::workspace::{self, create_dir};

/// Where a lane leaves what became of its steps.
const REPORT: &str = "PRINTHOST_LANE_REPORT";

/// Some steps, one after another.
pub(crate) struct Lane {
    pub(crate) name: &'static str,
    /// It only computes, and gives way to lanes in which time is measured.
    pub(crate) gives_way: bool,
    pub(crate) run: fn(&mut Steps) -> Result,
}

/// A lane alone, in this process.
pub(crate) fn run_one(lane: &Lane) -> bool {
    let mut steps = Steps::new();
    let result = (lane.run)(&mut steps);
    let passed = steps.summary(&result);
    let written = std::env::var_os(REPORT).map_or(Ok(()), |file| fs::write(file, steps.report()));
    if let Err(error) = &written {
        println!("the report: {error}");
    }
    passed && written.is_ok()
}

/// Whether this process is one that [`run`] has started.
pub(crate) fn is_lane() -> bool {
    std::env::var_os(REPORT).is_some()
}

/// All of them at once, each to its end; an error names those that failed.
pub(crate) fn run(steps: &mut Steps, lanes: &[Lane]) -> Result {
    let mut reports = vec![String::new(); lanes.len()];
    let result = steps.run("side by side", || {
        let mut running: Vec<_> = lanes
            .iter()
            .enumerate()
            .map(|(at, lane)| Ok((at, Running::start(lane)?)))
            .collect::<Result<_>>()?;
        let mut failed = Vec::new();
        while !running.is_empty() {
            let mut still = Vec::new();
            for (at, mut lane) in running {
                match lane.process.status()? {
                    None => still.push((at, lane)),
                    Some(status) => {
                        println!("  {} ended: {status}", lane.name);
                        // Without a report it ended in the middle, whatever it says.
                        match fs::read_to_string(&lane.report) {
                            Ok(report) if status.success() => reports[at] = report,
                            report => {
                                reports[at] = report.unwrap_or_default();
                                failed.push(lane);
                            }
                        }
                    }
                }
            }
            running = still;
            std::thread::sleep(Duration::from_millis(50));
        }
        failed.iter().try_for_each(Running::show)?;
        if failed.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = failed.iter().map(|lane| lane.name).collect();
        Err(format!("see above what failed in: {}", names.join(", ")))
    });
    for report in &reports {
        steps.adopt(report);
    }
    result
}

/// A lane that runs; it ends when dropped.
struct Running {
    name: &'static str,
    process: Process,
    log: PathBuf,
    report: PathBuf,
}

impl Running {
    fn start(lane: &Lane) -> Result<Self> {
        let folder = workspace::target_dir().join("lanes");
        create_dir(&folder)?;
        let (log, report) = ["log", "report"].map(|kind| folder.join(format!("{}.{kind}", lane.name))).into();
        let _ = fs::remove_file(&report);
        let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
        let mut command = wrapped(program, lane.gives_way);
        command.args(["lane", lane.name]).env(REPORT, &report);
        let process = Process::logged(format!("lane {}", lane.name), &mut command, &log)?;
        println!("  {} runs", lane.name);
        Ok(Self { name: lane.name, process, log, report })
    }

    /// Shows what it printed.
    fn show(&self) -> Result {
        let failed = |error| format!("lane {}: {error}", self.name);
        let text = fs::read(&self.log).map_err(failed)?;
        println!("\n==== {}", self.name);
        std::io::stdout().write_all(&text).map_err(failed)
    }
}

/// The program so that it ends with this process, and gives way if it is to.
fn wrapped(program: PathBuf, gives_way: bool) -> Command {
    if !cfg!(unix) || !gives_way {
        return tied(program);
    }
    let mut command = tied("nice");
    command.args(["-n", "19"]).arg(program);
    command
}
