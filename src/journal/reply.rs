//! Waits for a reply of one of the journal's threads.

use tokio::sync::oneshot;

/// A thread's reply; `None` if the thread ended without one.
pub(crate) async fn recv<T>(receiver: oneshot::Receiver<T>) -> Option<T> {
    #[cfg(test)]
    let _held = hold_clock();
    receiver.await.ok()
}

/// Stops tokio's paused clock from advancing: while paused, it jumps to the next timer whenever no task runs, and it can't see a
/// commit on the journal's thread. It does see a blocking task, and this one lasts as long as the guard.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a task of the tests, owned by the guard")]
fn hold_clock() -> std::sync::mpsc::SyncSender<()> {
    // Nothing is ever sent, hence no capacity.
    let (guard, released) = std::sync::mpsc::sync_channel::<()>(0);
    drop(tokio::task::spawn_blocking(move || released.recv()));
    guard
}
