//! Owned tasks: every task of a sandbox has a name, ends with the sandbox, and is logged if it panics.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Keeps the tasks of one sandbox running; dropping it ends them.
pub(crate) struct TaskOwner {
    tracker: TaskTracker,
    stop: DropGuard,
}

/// Starts tasks; the handle that all parts share.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl TaskOwner {
    /// An owner, and the handle that starts tasks under it.
    pub(crate) fn new() -> (Self, Tasks) {
        let tasks = Tasks::default();
        (Self { tracker: tasks.tracker.clone(), stop: tasks.stop.clone().drop_guard() }, tasks)
    }

    /// Ends every task and waits until all have released their resources, for at most two seconds.
    pub(crate) async fn shutdown(self) {
        let Self { tracker, stop } = self;
        drop(stop);
        tracker.close();
        if tokio::time::timeout(Duration::from_secs(2), tracker.wait()).await.is_err() {
            tracing::warn!("some of the sandbox's tasks did not end within two seconds");
        }
    }
}

impl Tasks {
    /// Starts a task. When the sandbox stops, the task is dropped at its next `await`; after that, no task starts any more.
    pub(crate) fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        if self.stop.is_cancelled() {
            return;
        }
        let work = self.stop.clone().run_until_cancelled_owned(AssertUnwindSafe(work).catch_unwind());
        self.tracker.spawn(async move {
            if let Some(Err(_panic)) = work.await {
                tracing::error!(task = name, "a task of the sandbox panicked; what it served stands still");
            }
        });
    }

    /// Resolves when the sandbox stops.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        self.stop.clone().cancelled_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn dropping_the_owner_ends_a_task_that_waits_for_ever() {
        let (owner, tasks) = TaskOwner::new();
        let (held, dropped) = oneshot::channel::<()>();
        tasks.spawn("waits", async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
        drop(owner);
        assert!(dropped.await.is_err(), "the task's belongings were not dropped");
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_waits_for_tasks_and_nothing_starts_after_it() {
        let (owner, tasks) = TaskOwner::new();
        tasks.spawn("waits", std::future::pending());
        owner.shutdown().await;
        let (ran, heard) = oneshot::channel::<()>();
        tasks.spawn("late", async move {
            let _sent = ran.send(());
        });
        assert!(heard.await.is_err(), "a task started after the shutdown");
    }
}
