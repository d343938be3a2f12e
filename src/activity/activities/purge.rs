//! Removes settled rows from memory that the journal no longer holds.
//!
//! A gap is removed exactly when the journal reports it, and the items that a gap names stay as long as it does, because the
//! journal keeps them as well.

use std::collections::{BTreeSet, HashSet};

use crate::activity::entry::{ActivityKey, Seq};
use crate::activity::status::Status;

use super::Activities;
use super::eviction::is_settled;

impl Activities {
    /// Notes that the journal holds no entry before this one, except those of open items and of items that gaps name. Rows without
    /// other entries are removed. `gaps` are the gaps that were removed, some of which may have had later entries.
    pub fn on_purge<'a>(&mut self, before: Seq, gaps: impl Iterator<Item = &'a ActivityKey>) {
        let gone: Vec<u32> = gaps.filter_map(|gap| self.find(gap)).map(|row| row.slot).collect();
        self.eviction.purged.gaps.extend(gone);
        self.protect_named();
        self.eviction.purged.before = self.eviction.purged.before.max(before);
        self.eviction.purged.from = Some(Seq(0));
        self.eviction.rows.on_purge(before);
        self.eviction.older.on_purge(before);
    }

    /// Collects the activities that the remaining gaps name: their rows stay, and evicted ones are noted as settled.
    fn protect_named(&mut self) {
        let (mut rows, mut settled) = (BTreeSet::new(), HashSet::new());
        for (_, (_, gap)) in self.gaps.iter().filter(|(at, _)| !self.eviction.purged.gaps.contains(at)) {
            for key in gap.named() {
                if let Some(row) = self.find(&key) {
                    rows.insert(row);
                } else if self.was_evicted(&key) {
                    settled.insert(key);
                }
            }
        }
        (self.eviction.purged.named, self.eviction.purged.settled_across) = (rows, settled);
    }

    /// Notes a restored entry, and removes its row if the journal lost the entry after it was read.
    pub(crate) fn on_restored(&mut self, seq: Seq) {
        let purged = &mut self.eviction.purged;
        if seq < purged.before {
            purged.from = Some(purged.from.map_or(seq, |from| from.min(seq)));
        }
    }

    /// Removes purged rows, looking at about `budget` rows at most. Returns whether there may be more to do.
    pub(crate) fn remove_purged(&mut self, budget: usize) -> bool {
        let Some(from) = self.eviction.purged.from else { return false };
        let from = self.order.partition_point(|&at| self.first_seq(at) < from);
        let end = self.order.partition_point(|&at| self.first_seq(at) < self.eviction.purged.before);
        let end_now = end.min(from.saturating_add(budget));
        let next = self.order.get(end_now).map(|&at| self.first_seq(at)).filter(|_| end_now < end);
        self.remove_rows(from, end_now, usize::MAX, Self::is_purged, false);
        self.eviction.purged.from = next;
        if next.is_none() {
            self.eviction.purged.gaps.clear();
        }
        self.restart_scan();
        true
    }

    /// Whether a row is settled and the journal holds nothing of it.
    fn is_purged(&self, at: u32) -> bool {
        if self.eviction.purged.gaps.contains(&at) {
            return true;
        }
        self.get_at(at)
            .filter(|activity| activity.last_seq() < self.eviction.purged.before)
            .filter(|_| self.id(at).is_some_and(|row| !self.eviction.purged.named.contains(&row)))
            .is_some_and(|activity| is_settled(&activity) || activity.status() == Status::Unknown)
    }
}
