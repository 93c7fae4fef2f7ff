//! Moonraker's job queue: files that are printed one after the other.

use alloc::{format, string::String, vec::Vec};

use printhost_core::{Error, Result, Retry};
use printhost_net::Net;

use crate::{
    Moonraker,
    api::Question,
    jobs::ours,
    map, wire,
    wire::rpc::{json, quoted},
};

/// The files that wait to be printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobQueue {
    /// `ready`, `loading`, `starting` or `paused`: Moonraker's own word. A queue that is paused starts nothing.
    pub state: String,
    /// In the order in which they will be printed.
    pub jobs: Vec<QueuedJob>,
}

/// A file that waits to be printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuedJob {
    /// Its number in the queue, which no other job has.
    pub id: String,
    /// The file's path.
    pub path: String,
    /// When it was added, seconds since 1970-01-01 UTC.
    pub added: Option<u64>,
}

impl<N: Net> Moonraker<N> {
    /// The queue. `server.job_queue.status`
    pub async fn job_queue(&self) -> Result<JobQueue> {
        let question = Question {
            operation: "job queue",
            method: "server.job_queue.status",
            params: "",
            path: "/server/job_queue/status",
        };
        self.ask(question).await.map(map::queue)
    }

    /// Adds stored files at the end of the queue, and returns the queue. `server.job_queue.post_job`
    ///
    /// A queue that is not paused starts the first of them at once when the printer is free.
    /// [`printhost_core::ErrorKind::NotFound`] when one of them does not exist; then none is added.
    /// [`printhost_core::ErrorKind::Unconfirmed`] when the answer is lost: read the queue.
    pub async fn enqueue(&self, paths: &[&str]) -> Result<JobQueue> {
        let operation = "enqueue";
        for path in paths {
            ours(operation, path)?;
        }
        let params = format!(r#"{{"filenames":{}}}"#, json(&paths));
        self.change_queue(operation, "server.job_queue.post_job", &params).await
    }

    /// Takes jobs out of the queue, and returns the queue. `server.job_queue.delete_job`
    ///
    /// A number that is not in the queue is passed over.
    pub async fn dequeue(&self, ids: &[&str]) -> Result<JobQueue> {
        let params = format!(r#"{{"job_ids":{}}}"#, json(&ids));
        self.change_queue("dequeue", "server.job_queue.delete_job", &params).await
    }

    /// Puts a job at the head of the queue, and returns the queue. `server.job_queue.jump`
    pub async fn move_to_front(&self, id: &str) -> Result<JobQueue> {
        let params = format!(r#"{{"job_id":{}}}"#, quoted(id));
        self.change_queue("move to front", "server.job_queue.jump", &params).await
    }

    /// Lets the queue print, beginning with its first job when the printer is free; returns the queue.
    /// `server.job_queue.start`
    pub async fn start_queue(&self) -> Result<JobQueue> {
        self.change_queue("start queue", "server.job_queue.start", "").await
    }

    /// Lets the queue start nothing more; a running print goes on. Returns the queue. `server.job_queue.pause`
    pub async fn pause_queue(&self) -> Result<JobQueue> {
        self.change_queue("pause queue", "server.job_queue.pause", "").await
    }

    async fn change_queue(&self, operation: &'static str, method: &str, params: &str) -> Result<JobQueue> {
        let changed: Result<wire::QueueStatus> = self.send_for(operation, method, params).await;
        match changed {
            Ok(status) => Ok(map::queue(status)),
            Err(e) if e.retry() == Retry::ReadFirst => Err(Error::unconfirmed(e)),
            Err(e) => Err(e),
        }
    }
}
