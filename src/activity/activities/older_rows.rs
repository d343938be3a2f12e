//! Rows that the journal has beyond the restored ones. Their entries show whether a message's id is old or new.

use std::hash::BuildHasher as _;

use crate::activity::collections::interner::PackedId;
use crate::activity::entry::{ActivityKey, Kind, Seq};

use super::Activities;
use super::eviction_state::OlderRows;

impl Activities {
    /// Sets how many rows the journal has that were not restored because there were too many: for each entry, the number of rows
    /// whose first entry is between it and the next one in the list.
    pub fn set_older(&mut self, rows: Vec<(Seq, u64)>) {
        let total = rows.iter().map(|(_, count)| count).sum();
        self.eviction.older = OlderRows { ranges: rows.into_iter().collect(), total };
        // The counts may be older than the last purge.
        self.eviction.older.on_purge(self.eviction.purged.before);
    }

    /// Indexes journal entries that were not restored because there were too many. `complete` marks the last call: rows in memory
    /// are then completed, see [`Activities::take_incomplete`].
    pub fn index_older(&mut self, entries: &[(Seq, ActivityKey)], complete: bool) {
        let limit = self.rows_in_memory();
        for (seq, key) in entries {
            let hash = self.stable_hash_of(key);
            self.eviction.rows.index(hash, *seq, limit);
            if let Some(row) = self.find(key)
                && *seq < self.first_seq(row.slot)
            {
                self.eviction.incomplete_in_memory.insert(row);
            }
        }
        self.eviction.all_indexed |= complete;
        self.request_incomplete();
    }

    /// Requests the earlier entries of rows once all of them are indexed.
    pub(crate) fn request_incomplete(&mut self) {
        if !self.eviction.all_indexed || self.eviction.incomplete_in_memory.is_empty() {
            return;
        }
        for row in std::mem::take(&mut self.eviction.incomplete_in_memory) {
            let Some(at) = self.slot_of(row) else { continue };
            if self.is_incomplete(at) {
                // The read under way may not cover all of it.
                self.eviction.incomplete_in_memory.insert(row);
                continue;
            }
            let first = self.first_seq(at);
            // A restored row already counts as a row in memory.
            self.mark_incomplete(at, first, first >= self.live_from);
        }
    }

    /// The hash of an id. It stays the same after its text is dropped and the text's number is reused.
    pub(crate) fn stable_hash(&self, kind: Kind, id: PackedId) -> u64 {
        match id {
            PackedId::Text(text) => self.hasher.hash_one((kind, self.pool.get(text))),
            PackedId::Uuid(uuid) => self.hasher.hash_one((kind, uuid)),
        }
    }

    /// Whether a row was evicted and not reloaded.
    pub(crate) fn was_evicted(&self, key: &ActivityKey) -> bool {
        self.eviction.purged.settled_across.contains(key) || self.eviction.rows.has_evicted(self.stable_hash_of(key))
    }

    /// [`Self::stable_hash`] of a key.
    pub(crate) fn stable_hash_of(&self, key: &ActivityKey) -> u64 {
        match PackedId::of_uuid(key.id()) {
            Some(id) => self.stable_hash(key.kind(), id),
            None => self.hasher.hash_one((key.kind(), key.id())),
        }
    }
}
