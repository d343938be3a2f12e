//! After how long a silence a transfer ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::settings::{IDLE_LIMITS, Preferences};

/// After how long a silence a transfer is given up, as the settings have it at the moment. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct IdleTimeout(pub(crate) Arc<AtomicU32>);

impl Default for IdleTimeout {
    fn default() -> Self {
        Self(Arc::new(Preferences::default().idle_limit.into()))
    }
}

impl IdleTimeout {
    /// So many seconds from here on, for what is under way too; the nearest that makes sense, which is given back.
    pub(crate) fn set(&self, seconds: u32) -> u32 {
        let seconds = seconds.clamp(*IDLE_LIMITS.start(), *IDLE_LIMITS.end());
        self.0.store(seconds, Ordering::Relaxed);
        seconds
    }

    pub(crate) fn get(&self) -> Duration {
        Duration::from_secs(u64::from(self.0.load(Ordering::Relaxed)))
    }
}
