//! How many entries to read from the journal at once: as many as fit a budget of memory, whatever their size.

use crate::activity::Entry;

use super::mailbox::weight_of_entries;

/// What a chunk should weigh in bytes.
const BUDGET: usize = 8 * 1024 * 1024;

/// A limit that follows the size of what was read.
#[derive(Debug)]
pub(super) struct Chunk {
    limit: usize,
    most: usize,
}

impl Chunk {
    /// Begins with `first` entries and goes up to `most`.
    pub(super) fn new(first: usize, most: usize) -> Self {
        Self { limit: first, most }
    }

    /// How many entries to ask for.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether that many or more came: there may be others.
    pub(super) fn is_full(&self, entries: &[Entry]) -> bool {
        entries.len() >= self.limit
    }

    /// Learns from what was read.
    pub(super) fn learn(&mut self, entries: &[Entry]) {
        let average = weight_of_entries(entries).checked_div(entries.len()).unwrap_or(0).max(1);
        // At most twenty times as many as before: the next ones may be larger.
        let wanted = (BUDGET / average).min(self.limit.saturating_mul(20));
        self.limit = wanted.clamp(1, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{ActivityKey, Fact, Moment, Seq};
    use crate::protocol::UnreadableReason;

    fn entries(count: usize, raw: usize) -> Vec<Entry> {
        let entry = Entry {
            seq: Seq(1),
            at: Moment(0),
            key: ActivityKey::Message("m".into()),
            fact: Fact::Unreadable { reason: UnreadableReason::NotJson, size: 1 },
            raw: "x".repeat(raw).into(),
        };
        vec![entry; count]
    }

    #[test]
    fn chunks_of_small_entries_grow_and_of_large_ones_shrink() {
        let mut chunk = Chunk::new(1_000, 20_000);
        chunk.learn(&entries(1_000, 135));
        assert!(chunk.limit() > 10_000, "{}", chunk.limit());
        chunk.learn(&entries(10, 1024 * 1024));
        assert!(chunk.limit() <= 8, "{} of a megabyte each", chunk.limit());
        assert!(chunk.is_full(&entries(8, 1)) && !chunk.is_full(&entries(1, 1)));
    }
}
