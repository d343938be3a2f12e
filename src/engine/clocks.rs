//! The three clocks of a gap: the time of day, which can be set; the monotonic one, which stands still while the machine
//! sleeps; and the one that runs through sleep, where the system has it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::activity::Moment;

use super::options::Clock;

/// The clock that runs through sleep, from some start; `None` where there is none.
pub(super) type BootClock = Arc<dyn Fn() -> Option<Duration> + Send + Sync>;

/// How far clocks may differ without one of them having been set, or the machine having slept.
pub(super) const DRIFT: Duration = Duration::from_secs(2);

/// The clocks.
#[derive(Clone)]
pub(super) struct Clocks {
    wall: Clock,
    boot: BootClock,
    start: Instant,
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clocks")
    }
}

/// A point in time by all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    /// The time of day.
    pub(super) at: Moment,
    instant: Instant,
    /// How long the machine has slept, from some start.
    slept: Duration,
}

impl Clocks {
    /// Of these.
    pub(super) fn new(wall: Clock, boot: BootClock) -> Self {
        Self { wall, boot, start: Instant::now() }
    }

    /// Now. Reads the clock that runs through sleep, which costs a system call or three.
    pub(super) fn now(&self) -> Life {
        let instant = Instant::now();
        let awake = instant.saturating_duration_since(self.start);
        let slept = (self.boot)().map(|boot| boot.saturating_sub(awake)).unwrap_or_default();
        Life { at: (self.wall)(), instant, slept }
    }

    /// Now; within a second of `last` the machine is taken not to have slept meanwhile. For use at every message.
    pub(super) fn soon_after(&self, last: Life) -> Life {
        let instant = Instant::now();
        if instant.saturating_duration_since(last.instant) >= Duration::from_secs(1) {
            return self.now();
        }
        // The sample's own instant stays, so that a second later the clock is read again.
        Life { at: (self.wall)(), ..last }
    }
}

impl Life {
    /// The time from `earlier` to this, sleep included, whatever the time of day was set to.
    pub(super) fn since(self, earlier: Self) -> Duration {
        self.instant.saturating_duration_since(earlier.instant) + self.slept_since(earlier)
    }

    /// How much of it the machine slept.
    pub(super) fn slept_since(self, earlier: Self) -> Duration {
        let slept = self.slept.saturating_sub(earlier.slept);
        if slept > DRIFT { slept } else { Duration::ZERO }
    }
}
