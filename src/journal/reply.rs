//! Waiting for one of the journal's threads.

use tokio::sync::oneshot;

/// A thread's answer; `None` where it ended without one.
pub(crate) async fn answer<T>(receiver: oneshot::Receiver<T>) -> Option<T> {
    #[cfg(test)]
    let _held = hold_clock();
    receiver.await.ok()
}

/// Keeps tokio's clock where it is: while it is paused, tokio jumps to the next timer whenever nothing runs on it, and a
/// commit on the journal's thread is nothing to it. A blocking task is something, and this one lasts as long as the guard.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a task of the tests, owned by the guard")]
fn hold_clock() -> std::sync::mpsc::SyncSender<()> {
    // Nothing is ever sent; a capacity of none says so.
    let (guard, released) = std::sync::mpsc::sync_channel::<()>(0);
    drop(tokio::task::spawn_blocking(move || released.recv()));
    guard
}
