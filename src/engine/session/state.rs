//! The state machine's states and what they own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::engine::client::connector::{Connector, Socket};
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::connection_reason::{DisconnectReason, PolicyCloses, RetryReason, TokenRefusal};
use crate::engine::events::event_queue::EventSender;
use crate::engine::network::connect_error::ConnectError;
use crate::engine::runtime::clock::{Clock, ClockSample, Clocks};
use crate::engine::state::link_store::LinkStore;
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::journal_writer::JournalWriter;
use crate::protocol::{ChannelId, CorrelationId, UnreadableReason};
use crate::settings::ProfileId;

use super::backlog::UnsentBatches;
use super::backoff::Backoff;
use super::connection::Connection;
use super::desired_state::{DesiredState, TargetState};
use super::heartbeat::Heartbeat;
use super::message_interval::IntervalStats;

/// What is kept across the states.
pub(crate) struct Session {
    pub(crate) config: SessionConfig,
    /// What the journal writer has no free place for yet. While it holds anything, nothing more is read.
    pub(crate) backlog: UnsentBatches,
    pub(crate) desired_state: watch::Receiver<DesiredState>,
    pub(crate) backoff: Backoff,
    pub(crate) policy_closes: PolicyCloseCount,
    pub(crate) intervals: IntervalStats,
    /// Messages that could not be read.
    pub(crate) losses: LostMessages,
    /// The number of the credentials that were used last.
    pub(crate) credentials_number: u64,
    /// The number of connections so far, which the log uses as the generation of the current one.
    pub(crate) connections: u64,
}

/// The states; each owns what it needs.
pub(crate) enum State {
    /// Not connected, and not about to connect.
    Idle(IdleReason),
    Waiting(Box<Waiting>),
    /// DNS, TCP, TLS or the upgrade is in progress.
    Connecting(Connecting),
    /// The socket is open and the join is in progress.
    Joining(Box<Connection>),
    Live(Box<LiveConnection>),
    Leaving(Box<Leaving>),
    Ended,
}

/// Why a session is idle.
pub(crate) enum IdleReason {
    SignedOut,
    Offline,
    /// The server refused the token with this credentials number; `retry` is the operator's retry counter at that time.
    Refused {
        number: u64,
        retry: u64,
        why: TokenRefusal,
    },
}

/// An attempt in progress. Dropping it cancels it.
pub(crate) struct Connecting {
    pub(crate) session_credentials: Arc<SessionCredentials>,
    pub(crate) limit: usize,
    pub(crate) attempt: BoxFuture<'static, Result<Socket, ConnectError>>,
}

/// A connection that is being left.
pub(crate) struct Leaving {
    pub(crate) connection: Connection,
    pub(crate) channel: Option<ChannelId>,
    /// Its last sign of life, if it was joined.
    pub(crate) last_life: Option<ClockSample>,
}

/// What a session needs to start.
pub(crate) struct SessionConfig {
    pub(crate) profile: ProfileId,
    /// Opens sockets.
    pub(crate) connector: Arc<dyn Connector>,
    /// Checks whether a token is invalid if the answer to a join does not say.
    pub(crate) token_check: TokenCheck,
    /// Commits received entries.
    pub(crate) journal_writer: JournalWriter,
    /// Keeps the secrets that are received.
    pub(crate) link_store: LinkStore,
    /// Publishes events to the window.
    pub(crate) event_sender: EventSender,
    /// Reports states to the supervisor.
    pub(crate) reports: mpsc::Sender<InternalEvent>,
    /// The clocks that time connections and gaps.
    pub(crate) clocks: Clocks,
    /// The time of day.
    pub(crate) clock: Clock,
    /// The source of the jitter.
    pub(crate) random: fastrand::Rng,
}

/// Asks the server whether it refuses a token. Returns the server's text if it does; `None` if it does not, or if that is unknown.
pub(crate) type TokenCheck = Arc<dyn Fn(Arc<SessionCredentials>) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// The desired state as it is now. If its sender was dropped, the session has to stop.
pub(crate) fn current(desired_state: &mut watch::Receiver<DesiredState>) -> DesiredState {
    let orphaned = desired_state.has_changed().is_err();
    let mut now = desired_state.borrow_and_update().clone();
    if orphaned {
        now.target = TargetState::Stopped;
    }
    now
}

/// Waits until the desired state changes. Cancel-safe: no change is missed.
pub(crate) async fn changed(desired_state: &mut watch::Receiver<DesiredState>) -> DesiredState {
    if desired_state.changed().await.is_err() {
        tracing::debug!("nobody wishes for this session any more");
    }
    current(desired_state)
}

/// A joined connection.
pub(crate) struct LiveConnection {
    pub(crate) connection: Connection,
    /// The correlation id of the join.
    pub(crate) join_correlation: CorrelationId,
    pub(crate) channel: Option<ChannelId>,
    pub(crate) joined: Instant,
    /// When the connection last gave a sign of life.
    pub(crate) last_life: ClockSample,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) round_trip: Option<Duration>,
    /// When the last pong arrived.
    pub(crate) pong: Option<Instant>,
    pub(crate) keep_alives: u64,
    pub(crate) health_published: Option<Instant>,
    /// When a sign of life was last recorded.
    pub(crate) touched: Option<Instant>,
}

pub(crate) struct Waiting {
    pub(crate) until: Instant,
    /// Why the last attempt failed.
    pub(crate) why: RetryReason,
    /// The desired state when the last attempt failed.
    pub(crate) desired_state: DesiredState,
    /// If the server asked for the wait: when, and for how long.
    pub(crate) server_wait: Option<(ClockSample, Duration)>,
}

/// Counts closes by a server policy in a row, each soon after its join.
#[derive(Debug, Default)]
pub(crate) struct PolicyCloseCount(pub(crate) u32);

impl PolicyCloseCount {
    /// Counts the end of a connection that was joined for `joined`. Returns what to report from the second one on.
    pub(crate) fn count(&mut self, end: &DisconnectReason, joined: Duration) -> Option<PolicyCloses> {
        let Some(code) = end.policy_close_code() else {
            if joined >= STABLE {
                self.0 = 0;
            }
            return None;
        };
        self.0 = if joined >= STABLE { 1 } else { self.0.saturating_add(1) };
        (self.0 > 1).then_some(PolicyCloses { count: self.0, code })
    }
}

/// A connection that stayed up this long was not closed because of its join.
pub(crate) const STABLE: Duration = Duration::from_mins(5);

/// Messages lost in a row.
#[derive(Debug, Default)]
pub(crate) struct LostMessages {
    pub(crate) last: Option<DisconnectReason>,
    /// How often the last one was lost. A message that is delivered again has the same size.
    pub(crate) count: u32,
    /// How many were lost for the same reason, whatever their size.
    pub(crate) same_kind: u32,
    /// The row that all losses of the same message share.
    pub(crate) key: String,
}

impl LostMessages {
    /// Counts how a connection ended, if that lost a message. Returns the reason, the size in bytes, and the key of its row.
    pub(crate) fn count(&mut self, end: &DisconnectReason) -> Option<(UnreadableReason, usize, &str)> {
        let (reason, size) = end.lost_message()?;
        let last = self.last.as_ref().and_then(DisconnectReason::lost_message);
        let same_kind = if last.is_some_and(|(last, _)| last == reason) { self.same_kind.saturating_add(1) } else { 1 };
        if self.last.as_ref() == Some(end) {
            self.count = self.count.saturating_add(1);
            self.same_kind = same_kind;
        } else {
            *self = Self { last: Some(end.clone()), count: 1, same_kind, key: uuid::Uuid::new_v4().to_string() };
        }
        Some((reason, size, &self.key))
    }

    /// By how much the wait before the next attempt grows; 0 for the usual wait.
    pub(crate) fn backoff(&self) -> u32 {
        if self.count < REPEATED { 0 } else { self.count.saturating_add(REPEATED) }
    }

    /// Forgets the losses, because a connection ended for another reason.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// After this many losses of one kind in a row, retrying without a change is useless.
pub(crate) const REPEATED: u32 = 3;

/// A limit that would have let a message of this size through. The known size may be that of its first part only.
pub(crate) fn next_limit(size: usize, limit: usize) -> usize {
    size.max(limit.saturating_mul(2)).checked_next_power_of_two().unwrap_or(usize::MAX)
}
