//! Selects and orders the rows to show.
//!
//! A view follows its [`Activities`] through their lists of changes, so a message costs it a few comparisons. After a change of the
//! filter, the status filter or the sort it looks at every row again, newest first and in slices, so that no frame waits; meanwhile
//! the first rows found are visible. Rows whose filter result depends on time are looked at again when it may change.

pub(crate) mod chunked_list;
pub(crate) mod merge_sort;
pub(crate) mod sort_order;

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::activity::activities::row_id::RowId;
use crate::activity::collections::interner::Interner;
use crate::activity::filter::evaluate::Matcher;
use crate::activity::filter::expression::Filter;
use crate::activity::time::timestamp::Timestamp;

use super::activities::{Activities, Changes};
use super::collections::BitSet;
use super::entry::Seq;
use super::status::StatusFilter;

use chunked_list::ChunkedList;
use merge_sort::MergeSort;
use sort_order::{SortEntry, SortKey, SortOrder, Sorting};

#[cfg(test)]
mod tests;

/// Maximum number of evicted rows listed.
const MAX_EVICTED: usize = 50_000;

/// The progress of a view after a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// Every row has been looked at, and all are sorted.
    Done,
    /// There is more to do: refresh again.
    Searching {
        /// Progress in rows.
        examined: usize,
        /// Total number of rows.
        of: usize,
    },
}

/// Selects and orders the rows to show. Index 0 is the first row of the table: the newest, unless sorted.
#[derive(Debug, Default)]
pub struct View {
    status_filter: StatusFilter,
    matcher: Matcher,
    order: SortOrder,
    /// Matching rows in order. Not used while everything is shown in arrival order.
    list: ChunkedList,
    /// Whether a row is in `list` or in `merge_sort`, by slot in memory.
    members: BitSet,
    /// While sorted: each member's sort entry, by slot in memory.
    sort_entries: Vec<Option<SortEntry>>,
    /// Rows before this one still have to be looked at.
    scan: Option<Seq>,
    /// While sorting: the future `list`.
    merge_sort: Option<MergeSort>,
    /// While sorting by texts that rows do not share: the texts of the entries.
    texts: RefCell<Interner>,
    /// Rows that changed after sorting had passed them.
    late: BTreeSet<u32>,
    /// (time, row): when this row's filter result may change without a new message (e.g. `since:10m`).
    time_triggers: BTreeSet<(Timestamp, u32)>,
    /// Whether a row is in `time_triggers`, by slot in memory: each is there once.
    has_trigger: BitSet,
    pause: Option<Pause>,
    /// Evicted rows since the last query; `None` if there are too many to list.
    evicted: Option<Vec<RowId>>,
}

/// What is shown while the view is paused.
#[derive(Debug)]
struct Pause {
    /// In the order of the table.
    rows: Vec<RowId>,
    /// Approximate number of them that were evicted since.
    evicted: usize,
    /// The newest row when the pause started.
    newest: Seq,
    /// Whether the filter or sort changed since: the rows are collected again, without those that came after the pause.
    stale: bool,
}

impl View {
    /// A view of everything, newest first.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the status filter.
    pub fn set_status_filter(&mut self, status_filter: StatusFilter) {
        if status_filter != self.status_filter {
            self.status_filter = status_filter;
            self.restart();
        }
    }

    /// The current status filter.
    pub fn status_filter(&self) -> StatusFilter {
        self.status_filter
    }

    /// Sets the filter.
    pub fn set_filter(&mut self, filter: Filter) {
        if filter != *self.matcher.filter() {
            self.matcher = Matcher::new(filter);
            self.restart();
        }
    }

    /// The current filter.
    pub fn filter(&self) -> &Filter {
        self.matcher.filter()
    }

    /// Whether the filter or the status filter hides rows.
    pub fn is_filtered(&self) -> bool {
        self.status_filter != StatusFilter::All || !self.filter().is_empty()
    }

    /// Sorts by a column, ascending or (`true`) descending; `None` is arrival order, newest first.
    pub fn set_sort(&mut self, sort: Option<(SortKey, bool)>) {
        if sort != self.order.0 {
            self.order = SortOrder(sort);
            self.restart();
        }
    }

    /// The current sort.
    pub fn sort(&self) -> Option<(SortKey, bool)> {
        self.order.0
    }

    /// Freezes the list until [`View::resume`]. Rows still change in place; another filter, status filter or sort selects among the
    /// frozen rows.
    pub fn pause(&mut self, activities: &Activities) {
        if self.pause.is_none() {
            let newest = activities.order().back().map_or(Seq(0), |&row| activities.first_seq(row));
            self.pause = Some(Pause { rows: self.rows_until(activities, newest), evicted: 0, newest, stale: false });
        }
    }

    /// Ends the pause and shows newer rows.
    pub fn resume(&mut self) {
        self.pause = None;
    }

    /// Whether it is paused.
    pub fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// Number of new rows since it was paused.
    pub fn waiting(&self, activities: &Activities) -> usize {
        self.pause.as_ref().map_or(0, |pause| {
            let order = activities.order();
            order.len() - order.partition_point(|&row| activities.first_seq(row) <= pause.newest)
        })
    }

    /// The next time at which rows may appear or disappear without a message: refresh no later.
    pub fn next_change(&self) -> Option<Timestamp> {
        self.time_triggers.first().map(|&(at, _)| at)
    }

    /// The rows evicted since the last call; `None` if there are too many to list.
    pub fn take_evicted(&mut self) -> Option<Vec<RowId>> {
        self.evicted.replace(Vec::new())
    }

    /// Drops the state of evicted rows.
    fn drop_evicted(&mut self, activities: &Activities, changes: &Changes) {
        for row in &changes.evicted {
            // A row that reuses the slot has its own entry.
            self.has_trigger.set(row.slot, false);
        }
        match &mut self.evicted {
            Some(gone) if !changes.everything && gone.len() < MAX_EVICTED => gone.extend_from_slice(&changes.evicted),
            gone if changes.everything || !changes.evicted.is_empty() => *gone = None,
            _ => {}
        }
        if let Some(pause) = &mut self.pause {
            pause.evicted += if changes.everything { pause.rows.len() } else { changes.evicted.len() };
            // In arrival order the last rows are evicted first.
            while pause.rows.pop_if(|last| activities.get(*last).is_none()).is_some() {
                pause.evicted = pause.evicted.saturating_sub(1);
            }
            if pause.evicted > pause.rows.len() / 16 {
                pause.rows.retain(|row| activities.get(*row).is_some());
                pause.evicted = 0;
            }
        }
    }

    /// Follows the activities: looks at changed rows and, after a change of filter or sort, at up to `budget` more. Uses the time
    /// of the activities' last [`Activities::expire`].
    pub fn refresh(&mut self, activities: &mut Activities, budget: usize) -> Refresh {
        let changes = activities.take_changes();
        self.drop_evicted(activities, &changes);
        let progress = if self.is_plain() {
            Refresh::Done
        } else {
            if changes.everything {
                self.restart();
            } else {
                self.follow(activities, &changes);
            }
            self.continue_scan(activities, budget)
        };
        activities.set_texts_needed(self.merge_sort.is_some());
        if let Some(pause) = &self.pause
            && pause.stale
        {
            let (newest, stale) = (pause.newest, progress != Refresh::Done);
            self.pause = Some(Pause { rows: self.rows_until(activities, newest), evicted: 0, newest, stale });
        }
        progress
    }

    /// Number of rows shown.
    pub fn len(&self, activities: &Activities) -> usize {
        match (&self.pause, &self.merge_sort) {
            (Some(pause), _) => pause.rows.len(),
            _ if self.is_plain() => activities.len(),
            (None, Some(merge_sort)) => merge_sort.preview().len(),
            (None, None) => self.list.len(),
        }
    }

    /// The row at an index of the table.
    pub fn row(&self, activities: &Activities, index: usize) -> Option<RowId> {
        if let Some(pause) = &self.pause {
            return pause.rows.get(index).copied();
        }
        if self.is_plain() {
            let from_oldest = activities.len().checked_sub(index + 1)?;
            return activities.order().get(from_oldest).and_then(|&row| activities.id(row));
        }
        let entry = match &self.merge_sort {
            Some(merge_sort) => merge_sort.preview().get(index),
            None => self.list.get(index),
        };
        entry.and_then(|entry| activities.id(entry.row))
    }

    /// The index of a row in the table.
    pub fn position(&self, activities: &Activities, id: RowId) -> Option<usize> {
        if let Some(pause) = &self.pause {
            return pause.rows.iter().position(|&row| row == id);
        }
        let row = activities.slot_of(id)?;
        let place = activities.first_seq(row);
        if self.is_plain() {
            let at = activities.order().partition_point(|&other| activities.first_seq(other) < place);
            return (activities.order().get(at) == Some(&row)).then(|| activities.len() - 1 - at);
        }
        if let Some(merge_sort) = &self.merge_sort {
            return merge_sort.preview().iter().position(|entry| entry.row == row);
        }
        if !self.members.get(row) {
            return None;
        }
        let sorting = Sorting { order: self.order, activities, texts: &self.texts };
        self.list.position(&self.sort_entry_of(row, place)?, &|a: &SortEntry, b: &SortEntry| sorting.compare(a, b))
    }

    /// Whether the filter or the status filter hides a row. While the view is searching, no row counts as hidden.
    pub fn hides(&self, activities: &Activities, id: RowId) -> bool {
        let is_known = self.is_filtered() && self.pause.is_none() && self.merge_sort.is_none() && self.scan.is_none();
        is_known && activities.slot_of(id).is_some_and(|row| !self.members.get(row))
    }

    /// Whether everything is shown, newest first, so that the activities' own order is used.
    fn is_plain(&self) -> bool {
        !self.is_filtered() && self.sort().is_none()
    }

    fn restart(&mut self) {
        self.list = ChunkedList::default();
        self.members = BitSet::default();
        self.sort_entries.clear();
        self.texts = RefCell::default();
        self.late.clear();
        self.time_triggers.clear();
        self.has_trigger = BitSet::default();
        self.scan = Some(Seq(u64::MAX));
        self.merge_sort = self.sort().map(|_| MergeSort::default());
        if let Some(pause) = &mut self.pause {
            pause.stale = true;
        }
    }

    /// The rows that would be shown without the pause, up to a row.
    fn rows_until(&self, activities: &Activities, newest: Seq) -> Vec<RowId> {
        let there = |row: u32| activities.id(row).filter(|_| activities.first_seq(row) <= newest);
        if self.is_plain() {
            return activities.order().iter().rev().filter_map(|&row| there(row)).collect();
        }
        match &self.merge_sort {
            Some(merge_sort) => merge_sort.preview().iter().filter_map(|entry| there(entry.row)).collect(),
            None => self.list.iter().filter_map(|entry| there(entry.row)).collect(),
        }
    }

    /// The sort entry under which a member is listed. `place` is its place at that time.
    fn sort_entry_of(&self, row: u32, place: Seq) -> Option<SortEntry> {
        match self.sort() {
            None => Some(SortOrder::arrival(row, place)),
            Some(_) => self.sort_entries.get(row as usize).copied().flatten(),
        }
    }

    /// Whether a row is to be shown. Notes when that may change with time alone.
    fn includes(&mut self, activities: &Activities, id: u32) -> bool {
        let Some(activity) = activities.get_at(id) else { return false };
        let now = activities.now();
        if self.filter().depends_on_time()
            && !self.has_trigger.get(id)
            && let Some(turn) = self.filter().next_change(&activity, now)
        {
            self.time_triggers.insert((turn, id));
            self.has_trigger.set(id, true);
        }
        (self.status_filter == StatusFilter::All || activity.status().status_filter() == self.status_filter)
            && self.matcher.matches(&activity, now)
    }

    /// Notes that a row is listed, and under which sort entry.
    fn set_member(&mut self, id: u32, entry: Option<SortEntry>) {
        self.members.set(id, entry.is_some());
        if self.sort().is_some() {
            let number = id as usize;
            if self.sort_entries.len() <= number {
                self.sort_entries.resize(number + 1, None);
            }
            if let Some(listed) = self.sort_entries.get_mut(number) {
                *listed = entry;
            }
        }
    }

    /// Applies changed rows, and rows whose time has come.
    fn follow(&mut self, activities: &Activities, changes: &Changes) {
        let mut rows = changes.rows.clone();
        while let Some(&(at, id)) = self.time_triggers.first().filter(|(at, _)| *at <= activities.now()) {
            self.time_triggers.remove(&(at, id));
            self.has_trigger.set(id, false);
            rows.push((id, activities.first_seq(id)));
        }
        if self.merge_sort.is_some() {
            // The sorting in progress is not touched; rows that the scan has not reached are found in their current state.
            let scan = self.scan;
            let is_scanned = |id| scan.is_none_or(|scan| activities.first_seq(id) >= scan);
            let Self { late, members, .. } = self;
            late.extend(rows.into_iter().map(|(id, _)| id).filter(|&id| is_scanned(id) || members.get(id)));
            return;
        }
        self.reposition(activities, rows);
    }

    /// Lists each of these rows at its right place, or not at all. Each comes with its earlier place in arrival order.
    fn reposition(&mut self, activities: &Activities, rows: Vec<(u32, Seq)>) {
        if rows.is_empty() {
            return;
        }
        let mut to_insert = Vec::new();
        let texts = RefCell::new(self.texts.take());
        let sorting = Sorting { order: self.order, activities, texts: &texts };
        let compare = |a: &SortEntry, b: &SortEntry| sorting.compare(a, b);
        for (id, place_before) in rows {
            let matches = self.includes(activities, id);
            let entry = sorting.entry(id);
            let listed = self.members.get(id).then(|| self.sort_entry_of(id, place_before)).flatten();
            if let Some(listed) = listed
                && (!matches || listed != entry)
            {
                self.list.remove(&listed, &compare);
                self.set_member(id, None);
            }
            // The scan will find the rest.
            let is_scanned = self.scan.is_none_or(|scan| activities.first_seq(id) >= scan);
            if matches && is_scanned && listed != Some(entry) {
                to_insert.push((id, entry));
            }
        }
        // Only now: while a moved row is still listed at its old place, searches fail.
        for (id, entry) in to_insert {
            if !self.members.get(id) {
                self.list.insert(entry, &compare);
                self.set_member(id, Some(entry));
            }
        }
        self.list.recount();
        self.texts = texts;
    }

    /// Looks at up to `budget` rows since the last change of filter or sort, newest first; then sorts.
    fn continue_scan(&mut self, activities: &Activities, budget: usize) -> Refresh {
        let of = activities.len();
        let mut budget = budget;
        if let Some(scan) = self.scan {
            let end = activities.order().partition_point(|&row| activities.first_seq(row) < scan);
            let start = end.saturating_sub(budget);
            budget -= end - start;
            self.scan(activities, start, end);
            if self.scan.is_some() {
                let looked_at = of - start;
                return Refresh::Searching {
                    examined: if self.merge_sort.is_some() { looked_at / 2 } else { looked_at },
                    of,
                };
            }
        }
        let Some(mut merge_sort) = self.merge_sort.take() else { return Refresh::Done };
        let sorting = Sorting { order: self.order, activities, texts: &self.texts };
        let Some(sorted) = merge_sort.merge(budget, &|a: &SortEntry, b: &SortEntry| sorting.compare(a, b)) else {
            let examined = of / 2 + of / 2 * merge_sort.done() / 1_000;
            self.merge_sort = Some(merge_sort);
            return Refresh::Searching { examined, of };
        };
        self.list = ChunkedList::of(sorted);
        let late = std::mem::take(&mut self.late);
        self.reposition(activities, late.into_iter().map(|id| (id, activities.first_seq(id))).collect());
        Refresh::Done
    }

    /// Looks at a range of rows in arrival order, from its newest end.
    fn scan(&mut self, activities: &Activities, start: usize, end: usize) {
        let order = activities.order();
        let texts = RefCell::new(self.texts.take());
        let sorting = Sorting { order: self.order, activities, texts: &texts };
        let compare = |a: &SortEntry, b: &SortEntry| sorting.compare(a, b);
        let mut found = Vec::new();
        let mut merge_sort = self.merge_sort.take();
        for id in order.range(start..end).rev().copied() {
            // A row that moved back in arrival order during the scan is already listed.
            if self.members.get(id) || !self.includes(activities, id) {
                continue;
            }
            let entry = sorting.entry(id);
            self.set_member(id, Some(entry));
            match &mut merge_sort {
                Some(merge_sort) => merge_sort.add(entry, &compare),
                // All of these are older than the rows found so far.
                None => found.push(entry),
            }
        }
        self.merge_sort = merge_sort;
        self.texts = texts;
        self.list.append(&found);
        self.list.recount();
        self.scan = (start > 0).then(|| order.get(start).map(|&row| activities.first_seq(row))).flatten();
    }
}
