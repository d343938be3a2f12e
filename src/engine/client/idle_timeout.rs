//! The silence after which a transfer is cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::settings::{IDLE_LIMITS, Preferences};

/// The silence after which a transfer is cancelled, from the current settings. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct IdleTimeout(pub(crate) Arc<AtomicU32>);

impl Default for IdleTimeout {
    fn default() -> Self {
        Self(Arc::new(Preferences::default().idle_limit.into()))
    }
}

impl IdleTimeout {
    /// Sets the timeout in seconds, for running transfers too. The value is clamped to the valid range and returned.
    pub(crate) fn set(&self, seconds: u32) -> u32 {
        let seconds = seconds.clamp(*IDLE_LIMITS.start(), *IDLE_LIMITS.end());
        self.0.store(seconds, Ordering::Relaxed);
        seconds
    }

    pub(crate) fn get(&self) -> Duration {
        Duration::from_secs(u64::from(self.0.load(Ordering::Relaxed)))
    }
}
