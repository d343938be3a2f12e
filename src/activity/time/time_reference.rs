//! How the times of a model relate to this computer's clock and to the server's.

use crate::activity::entry::Seq;

use super::timestamp::Timestamp;

/// How the clock that stamps entries relates to this computer's clock and to the server's. It runs on steadily when the
/// computer's clock is set, so entries of one run can be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeReference {
    /// How far this computer's clock is ahead of it, in microseconds. Times are shown by the computer's clock as it is set
    /// now.
    pub ahead: i64,
    /// How far the server's time of day is ahead of it at least, in microseconds; `None` if nothing is known of that.
    pub server: Option<i64>,
    /// Whether a server told that, so that it is exact.
    pub is_told: bool,
    /// Entries from this one on were stamped by it. Earlier ones were stamped by the clock of another run.
    pub steady_from: Seq,
}

impl TimeReference {
    /// For tests and tools whose only clock is right: it is the server's as well.
    pub const EXACT: Self = Self { ahead: 0, server: Some(0), is_told: true, steady_from: Seq(0) };

    /// A moment as the server's clock shows it, at least; `None` if nothing is known of that clock.
    #[must_use]
    pub fn by_server(self, at: Timestamp) -> Option<Timestamp> {
        self.server.map(|server| Timestamp(at.0.saturating_add(server)))
    }

    /// A moment of the server's clock on this one.
    #[must_use]
    pub fn of_server(self, at: Timestamp) -> Option<Timestamp> {
        self.server.map(|server| Timestamp(at.0.saturating_sub(server)))
    }

    /// A moment as this computer's clock, as it is set now, would have shown it.
    #[must_use]
    pub fn shown(self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_add(self.ahead))
    }
}
