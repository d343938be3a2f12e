//! Buffers entries and connection changes, in order, while the journal writer has no free place. The operator's actions are not
//! delayed.

use std::collections::VecDeque;

use crate::activity::Timestamp;
use crate::engine::storage::decoded_batch::DecodedBatch;
use crate::engine::storage::journal_writer::{ConnectionChange, JournalWriter};

/// Decoded batches and connection changes, in order. Bounded: the session stops reading while it [`Self::is_full`].
#[derive(Debug, Default)]
pub(crate) struct UnsentBatches(VecDeque<Item>);

#[derive(Debug)]
enum Item {
    Batch(DecodedBatch),
    Connection(ConnectionChange),
    Touch(Timestamp),
}

impl UnsentBatches {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the session must stop reading.
    pub(crate) fn is_full(&self) -> bool {
        self.0.iter().any(|item| matches!(item, Item::Batch(read) if read.is_full()))
    }

    /// Passes decoded entries to the journal writer: at once if it has a free place, otherwise later.
    pub(crate) fn write(&mut self, read: DecodedBatch, writer: &JournalWriter) {
        if read.is_empty() {
            return;
        }
        match self.0.is_empty().then(|| writer.try_reserve()).flatten() {
            Some(permit) => JournalWriter::write(permit, read),
            None => self.push(read),
        }
    }

    fn push(&mut self, read: DecodedBatch) {
        match self.0.back_mut() {
            Some(Item::Batch(before)) => before.join(read),
            _ => self.0.push_back(Item::Batch(read)),
        }
    }

    /// Reports a join or a loss to the journal writer: at once if it has a free place, otherwise later.
    pub(crate) fn report_change(&mut self, change: ConnectionChange, writer: &JournalWriter) {
        match self.0.is_empty().then(|| writer.try_reserve()).flatten() {
            Some(permit) => JournalWriter::report_change(permit, change),
            None if self.is_within_gap(&change) => {
                // The earlier gap continues. It then also covers the moment of the join, during which nothing was read; the entries
                // that came with that join are not lost.
                self.0.pop_back();
                if let Some(Item::Batch(read)) = self.0.pop_back_if(|last| matches!(last, Item::Batch(_))) {
                    self.push(read);
                }
            }
            None => self.0.push_back(Item::Connection(change)),
        }
    }

    /// Records a sign of life: at once if the journal writer has a free place, otherwise later.
    pub(crate) fn touch(&mut self, alive: Timestamp, writer: &JournalWriter) {
        match self.0.is_empty().then(|| writer.try_reserve()).flatten() {
            Some(permit) => JournalWriter::touch(permit, alive),
            None => self.0.push_back(Item::Touch(alive)),
        }
    }

    /// Whether this is a loss after a join, and the journal writer has received neither that join nor the loss before it.
    fn is_within_gap(&self, change: &ConnectionChange) -> bool {
        let lost = |item: &Item| matches!(item, Item::Connection(ConnectionChange::Lost { .. }));
        matches!(change, ConnectionChange::Lost { .. })
            && matches!(self.0.back(), Some(Item::Connection(ConnectionChange::Joined { .. })))
            && self.0.iter().any(lost)
    }

    /// Passes the oldest item to the journal writer once it has a free place. Cancel-safe.
    pub(crate) async fn forward_next(&mut self, writer: &JournalWriter) {
        match (writer.reserve().await, self.0.pop_front()) {
            (Ok(permit), Some(Item::Batch(read))) => JournalWriter::write(permit, read),
            (Ok(permit), Some(Item::Connection(change))) => JournalWriter::report_change(permit, change),
            (Ok(permit), Some(Item::Touch(alive))) => JournalWriter::touch(permit, alive),
            (Ok(_room), None) => {}
            // The journal writer has stopped, so nothing can be stored any more.
            (Err(_closed), _) => self.0.clear(),
        }
    }
}
