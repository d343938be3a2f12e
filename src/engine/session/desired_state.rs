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
    pub(crate) target: TargetState,
    /// The largest message to read, in bytes.
    pub(crate) message_limit: usize,
    /// Counts the operator's requests to retry now.
    pub(crate) retry_count: u64,
    /// Counts how often the machine woke from sleep.
    pub(crate) resume_count: u64,
}

impl DesiredState {
    /// The initial desired state of a session.
    pub(crate) fn new(target: TargetState, message_limit: usize) -> Self {
        Self { target, message_limit, retry_count: 0, resume_count: 0 }
    }

    /// Whether the session should be joined with exactly these credentials.
    pub(crate) fn is_online_with(&self, session_credentials: &SessionCredentials) -> bool {
        matches!(&self.target, TargetState::Online(wanted) if wanted.number == session_credentials.number)
    }

    /// Whether this desired state has a reason to retry now that `earlier` did not have.
    pub(crate) fn wants_retry_now(&self, earlier: &Self) -> bool {
        self.has_new_retry(earlier)
            || self.resume_count != earlier.resume_count
            || self.message_limit != earlier.message_limit
    }

    /// Whether the operator has asked for a retry since `earlier`.
    pub(crate) fn has_new_retry(&self, earlier: &Self) -> bool {
        self.retry_count != earlier.retry_count
    }
}
