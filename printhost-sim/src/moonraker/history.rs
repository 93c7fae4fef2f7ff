//! The history of prints, made from what Klipper tells of them.

use serde_json::{Value, json};

use super::failure::{Answer, Failure};
use super::params::Params;
use super::shared::{Inner, Shared};
use crate::clock::unix_time;

/// Entries in an answer that names no number.
const PAGE: usize = 50;

#[derive(Debug, Default)]
pub(super) struct History {
    /// Oldest first.
    jobs: Vec<Job>,
    made: u32,
    /// The state and file that were last seen; unset when prints were not watched.
    seen: Option<(&'static str, String)>,
    /// The place of the running job.
    running: Option<usize>,
}

/// One entry.
#[derive(Debug, Clone)]
struct Job {
    id: String,
    filename: String,
    user: String,
    status: &'static str,
    start_time: f64,
    end_time: Option<f64>,
    print_duration: f64,
    total_duration: f64,
    filament_used: f64,
    metadata: Value,
}

impl History {
    /// Prints are watched from now on; one that already runs is not noticed.
    pub(super) fn watch(&mut self) {
        self.seen = None;
    }

    /// The server ends; the print, if there is one, does not.
    pub(super) fn interrupted(&mut self) {
        if let Some(job) = self.running.take().and_then(|at| self.jobs.get_mut(at)) {
            job.status = "interrupted";
        }
        self.seen = None;
    }

    /// The latest print of a file: its number and when it started.
    pub(super) fn last_print(&self, filename: &str) -> Option<(&str, f64)> {
        let job = self.jobs.iter().rev().find(|job| job.filename == filename)?;
        Some((&job.id, job.start_time))
    }
}

impl Job {
    fn json(&self, exists: bool) -> Value {
        json!({
            "job_id": self.id,
            "user": self.user,
            "filename": self.filename,
            "status": self.status,
            "start_time": self.start_time,
            "end_time": self.end_time,
            "print_duration": self.print_duration,
            "total_duration": self.total_duration,
            "filament_used": self.filament_used,
            "metadata": self.metadata,
            "auxiliary_data": [],
            "exists": exists,
        })
    }
}

impl Inner {
    /// Looks at the print, and makes or ends an entry.
    pub(super) fn watch_job(&mut self) {
        let now = (self.machine.print.state, self.machine.print.filename.clone());
        let Some((before, file)) = self.history.seen.replace(now.clone()) else { return };
        let (state, _) = now;
        let was_running = matches!(before, "printing" | "paused");
        let another = file != now.1;
        match state {
            "printing" if !was_running || another => {
                if was_running {
                    self.job_ends("cancelled");
                }
                let name = self.machine.print.filename.clone();
                self.job_begins(&name);
            }
            "complete" | "error" | "cancelled" | "standby" if was_running => {
                if self.history.running.is_none() && matches!(state, "complete" | "error") {
                    // The start went by before prints were watched.
                    self.job_begins("");
                }
                self.job_ends(match state {
                    "complete" => "completed",
                    "error" => "error",
                    _ => "cancelled",
                });
            }
            _ => {}
        }
    }

    fn job_begins(&mut self, filename: &str) {
        self.history.made += 1;
        let print = &self.machine.print;
        let job = Job {
            id: format!("{:06X}", self.history.made),
            filename: filename.to_owned(),
            user: print.user.clone(),
            status: "in_progress",
            start_time: unix_time(),
            end_time: None,
            print_duration: print.printing(),
            total_duration: print.total(),
            filament_used: print.filament_used,
            metadata: self.store.metadata(filename).unwrap_or_else(|| json!({})),
        };
        self.history.jobs.push(job);
        self.history.running = Some(self.history.jobs.len() - 1);
        self.job_changed("added", self.history.jobs.len() - 1);
    }

    /// Ends the entry that is in progress, if there is one.
    pub(super) fn job_ends(&mut self, status: &'static str) {
        let Some(at) = self.history.running.take() else { return };
        let print = self.machine.print.clone();
        let Some(job) = self.history.jobs.get_mut(at) else { return };
        job.status = status;
        job.end_time = Some(unix_time());
        job.print_duration = print.printing();
        job.total_duration = print.total();
        job.filament_used = print.filament_used;
        self.job_changed("finished", at);
    }

    fn job_changed(&self, action: &str, at: usize) {
        if let Some(job) = self.history.jobs.get(at) {
            let job = job.json(self.exists(job));
            self.notify("notify_history_changed", Some(json!([{ "action": action, "job": job }])));
        }
    }

    fn exists(&self, job: &Job) -> bool {
        self.store.has_gcode(&job.filename)
    }
}

pub(super) fn list(shared: &Shared, params: &Params) -> Answer {
    let inner = shared.lock();
    let since = params.number("since").unwrap_or(f64::MIN);
    let before = params.number("before").unwrap_or(f64::MAX);
    let matching = inner.history.jobs.iter().filter(|job| job.start_time > since && job.start_time < before);
    let mut jobs: Vec<&Job> = matching.collect();
    if params.text("order").as_deref() != Some("asc") {
        jobs.reverse();
    }
    let count = jobs.len();
    let start = params.number("start").unwrap_or(0.0) as usize;
    let limit = params.number("limit").map_or(PAGE, |limit| limit as usize);
    let page: Vec<Value> =
        jobs.into_iter().skip(start).take(limit).map(|job| job.json(inner.exists(job))).collect();
    Ok(json!({ "count": count, "jobs": page }))
}

pub(super) fn totals(shared: &Shared) -> Answer {
    let inner = shared.lock();
    let ended: Vec<&Job> = inner.history.jobs.iter().filter(|job| job.end_time.is_some()).collect();
    let sum = |of: fn(&Job) -> f64| ended.iter().map(|job| of(job)).sum::<f64>();
    let longest = |of: fn(&Job) -> f64| ended.iter().map(|job| of(job)).fold(0.0, f64::max);
    Ok(json!({
        "job_totals": {
            "total_jobs": ended.len() as f64,
            "total_time": sum(|job| job.total_duration),
            "total_print_time": sum(|job| job.print_duration),
            "total_filament_used": sum(|job| job.filament_used),
            "longest_job": longest(|job| job.total_duration),
            "longest_print": longest(|job| job.print_duration),
        },
        "auxiliary_totals": [],
    }))
}

pub(super) fn job(shared: &Shared, params: &Params) -> Answer {
    let id = params.needed("uid")?;
    let inner = shared.lock();
    let job = inner.history.jobs.iter().find(|job| job.id == id);
    let job = job.ok_or_else(|| Failure::new(404, format!("Invalid job uid: {id}")))?;
    Ok(json!({ "job": job.json(inner.exists(job)) }))
}

pub(super) fn delete(shared: &Shared, params: &Params) -> Answer {
    let mut inner = shared.lock();
    let running = inner.history.running.and_then(|at| inner.history.jobs.get(at)).map(|job| job.id.clone());
    let all = params.flag("all");
    let id = if all { String::new() } else { params.needed("uid")? };
    let (gone, kept): (Vec<Job>, Vec<Job>) = inner
        .history
        .jobs
        .drain(..)
        .partition(|job| (all || job.id == id) && Some(&job.id) != running.as_ref());
    inner.history.running = kept.iter().position(|job| Some(&job.id) == running.as_ref());
    inner.history.jobs = kept;
    let ids: Vec<String> = gone.into_iter().map(|job| job.id).collect();
    match ids.is_empty() && !all {
        true => Err(Failure::new(404, format!("Invalid job uid: {id}"))),
        false => Ok(json!({ "deleted_jobs": ids })),
    }
}
