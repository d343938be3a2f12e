//! The state in which the join is under way, and what its refusal means.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::events::connection_reason::{DisconnectReason, TokenRefusal};
use crate::engine::state::session_credentials::SessionCredentials;
use crate::engine::storage::decoded_batch::DecodedBatch;
use crate::engine::storage::journal_writer::{ConnectionChange, JournalWriter};
use crate::protocol::{CorrelationId, Reply, outgoing};

use super::backlog::Backlog;
use super::connection::{Connection, FrameEvent};
use super::state::{Leaving, LiveConnection, Session, State, changed, current};

/// How long the server has to answer a join.
const JOIN_BUDGET: Duration = Duration::from_secs(5);

impl Session {
    pub(crate) async fn join(&mut self, mut connection: Box<Connection>) -> State {
        let ticket = connection.ticket.clone();
        let asked = correlation();
        let mut harvest = DecodedBatch::default();
        self.clocks.begin_receiving();
        let outcome = {
            let attempt = joined(&mut connection, &asked, (&self.scribe, &mut self.backlog), &mut harvest);
            tokio::pin!(attempt);
            loop {
                tokio::select! {
                    outcome = &mut attempt => break Some(outcome),
                    wish = changed(&mut self.wish) => if !wish.wants(&ticket) { break None },
                }
            }
        };
        // What came with the join is an acknowledgement like any other, however the join ended.
        self.backlog.write(harvest, &self.scribe);
        match outcome {
            None => State::Leaving(Box::new(Leaving { connection: *connection, channel: None, life: None })),
            Some(Ok(reply)) => {
                let since = self.clocks.now();
                self.backlog.tell(ConnectionChange::Joined { since, ticket }, &self.scribe);
                State::Live(Box::new(LiveConnection::new(*connection, asked, reply.channel_id, since)))
            }
            Some(Err(end)) => {
                drop(connection);
                if end.lost_message().is_some() {
                    self.backlog.tell(ConnectionChange::MessageLost { now: self.clocks.now() }, &self.scribe);
                }
                match self.asked_about(end, &ticket).await {
                    Some(end) => self.lost(end, &ticket, Duration::ZERO),
                    None => self.follow(),
                }
            }
        }
    }

    /// How a join really ended: where its refusal may be the token's fault, the server is asked. `None` when the wish is
    /// another, or the operator does not want to wait.
    async fn asked_about(
        &mut self,
        end: DisconnectReason,
        ticket: &Arc<SessionCredentials>,
    ) -> Option<DisconnectReason> {
        if !end.may_be_the_tokens_fault() {
            return Some(end);
        }
        let before = current(&mut self.wish);
        let mut answer = (self.token_check)(ticket.clone());
        loop {
            tokio::select! {
                refusal = &mut answer => return Some(match refusal {
                    Some(words) => DisconnectReason::TokenRefused(TokenRefusal::Join { words }),
                    None => end,
                }),
                wish = self.changed() => if !wish.wants(ticket) || wish.hurries(&before) { return None },
            }
        }
    }
}

/// Joins: sends the frame and reads up to the answer. Events that come before it are kept. The time in which the journal
/// has no room, so that nothing can be read, is not the server's.
async fn joined(
    connection: &mut Connection,
    asked: &CorrelationId,
    (scribe, backlog): (&JournalWriter, &mut Backlog),
    harvest: &mut DecodedBatch,
) -> Result<Reply, DisconnectReason> {
    let mut deadline = Instant::now() + JOIN_BUDGET;
    let frame = outgoing::join(&connection.ticket.token, asked);
    let sent = tokio::time::timeout_at(deadline, connection.ask(&frame, asked)).await;
    sent.map_err(|_elapsed| DisconnectReason::JoinUnanswered)??;
    loop {
        if harvest.is_full() {
            backlog.write(std::mem::take(harvest), scribe);
        }
        if backlog.is_full() {
            let waits = Instant::now();
            while backlog.is_full() {
                backlog.hand_over(scribe).await;
            }
            deadline += waits.elapsed();
        }
        let next = tokio::time::timeout_at(deadline, connection.next(harvest)).await;
        match next.map_err(|_elapsed| DisconnectReason::JoinUnanswered)? {
            FrameEvent::Reply(reply) if answers(&reply, asked) => {
                return if reply.is_ok() { Ok(reply) } else { Err(DisconnectReason::of_refusal(reply)) };
            }
            FrameEvent::End(end) => return Err(end),
            FrameEvent::Entry
            | FrameEvent::Reply(_)
            | FrameEvent::KeepAlive
            | FrameEvent::Pong(_)
            | FrameEvent::Ping => {}
        }
    }
}

/// Whether a reply answers what was asked. A server may leave the correlation id out; one with another answers something else.
pub(crate) fn answers(reply: &Reply, asked: &CorrelationId) -> bool {
    reply.correlation_id.as_ref().is_none_or(|id| id == asked)
}

pub(crate) fn correlation() -> CorrelationId {
    CorrelationId::new(uuid::Uuid::new_v4().to_string())
}
