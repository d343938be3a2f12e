//! Messages that were lost since they could not be read, each with its connection.
//!
//! A server that keeps a queue delivers such a message again after each join: by that the same loss is known.

use crate::engine::action::Action;
use crate::engine::event::{Notice, Severity};
use crate::engine::reading::{Harvest, Reading};
use crate::engine::reasons::DisconnectReason;
use crate::protocol::UnreadableReason;

use super::Session;

/// After how many losses of one kind in a row nothing but a change helps.
const REPEATED: u32 = 3;

/// Lost messages, in a row.
#[derive(Debug, Default)]
pub(super) struct Losses {
    last: Option<DisconnectReason>,
    /// How often the last one was lost: a message that is delivered again has the same size.
    count: u32,
    /// How many were lost for the same reason, whatever their size.
    of_its_kind: u32,
    /// The row of all that are the same.
    key: String,
}

impl Losses {
    /// Counts how a connection ended, if that lost a message: what is known of it, with the row that says so.
    pub(super) fn count(&mut self, end: &DisconnectReason) -> Option<(UnreadableReason, usize, &str)> {
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
    pub(super) fn backoff(&self) -> u32 {
        if self.count < REPEATED { 0 } else { self.count.saturating_add(REPEATED) }
    }

    /// A connection ended otherwise.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Session {
    /// Says that a message could not be read, in a row and to the operator. A server may send it again after each join: from the
    /// third in a row the operator is offered the larger `limit`, if one would help; later ones that are the same are not said.
    pub(super) fn cannot_read(&mut self, why: &DisconnectReason, limit: Option<usize>) {
        let Some((reason, size, key)) = self.losses.count(why) else { return };
        let mut harvest = Harvest::default();
        Reading::lost(reason, size, key, (self.clock)(), &mut harvest);
        self.backlog.write(harvest, &self.scribe);
        if self.losses.count > REPEATED {
            return;
        }
        let times = self.losses.of_its_kind;
        let repeated = times >= REPEATED;
        let sentence = match limit {
            _ if !repeated => format!(
                "{why} The message is lost, and its gap stays marked: acknowledgements may be missing. Privicore Monitor reconnects."
            ),
            Some(_) => format!(
                "{why} A message was lost like this {times} times in a row, and more may be: raise the limit to read them. Until then \
                 Privicore Monitor reconnects after growing pauses."
            ),
            None => format!(
                "{why} That has happened {times} times in a row: ask the server's owner to take the message out of the queue. Until then \
                 Privicore Monitor reconnects after growing pauses."
            ),
        };
        self.outbox.notice(Notice {
            severity: Severity::Warning,
            profile: Some(self.profile),
            sentence,
            remedy: limit
                .filter(|_| repeated)
                .map(|limit| ("Raise the limit".to_owned(), Action::SetMessageLimit(limit))),
        });
    }
}

/// A limit under which a message of this size could have been read: the size that is known may be that of its first part.
pub(super) fn next_limit(size: usize, limit: usize) -> usize {
    size.max(limit.saturating_mul(2)).checked_next_power_of_two().unwrap_or(usize::MAX)
}
