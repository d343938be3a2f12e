//! The sandbox's clock: tokio's clock, anchored once to the wall clock.
//!
//! Expiry is decided on tokio's clock, so that tests can advance it. Clients read the wall-clock time of the same instant.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place where the sandbox reads the wall clock, once at its start"
)]

use jiff::Timestamp;
use jiff::tz::Offset;
use tokio::time::Instant;

/// The clock that all parts of one sandbox share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// The wall-clock time when the sandbox started.
    wall: Timestamp,
    /// Tokio's time at the same moment.
    started: Instant,
}

impl Clock {
    /// Reads both clocks.
    pub(crate) fn start() -> Self {
        Self { wall: Timestamp::now(), started: Instant::now() }
    }

    /// The current time on the clock that tests can advance.
    #[expect(clippy::unused_self, reason = "now is asked of the clock, wherever it comes from")]
    pub(crate) fn now(&self) -> Instant {
        Instant::now()
    }

    /// Milliseconds since 1970 at the given instant.
    pub(crate) fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.started);
        let base = u64::try_from(self.wall.as_millisecond()).unwrap_or(0);
        base.saturating_add(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// RFC 3339 with `Z`, to the second.
    pub(crate) fn utc(&self, at: Instant) -> String {
        utc(self.millis(at))
    }

    /// The format of the header `Date`.
    pub(crate) fn http(&self, at: Instant) -> String {
        second(self.millis(at)).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// RFC 3339 with `+00:00`, to the second: the other form that servers send.
    pub(crate) fn offset(&self, at: Instant) -> String {
        second(self.millis(at)).display_with_offset(Offset::UTC).to_string()
    }
}

/// Milliseconds since 1970 as RFC 3339 with `Z`, to the second.
pub(crate) fn utc(millis: u64) -> String {
    second(millis).to_string()
}

fn second(millis: u64) -> Timestamp {
    i64::try_from(millis / 1_000).ok().and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn both_forms_of_a_time_name_the_same_second() {
        let clock = Clock::start();
        let at = clock.now() + Duration::from_hours(1);
        let (utc, offset) = (clock.utc(at), clock.offset(at));
        assert!(utc.ends_with('Z'), "{utc}");
        assert!(offset.ends_with("+00:00"), "{offset}");
        assert_eq!(utc.parse::<Timestamp>().unwrap(), offset.parse::<Timestamp>().unwrap());
    }
}
