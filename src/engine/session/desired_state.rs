//! The desired state of a session, as one value instead of a sequence of steps, so that nothing can queue up.

use std::sync::Arc;

use crate::engine::network::rest_error::RestError;
use crate::engine::state::session_credentials::SessionCredentials;

/// The connection state that a session should reach.
#[derive(Debug, Clone)]
pub(crate) enum TargetState {
    /// Not connected: there is no token.
    SignedOut,
    /// Not connected: the operator disconnected it.
    Offline,
    /// Joined with these credentials.
    Online(Arc<SessionCredentials>),
    /// Not connected: a REST call reported that the token is invalid.
    Refused {
        /// The server's reason.
        why: Arc<RestError>,
    },
    /// Ended for good.
    Stopped,
}

/// What a session should do.
#[derive(Debug, Clone)]
pub(crate) struct DesiredState {
    /// The connection state to reach.
    pub(crate) aim: TargetState,
    /// The largest message to read, in bytes.
    pub(crate) message_limit: usize,
    /// Counts the operator's requests to retry now.
    pub(crate) retry: u64,
    /// Counts how often the machine woke from sleep.
    pub(crate) woken: u64,
}

impl DesiredState {
    /// The initial desired state of a session.
    pub(crate) fn new(aim: TargetState, message_limit: usize) -> Self {
        Self { aim, message_limit, retry: 0, woken: 0 }
    }

    /// Whether the session should be joined with exactly these credentials.
    pub(crate) fn wants(&self, session_credentials: &SessionCredentials) -> bool {
        matches!(&self.aim, TargetState::Online(wanted) if wanted.number == session_credentials.number)
    }

    /// Whether this desired state has a reason to retry now that `earlier` did not have.
    pub(crate) fn hurries(&self, earlier: &Self) -> bool {
        self.is_retried(earlier) || self.woken != earlier.woken || self.message_limit != earlier.message_limit
    }

    /// Whether the operator has asked for a retry since `earlier`.
    pub(crate) fn is_retried(&self, earlier: &Self) -> bool {
        self.retry != earlier.retry
    }
}
