//! The key of a profile's payloads as it is held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::protocol::DataKey;

/// The key of a profile's payloads, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct DataKeyState {
    pub(crate) key: Option<DataKey>,
    pub(crate) changes: ChangeCounter,
}

impl DataKeyState {
    /// The key.
    pub(crate) fn key(&self) -> Option<&DataKey> {
        self.key.as_ref()
    }

    /// The profile is removed: what waits to be told to the keyring is told no more.
    pub(crate) fn give_up(&self) {
        self.changes.next();
    }
}

/// How often the operator has changed a key in this run. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChangeCounter {
    pub(crate) newest: Arc<AtomicU64>,
    /// Whoever has it may tell the keyring.
    pub(crate) turn: Arc<Mutex<()>>,
}

impl ChangeCounter {
    /// Counts one more; its number.
    pub(crate) fn next(&self) -> u64 {
        self.newest.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The number of the newest; 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::SeqCst)
    }
}
