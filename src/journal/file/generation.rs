//! Counts how often the database was opened, so that the reader switches to the writer's current one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that the writer increments each time it opens a database; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Generation(Arc<AtomicU64>);

impl Generation {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
