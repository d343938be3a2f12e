//! Buffers entries and connection changes, in order, while the journal writer has no room. The operator's actions are not delayed.

use std::collections::VecDeque;

use crate::activity::Timestamp;
use crate::engine::storage::decoded_batch::DecodedBatch;
use crate::engine::storage::journal_writer::{ConnectionChange, JournalWriter};

/// Decoded batches and connection changes, in order. Bounded: the session stops reading while it [`Self::is_full`].
#[derive(Debug, Default)]
pub(crate) struct Backlog(VecDeque<Item>);

#[derive(Debug)]
enum Item {
    Read(DecodedBatch),
    Presence(ConnectionChange),
    Alive(Timestamp),
}

impl Backlog {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the session must stop reading.
    pub(crate) fn is_full(&self) -> bool {
        self.0.iter().any(|item| matches!(item, Item::Read(read) if read.is_full()))
    }

    /// Passes decoded entries to the journal writer: at once if it has room, otherwise later.
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

    /// Reports a join or a loss to the journal writer: at once if it has room, otherwise later.
    pub(crate) fn tell(&mut self, presence: ConnectionChange, writer: &JournalWriter) {
        match self.0.is_empty().then(|| writer.room_now()).flatten() {
            Some(room) => JournalWriter::tell(room, presence),
            None if self.is_part_of_a_gap(&presence) => {
                // The earlier gap continues. It then also covers the moment of the join, during which nothing was read; the entries
                // that came with that join are not lost.
                self.0.pop_back();
                if let Some(Item::Read(read)) = self.0.pop_back_if(|last| matches!(last, Item::Read(_))) {
                    self.push(read);
                }
            }
            None => self.0.push_back(Item::Presence(presence)),
        }
    }

    /// Records a sign of life: at once if the journal writer has room, otherwise later.
    pub(crate) fn prove(&mut self, alive: Timestamp, writer: &JournalWriter) {
        match self.0.is_empty().then(|| writer.room_now()).flatten() {
            Some(room) => JournalWriter::prove(room, alive),
            None => self.0.push_back(Item::Alive(alive)),
        }
    }

    /// Whether this is a loss after a join, and the journal writer has received neither that join nor the loss before it.
    fn is_part_of_a_gap(&self, presence: &ConnectionChange) -> bool {
        let lost = |item: &Item| matches!(item, Item::Presence(ConnectionChange::Lost { .. }));
        matches!(presence, ConnectionChange::Lost { .. })
            && matches!(self.0.back(), Some(Item::Presence(ConnectionChange::Joined { .. })))
            && self.0.iter().any(lost)
    }

    /// Passes the oldest item to the journal writer once it has room. Cancel-safe.
    pub(crate) async fn hand_over(&mut self, writer: &JournalWriter) {
        match (writer.room().await, self.0.pop_front()) {
            (Ok(room), Some(Item::Read(read))) => JournalWriter::write(room, read),
            (Ok(room), Some(Item::Presence(presence))) => JournalWriter::tell(room, presence),
            (Ok(room), Some(Item::Alive(alive))) => JournalWriter::prove(room, alive),
            (Ok(_room), None) => {}
            // The journal writer has stopped, so nothing can be stored any more.
            (Err(_closed), _) => self.0.clear(),
        }
    }
}
