//! The tasks of a simulated server: those that end when it restarts, and those that do not.

use std::sync::{Mutex, PoisonError};

use tokio::task::JoinSet;

/// The tasks of one server.
pub(crate) struct Lives {
    /// The tasks of this life of the server; unset between two lives and after the last.
    tasks: Mutex<Option<JoinSet<()>>>,
    /// The tasks that outlive it; unset once the simulator is dropped.
    keepers: Mutex<Option<JoinSet<()>>>,
}

impl Lives {
    pub(crate) fn new() -> Self {
        Self { tasks: Mutex::new(None), keepers: Mutex::new(Some(JoinSet::new())) }
    }

    /// Runs `task` until it ends or this life of the server does.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        spawn_into(&self.tasks, task);
    }

    /// Runs `task` until it ends or the simulator is dropped.
    pub(crate) fn keep(&self, task: impl Future<Output = ()> + Send + 'static) {
        spawn_into(&self.keepers, task);
    }

    /// Begins a life; false when the simulator was dropped.
    pub(crate) fn begin(&self) -> bool {
        let keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        if keepers.is_none() {
            return false;
        }
        *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = Some(JoinSet::new());
        true
    }

    /// Ends this life: gives its tasks, which must be shut down. They can start no others any more.
    pub(crate) fn end(&self) -> JoinSet<()> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    /// Ends everything.
    pub(crate) fn stop(&self) {
        // The keepers first, as they begin lives.
        for tasks in [&self.keepers, &self.tasks] {
            let tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(tasks);
        }
    }
}

fn spawn_into(tasks: &Mutex<Option<JoinSet<()>>>, task: impl Future<Output = ()> + Send + 'static) {
    let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(tasks) = tasks.as_mut() {
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}
