//! The queue of files to print.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::failure::{Answer, Failure};
use super::params::Params;
use super::shared::{Inner, Shared};
use crate::clock::unix_time;

/// How long a job is loaded.
const LOADING: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Queue {
    jobs: Vec<Queued>,
    state: &'static str,
    made: u64,
}

#[derive(Debug, Clone)]
struct Queued {
    id: String,
    filename: String,
    added: f64,
}

impl Default for Queue {
    fn default() -> Self {
        Self { jobs: Vec::new(), state: "paused", made: 0 }
    }
}

impl Queue {
    fn json(&self) -> Value {
        json!({ "queued_jobs": self.list(), "queue_state": self.state })
    }

    fn list(&self) -> Vec<Value> {
        let now = unix_time();
        let job = |job: &Queued| {
            json!({
                "filename": job.filename,
                "job_id": job.id,
                "time_added": job.added,
                "time_in_queue": (now - job.added).max(0.0),
            })
        };
        self.jobs.iter().map(job).collect()
    }
}

impl Inner {
    fn queue_changed(&self, action: &str, list: bool) {
        let list = list.then(|| self.queue.list());
        let change = json!({ "action": action, "updated_queue": list, "queue_state": self.queue.state });
        self.notify("notify_job_queue_changed", Some(json!([change])));
    }

    fn queue_enters(&mut self, state: &'static str) {
        if self.queue.state != state {
            self.queue.state = state;
            self.queue_changed("state_changed", false);
        }
    }
}

pub(super) fn status(shared: &Shared) -> Answer {
    Ok(shared.lock().queue.json())
}

pub(super) fn add(shared: &Shared, params: &Params) -> Answer {
    let names = params.list("filenames").ok_or_else(|| Failure::missing("filenames"))?;
    let mut inner = shared.lock();
    if let Some(missing) = names.iter().find(|name| !inner.store.has_gcode(name)) {
        return Err(Failure::bad(format!("G-Code File {missing} does not exist")));
    }
    if params.flag("reset") {
        inner.queue.jobs.clear();
    }
    for filename in names {
        inner.queue.made += 1;
        let id = format!("{:016X}", 0x7FC0_7EF0_0000_u64 + inner.queue.made * 0x600);
        inner.queue.jobs.push(Queued { id, filename, added: unix_time() });
    }
    inner.queue_changed("jobs_added", true);
    Ok(inner.queue.json())
}

pub(super) fn remove(shared: &Shared, params: &Params) -> Answer {
    let mut inner = shared.lock();
    if params.flag("all") {
        inner.queue.jobs.clear();
    } else {
        let ids = params.list("job_ids").ok_or_else(|| Failure::missing("job_ids"))?;
        inner.queue.jobs.retain(|job| !ids.contains(&job.id));
    }
    inner.queue_changed("jobs_removed", true);
    Ok(inner.queue.json())
}

pub(super) fn pause(shared: &Shared) -> Answer {
    let mut inner = shared.lock();
    inner.queue_enters("paused");
    Ok(inner.queue.json())
}

pub(super) fn jump(shared: &Shared, params: &Params) -> Answer {
    let id = params.needed("job_id")?;
    let mut inner = shared.lock();
    let at = inner.queue.jobs.iter().position(|job| job.id == id);
    let at = at.ok_or_else(|| Failure::bad(format!("Invalid job id: {id}")))?;
    inner.queue.jobs[..=at].rotate_right(1);
    inner.queue_changed("jobs_moved", true);
    Ok(inner.queue.json())
}

/// Loads the first job soon, and then pauses, as there is no automatic transition.
pub(super) fn start(shared: &Arc<Shared>, user: &str) -> Answer {
    let mut inner = shared.lock();
    if inner.queue.jobs.is_empty() {
        return Ok(inner.queue.json());
    }
    inner.queue_enters("loading");
    let (loading, user) = (Arc::clone(shared), user.to_owned());
    shared.spawn(async move {
        tokio::time::sleep(LOADING).await;
        let filename = {
            let mut inner = loading.lock();
            if inner.queue.state != "loading" {
                return;
            }
            let Some(job) = inner.queue.jobs.first().cloned() else { return };
            inner.queue_enters("starting");
            job.filename
        };
        let started = loading.start_print(&filename, &user).await;
        let mut inner = loading.lock();
        inner.queue.state = "paused";
        if started.is_ok() && !inner.queue.jobs.is_empty() {
            inner.queue.jobs.remove(0);
            inner.queue_changed("job_loaded", true);
        } else {
            inner.queue_changed("state_changed", false);
        }
    });
    Ok(inner.queue.json())
}
