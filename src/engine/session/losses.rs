//! Messages that were lost since they could not be read, each with its connection.
//!
//! A server that keeps a queue delivers such a message again after each join: by that the same loss is known.

use crate::engine::action::Action;
use crate::engine::event::{Notice, Severity};
use crate::engine::reading::{Harvest, Reading};
use crate::engine::reasons::DisconnectReason;
use crate::protocol::UnreadableReason;

use super::Session;

/// After how many of the same losses in a row nothing but a change helps.
const REPEATED: u32 = 3;

/// The same loss, in a row.
#[derive(Debug, Default)]
pub(super) struct Losses {
    last: Option<DisconnectReason>,
    count: u32,
    /// The row of all of them.
    key: String,
}

impl Losses {
    /// Counts how a connection ended, if that lost a message: what is known of it, with the row that says so.
    pub(super) fn count(&mut self, end: &DisconnectReason) -> Option<(UnreadableReason, usize, &str)> {
        let (reason, size) = end.lost_message()?;
        if self.last.as_ref() == Some(end) {
            self.count = self.count.saturating_add(1);
        } else {
            *self = Self { last: Some(end.clone()), count: 1, key: uuid::Uuid::new_v4().to_string() };
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
    /// Says that a message could not be read, in a row and to the operator, and offers to raise the limit. A server may send it
    /// again after each join: that is said once.
    pub(super) fn cannot_read(&mut self, why: &DisconnectReason, limit: Option<usize>) {
        let Some((reason, size, key)) = self.losses.count(why) else { return };
        let mut harvest = Harvest::default();
        Reading::lost(reason, size, key, (self.clock)(), &mut harvest);
        self.backlog.write(harvest, &self.scribe);
        let sentence = match (self.losses.count, limit) {
            (..REPEATED, _) => format!("{why} The message is lost; Privicore Monitor connects again."),
            (REPEATED, Some(_)) => format!(
                "{why} The server has sent it {REPEATED} times in a row and may go on doing so: raise the limit to read it. Until then \
                 Privicore Monitor connects again after growing pauses."
            ),
            (REPEATED, None) => format!(
                "{why} That has happened {REPEATED} times in a row: ask the server's owner to take the message out of the queue. Until then \
                 Privicore Monitor connects again after growing pauses."
            ),
            _ => return,
        };
        self.outbox.notice(Notice {
            severity: Severity::Warning,
            profile: Some(self.profile),
            sentence,
            remedy: limit.map(|limit| ("Raise the limit".to_owned(), Action::SetMessageLimit(limit))),
        });
    }
}

/// A limit under which a message of this size could have been read: the size that is known may be that of its first part.
pub(super) fn next_limit(size: usize, limit: usize) -> usize {
    size.max(limit.saturating_mul(2)).checked_next_power_of_two().unwrap_or(usize::MAX)
}
