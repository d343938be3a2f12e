//! Tasks with a name, an owner and an end: a panic in one becomes a notice, not a silent death.
//!
//! The only place that spawns. Each task belongs to a [`TaskOwner`]: the engine's, or that of one profile
//! ([`TaskOwner::for_profile`]). The spawner tracks its tasks, tells them to stop ([`TaskOwner::stop`]) and waits for them
//! ([`TaskOwner::wait`]). None can be detached: [`TaskOwner::spawn`] and [`TaskOwner::finish`] return nothing, and dropping a
//! [`Task`] leaves the task with its spawner.
//!
//! What a panic said goes to the panic hook's output and nowhere else: it could quote data.

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
use crate::settings::ProfileId;

/// A task under way. Its result, or `None` if it panicked or the runtime ended first.
#[derive(Debug)]
#[must_use = "await it, or use `Spawner::spawn` or `Spawner::finish`"]
pub(crate) struct Task<T>(JoinHandle<Option<T>>);

impl<T> Task<T> {
    /// Whether it has ended.
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

/// Spawns the tasks of one owner on the engine's runtime, and can end them. Clones are the same owner.
#[derive(Debug, Clone)]
pub(crate) struct TaskOwner {
    handle: Handle,
    event_sender: EventSender,
    /// Whose tasks; `None` for the engine's own.
    profile: Option<ProfileId>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Tells the engine's own owner to stop.
    engine: CancellationToken,
    /// Tells everybody's tasks to wait for nothing but the disk any more.
    cut_short: CancellationToken,
}

impl TaskOwner {
    /// The engine's own: spawns on `handle`, tells panics to `outbox`.
    pub(crate) fn new(handle: Handle, event_sender: EventSender) -> Self {
        let (stop, cut_short) = (CancellationToken::new(), CancellationToken::new());
        Self { handle, event_sender, profile: None, tasks: TaskTracker::new(), engine: stop.clone(), stop, cut_short }
    }

    /// An owner for the tasks of one profile. Stopping `self` stops these as well.
    pub(crate) fn for_profile(&self, profile: ProfileId) -> Self {
        let (handle, event_sender) = (self.handle.clone(), self.event_sender.clone());
        let (stop, engine, cut_short) = (self.stop.child_token(), self.engine.clone(), self.cut_short.clone());
        Self { handle, event_sender, profile: Some(profile), tasks: TaskTracker::new(), stop, engine, cut_short }
    }

    /// Runs a future until it ends or the owner stops, whichever is first. `name` completes the sentence "Something went
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

    /// Runs a future to its end, also if the owner stops: for what waits for the journal or the disk alone. What it waits for
    /// otherwise, such as the keyring or a server, goes into [`Self::until_cut_short`]: the end of the program is not held up
    /// by those.
    pub(crate) fn finish<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(self.start(name, future));
    }

    /// Runs a future to its end, as [`Self::finish`], and gives its result.
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
                    tell(&event_sender, name, profile);
                    None
                }
            }
        };
        Task(self.tasks.spawn_on(task, &self.handle))
    }

    /// Runs work that blocks, such as disk work, on a thread of its own. Such work can't be stopped from outside; at the
    /// end the runtime waits a moment for it.
    pub(crate) fn blocking<T, W>(&self, name: &'static str, work: W) -> Task<T>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let (event_sender, profile) = (self.event_sender.clone(), self.profile);
        let work = move || match std::panic::catch_unwind(AssertUnwindSafe(work)) {
            Ok(output) => Some(output),
            Err(_panic) => {
                tell(&event_sender, name, profile);
                None
            }
        };
        Task(self.handle.spawn_blocking(work))
    }

    /// Runs a future until the owner stops; `None` if it did so first.
    pub(crate) async fn until_stopped<F: Future>(&self, future: F) -> Option<F::Output> {
        self.stop.run_until_cancelled(future).await
    }

    /// Runs a future until the engine waits for nothing but the disk any more; `None` if that came first. A little while is
    /// left for it after the owner has stopped.
    pub(crate) async fn until_cut_short<F: Future>(&self, future: F) -> Option<F::Output> {
        self.cut_short.run_until_cancelled(future).await
    }

    /// Ends whatever waits for anything but the disk, of this owner and all others.
    pub(crate) fn cut_short(&self) {
        self.cut_short.cancel();
    }

    /// Whether it was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Whether the whole engine was told to stop, and not only the tasks of one profile.
    pub(crate) fn is_engine_stopping(&self) -> bool {
        self.engine.is_cancelled()
    }

    /// Waits until it is told to stop.
    pub(crate) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Tells every task to stop.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Waits until every task has ended, once [`Self::stop`] was called.
    pub(crate) async fn wait(&self) {
        self.tasks.wait().await;
    }
}

/// Puts the panic on the screen.
fn tell(event_sender: &EventSender, name: &'static str, profile: Option<ProfileId>) {
    tracing::error!(task = name, "a task panicked");
    event_sender.notice(Notice::new(
        Severity::Error,
        profile,
        format!(
            "Something went wrong inside Privicore Monitor while {name}. Restart it, and report this if it comes again."
        ),
    ));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::oneshot;

    use super::*;
    use crate::engine::events::event::Event;
    use crate::engine::events::event_queue;

    fn spawner() -> (TaskOwner, event_queue::EventReceiver) {
        let (event_sender, events) = event_queue::pair(Arc::new(|| {}));
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
            assert!(notice.sentence.contains(name) && !notice.sentence.contains("canary"), "{}", notice.sentence);
        }
    }

    #[tokio::test]
    async fn an_owner_that_stops_ends_its_tasks_and_those_of_its_profiles_and_waits_for_what_must_finish() {
        let (engine, _events) = spawner();
        let (one, other) = (engine.for_profile(ProfileId::from_u128(1)), engine.for_profile(ProfileId::from_u128(2)));
        for owner in [&engine, &one, &other] {
            owner.spawn("waiting for ever", std::future::pending());
        }
        one.stop();
        one.wait().await;
        // The others go on.
        assert!(engine.wait().now_or_never().is_none() && other.wait().now_or_never().is_none());
        let (done, finishing) = oneshot::channel::<()>();
        other.finish("writing", async move { assert!(finishing.await.is_ok(), "it was cut off") });
        engine.stop();
        engine.wait().await;
        other.stop();
        assert!(other.wait().now_or_never().is_none(), "it did not wait for what must finish");
        done.send(()).unwrap();
        other.wait().await;
        // Whoever comes late is stopped at once.
        other.spawn("waiting for ever", std::future::pending());
        other.wait().await;
    }
}
