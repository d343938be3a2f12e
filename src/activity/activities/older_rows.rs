//! What the journal has beyond what was restored: by these entries a message for an old id is known not to be of a new one.

use std::hash::BuildHasher as _;

use crate::activity::collections::interner::PackedId;
use crate::activity::entry::{ActivityKey, Kind, Seq};

use super::Activities;
use super::eviction_state::OlderRows;

impl Activities {
    /// The journal has these rows more, which were not restored because there were too many: by where their first entries are,
    /// so many from each of these entries to the next.
    pub fn set_older(&mut self, rows: Vec<(Seq, u64)>) {
        let all = rows.iter().map(|(_, count)| count).sum();
        self.eviction.older = OlderRows { stretches: rows.into_iter().collect(), all };
        // They may have been counted before what was purged last.
        self.eviction.older.purged(self.eviction.purged.before);
    }

    /// The journal has these entries, which were not restored because there are too many. `complete` is whether they are the
    /// last ones: what is known of rows in memory is then read as a whole, see [`Activities::take_incomplete`].
    pub fn index_older(&mut self, entries: &[(Seq, ActivityKey)], complete: bool) {
        let limit = self.rows_in_memory();
        for (seq, key) in entries {
            let hash = self.lasting_hash_of(key);
            self.eviction.rows.index(hash, *seq, limit);
            if let Some(row) = self.find(key)
                && *seq < self.place(row.slot)
            {
                self.eviction.cut.insert(row);
            }
        }
        self.eviction.cut_known |= complete;
        self.complete_cut();
    }

    /// Has the earlier entries of rows read, once it is known where all of them are.
    pub(crate) fn complete_cut(&mut self) {
        if !self.eviction.cut_known || self.eviction.cut.is_empty() {
            return;
        }
        for row in std::mem::take(&mut self.eviction.cut) {
            let Some(at) = self.slot_of(row) else { continue };
            if self.is_incomplete(at) {
                // What is being read may not be all of it.
                self.eviction.cut.insert(row);
                continue;
            }
            let first = self.place(at);
            // One that was restored is counted as a row in memory already.
            self.miss(at, first, first >= self.live_from);
        }
    }

    /// The hash of an id, also after its text has gone and its place was given to another one.
    pub(crate) fn lasting_hash(&self, kind: Kind, id: PackedId) -> u64 {
        match id {
            PackedId::Text(text) => self.hasher.hash_one((kind, self.pool.get(text))),
            PackedId::Uuid(uuid) => self.hasher.hash_one((kind, uuid)),
        }
    }

    /// Whether a row was evicted and did not come back.
    pub(crate) fn was_evicted(&self, key: &ActivityKey) -> bool {
        self.eviction.purged.settled_across.contains(key) || self.eviction.rows.has_evicted(self.lasting_hash_of(key))
    }

    /// [`Self::lasting_hash`] of a key.
    pub(crate) fn lasting_hash_of(&self, key: &ActivityKey) -> u64 {
        match PackedId::of_uuid(key.id()) {
            Some(id) => self.lasting_hash(key.kind(), id),
            None => self.hasher.hash_one((key.kind(), key.id())),
        }
    }
}
