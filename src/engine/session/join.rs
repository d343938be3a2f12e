//! The state in which the session joins, and what a refusal means.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::events::connection_reason::{DisconnectReason, TokenRefusal};
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::decoded_batch::DecodedBatch;
use crate::engine::storage::journal_writer::{ConnectionChange, JournalWriter};
use crate::protocol::{CorrelationId, Reply, outgoing};

use super::backlog::UnsentBatches;
use super::connection::{Connection, FrameEvent};
use super::state::{Leaving, LiveConnection, Session, State, changed, current};

/// How long the server may take to answer a join.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

impl Session {
    pub(crate) async fn join(&mut self, mut connection: Box<Connection>) -> State {
        let session_credentials = connection.session_credentials.clone();
        let asked = new_correlation_id();
        let mut decoded_batch = DecodedBatch::default();
        self.config.clocks.begin_receiving();
        let outcome = {
            let attempt =
                send_join(&mut connection, &asked, &self.config.journal_writer, &mut self.backlog, &mut decoded_batch);
            tokio::pin!(attempt);
            loop {
                tokio::select! {
                    outcome = &mut attempt => break Some(outcome),
                    desired_state = changed(&mut self.desired_state) => if !desired_state.is_online_with(&session_credentials) { break None },
                }
            }
        };
        // Entries that arrived with the join are stored like any others, however the join ended.
        self.backlog.write(decoded_batch, &self.config.journal_writer);
        match outcome {
            None => State::Leaving(Box::new(Leaving { connection: *connection, channel: None, last_life: None })),
            Some(Ok(reply)) => {
                let since = self.config.clocks.now();
                self.backlog.report_change(
                    ConnectionChange::Joined { since, session_credentials },
                    &self.config.journal_writer,
                );
                State::Live(Box::new(LiveConnection::new(*connection, asked, reply.channel_id, since)))
            }
            Some(Err(end)) => {
                drop(connection);
                if end.lost_message().is_some() {
                    self.backlog.report_change(
                        ConnectionChange::MessageLost { now: self.config.clocks.now() },
                        &self.config.journal_writer,
                    );
                }
                match self.check_refusal(end, &session_credentials).await {
                    Some(end) => self.on_disconnect(end, &session_credentials, Duration::ZERO),
                    None => self.apply_desired_state(),
                }
            }
        }
    }

    /// Decides how a refused join ended: asks the server if the token may be the reason. `None` if the desired state changed, or
    /// the operator does not want to wait.
    async fn check_refusal(
        &mut self,
        end: DisconnectReason,
        session_credentials: &Arc<SessionCredentials>,
    ) -> Option<DisconnectReason> {
        if !end.may_be_invalid_token() {
            return Some(end);
        }
        let before = current(&mut self.desired_state);
        let mut answer = (self.config.token_check)(session_credentials.clone());
        loop {
            tokio::select! {
                refusal = &mut answer => return Some(match refusal {
                    Some(words) => DisconnectReason::TokenRefused(TokenRefusal::Join { words }),
                    None => end,
                }),
                desired_state = self.wait_for_change() => if !desired_state.is_online_with(session_credentials) || desired_state.wants_retry_now(&before) { return None },
            }
        }
    }
}

/// Joins: sends the frame and reads up to the reply. Events that arrive before it are stored. Time in which the journal writer
/// has no free place, so that nothing can be read, does not count against the server.
async fn send_join(
    connection: &mut Connection,
    asked: &CorrelationId,
    journal_writer: &JournalWriter,
    backlog: &mut UnsentBatches,
    decoded_batch: &mut DecodedBatch,
) -> Result<Reply, DisconnectReason> {
    let mut deadline = Instant::now() + JOIN_TIMEOUT;
    let frame = outgoing::join(&connection.session_credentials.token, asked);
    let sent = tokio::time::timeout_at(deadline, connection.send_request(&frame, asked)).await;
    sent.map_err(|_elapsed| DisconnectReason::JoinUnanswered)??;
    loop {
        if decoded_batch.is_full() {
            backlog.write(std::mem::take(decoded_batch), journal_writer);
        }
        if backlog.is_full() {
            let waits = Instant::now();
            while backlog.is_full() {
                backlog.forward_next(journal_writer).await;
            }
            deadline += waits.elapsed();
        }
        let next = tokio::time::timeout_at(deadline, connection.next(decoded_batch)).await;
        match next.map_err(|_elapsed| DisconnectReason::JoinUnanswered)? {
            FrameEvent::Reply(reply) if is_reply_to(&reply, asked) => {
                return if reply.is_ok() { Ok(reply) } else { Err(DisconnectReason::of_refusal(reply)) };
            }
            FrameEvent::Ended(end) => return Err(end),
            _ => {}
        }
    }
}

/// Whether a reply answers this request. A server may omit the correlation id; one with another id answers something else.
pub(crate) fn is_reply_to(reply: &Reply, asked: &CorrelationId) -> bool {
    reply.correlation_id.as_ref().is_none_or(|id| id == asked)
}

pub(crate) fn new_correlation_id() -> CorrelationId {
    CorrelationId::new(uuid::Uuid::new_v4().to_string())
}
