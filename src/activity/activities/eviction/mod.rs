//! Keeps the number of rows in memory within a limit by evicting settled rows, oldest first seen first. Rows that are open, ready,
//! not saved or unread stay, and so do gaps.
//!
//! Eviction is incremental: it runs with each applied entry and with each [`Activities::tidy`].

#[cfg(test)]
mod tests;

use std::hash::BuildHasher as _;

use crate::activity::activity_values::Activity;
use crate::activity::entry::{ActivityKey, Entry, Kind, Seq};
use crate::activity::row::{DataColumns, Row};
use crate::activity::stats::summary::Outcome;
use crate::activity::status::Status;

use super::eviction_state::{Eviction, Incomplete, MAX_ONE_BY_ONE, Missing, SLACK};
use super::row_id::RowId;
use super::{Activities, MAX_CHANGES};

/// Maximum number of reloaded rows that stay in memory, and their maximum share of all rows.
const MAX_RELOADED: usize = 256;
const RELOADED_SHARE: usize = 10;

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
    pub fn total_rows(&self) -> usize {
        self.len() + self.eviction.rows.len() + self.eviction.older.len()
    }

    /// Upper bound of the rows that are not in memory: each has its first entry before this one.
    pub fn older_than(&self) -> Seq {
        let evictable = self.order.iter().skip(self.eviction.passed).find(|&&at| self.can_be_evicted(at));
        evictable.map_or(Seq::FIRST_UNPERSISTED, |&at| self.first_seq(at))
    }

    /// Adds an activity that a search found in the journal, from all of its entries. The row stays until
    /// [`Activities::release_found`].
    pub fn add_found(&mut self, key: &ActivityKey, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        let was_there = self.find(key).is_some();
        // The match may be in the part of a text that the row has cut.
        let most_long = self.pool.set_max_long(usize::MAX);
        for entry in entries {
            let place = self.hint_for(&entry.key);
            let at = self.apply_to_row(entry, place);
            self.eviction.found_by_search.insert(at);
        }
        self.pool.set_max_long(most_long);
        if was_there {
            return;
        }
        let at = self.find(key).map(|row| row.slot);
        if let Some(missing) = at.and_then(|at| self.eviction.incomplete.get_mut(&at)) {
            // All of it was evicted.
            (missing.since, missing.requested) = (Seq(u64::MAX), true);
            self.complete(key, entries);
        } else if first.seq < self.live_from {
            self.eviction.older.take_one(first.seq);
        }
    }

    /// Makes the rows that a search found evictable again.
    pub fn release_found(&mut self) {
        if !std::mem::take(&mut self.eviction.found_by_search).is_empty() {
            self.restart_scan();
        }
    }

    /// Marks all failures so far as read. Until the first call, failures don't need to be read before eviction.
    pub fn mark_read(&mut self) {
        self.eviction.read_until = Some(self.eviction.newest);
        if self.eviction.unread.take() {
            self.restart_scan();
        }
    }

    /// Keeps this row in memory because its details are open, and releases the row held before.
    pub fn keep_open_row(&mut self, row: Option<RowId>) {
        if row != self.eviction.open_row
            && let Some(let_go) = std::mem::replace(&mut self.eviction.open_row, row).and_then(|row| self.slot_of(row))
        {
            self.note_if_evictable(let_go);
        }
    }

    /// Evicts excess rows, looking at about `budget` rows at most. Returns whether there may be more to do.
    pub fn tidy(&mut self, budget: usize) -> bool {
        self.remove_purged(budget) || self.evict_now(budget)
    }

    /// Evicts excess rows, if there are enough of them.
    pub(crate) fn evict(&mut self, budget: usize) {
        if self.order.len() >= self.eviction.limit.saturating_add(SLACK) {
            self.evict_now(budget);
        }
    }

    fn excess(&self) -> usize {
        self.order.len().saturating_sub(self.eviction.limit)
    }

    fn evict_now(&mut self, budget: usize) -> bool {
        let mut remaining = budget;
        while remaining > 0
            && self.excess() > 0
            && let Some((place, at)) = self.eviction.late.pop_first()
        {
            remaining -= 1;
            if self.first_seq(at) == place && self.can_be_evicted(at) {
                let index = self.order.partition_point(|&other| self.first_seq(other) < place);
                self.remove_rows(index, index + 1, 1, Self::can_be_evicted, true);
                self.eviction.on_remove(index);
            }
        }
        let (from, most) = (self.eviction.passed, self.excess());
        if most > 0 {
            let end = self.order.len().min(from.saturating_add(remaining));
            self.eviction.passed = self.remove_rows(from, end, most, Self::can_be_evicted, true);
        }
        self.excess() > 0 && (self.eviction.passed < self.order.len() || !self.eviction.late.is_empty())
    }

    /// Looks at some rows in arrival order and takes out up to `most` that `goes` accepts. Returns the index of the first row that
    /// was not looked at.
    pub(crate) fn remove_rows(
        &mut self,
        from: usize,
        end: usize,
        most: usize,
        is_removable: fn(&Self, u32) -> bool,
        to_journal: bool,
    ) -> usize {
        let (mut index, mut retained, mut gone) = (from, from, 0);
        while index < end
            && gone < most
            && let Some(&at) = self.order.get(index)
        {
            index += 1;
            if is_removable(self, at) {
                self.remove_row(at, to_journal);
                gone += 1;
            } else {
                if let Some(place) = self.order.get_mut(retained) {
                    *place = at;
                }
                retained += 1;
            }
        }
        self.order.drain(retained..index);
        retained
    }

    /// Whether a row may be evicted: it is settled and, if it failed, was read.
    fn can_be_evicted(&self, at: u32) -> bool {
        let Some(activity) = self.get_at(at) else { return false };
        let Eviction { incomplete, open_row, found_by_search, reloaded, .. } = &self.eviction;
        let stays = incomplete.contains_key(&at)
            || found_by_search.contains(&at)
            || open_row.is_some_and(|held| held.slot == at)
            || reloaded.iter().any(|row| row.slot == at);
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
    pub(crate) fn note_if_evictable(&mut self, at: u32) {
        let passed = self.eviction.passed;
        if passed == 0 {
            return;
        }
        let place = self.first_seq(at);
        let is_passed = self.order.get(passed).is_none_or(|&next| place < self.first_seq(next));
        if is_passed && self.can_be_evicted(at) {
            self.eviction.late.insert((place, at));
            if self.eviction.late.len() > MAX_ONE_BY_ONE {
                self.restart_scan();
            }
        }
    }

    /// Restarts the scan of all rows.
    pub(crate) fn restart_scan(&mut self) {
        self.eviction.passed = 0;
        self.eviction.late.clear();
    }

    /// Takes a row out, but not yet out of arrival order. `to_journal` says whether its entries are in the journal.
    fn remove_row(&mut self, at: u32, to_journal: bool) {
        let (Some(counted), Some(id), place) = (self.counted(at), self.id(at), self.first_seq(at)) else { return };
        self.counts.remove(counted.status);
        self.outcome_counts.remove(counted.outcome_source);
        if let Some(asked) = counted.checked_at {
            self.checked_only.remove(&(asked, at));
        }
        if let Some(deadline) = self.deadline(at) {
            self.deadlines.remove(&(deadline, at));
        }
        let Some(row) = self.rows.get(at) else { return };
        let data = self.data.get(row.data);
        // A view may still compare by these texts.
        row.for_each_text(data, |text| self.pool.mark(text));
        let hash = self.stable_hash(row.kind, row.id);
        let Eviction { rows, seqs, limit, .. } = &mut self.eviction;
        seqs.clear();
        row.for_each_seq(data, |seq| seqs.push(seq));
        if to_journal {
            rows.add(hash, seqs, counted.outcome_source, *limit);
        } else if row.outcome_seq(data).is_none_or(|outcome| seqs.iter().any(|seq| *seq > outcome)) {
            // An entry after the outcome may have kept the row in the journal.
            for seq in seqs.iter() {
                rows.index(hash, *seq, *limit);
            }
        }
        self.index.remove(self.hasher.hash_one((row.kind, row.id)), at);
        self.eviction.incomplete.remove(&at);
        self.eviction.found_by_search.remove(&at);
        self.gaps.remove(&at);
        self.merged_gaps.remove(&at);
        if let Some(row) = self.rows.remove(at) {
            self.data.remove(row.data);
        }
        self.list_change(at, place);
        if !self.changes.everything {
            self.changes.evicted.push(id);
            if self.changes.evicted.len() > MAX_CHANGES {
                self.change_everything();
            }
        }
    }

    /// Notes an applied entry.
    pub(crate) fn note_seq(&mut self, seq: Seq) {
        if seq.is_persisted() {
            self.eviction.newest = self.eviction.newest.max(seq);
        }
    }

    /// Called when a row is created for an entry: notes whether the journal holds earlier entries of it.
    pub(crate) fn on_created(&mut self, at: u32, since: Seq) {
        if !self.eviction.rows.is_empty_index() {
            self.mark_incomplete(at, since, true);
        }
    }

    /// Notes that a row's entries before `since` have to be read if they are in the journal. `counted` says whether the row is
    /// counted among those that are not in memory.
    pub(crate) fn mark_incomplete(&mut self, at: u32, since: Seq, counted: bool) {
        let Some(row) = self.rows.get(at) else { return };
        let ranges = self.eviction.rows.find(self.stable_hash(row.kind, row.id));
        if !ranges.is_empty() {
            self.eviction.incomplete.insert(at, Missing { since, ranges, requested: false, counted });
        }
    }

    /// Whether earlier entries of a row are still to be read.
    pub(crate) fn is_incomplete(&self, at: u32) -> bool {
        self.eviction.incomplete.contains_key(&at)
    }

    /// Takes up to `most` reloaded rows whose earlier entries have to be read from the journal. Each row is returned once.
    pub fn take_incomplete(&mut self, most: usize) -> Vec<Incomplete> {
        let mut taken = Vec::new();
        for (&at, missing) in self.eviction.incomplete.iter_mut().filter(|(_, missing)| !missing.requested).take(most) {
            missing.requested = true;
            taken.push((at, missing.ranges.clone()));
        }
        let incomplete = |(at, ranges)| Some(Incomplete { key: self.get_at(at)?.key(), ranges });
        taken.into_iter().filter_map(incomplete).collect()
    }

    /// Returns the rows of [`Activities::take_incomplete`] again, because reading them failed.
    pub fn retry_incomplete(&mut self) {
        self.eviction.incomplete.values_mut().for_each(|missing| missing.requested = false);
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
            let (standing, outcome) = (activity.outcome_source(), Outcome::of(&activity));
            if !self.eviction.rows.remove_reloaded(first, standing) {
                self.eviction.older.take_one(first);
            } else if let Some(outcome) = outcome {
                self.outcomes.remove(outcome);
            }
        }
        for entry in entries {
            let place = self.hint_for(&entry.key);
            self.apply_to_row(entry, place);
        }
        if let Some(row) = self.id(at) {
            self.eviction.reloaded.push_back(row);
        }
        let most = MAX_RELOADED.min(self.eviction.limit / RELOADED_SHARE);
        while self.eviction.reloaded.len() > most
            && let Some(row) = self.eviction.reloaded.pop_front()
        {
            if let Some(at) = self.slot_of(row) {
                self.note_if_evictable(at);
            }
        }
        self.request_incomplete();
    }

    /// Marks a reloaded row as complete, because another model has all of it.
    pub(crate) fn mark_complete(&mut self, at: u32) {
        if self.eviction.incomplete.remove(&at).is_some()
            && let Some(counted) = self.counted(at)
        {
            let first = self.first_seq(at);
            self.eviction.rows.remove_reloaded(first, counted.outcome_source);
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
    is_settled && activity.is_persisted()
}
