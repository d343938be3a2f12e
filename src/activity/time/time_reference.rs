//! Relates the times of a model to this computer's clock and to the server's.

use crate::activity::entry::Seq;

use super::timestamp::Timestamp;

/// Relates the clock that stamps entries to this computer's clock and to the server's. It keeps running steadily when the
/// computer's clock is set, so entries of one run can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeReference {
    /// How far this computer's clock is ahead of it, in microseconds. Times are shown on the computer's clock as it is set now.
    pub ahead: i64,
    /// Lower bound of how far the server's clock is ahead of it, in microseconds; `None` if unknown.
    pub server: Option<i64>,
    /// Whether a server reported its time, so that `server` is exact.
    pub is_server_time_known: bool,
    /// The first entry stamped by it. Earlier ones were stamped by the clock of another run.
    pub steady_from: Seq,
}

impl TimeReference {
    /// For tests and tools with a single correct clock, which is also the server's.
    pub const EXACT: Self = Self { ahead: 0, server: Some(0), is_server_time_known: true, steady_from: Seq(0) };

    /// Converts a time to the server's clock, as a lower bound; `None` if nothing is known of that clock.
    pub fn to_server(self, at: Timestamp) -> Option<Timestamp> {
        self.server.map(|server| Timestamp(at.0.saturating_add(server)))
    }

    /// Converts a time of the server's clock to this one.
    pub fn server_to_local(self, at: Timestamp) -> Option<Timestamp> {
        self.server.map(|server| Timestamp(at.0.saturating_sub(server)))
    }

    /// Converts a time to this computer's clock as it is set now.
    pub fn displayed(self, at: Timestamp) -> Timestamp {
        Timestamp(at.0.saturating_add(self.ahead))
    }
}
