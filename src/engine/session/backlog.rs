//! What the journal writer has no room for yet. It keeps its order; whatever the operator wants meanwhile is done.

use std::collections::VecDeque;

use crate::activity::Timestamp;
use crate::engine::storage::decoded_batch::DecodedBatch;
use crate::engine::storage::journal_writer::{ConnectionChange, JournalWriter};

/// What was read and what became of connections, in order. Bounded: whoever reads stops while it [`Self::is_full`].
#[derive(Debug, Default)]
pub(crate) struct Backlog(VecDeque<Item>);

#[derive(Debug)]
enum Item {
    Read(DecodedBatch),
    Presence(ConnectionChange),
    Alive(Timestamp),
}

impl Backlog {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether nothing more may be read.
    pub(crate) fn is_full(&self) -> bool {
        self.0.iter().any(|item| matches!(item, Item::Read(read) if read.is_full()))
    }

    /// Has the journal writer write what was read: at once if it has room, otherwise later.
    pub(crate) fn write(&mut self, read: DecodedBatch, writer: &JournalWriter) {
        if read.is_empty() {
            return;
        }
        match self.0.is_empty().then(|| writer.room_now()).flatten() {
            Some(room) => JournalWriter::write(room, read),
            None => self.push(read),
        }
    }

    fn push(&mut self, read: DecodedBatch) {
        match self.0.back_mut() {
            Some(Item::Read(before)) => before.join(read),
            _ => self.0.push_back(Item::Read(read)),
        }
    }

    /// Tells the journal writer of a join or a loss: at once if it has room, otherwise later.
    pub(crate) fn tell(&mut self, presence: ConnectionChange, writer: &JournalWriter) {
        match self.0.is_empty().then(|| writer.room_now()).flatten() {
            Some(room) => JournalWriter::tell(room, presence),
            None if self.is_part_of_a_gap(&presence) => {
                // The gap before goes on: it claims the moment of being joined as well, during which nothing was read. What
                // came with that join is not lost.
                self.0.pop_back();
                if let Some(Item::Read(read)) = self.0.pop_back_if(|last| matches!(last, Item::Read(_))) {
                    self.push(read);
                }
            }
            None => self.0.push_back(Item::Presence(presence)),
        }
    }

    /// Has a sign of life written down: at once if the journal writer has room, otherwise later.
    pub(crate) fn prove(&mut self, alive: Timestamp, writer: &JournalWriter) {
        match self.0.is_empty().then(|| writer.room_now()).flatten() {
            Some(room) => JournalWriter::prove(room, alive),
            None => self.0.push_back(Item::Alive(alive)),
        }
    }

    /// Whether a loss follows a join that the journal writer does not know of yet, as little as of the loss before.
    fn is_part_of_a_gap(&self, presence: &ConnectionChange) -> bool {
        let lost = |item: &Item| matches!(item, Item::Presence(ConnectionChange::Lost { .. }));
        matches!(presence, ConnectionChange::Lost { .. })
            && matches!(self.0.back(), Some(Item::Presence(ConnectionChange::Joined { .. })))
            && self.0.iter().any(lost)
    }

    /// Hands over what waits longest, once there is room. Can be dropped at any time.
    pub(crate) async fn hand_over(&mut self, writer: &JournalWriter) {
        match (writer.room().await, self.0.pop_front()) {
            (Ok(room), Some(Item::Read(read))) => JournalWriter::write(room, read),
            (Ok(room), Some(Item::Presence(presence))) => JournalWriter::tell(room, presence),
            (Ok(room), Some(Item::Alive(alive))) => JournalWriter::prove(room, alive),
            (Ok(_room), None) => {}
            // Nothing can be kept any more.
            (Err(_closed), _) => self.0.clear(),
        }
    }
}
