//! Chooses how many entries to read from the journal at once: as many as fit a memory budget, whatever their size.

use crate::activity::Entry;
use crate::engine::events::event_queue::weight_of_entries;

/// The target size of a chunk in bytes.
const TARGET_SIZE: usize = 8 * 1024 * 1024;

/// A limit that adapts to the size of the entries that were read.
#[derive(Debug)]
pub(crate) struct ChunkSizer {
    limit: usize,
    most: usize,
}

impl ChunkSizer {
    /// Starts with `first` entries and grows up to `most`.
    pub(crate) fn new(first: usize, most: usize) -> Self {
        Self { limit: first, most }
    }

    /// How many entries to read next.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Adapts to the entries that were read.
    pub(crate) fn learn(&mut self, entries: &[Entry]) {
        let average = weight_of_entries(entries).checked_div(entries.len()).unwrap_or(0).max(1);
        // Grow at most twenty-fold, because the next entries may be larger.
        let wanted = (TARGET_SIZE / average).min(self.limit.saturating_mul(20));
        self.limit = wanted.clamp(1, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{ActivityKey, Fact, Seq, Timestamp};
    use crate::protocol::UnreadableReason;

    fn entries(count: usize, raw: usize) -> Vec<Entry> {
        let entry = Entry {
            seq: Seq(1),
            at: Timestamp(0),
            key: ActivityKey::Message("m".into()),
            fact: Fact::Unreadable { reason: UnreadableReason::NotJson, size: 1 },
            raw: "x".repeat(raw).into(),
        };
        vec![entry; count]
    }

    #[test]
    fn ids_and_texts_count_like_raw_messages() {
        let gap = |count: usize| crate::activity::Gap {
            from: Timestamp(0),
            to: Some(Timestamp(1)),
            cause: crate::activity::GapCause::Disconnected,
            open: (0..count).map(|number| format!("{number:036}").as_str().into()).collect(),
            requests: 0,
            open_requests: (0..count).map(|number| format!("{number:036}").as_str().into()).collect(),
        };
        let entry = Entry::local(Timestamp(0), ActivityKey::Gap("g".into()), Fact::Gap(gap(10_000)));
        assert!(entry.weight() > 1_000_000, "{}", entry.weight());
        let label = crate::activity::LocalEvent::Labelled { label: "x".repeat(100_000) };
        assert!(Entry::local(Timestamp(0), ActivityKey::Gap("g".into()), Fact::Local(label)).weight() > 100_000);
        let mut chunk = ChunkSizer::new(1_000, 20_000);
        chunk.learn(&vec![entry; 8]);
        assert!(chunk.limit() <= 8, "{} of more than a megabyte each", chunk.limit());
    }

    #[test]
    fn chunks_of_small_entries_grow_and_of_large_ones_shrink() {
        let mut chunk = ChunkSizer::new(1_000, 20_000);
        chunk.learn(&entries(1_000, 135));
        assert!(chunk.limit() > 10_000, "{}", chunk.limit());
        chunk.learn(&entries(10, 1024 * 1024));
        assert!(chunk.limit() <= 8, "{} of a megabyte each", chunk.limit());
    }
}
