//! State for evicting rows from memory.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::ops::RangeInclusive;

use crate::activity::entry::{ActivityKey, Seq};

use super::evicted::EvictedRows;
use super::row_id::RowId;

/// Decides which rows are in memory.
#[derive(Debug)]
pub(crate) struct Eviction {
    /// Maximum number of rows in memory.
    pub(crate) limit: usize,
    /// Rows that are no longer in memory.
    pub(crate) rows: EvictedRows,
    /// Number of oldest rows that were looked at and stay.
    pub(crate) passed: usize,
    /// Rows among the passed ones that can be evicted by now.
    pub(crate) late: BTreeSet<(Seq, u32)>,
    /// Reloaded rows whose earlier entries still have to be read from the journal.
    pub(crate) incomplete: BTreeMap<u32, Missing>,
    /// Failures up to this entry were read; `None` if nobody reads them.
    pub(crate) read_until: Option<Seq>,
    /// Whether a failure stays because it is unread.
    pub(crate) unread: Cell<bool>,
    /// A row that stays because its details are open.
    pub(crate) open_row: Option<RowId>,
    /// Rows that stay because a search found them.
    pub(crate) found_by_search: BTreeSet<u32>,
    /// The rows reloaded last, newest last. They stay for a while although they were first seen long ago.
    pub(crate) reloaded: VecDeque<RowId>,
    /// Rows that only the journal has and that were never in memory.
    pub(crate) older: OlderRows,
    /// Rows in memory with journal entries that were not restored.
    pub(crate) incomplete_in_memory: BTreeSet<RowId>,
    /// Whether `incomplete_in_memory` is complete.
    pub(crate) all_indexed: bool,
    pub(crate) newest: Seq,
    /// What is no longer in the journal.
    pub(crate) purged: PurgedRows,
    pub(crate) seqs: Vec<Seq>,
}

impl Default for Eviction {
    fn default() -> Self {
        Self {
            limit: ROWS_IN_MEMORY,
            rows: EvictedRows::default(),
            passed: 0,
            late: BTreeSet::new(),
            incomplete: BTreeMap::new(),
            read_until: None,
            unread: Cell::new(false),
            open_row: None,
            found_by_search: BTreeSet::new(),
            reloaded: VecDeque::new(),
            older: OlderRows::default(),
            incomplete_in_memory: BTreeSet::new(),
            all_indexed: false,
            newest: Seq(0),
            purged: PurgedRows::default(),
            seqs: Vec::new(),
        }
    }
}

impl Eviction {
    /// A row now has this index in arrival order.
    pub(crate) fn on_insert(&mut self, index: usize) {
        self.passed += usize::from(index < self.passed);
    }

    /// The row at this index was removed from arrival order.
    pub(crate) fn on_remove(&mut self, index: usize) {
        self.passed -= usize::from(index < self.passed);
    }
}

/// Number of rows looked at whenever `SLACK` rows are evicted together.
pub(crate) const SCAN_LENGTH: usize = 4 * SLACK;

/// Number of excess rows at which they are evicted together.
pub(crate) const SLACK: usize = 64;

/// Number of rows settled late that are evicted one by one; if there are more, all rows are looked at again.
pub(crate) const MAX_ONE_BY_ONE: usize = 256;

/// The missing part of a reloaded row.
#[derive(Debug)]
pub(crate) struct Missing {
    /// The entry that reloaded it.
    pub(crate) since: Seq,
    /// The journal ranges with earlier entries.
    pub(crate) ranges: Vec<RangeInclusive<Seq>>,
    /// Whether they are being read.
    pub(crate) requested: bool,
    /// Whether the row is counted among those that are not in memory.
    pub(crate) counted: bool,
}

/// Default maximum number of a profile's rows in memory; the settings can change it.
pub const ROWS_IN_MEMORY: usize = 1_000_000;

/// A reloaded row and the journal ranges with its earlier entries, for `Activities::complete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// The activity to read.
    pub key: ActivityKey,
    /// The journal ranges to read, oldest first.
    pub ranges: Vec<RangeInclusive<Seq>>,
}

/// Number of rows in the journal that were not restored, by the position of their first entries.
#[derive(Debug, Default)]
pub(crate) struct OlderRows {
    pub(crate) ranges: BTreeMap<Seq, u64>,
    pub(crate) total: u64,
}

impl OlderRows {
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.total).unwrap_or(usize::MAX)
    }

    /// Removes one row with this first entry, because it is in memory now.
    pub(crate) fn take_one(&mut self, first: Seq) {
        if let Some((_, count)) = self.ranges.range_mut(..=first).rfind(|(_, count)| **count > 0) {
            *count -= 1;
            self.total = self.total.saturating_sub(1);
        }
    }

    /// The journal now holds nothing before this entry except what is in memory as well.
    pub(crate) fn on_purge(&mut self, before: Seq) {
        // Part of the range that contains the entry may be left.
        self.ranges = self.ranges.split_off(&Seq(before.0 - before.0 % RANGE_LENGTH));
        self.total = self.ranges.values().sum();
    }
}

/// Number of entry numbers in a range.
pub(crate) const RANGE_LENGTH: u64 = 256;

/// What is no longer in the journal.
#[derive(Debug, Default)]
pub(crate) struct PurgedRows {
    /// Entries before this one were removed, except those of open items and of items that gaps name.
    pub(crate) before: Seq,
    /// The first row that was not looked at since the last purge.
    pub(crate) from: Option<Seq>,
    /// Removed gaps, until their rows are removed as well.
    pub(crate) gaps: BTreeSet<u32>,
    /// The rows that gaps name, as of the last purge.
    pub(crate) named: BTreeSet<RowId>,
    /// Settled activities that gaps name and that are no longer in memory, as of the last purge.
    pub(crate) settled_across: HashSet<ActivityKey>,
}
