//! What a session should do, as one value: it is told the aim, never a sequence of steps, so that nothing can queue up.

use std::sync::Arc;

use crate::engine::network::rest_error::RestError;
use crate::engine::state::session_credentials::SessionCredentials;

/// Where a session should be.
#[derive(Debug, Clone)]
pub(crate) enum TargetState {
    /// Not connected: there is no token.
    SignedOut,
    /// Not connected: the operator wants it so.
    Offline,
    /// Joined with this ticket.
    Online(Arc<SessionCredentials>),
    /// Not connected: a REST call said that the token is dead.
    Refused {
        /// Why.
        why: Arc<RestError>,
    },
    /// Ended for good.
    Stopped,
}

/// What a session should do.
#[derive(Debug, Clone)]
pub(crate) struct DesiredState {
    /// Where it should be.
    pub(crate) aim: TargetState,
    /// The largest message to read, in bytes.
    pub(crate) message_limit: usize,
    /// Counts how often the operator said not to wait for the next attempt.
    pub(crate) retry: u64,
    /// Counts how often the machine woke from sleep.
    pub(crate) woken: u64,
}

impl DesiredState {
    /// Of a session that starts.
    pub(crate) fn new(aim: TargetState, message_limit: usize) -> Self {
        Self { aim, message_limit, retry: 0, woken: 0 }
    }

    /// Whether it should be joined with this ticket and no other.
    pub(crate) fn wants(&self, session_credentials: &SessionCredentials) -> bool {
        matches!(&self.aim, TargetState::Online(wanted) if wanted.number == session_credentials.number)
    }

    /// Whether this wish gives a reason not to wait any longer that `earlier` did not give.
    pub(crate) fn hurries(&self, earlier: &Self) -> bool {
        self.is_retried(earlier) || self.woken != earlier.woken || self.message_limit != earlier.message_limit
    }

    /// Whether the operator said since `earlier` not to wait.
    pub(crate) fn is_retried(&self, earlier: &Self) -> bool {
        self.retry != earlier.retry
    }
}
