//! The state of the key that decrypts a profile's payloads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::protocol::DataKey;

/// The key of a profile's payloads, if it is known, and its changes.
#[derive(Debug, Default)]
pub(crate) struct DataKeyState {
    pub(crate) key: Option<DataKey>,
    pub(crate) changes: ChangeCounter,
}

impl DataKeyState {
    pub(crate) fn key(&self) -> Option<&DataKey> {
        self.key.as_ref()
    }

    /// The profile is removed: changes that were not written to the keyring yet are dropped.
    pub(crate) fn cancel_changes(&self) {
        self.changes.next();
    }
}

/// Counts the operator's changes of a key in this run. Clones share the counter.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChangeCounter {
    pub(crate) newest: Arc<AtomicU64>,
    /// Whoever holds this lock may write to the keyring.
    pub(crate) turn: Arc<Mutex<()>>,
}

impl ChangeCounter {
    /// Counts a change; returns its number.
    pub(crate) fn next(&self) -> u64 {
        self.newest.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The number of the newest change; 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::SeqCst)
    }
}
