//! Tasks with a name, an owner and an end. A panic in a task becomes a notice.
//!
//! Only this module spawns tasks. Each task belongs to a [`TaskOwner`]: the engine's, or that of one profile
//! ([`TaskOwner::for_profile`]). The owner tracks its tasks, asks them to stop ([`TaskOwner::stop`]) and waits for them
//! ([`TaskOwner::wait`]). No task can be detached: [`TaskOwner::spawn`] and [`TaskOwner::spawn_to_completion`] return nothing, and a task
//! goes on after its [`Task`] is dropped.
//!
//! The message of a panic goes only to the panic hook's output, because it could quote data.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::events::event::{Notice, Severity};
use crate::engine::events::event_queue::EventSender;
use crate::engine::events::notice_reason::NoticeReason;
use crate::settings::ProfileId;

/// A running task. Yields its result, or `None` if the task panicked or the runtime ended first.
#[derive(Debug)]
#[must_use = "await it, or use `TaskOwner::spawn` or `TaskOwner::spawn_to_completion`"]
pub(crate) struct Task<T>(JoinHandle<Option<T>>);

impl<T> Task<T> {
    /// Whether the task has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(Pin::new(&mut self.0).poll(cx)).unwrap_or_default())
    }
}

/// Spawns the tasks of one owner on the engine's runtime, and stops them. Clones are the same owner.
#[derive(Debug, Clone)]
pub(crate) struct TaskOwner {
    handle: Handle,
    event_sender: EventSender,
    /// The profile that the tasks belong to; `None` for the engine's own.
    profile: Option<ProfileId>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Cancelled when the engine's own owner stops.
    engine: CancellationToken,
    /// Cancelled when the tasks of all owners must wait for nothing but the disk.
    cut_short: CancellationToken,
}

impl TaskOwner {
    /// The engine's own owner: spawns on `handle` and reports panics through `event_sender`.
    pub(crate) fn new(handle: Handle, event_sender: EventSender) -> Self {
        let (stop, cut_short) = (CancellationToken::new(), CancellationToken::new());
        Self { handle, event_sender, profile: None, tasks: TaskTracker::new(), engine: stop.clone(), stop, cut_short }
    }

    /// An owner for the tasks of one profile. Stopping `self` stops them as well.
    pub(crate) fn for_profile(&self, profile: ProfileId) -> Self {
        let (handle, event_sender) = (self.handle.clone(), self.event_sender.clone());
        let (stop, engine, cut_short) = (self.stop.child_token(), self.engine.clone(), self.cut_short.clone());
        Self { handle, event_sender, profile: Some(profile), tasks: TaskTracker::new(), stop, engine, cut_short }
    }

    /// Runs a future until it ends or the owner stops, whichever comes first. `name` completes the sentence "Something went
    /// wrong while …".
    pub(crate) fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        drop(self.start(name, async move {
            if stop.run_until_cancelled_owned(future).await.is_none() {
                tracing::debug!(task = name, "stopped");
            }
        }));
    }

    /// Runs a future to its end, even if the owner stops: for futures that wait only for the journal or the disk. Wrap
    /// anything else that it waits for, such as the keyring or a server, in [`Self::until_cut_short`], so that it does not
    /// delay the end of the program.
    pub(crate) fn spawn_to_completion<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(self.start(name, future));
    }

    /// Runs a future to its end, like [`Self::spawn_to_completion`], and returns its result.
    pub(crate) fn start<F>(&self, name: &'static str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (event_sender, profile) = (self.event_sender.clone(), self.profile);
        let task = async move {
            match AssertUnwindSafe(future).catch_unwind().await {
                Ok(output) => Some(output),
                Err(_panic) => {
                    report_panic(&event_sender, name, profile);
                    None
                }
            }
        };
        Task(self.tasks.spawn_on(task, &self.handle))
    }

    /// Runs blocking work, such as disk access, on a thread of its own. Such work can't be stopped from outside; at the end
    /// the runtime waits for it for a moment.
    pub(crate) fn blocking<T, W>(&self, name: &'static str, work: W) -> Task<T>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let (event_sender, profile) = (self.event_sender.clone(), self.profile);
        let work = move || match std::panic::catch_unwind(AssertUnwindSafe(work)) {
            Ok(output) => Some(output),
            Err(_panic) => {
                report_panic(&event_sender, name, profile);
                None
            }
        };
        Task(self.handle.spawn_blocking(work))
    }

    /// Runs a future until the owner stops; `None` if the owner stopped first.
    pub(crate) async fn until_stopped<F: Future>(&self, future: F) -> Option<F::Output> {
        self.stop.run_until_cancelled(future).await
    }

    /// Runs a future until the engine waits for nothing but the disk; `None` if that came first. The future gets a short
    /// time after the owner has stopped.
    pub(crate) async fn until_cut_short<F: Future>(&self, future: F) -> Option<F::Output> {
        self.cut_short.run_until_cancelled(future).await
    }

    /// Ends every wait for anything but the disk, for this owner and all others.
    pub(crate) fn cut_short(&self) {
        self.cut_short.cancel();
    }

    /// Whether this owner was stopped.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Whether the whole engine was stopped, not only the tasks of one profile.
    pub(crate) fn is_engine_stopping(&self) -> bool {
        self.engine.is_cancelled()
    }

    /// Waits until this owner is stopped.
    pub(crate) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Asks every task to stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Waits until every task has ended. Call [`Self::stop`] first.
    pub(crate) async fn wait(&self) {
        self.tasks.wait().await;
    }
}

/// Shows a notice about the panic.
fn report_panic(event_sender: &EventSender, name: &'static str, profile: Option<ProfileId>) {
    tracing::error!(task = name, "a task panicked");
    event_sender.send_notice(Notice::new(Severity::Error, profile, NoticeReason::TaskPanicked(name)));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::*;
    use crate::engine::events::event::Event;
    use crate::engine::events::event_queue;

    fn spawner() -> (TaskOwner, event_queue::EventReceiver) {
        let (event_sender, events) = event_queue::channel(Arc::new(|| {}));
        (TaskOwner::new(Handle::current(), event_sender), events)
    }

    #[tokio::test]
    async fn a_panic_in_a_task_becomes_a_notice() {
        let (spawner, events) = spawner();
        let counting = spawner.start("counting", async { panic!("a secret canary") });
        assert_eq!(counting.await, None::<()>);
        let writing = spawner.blocking("writing", || panic!("a secret canary"));
        assert_eq!(writing.await, None::<()>);
        for name in ["counting", "writing"] {
            let Some(Event::Notice(notice)) = events.try_next() else { panic!("no notice for {name}") };
            assert_eq!(notice.severity, Severity::Error);
            let sentence = notice.sentence();
            assert!(sentence.contains(name) && !sentence.contains("canary"), "{sentence}");
        }
    }

    #[tokio::test]
    async fn stopping_an_owner_ends_its_tasks_and_waits_for_those_that_must_complete() {
        let (engine, _events) = spawner();
        let (one, other) = (engine.for_profile(ProfileId::from_u128(1)), engine.for_profile(ProfileId::from_u128(2)));
        for owner in [&engine, &one, &other] {
            owner.spawn("waiting for ever", std::future::pending());
        }
        one.stop();
        one.wait().await;
        // The others continue.
        assert!(engine.wait().now_or_never().is_none() && other.wait().now_or_never().is_none());
        let (done, finishing) = oneshot::channel::<()>();
        other.spawn_to_completion("writing", async move { assert!(finishing.await.is_ok(), "it was cut off") });
        engine.stop();
        engine.wait().await;
        other.stop();
        assert!(other.wait().now_or_never().is_none(), "it did not wait for what must finish");
        done.send(()).unwrap();
        other.wait().await;
        // A task that is spawned after the stop ends at once.
        other.spawn("waiting for ever", std::future::pending());
        other.wait().await;
    }
}
