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

use super::backlog::Backlog;
use super::backoff::Backoff;
use super::connection::Connection;
use super::desired_state::{DesiredState, TargetState};
use super::heartbeat::Heartbeat;
use super::message_interval::IntervalStats;

/// What outlives the states.
pub(crate) struct Session {
    pub(crate) profile: ProfileId,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) token_check: TokenCheck,
    pub(crate) journal_writer: JournalWriter,
    pub(crate) link_store: LinkStore,
    pub(crate) event_sender: EventSender,
    pub(crate) reports: mpsc::Sender<InternalEvent>,
    pub(crate) clocks: Clocks,
    pub(crate) clock: Clock,
    /// What the scribe has no room for yet. While there is something, nothing more is read.
    pub(crate) backlog: Backlog,
    pub(crate) desired_state: watch::Receiver<DesiredState>,
    pub(crate) backoff: Backoff,
    pub(crate) policy_closes: PolicyCloseCount,
    /// How often messages come.
    pub(crate) pace: IntervalStats,
    /// Messages that could not be read.
    pub(crate) losses: LostMessages,
    /// The number of the ticket that was used last.
    pub(crate) credentials_number: u64,
    /// The connections so far: the generation of the current one, for the log.
    pub(crate) connections: u64,
}

/// The states; each owns what it needs.
pub(crate) enum State {
    /// Not connected and not about to be.
    Resting(IdleReason),
    /// Waiting for the next attempt.
    Waiting(Box<Waiting>),
    /// DNS, TCP, TLS and the upgrade are under way.
    Connecting(Connecting),
    /// The socket is open and the join is under way.
    Joining(Box<Connection>),
    /// Joined.
    Live(Box<LiveConnection>),
    /// Leaving the channel.
    Leaving(Box<Leaving>),
    /// The end.
    Ended,
}

/// Why a session rests.
pub(crate) enum IdleReason {
    SignedOut,
    Offline,
    /// The token of the ticket with this number was refused, when the operator had asked so often for another attempt.
    Refused {
        number: u64,
        retry: u64,
        why: TokenRefusal,
    },
}

/// An attempt under way. Dropping it gives it up.
pub(crate) struct Connecting {
    pub(crate) session_credentials: Arc<SessionCredentials>,
    pub(crate) limit: usize,
    pub(crate) attempt: BoxFuture<'static, Result<Socket, ConnectError>>,
}

/// A connection that is being left.
pub(crate) struct Leaving {
    pub(crate) connection: Connection,
    pub(crate) channel: Option<ChannelId>,
    /// Its last sign of life, if it is joined.
    pub(crate) life: Option<ClockSample>,
}

/// What a session is made of.
pub(crate) struct SessionConfig {
    /// Whose it is.
    pub(crate) profile: ProfileId,
    /// How sockets are connected.
    pub(crate) connector: Arc<dyn Connector>,
    /// Asks whether a token is dead when the answer to a join does not say.
    pub(crate) token_check: TokenCheck,
    /// Where what it hears is committed.
    pub(crate) journal_writer: JournalWriter,
    /// Where secrets that it hears are kept.
    pub(crate) link_store: LinkStore,
    /// Where the window is told.
    pub(crate) event_sender: EventSender,
    /// Where the engine is told of states.
    pub(crate) reports: mpsc::Sender<InternalEvent>,
    /// The clocks.
    pub(crate) clocks: Clocks,
    /// The time of day.
    pub(crate) clock: Clock,
    /// The jitter.
    pub(crate) random: fastrand::Rng,
}

/// Asks the server whether it refuses a token: its words if it does. `None` if it does not, or if nothing can be learnt.
pub(crate) type TokenCheck = Arc<dyn Fn(Arc<SessionCredentials>) -> BoxFuture<'static, Option<String>> + Send + Sync>;

/// The wish as it is now. One that nobody holds any more is the wish to stop.
pub(crate) fn current(desired_state: &mut watch::Receiver<DesiredState>) -> DesiredState {
    let orphaned = desired_state.has_changed().is_err();
    let mut now = desired_state.borrow_and_update().clone();
    if orphaned {
        now.aim = TargetState::Stopped;
    }
    now
}

/// The wish once it has changed. Can be dropped at any time without missing a change.
pub(crate) async fn changed(desired_state: &mut watch::Receiver<DesiredState>) -> DesiredState {
    if desired_state.changed().await.is_err() {
        tracing::debug!("nobody wishes for this session any more");
    }
    current(desired_state)
}

/// A joined connection.
pub(crate) struct LiveConnection {
    pub(crate) connection: Connection,
    /// What the join was asked under.
    pub(crate) asked: CorrelationId,
    pub(crate) channel: Option<ChannelId>,
    pub(crate) joined: Instant,
    /// When it last gave a sign of life.
    pub(crate) life: ClockSample,
    pub(crate) beat: Heartbeat,
    pub(crate) round_trip: Option<Duration>,
    /// When the last answer to a ping came.
    pub(crate) pong: Option<Instant>,
    pub(crate) keep_alives: u64,
    pub(crate) told: Option<Instant>,
    /// When a sign of life was written down last.
    pub(crate) proved: Option<Instant>,
}

/// A wait for the next attempt.
pub(crate) struct Waiting {
    pub(crate) until: Instant,
    /// What went wrong.
    pub(crate) why: RetryReason,
    /// The desired state when the last attempt failed.
    pub(crate) desired_state: DesiredState,
    /// If the server asked for the wait: when it did, and for how long.
    pub(crate) asked: Option<(ClockSample, Duration)>,
}

/// Counts how often in a row the server closed a connection by a policy, each soon after its join.
#[derive(Debug, Default)]
pub(crate) struct PolicyCloseCount(pub(crate) u32);

impl PolicyCloseCount {
    /// Counts the end of a connection that was joined for `joined`; what to say of it from the second on.
    pub(crate) fn count(&mut self, end: &DisconnectReason, joined: Duration) -> Option<PolicyCloses> {
        let Some(code) = end.policy() else {
            if joined >= HELD {
                self.0 = 0;
            }
            return None;
        };
        self.0 = if joined >= HELD { 1 } else { self.0.saturating_add(1) };
        (self.0 > 1).then_some(PolicyCloses { count: self.0, code })
    }

    /// How many it is.
    pub(crate) fn in_a_row(&self) -> u32 {
        self.0
    }
}

/// A connection that held for so long was not closed because of its join.
pub(crate) const HELD: Duration = Duration::from_mins(5);

/// Lost messages, in a row.
#[derive(Debug, Default)]
pub(crate) struct LostMessages {
    pub(crate) last: Option<DisconnectReason>,
    /// How often the last one was lost: a message that is delivered again has the same size.
    pub(crate) count: u32,
    /// How many were lost for the same reason, whatever their size.
    pub(crate) of_its_kind: u32,
    /// The row of all that are the same.
    pub(crate) key: String,
}

impl LostMessages {
    /// Counts how a connection ended, if that lost a message: what is known of it, with the row that says so.
    pub(crate) fn count(&mut self, end: &DisconnectReason) -> Option<(UnreadableReason, usize, &str)> {
        let (reason, size) = end.lost_message()?;
        let last = self.last.as_ref().and_then(DisconnectReason::lost_message);
        let of_its_kind =
            if last.is_some_and(|(last, _)| last == reason) { self.of_its_kind.saturating_add(1) } else { 1 };
        if self.last.as_ref() == Some(end) {
            self.count = self.count.saturating_add(1);
            self.of_its_kind = of_its_kind;
        } else {
            *self = Self { last: Some(end.clone()), count: 1, of_its_kind, key: uuid::Uuid::new_v4().to_string() };
        }
        Some((reason, size, &self.key))
    }

    /// How much longer the next attempt is to be waited for than after another end: 0 for as long as before.
    pub(crate) fn backoff(&self) -> u32 {
        if self.count < REPEATED { 0 } else { self.count.saturating_add(REPEATED) }
    }

    /// A connection ended otherwise.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

/// After how many losses of one kind in a row nothing but a change helps.
pub(crate) const REPEATED: u32 = 3;

/// A limit under which a message of this size could have been read: the size that is known may be that of its first part.
pub(crate) fn next_limit(size: usize, limit: usize) -> usize {
    size.max(limit.saturating_mul(2)).checked_next_power_of_two().unwrap_or(usize::MAX)
}
