//! What keeps track of rows that may leave memory.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::ops::RangeInclusive;

use crate::activity::entry::{ActivityKey, Seq};

use super::evicted::EvictedRows;
use super::row_id::RowId;

/// What decides which rows are in memory.
#[derive(Debug)]
pub(crate) struct Eviction {
    /// How many rows may be in memory.
    pub(crate) limit: usize,
    /// Those that are no longer.
    pub(crate) rows: EvictedRows,
    /// So many rows, the oldest ones, were looked at and stay.
    pub(crate) passed: usize,
    /// Those among them that may be evicted by now.
    pub(crate) late: BTreeSet<(Seq, u32)>,
    /// Rows that came back and of which earlier entries are still to be read from the journal.
    pub(crate) incomplete: BTreeMap<u32, Missing>,
    /// Failures up to this entry were read; `None` where nobody reads them.
    pub(crate) read_until: Option<Seq>,
    /// Whether a failure stays because it was not read.
    pub(crate) unread: Cell<bool>,
    /// A row that stays because it is being looked at.
    pub(crate) held: Option<RowId>,
    /// Rows that stay because a search found them.
    pub(crate) found: BTreeSet<u32>,
    /// Rows that came back last, the newest at the end: they stay for a while, though they were seen first long ago.
    pub(crate) came_back: VecDeque<RowId>,
    /// Rows that the journal has more, of which none was ever in memory.
    pub(crate) older: OlderRows,
    /// Rows in memory of which the journal has entries that were not restored.
    pub(crate) cut: BTreeSet<RowId>,
    /// Whether all of those are known.
    pub(crate) cut_known: bool,
    /// The newest entry.
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
            held: None,
            found: BTreeSet::new(),
            came_back: VecDeque::new(),
            older: OlderRows::default(),
            cut: BTreeSet::new(),
            cut_known: false,
            newest: Seq(0),
            purged: PurgedRows::default(),
            seqs: Vec::new(),
        }
    }
}

impl Eviction {
    /// A row is in arrival order now, at this index.
    pub(crate) fn entered_order(&mut self, index: usize) {
        self.passed += usize::from(index < self.passed);
    }

    /// The row at this index is no longer there in arrival order.
    pub(crate) fn left_order(&mut self, index: usize) {
        self.passed -= usize::from(index < self.passed);
    }
}

/// How many rows are looked at whenever so many are evicted together.
pub(crate) const EVICTED_AT_ONCE: usize = 4 * SLACK;

/// How many rows more there may be until they are evicted together.
pub(crate) const SLACK: usize = 64;

/// How many rows that settled late are evicted one by one; where there are more, all rows are looked at again.
pub(crate) const ONE_BY_ONE: usize = 256;

/// What is missing of a row that came back.
#[derive(Debug)]
pub(crate) struct Missing {
    /// The entry that brought it back.
    pub(crate) since: Seq,
    /// Where in the journal the earlier ones are.
    pub(crate) stretches: Vec<RangeInclusive<Seq>>,
    /// Whether they are being read.
    pub(crate) asked: bool,
    /// Whether the row is counted among those that are not in memory.
    pub(crate) counted: bool,
}

/// How many rows of a profile are in memory, unless the settings say otherwise.
pub const ROWS_IN_MEMORY: usize = 1_000_000;

/// A row that came back, and where in the journal its earlier entries are; for [`Activities::complete`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// Which.
    pub key: ActivityKey,
    /// The stretches of the journal to look at, the oldest first.
    pub stretches: Vec<RangeInclusive<Seq>>,
}

/// How many rows the journal has that were not restored, by where their first entries are.
#[derive(Debug, Default)]
pub(crate) struct OlderRows {
    pub(crate) stretches: BTreeMap<Seq, u64>,
    pub(crate) all: u64,
}

impl OlderRows {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.all).unwrap_or(usize::MAX)
    }

    /// One of them, with this first entry, is in memory now.
    pub(crate) fn take_one(&mut self, first: Seq) {
        if let Some((_, count)) = self.stretches.range_mut(..=first).rfind(|(_, count)| **count > 0) {
            *count -= 1;
            self.all = self.all.saturating_sub(1);
        }
    }

    /// The journal has nothing before this entry any more but what is in memory as well.
    pub(crate) fn purged(&mut self, before: Seq) {
        // Of the stretch that it is in, a part may be left.
        self.stretches = self.stretches.split_off(&Seq(before.0 - before.0 % STRETCH));
        self.all = self.stretches.values().sum();
    }
}

/// How many numbers of entries a stretch has.
pub(crate) const STRETCH: u64 = 256;

/// What is no longer in the journal.
#[derive(Debug, Default)]
pub(crate) struct PurgedRows {
    /// Entries before this one, but those of what is open and of what gaps name.
    pub(crate) before: Seq,
    /// The first row that was not yet looked at since the last purge.
    pub(crate) from: Option<Seq>,
    /// Gaps, until their rows are gone as well.
    pub(crate) gaps: BTreeSet<u32>,
    /// The rows that a gap names, as of the last purge.
    pub(crate) named: BTreeSet<RowId>,
    /// What a gap names that is settled and no longer in memory, as of the last purge.
    pub(crate) settled_across: HashSet<ActivityKey>,
}
