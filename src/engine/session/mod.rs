//! A session: one task per profile owns one state machine, so that a profile never has two sockets.
//!
//! ```text
//!             ┌────────────── Waiting ◀──────────────┐  (any failure: wait and try again, for ever)
//!             ▼                                      │
//! Resting ─▶ Connecting ─▶ Joining ─▶ Live ──────────┤
//!    ▲                         │       │             │
//!    │                         ▼       ▼             │
//!    └────── (desired state) ◀── Leaving ─▶ Connecting, or the end
//! ```
//!
//! A state owns its resources: leaving a state drops its socket, its attempt and its timers, so that no late event of an old
//! connection can arrive. [`DesiredState`] says what the session should do, and is read whenever it changes. Received entries go to
//! the [`JournalWriter`], which commits them before the window sees them. A session never waits for the window.

pub(crate) mod backlog;
pub(crate) mod backoff;
pub(crate) mod connection;
pub(crate) mod desired_state;
pub(crate) mod frame_decoder;
pub(crate) mod heartbeat;
pub(crate) mod join;
pub(crate) mod live_connection;
pub(crate) mod lost_messages;
pub(crate) mod message_interval;
pub(crate) mod retry_wait;
pub(crate) mod state;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;

use crate::engine::client::connector;
use crate::engine::context::internal_event::InternalEvent;
use crate::engine::events::connection_reason::{ConnectionFailure, DisconnectReason, TokenRefusal};
use crate::engine::events::event::ConnectionState;
use crate::engine::runtime::clock::ClockSample;
use crate::engine::runtime::tasks::{Task, TaskOwner};
use crate::engine::state::gaps::{STABLE, before};
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::decoded_batch::DecodedBatch;
use crate::engine::storage::journal_writer::{ConnectionChange, JournalWriter};
use crate::protocol::outgoing;

use backlog::UnsentBatches;
use backoff::Backoff;
use connection::{Connection, FrameEvent};
use desired_state::{DesiredState, TargetState};
use frame_decoder::FrameDecoder;
use join::{is_reply_to, new_correlation_id};
use message_interval::IntervalStats;
use state::{
    Connecting, IdleReason, Leaving, LostMessages, PolicyCloseCount, Session, SessionConfig, State, changed, current,
    next_limit,
};

/// How long leaving may take, from the leave frame to the closed socket.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// The same when the program quits, which may take one second in total.
pub(crate) const QUIT_LEAVE_TIMEOUT: Duration = Duration::from_millis(600);

/// Starts a session. It ends when the target is [`TargetState::Stopped`], after leaving the channel.
pub(crate) fn start(
    config: SessionConfig,
    desired_state: DesiredState,
    spawner: &TaskOwner,
) -> (watch::Sender<DesiredState>, Task<()>) {
    let (sender, receiver) = watch::channel(desired_state);
    let session = Session {
        backoff: Backoff::new(config.random.clone()),
        config,
        backlog: UnsentBatches::default(),
        desired_state: receiver,
        intervals: IntervalStats::default(),
        policy_closes: PolicyCloseCount::default(),
        losses: LostMessages::default(),
        credentials_number: 0,
        connections: 0,
    };
    let task = spawner.start("keeping a connection", Box::pin(session.run()));
    (sender, task)
}

impl Session {
    async fn run(mut self) {
        let mut state = self.apply_desired_state();
        loop {
            self.publish_state(self.public_state(&state)).await;
            state = match state {
                State::Idle(rest) => self.idle(rest).await,
                State::Waiting(waiting) => self.wait(waiting).await,
                State::Connecting(connecting) => self.connect(connecting).await,
                State::Joining(connection) => self.join(connection).await,
                State::Live(live) => self.live(live).await,
                State::Leaving(leaving) => self.leave(leaving).await,
                State::Ended => return self.forward_backlog().await,
            };
        }
    }

    /// The state that the desired state leads to from a state without resources.
    fn apply_desired_state(&mut self) -> State {
        match current(&mut self.desired_state) {
            DesiredState { target: TargetState::SignedOut, .. } => State::Idle(IdleReason::SignedOut),
            DesiredState { target: TargetState::Offline, .. } => State::Idle(IdleReason::Offline),
            DesiredState { target: TargetState::Refused { why }, retry_count, .. } => {
                State::Idle(IdleReason::Refused {
                    number: self.credentials_number,
                    retry: retry_count,
                    why: TokenRefusal::Call(why),
                })
            }
            DesiredState { target: TargetState::Stopped, .. } => State::Ended,
            DesiredState { target: TargetState::Online(session_credentials), message_limit: limit, .. } => {
                if self.credentials_number != session_credentials.number {
                    self.policy_closes = PolicyCloseCount::default();
                }
                self.credentials_number = session_credentials.number;
                self.connections += 1;
                tracing::debug!(profile = %self.config.profile, connection = self.connections, "connecting");
                let opening = connector::open(
                    self.config.connector.clone(),
                    session_credentials.endpoints.websocket.clone(),
                    Vec::new(),
                    limit,
                );
                let (clocks, token) = (self.config.clocks.clone(), session_credentials.token.clone());
                let attempt = async move {
                    let (socket, date) = opening.await.map_err(|error| error.masking(&token))?;
                    if let Some(date) = date {
                        clocks.on_server_time(date);
                    }
                    Ok(socket)
                };
                State::Connecting(Connecting { session_credentials, limit, attempt: Box::pin(attempt) })
            }
        }
    }

    async fn idle(&mut self, reason: IdleReason) -> State {
        // The desired state may have changed while this state was published.
        let mut desired_state = current(&mut self.desired_state);
        loop {
            let stays = match (&reason, &desired_state.target) {
                (IdleReason::SignedOut, TargetState::SignedOut)
                | (IdleReason::Offline, TargetState::Offline)
                | (IdleReason::Refused { .. }, TargetState::Refused { .. }) => true,
                // New credentials are a reason to try again, and so is a retry by the operator.
                (IdleReason::Refused { number, retry, .. }, TargetState::Online(session_credentials)) => {
                    session_credentials.number == *number && desired_state.retry_count == *retry
                }
                _ => false,
            };
            if !stays {
                return self.apply_desired_state();
            }
            desired_state = self.wait_for_change().await;
        }
    }

    async fn connect(&mut self, mut connecting: Connecting) -> State {
        loop {
            tokio::select! {
                desired_state = self.wait_for_change() => {
                    if !desired_state.is_online_with(&connecting.session_credentials) {
                        drop(connecting);
                        return self.apply_desired_state();
                    }
                }
                outcome = &mut connecting.attempt => return match outcome {
                    Ok(socket) => {
                        let reference = self.config.clocks.reference();
                        let frame_decoder = FrameDecoder::new(connecting.session_credentials.token.clone(), self.config.link_store.clone(), reference);
                        let clock = self.config.clock.clone();
                        State::Joining(Box::new(
                            Connection::new(socket, connecting.session_credentials, connecting.limit, frame_decoder, clock),
                        ))
                    }
                    Err(error) => {
                        tracing::debug!(profile = %self.config.profile, %error, "no connection");
                        self.wait_after_failure(ConnectionFailure::NotConnected(Arc::new(error)), None)
                    }
                },
            }
        }
    }

    async fn leave(&mut self, leaving: Box<Leaving>) -> State {
        let Leaving { mut connection, channel, mut last_life } = *leaving;
        let mut decoded_batch = DecodedBatch::default();
        // Entries that have already arrived must not depend on whether the leave can be sent.
        while !decoded_batch.is_full()
            && let Some(received) = connection.next(&mut decoded_batch).now_or_never()
            && !matches!(received, FrameEvent::Ended(_))
        {}
        let (backlog, journal_writer) = (&mut self.backlog, &self.config.journal_writer);
        let farewell = async {
            let asked = new_correlation_id();
            let frame = outgoing::leave(&connection.session_credentials.token, &asked, channel.as_ref());
            if let Err(end) = connection.send_request(&frame, &asked).await {
                tracing::debug!(?end, "could not leave in order");
                return;
            }
            loop {
                match connection.next(&mut decoded_batch).await {
                    FrameEvent::Ended(_) => return,
                    // If the join was just abandoned, its reply may come first.
                    FrameEvent::Reply(reply) if is_reply_to(&reply, &asked) => break,
                    _ => {}
                }
                if decoded_batch.is_full() {
                    backlog.write(std::mem::take(&mut decoded_batch), journal_writer);
                }
                if backlog.is_full() {
                    // What can't be stored is not read, and the reply may be behind it.
                    return;
                }
            }
            // Only the reply proves that the connection lived until now.
            last_life = last_life.map(|_before| self.config.clocks.now());
            connection.close().await;
        };
        tokio::select! {
            biased;
            () = farewell => {}
            () = leave_timeout(self.desired_state.clone()) => {
                tracing::debug!(profile = %self.config.profile, "the server did not answer the leave in time");
            }
        }
        drop(connection);
        self.backlog.write(decoded_batch, &self.config.journal_writer);
        match last_life {
            None => {}
            // The next run's gap begins here.
            Some(life) if matches!(current(&mut self.desired_state).target, TargetState::Stopped) => {
                let now = self.config.clocks.now();
                self.backlog.touch(before(now.at, now.since(life)), &self.config.journal_writer);
            }
            Some(life) => self.report_lost(life, false),
        }
        self.apply_desired_state()
    }

    /// Handles the end of a connection that had been joined for `joined`.
    fn on_disconnect(
        &mut self,
        end: DisconnectReason,
        session_credentials: &SessionCredentials,
        joined: Duration,
    ) -> State {
        tracing::debug!(profile = %self.config.profile, %end, "the connection ended");
        match end {
            DisconnectReason::TokenRefused(why) => {
                let retry = current(&mut self.desired_state).retry_count;
                return State::Idle(IdleReason::Refused { number: session_credentials.number, retry, why });
            }
            // The next connection may end the same way, however long this one stayed up: no reset.
            DisconnectReason::TooLarge { size, limit } => self.report_lost_message(&end, Some(next_limit(size, limit))),
            DisconnectReason::NotUtf8 => self.report_lost_message(&end, None),
            _ if joined >= STABLE => {
                self.backoff.reset();
                self.losses.reset();
            }
            _ => {}
        }
        let policy_closes = self.policy_closes.count(&end, joined);
        self.wait_after_failure(ConnectionFailure::Ended(end), policy_closes)
    }

    /// Reports to the journal writer that a joined connection was lost.
    fn report_lost(&mut self, last: ClockSample, message: bool) {
        let news = ConnectionChange::Lost { last, now: self.config.clocks.now(), message };
        self.backlog.report_change(news, &self.config.journal_writer);
    }

    /// Waits until the desired state changes. Meanwhile the backlog is passed to the journal writer. Cancel-safe.
    async fn wait_for_change(&mut self) -> DesiredState {
        loop {
            tokio::select! {
                desired_state = changed(&mut self.desired_state) => return desired_state,
                () = self.backlog.forward_next(&self.config.journal_writer), if !self.backlog.is_empty() => {}
            }
        }
    }

    /// Passes the whole backlog to the journal writer.
    async fn forward_backlog(&mut self) {
        while !self.backlog.is_empty() {
            self.backlog.forward_next(&self.config.journal_writer).await;
        }
    }

    /// Records a sign of life if the journal writer has a free place. Without it, the next run's gap begins earlier.
    fn touch(&self, life: ClockSample) -> bool {
        let Some(permit) = self.config.journal_writer.try_reserve() else { return false };
        let now = self.config.clocks.now();
        JournalWriter::touch(permit, before(now.at, now.since(life)));
        true
    }

    /// The state as the window and `watch` show it.
    fn public_state(&self, state: &State) -> ConnectionState {
        match state {
            State::Idle(IdleReason::SignedOut) => ConnectionState::SignedOut,
            State::Idle(IdleReason::Offline) | State::Ended => ConnectionState::Offline,
            State::Idle(IdleReason::Refused { why, .. }) => ConnectionState::TokenRefused { why: why.clone() },
            State::Waiting(waiting) => ConnectionState::Reconnecting {
                at: waiting.until.into_std(),
                attempt: self.backoff.failures(),
                why: waiting.why.clone(),
            },
            State::Connecting(_) => ConnectionState::Connecting,
            State::Joining(_) => ConnectionState::Joining,
            State::Live(_) => ConnectionState::Live,
            State::Leaving(_) => ConnectionState::Leaving,
        }
    }

    /// Publishes the state to the window and the supervisor.
    async fn publish_state(&self, state: ConnectionState) {
        self.config.event_sender.update(self.config.profile, |status| status.set_connection(state.clone()));
        let report = InternalEvent::Connection {
            profile: self.config.profile,
            credentials_number: self.credentials_number,
            state,
        };
        if self.config.reports.send(report).await.is_err() {
            tracing::debug!("the engine is stopping");
        }
    }
}

/// Ends when a leave that begins now has taken too long. The program may start to quit meanwhile.
async fn leave_timeout(mut desired_state: watch::Receiver<DesiredState>) {
    let quitting = async {
        if desired_state.wait_for(|desired_state| matches!(desired_state.target, TargetState::Stopped)).await.is_err() {
            tracing::debug!("nobody wishes for this session any more");
        }
        tokio::time::sleep(QUIT_LEAVE_TIMEOUT).await;
    };
    tokio::select! {
        () = quitting => {}
        () = tokio::time::sleep(LEAVE_TIMEOUT) => {}
    }
}

#[cfg(test)]
mod tests;
