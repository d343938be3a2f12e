//! What the journal no longer has goes out of memory as well, if it is settled.
//!
//! A gap goes just when the journal says so, and what gaps name stays as long as they do: the journal keeps it as well.

use std::collections::{BTreeSet, HashSet};

use crate::activity::entry::{ActivityKey, Seq};
use crate::activity::status::Status;

use super::Activities;
use super::eviction::is_settled;

impl Activities {
    /// The journal has no entry before this one any more, but those of what is open, and of what gaps name: rows that have no
    /// other go as well. Of the gaps just these are gone; others among them are gone although they had later entries.
    pub fn purged<'a>(&mut self, before: Seq, gaps: impl Iterator<Item = &'a ActivityKey>) {
        let gone: Vec<u32> = gaps.filter_map(|gap| self.find(gap)).map(|row| row.slot).collect();
        self.eviction.purged.gaps.extend(gone);
        self.keep_named();
        self.eviction.purged.before = self.eviction.purged.before.max(before);
        self.eviction.purged.from = Some(Seq(0));
        self.eviction.rows.purged(before);
        self.eviction.older.purged(before);
    }

    /// Notes what the gaps name that stay: its rows stay, and of what is not in memory that it is settled.
    fn keep_named(&mut self) {
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

    /// An entry was restored: one that the journal has lost since it was read is taken out.
    pub(crate) fn note_restored(&mut self, seq: Seq) {
        let purged = &mut self.eviction.purged;
        if seq < purged.before {
            purged.from = Some(purged.from.map_or(seq, |from| from.min(seq)));
        }
    }

    /// Takes out up to about `budget` rows that are no longer in the journal. Whether there may be more to do.
    pub(crate) fn tidy_purged(&mut self, budget: usize) -> bool {
        let Some(from) = self.eviction.purged.from else { return false };
        let from = self.order.partition_point(|&at| self.place(at) < from);
        let end = self.order.partition_point(|&at| self.place(at) < self.eviction.purged.before);
        let end_now = end.min(from.saturating_add(budget));
        let next = self.order.get(end_now).map(|&at| self.place(at)).filter(|_| end_now < end);
        self.take_out(from, end_now, usize::MAX, Self::is_purged, false);
        self.eviction.purged.from = next;
        if next.is_none() {
            self.eviction.purged.gaps.clear();
        }
        self.look_at_all_again();
        true
    }

    /// Whether the journal has nothing of a row any more that is settled.
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
