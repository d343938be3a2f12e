//! Keeps the number of rows in memory within a limit by evicting settled rows, oldest first seen first. Rows that are open, ready,
//! not saved or unread stay, and so do gaps.
//!
//! Eviction is incremental: it runs with each applied entry and with each [`Activities::tidy`].

#[cfg(test)]
mod tests;

use std::hash::BuildHasher as _;

use crate::activity::entry::{ActivityKey, Entry, Kind, Seq};
use crate::activity::read::Activity;
use crate::activity::row::{DataColumns, Row};
use crate::activity::stats::summary::Outcome;
use crate::activity::status::Status;

use super::eviction_state::{Eviction, Incomplete, Missing, ONE_BY_ONE, SLACK};
use super::row_id::RowId;
use super::{Activities, MOST_CHANGES};

/// Maximum number of reloaded rows that stay in memory, and their maximum share of all rows.
const CAME_BACK: usize = 256;
const SHARE_CAME_BACK: usize = 10;

impl Activities {
    /// Sets the maximum number of rows in memory. The next [`Activities::tidy`] evicts the excess.
    pub fn set_rows_in_memory(&mut self, limit: usize) {
        self.eviction.limit = limit.max(1);
    }

    /// The maximum number of rows in memory.
    pub fn rows_in_memory(&self) -> usize {
        self.eviction.limit
    }

    /// Total number of rows: in memory or only in the journal.
    pub fn known(&self) -> usize {
        self.len() + self.eviction.rows.len() + self.eviction.older.len()
    }

    /// Upper bound of the rows that are not in memory: each has its first entry before this one.
    pub fn older_than(&self) -> Seq {
        let evictable = self.order.iter().skip(self.eviction.passed).find(|&&at| self.may_be_evicted(at));
        evictable.map_or(Seq::FIRST_UNKEPT, |&at| self.place(at))
    }

    /// Adds an activity that a search found in the journal, from all of its entries. The row stays until
    /// [`Activities::let_go_of_found`].
    pub fn add_found(&mut self, key: &ActivityKey, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        let was_there = self.find(key).is_some();
        // The match may be in the part of a text that the row has cut.
        let most_long = self.pool.keep_long(usize::MAX);
        for entry in entries {
            let place = self.place_of_key(&entry.key);
            let at = self.put(entry, place);
            self.eviction.found.insert(at);
        }
        self.pool.keep_long(most_long);
        if was_there {
            return;
        }
        let at = self.find(key).map(|row| row.slot);
        if let Some(missing) = at.and_then(|at| self.eviction.incomplete.get_mut(&at)) {
            // All of it was evicted.
            (missing.since, missing.asked) = (Seq(u64::MAX), true);
            self.complete(key, entries);
        } else if first.seq < self.live_from {
            self.eviction.older.take_one(first.seq);
        }
    }

    /// Makes the rows that a search found evictable again.
    pub fn let_go_of_found(&mut self) {
        if !std::mem::take(&mut self.eviction.found).is_empty() {
            self.look_at_all_again();
        }
    }

    /// Marks all failures so far as read. Until the first call, failures don't need to be read before eviction.
    pub fn mark_read(&mut self) {
        self.eviction.read_until = Some(self.eviction.newest);
        if self.eviction.unread.take() {
            self.look_at_all_again();
        }
    }

    /// Keeps this row in memory because its details are open, and releases the row held before.
    pub fn hold(&mut self, row: Option<RowId>) {
        if row != self.eviction.held
            && let Some(let_go) = std::mem::replace(&mut self.eviction.held, row).and_then(|row| self.slot_of(row))
        {
            self.may_be_evicted_now(let_go);
        }
    }

    /// Evicts excess rows, looking at about `budget` rows at most. Returns whether there may be more to do.
    pub fn tidy(&mut self, budget: usize) -> bool {
        self.tidy_purged(budget) || self.evict_now(budget)
    }

    /// Evicts excess rows, if there are enough of them.
    pub(crate) fn evict(&mut self, budget: usize) {
        if self.order.len() >= self.eviction.limit.saturating_add(SLACK) {
            self.evict_now(budget);
        }
    }

    fn too_many(&self) -> usize {
        self.order.len().saturating_sub(self.eviction.limit)
    }

    fn evict_now(&mut self, budget: usize) -> bool {
        let mut left = budget;
        while left > 0
            && self.too_many() > 0
            && let Some((place, at)) = self.eviction.late.pop_first()
        {
            left -= 1;
            if self.place(at) == place && self.may_be_evicted(at) {
                let index = self.order.partition_point(|&other| self.place(other) < place);
                self.take_out(index, index + 1, 1, Self::may_be_evicted, true);
                self.eviction.left_order(index);
            }
        }
        let (from, most) = (self.eviction.passed, self.too_many());
        if most > 0 {
            let end = self.order.len().min(from.saturating_add(left));
            self.eviction.passed = self.take_out(from, end, most, Self::may_be_evicted, true);
        }
        self.too_many() > 0 && (self.eviction.passed < self.order.len() || !self.eviction.late.is_empty())
    }

    /// Looks at some rows in arrival order and takes out up to `most` that `goes` accepts. Returns the index of the first row that
    /// was not looked at.
    pub(crate) fn take_out(
        &mut self,
        from: usize,
        end: usize,
        most: usize,
        goes: fn(&Self, u32) -> bool,
        to_journal: bool,
    ) -> usize {
        let (mut index, mut kept, mut gone) = (from, from, 0);
        while index < end
            && gone < most
            && let Some(&at) = self.order.get(index)
        {
            index += 1;
            if goes(self, at) {
                self.take_row_out(at, to_journal);
                gone += 1;
            } else {
                if let Some(place) = self.order.get_mut(kept) {
                    *place = at;
                }
                kept += 1;
            }
        }
        self.order.drain(kept..index);
        kept
    }

    /// Whether a row may be evicted: it is settled and, if it failed, was read.
    fn may_be_evicted(&self, at: u32) -> bool {
        let Some(activity) = self.get_at(at) else { return false };
        let Eviction { incomplete, held, found, came_back, .. } = &self.eviction;
        let stays = incomplete.contains_key(&at)
            || found.contains(&at)
            || held.is_some_and(|held| held.slot == at)
            || came_back.iter().any(|row| row.slot == at);
        if stays || !is_settled(&activity) {
            return false;
        }
        let failed = activity.status() == Status::Failed || activity.is_refused();
        let is_unread = |until: Seq| activity.last_seq() > until && activity.last_seq() >= self.live_from;
        if failed && self.eviction.read_until.is_some_and(is_unread) {
            self.eviction.unread.set(true);
            return false;
        }
        true
    }

    /// Called when a row changes: notes whether a row that eviction had passed over can now be evicted.
    pub(crate) fn may_be_evicted_now(&mut self, at: u32) {
        let passed = self.eviction.passed;
        if passed == 0 {
            return;
        }
        let place = self.place(at);
        let is_passed = self.order.get(passed).is_none_or(|&next| place < self.place(next));
        if is_passed && self.may_be_evicted(at) {
            self.eviction.late.insert((place, at));
            if self.eviction.late.len() > ONE_BY_ONE {
                self.look_at_all_again();
            }
        }
    }

    /// Restarts the scan of all rows.
    pub(crate) fn look_at_all_again(&mut self) {
        self.eviction.passed = 0;
        self.eviction.late.clear();
    }

    /// Takes a row out, but not yet out of arrival order. `to_journal` says whether its entries are in the journal.
    fn take_row_out(&mut self, at: u32, to_journal: bool) {
        let (Some(counted), Some(id), place) = (self.counted(at), self.id(at), self.place(at)) else { return };
        self.counts.remove(counted.status);
        self.ledger.remove(counted.standing);
        if let Some(asked) = counted.asked {
            self.asked.remove(&(asked, at));
        }
        if let Some(deadline) = self.deadline(at) {
            self.deadlines.remove(&(deadline, at));
        }
        let Some(row) = self.rows.get(at) else { return };
        let data = self.data.get(row.data);
        // A view may still compare by these texts.
        row.texts(data, |text| self.pool.mark(text));
        let hash = self.lasting_hash(row.kind, row.id);
        let Eviction { rows, seqs, limit, .. } = &mut self.eviction;
        seqs.clear();
        row.seqs(data, |seq| seqs.push(seq));
        if to_journal {
            rows.add(hash, seqs, counted.standing, *limit);
        } else if row.outcome_seq(data).is_none_or(|outcome| seqs.iter().any(|seq| *seq > outcome)) {
            // An entry after the outcome may have kept the row in the journal.
            for seq in seqs.iter() {
                rows.index(hash, *seq, *limit);
            }
        }
        self.index.remove(self.hasher.hash_one((row.kind, row.id)), at);
        self.eviction.incomplete.remove(&at);
        self.eviction.found.remove(&at);
        self.gaps.remove(&at);
        self.told_gaps.remove(&at);
        if let Some(row) = self.rows.remove(at) {
            self.data.remove(row.data);
        }
        self.list_change(at, place);
        if !self.changes.everything {
            self.changes.gone.push(id);
            if self.changes.gone.len() > MOST_CHANGES {
                self.change_everything();
            }
        }
    }

    /// Notes an applied entry.
    pub(crate) fn note_seq(&mut self, seq: Seq) {
        if seq.is_kept() {
            self.eviction.newest = self.eviction.newest.max(seq);
        }
    }

    /// Called when a row is created for an entry: notes whether the journal holds earlier entries of it.
    pub(crate) fn is_made(&mut self, at: u32, since: Seq) {
        if !self.eviction.rows.finds_none() {
            self.miss(at, since, true);
        }
    }

    /// Notes that a row's entries before `since` have to be read if they are in the journal. `counted` says whether the row is
    /// counted among those that are not in memory.
    pub(crate) fn miss(&mut self, at: u32, since: Seq, counted: bool) {
        let Some(row) = self.rows.get(at) else { return };
        let stretches = self.eviction.rows.find(self.lasting_hash(row.kind, row.id));
        if !stretches.is_empty() {
            self.eviction.incomplete.insert(at, Missing { since, stretches, asked: false, counted });
        }
    }

    /// Whether earlier entries of a row are still to be read.
    pub(crate) fn is_incomplete(&self, at: u32) -> bool {
        self.eviction.incomplete.contains_key(&at)
    }

    /// Takes up to `most` reloaded rows whose earlier entries have to be read from the journal. Each row is returned once.
    pub fn take_incomplete(&mut self, most: usize) -> Vec<Incomplete> {
        let mut taken = Vec::new();
        for (&at, missing) in self.eviction.incomplete.iter_mut().filter(|(_, missing)| !missing.asked).take(most) {
            missing.asked = true;
            taken.push((at, missing.stretches.clone()));
        }
        let incomplete = |(at, stretches)| Some(Incomplete { key: self.get_at(at)?.key(), stretches });
        taken.into_iter().filter_map(incomplete).collect()
    }

    /// Returns the rows of [`Activities::take_incomplete`] again, because reading them failed.
    pub fn ask_again(&mut self) {
        self.eviction.incomplete.values_mut().for_each(|missing| missing.asked = false);
    }

    /// Applies a reloaded row's entries from the journal. The row is then as if it had always been in memory.
    pub fn complete(&mut self, key: &ActivityKey, entries: &[Entry]) {
        let Some(RowId { slot: at, .. }) = self.find(key) else { return };
        let Some(missing) = self.eviction.incomplete.remove(&at) else { return };
        let Some(id) = self.rows.get(at).map(|row| row.id) else { return };
        // The row as it was when it was evicted, which is how it is still counted.
        let mut before = Row::new(id, key.kind(), u32::MAX);
        let mut data = (key.kind() == Kind::Data).then(DataColumns::default);
        for entry in entries.iter().filter(|entry| entry.seq < missing.since) {
            before.apply(entry, data.as_mut(), &mut self.pool);
        }
        if before.first.is_set() && missing.counted {
            let first = before.first.seq;
            let activity = Activity { row: &before, data: data.as_ref(), pool: &self.pool, context: self.context() };
            let (standing, outcome) = (activity.standing(), Outcome::of(&activity));
            if !self.eviction.rows.came_back(first, standing) {
                self.eviction.older.take_one(first);
            } else if let Some(outcome) = outcome {
                self.outcomes.remove(outcome);
            }
        }
        for entry in entries {
            let place = self.place_of_key(&entry.key);
            self.put(entry, place);
        }
        if let Some(row) = self.id(at) {
            self.eviction.came_back.push_back(row);
        }
        let most = CAME_BACK.min(self.eviction.limit / SHARE_CAME_BACK);
        while self.eviction.came_back.len() > most
            && let Some(row) = self.eviction.came_back.pop_front()
        {
            if let Some(at) = self.slot_of(row) {
                self.may_be_evicted_now(at);
            }
        }
        self.complete_cut();
    }

    /// Marks a reloaded row as complete, because another model has all of it.
    pub(crate) fn is_whole(&mut self, at: u32) {
        if self.eviction.incomplete.remove(&at).is_some()
            && let Some(counted) = self.counted(at)
        {
            let first = self.place(at);
            self.eviction.rows.came_back(first, counted.standing);
            if let Some(outcome) = counted.outcome {
                self.outcomes.remove(outcome);
            }
        }
    }
}

/// Whether no more entries are expected and none would be lost with the row. A command that the server does not know may still get
/// messages, and a gap that names it reports on it.
pub(crate) fn is_settled(activity: &Activity<'_>) -> bool {
    let is_settled = matches!(
        activity.status(),
        // `Unknown` never counts as settled.
        Status::Succeeded
            | Status::Failed
            | Status::UnrecognisedNumber(_)
            | Status::Saved
            | Status::LinkExpired
            | Status::LinkUsed
            | Status::Unrecognised
    );
    is_settled && activity.is_kept()
}
