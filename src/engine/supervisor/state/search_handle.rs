//! A running search of the journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::journal::Interrupter;

/// A running search; dropping it stops the search.
pub(crate) struct RunningSearch(pub(crate) Arc<Shared>);

impl Drop for RunningSearch {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Release);
        if let Some(interrupter) = &*self.0.interrupter.lock() {
            interrupter.interrupt();
        }
    }
}

#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) stopped: AtomicBool,
    /// Interrupts its SQLite query.
    pub(crate) interrupter: Mutex<Option<Interrupter>>,
}

impl Shared {
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}
