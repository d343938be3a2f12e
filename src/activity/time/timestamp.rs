//! A point in time, as stored in the journal.

use std::time::Duration;

use crate::protocol::LinkExpiry;

/// Microseconds since 1970-01-01T00:00:00Z, UTC: stored, sorted and exported. The window shows it in local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From whole milliseconds since the epoch.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Converts it to jiff's timestamp; times out of jiff's range become the epoch.
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// The time from `earlier` to this; zero if `earlier` is later (a clock was set back).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// When a link expires that arrived at this time.
    pub fn expiry_after(self, life: LinkExpiry) -> Self {
        match life {
            LinkExpiry::Until(until) => Self::from(until),
            LinkExpiry::For(lasting) => self.plus(lasting),
        }
    }

    /// This time plus `by`.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Self(timestamp.as_microsecond())
    }
}

impl std::fmt::Display for Timestamp {
    /// RFC 3339 in UTC with microseconds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.6}", self.timestamp())
    }
}
