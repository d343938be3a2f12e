//! Owned tasks: every task of a sandbox has a name, ends with the sandbox, and is logged if it panics.

#![expect(clippy::disallowed_methods, reason = "the one place where the sandbox starts tasks")]

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, watch};

/// Keeps the tasks of one sandbox running; dropping it ends them.
pub(crate) struct TaskOwner {
    stop: watch::Sender<bool>,
    /// Never carries a value: it closes once the owner and every task have dropped it.
    alive: mpsc::Sender<Infallible>,
    ended: mpsc::Receiver<Infallible>,
}

/// Starts tasks; the handle that all parts share.
#[derive(Clone)]
pub(crate) struct Tasks {
    stop: watch::Receiver<bool>,
    alive: mpsc::WeakSender<Infallible>,
}

impl TaskOwner {
    /// An owner, and the handle that starts tasks under it.
    pub(crate) fn new() -> (Self, Tasks) {
        let (stop, stopped) = watch::channel(false);
        let (alive, ended) = mpsc::channel(1);
        let tasks = Tasks { stop: stopped, alive: alive.downgrade() };
        (Self { stop, alive, ended }, tasks)
    }

    /// Ends every task and waits until all have released their resources, for at most two seconds.
    pub(crate) async fn shutdown(self) {
        let Self { stop, alive, mut ended } = self;
        stop.send_replace(true);
        drop(alive);
        if tokio::time::timeout(Duration::from_secs(2), ended.recv()).await.is_err() {
            tracing::warn!("some of the sandbox's tasks did not end within two seconds");
        }
    }
}

impl Tasks {
    /// Starts a task. When the sandbox stops, the task is dropped at its next `await`; after that, no task starts any more.
    pub(crate) fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let Some(alive) = self.alive.upgrade() else { return };
        let stopped = self.stopped();
        tokio::spawn(async move {
            let ended = {
                let work = AssertUnwindSafe(work).catch_unwind();
                tokio::select! {
                    biased;
                    () = stopped => Ok(()),
                    ended = work => ended,
                }
            };
            if ended.is_err() {
                tracing::error!(task = name, "a task of the sandbox panicked; what it served stands still");
            }
            drop(alive);
        });
    }

    /// Resolves when the sandbox stops.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stop = self.stop.clone();
        async move {
            if stop.wait_for(|stop| *stop).await.is_err() {
                // The owner was dropped without a shutdown, which also stops the sandbox.
            }
        }
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
