//! Tasks with a name and an owner: a panic in one becomes a notice, not a silent death.
//!
//! The only place that spawns. What a panic said goes to the panic hook's output and nowhere else: it could quote data.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::settings::ProfileId;

use super::event::{Notice, Severity};
use super::mailbox::Outbox;

/// A task under way: its result, or `None` where it panicked.
pub(super) type Task<T> = JoinHandle<Option<T>>;

/// Spawns tasks on the engine's runtime.
#[derive(Debug, Clone)]
pub(super) struct Spawner {
    handle: Handle,
    outbox: Outbox,
}

impl Spawner {
    /// Spawns on `handle`, tells panics to `outbox`.
    pub(super) fn new(handle: Handle, outbox: Outbox) -> Self {
        Self { handle, outbox }
    }

    /// Runs a future. `name` completes the sentence "Something went wrong while …".
    pub(super) fn task<F>(&self, name: &'static str, profile: Option<ProfileId>, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let outbox = self.outbox.clone();
        self.handle.spawn(async move {
            match AssertUnwindSafe(future).catch_unwind().await {
                Ok(output) => Some(output),
                Err(_panic) => {
                    tell(&outbox, name, profile);
                    None
                }
            }
        })
    }

    /// Runs work that blocks, such as disk work, on a thread of its own.
    pub(super) fn blocking<T, W>(&self, name: &'static str, profile: Option<ProfileId>, work: W) -> Task<T>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let outbox = self.outbox.clone();
        self.handle.spawn_blocking(move || match std::panic::catch_unwind(AssertUnwindSafe(work)) {
            Ok(output) => Some(output),
            Err(_panic) => {
                tell(&outbox, name, profile);
                None
            }
        })
    }
}

/// Puts the panic on the screen.
fn tell(outbox: &Outbox, name: &'static str, profile: Option<ProfileId>) {
    tracing::error!(task = name, "a task panicked");
    outbox.notice(Notice::new(
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

    use super::*;
    use crate::engine::{Event, mailbox};

    #[tokio::test]
    async fn a_panic_in_a_task_becomes_a_notice() {
        let (outbox, events) = mailbox::pair(Arc::new(|| {}));
        let spawner = Spawner::new(Handle::current(), outbox);
        let counting = spawner.task("counting", None, async { panic!("a secret canary") });
        assert_eq!(counting.await.unwrap(), None::<()>);
        let writing = spawner.blocking("writing", None, || panic!("a secret canary"));
        assert_eq!(writing.await.unwrap(), None::<()>);
        for name in ["counting", "writing"] {
            let Some(Event::Notice(notice)) = events.try_next() else { panic!("no notice for {name}") };
            assert_eq!(notice.severity, Severity::Error);
            assert!(notice.sentence.contains(name) && !notice.sentence.contains("canary"), "{}", notice.sentence);
        }
    }
}
