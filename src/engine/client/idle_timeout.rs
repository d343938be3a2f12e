//! The silence after which a transfer is cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::settings::Preferences;

/// The silence after which a transfer is cancelled, from the current settings. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct IdleTimeout(pub(crate) Arc<AtomicU32>);

impl Default for IdleTimeout {
    fn default() -> Self {
        Self(Arc::new(Preferences::default().idle_limit.into()))
    }
}

impl IdleTimeout {
    /// Sets the timeout in seconds, for running transfers too.
    pub(crate) fn set(&self, seconds: u32) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Duration {
        Duration::from_secs(u64::from(self.0.load(Ordering::Relaxed)))
    }
}
