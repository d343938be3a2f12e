//! The state between two attempts: how long it lasts, and why.

use std::sync::Arc;

use tokio::time::Instant;

use crate::engine::events::connection_reason::{ConnectionFailure, PolicyCloses, RetryReason};
use crate::engine::network::connect_error::ConnectError;
use crate::engine::network::retry_after::{self, RetryAfter};

use super::desired_state::TargetState;
use super::state::{Session, State, Waiting, current};

impl Session {
    /// Starts the wait after a failed attempt.
    pub(crate) fn wait_after_failure(
        &mut self,
        failure: ConnectionFailure,
        policy_closes: Option<PolicyCloses>,
    ) -> State {
        let desired_state = current(&mut self.desired_state);
        let mut wait = self.backoff.next_wait(self.policy_closes.0.max(self.losses.backoff()));
        let requested_wait = failure.retry_after().map(|asked| asked.wait((self.config.clock)()));
        if let Some(asked) = requested_wait {
            wait = wait.max(asked.min(retry_after::MAX_WAIT));
        }
        let why = RetryReason { failure, policy_closes, requested_wait };
        tracing::debug!(profile = %self.config.profile, %why, ?wait, "waiting for the next attempt");
        let server_wait = requested_wait.map(|_asked| (self.config.clocks.now(), wait));
        State::Waiting(Box::new(Waiting { until: Instant::now() + wait, why, desired_state, server_wait }))
    }

    /// Waits until the next attempt, or until the desired state is another.
    pub(crate) async fn wait(&mut self, waiting: Box<Waiting>) -> State {
        let Waiting { mut until, desired_state: before, server_wait, .. } = *waiting;
        // It may have changed while the last connection ended, or while this state was published.
        let mut desired_state = current(&mut self.desired_state);
        loop {
            let is_wanted = matches!(&desired_state.target, TargetState::Online(session_credentials) if session_credentials.number == self.credentials_number);
            let is_hurried = if server_wait.is_some() {
                desired_state.has_new_retry(&before)
            } else {
                desired_state.wants_retry_now(&before)
            };
            if !is_wanted || is_hurried {
                return self.apply_desired_state();
            }
            if let Some((since, wait)) = server_wait {
                // The time in which the machine slept counts.
                until = until.min(Instant::now() + wait.saturating_sub(self.config.clocks.now().since(since)));
            }
            tokio::select! {
                changed = self.wait_for_change() => desired_state = changed,
                () = tokio::time::sleep_until(until) => return self.apply_desired_state(),
            }
        }
    }
}

impl ConnectionFailure {
    /// When the server, or the proxy before it, asked to be tried again.
    fn retry_after(&self) -> Option<RetryAfter> {
        let Self::NotConnected(error) = self else { return None };
        match Arc::as_ref(error) {
            ConnectError::NotUpgraded { refusal, .. } => refusal.retry_after,
            ConnectError::Proxy(error) => error.retry_after(),
            _ => None,
        }
    }
}
