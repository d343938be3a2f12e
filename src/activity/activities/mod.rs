//! Every activity of one profile, in memory: one compact row each, in arrival order, with an index by id.

pub(crate) mod counts;
pub(crate) mod evicted;
pub(crate) mod eviction;
pub(crate) mod eviction_state;
pub(crate) mod gaps;
pub(crate) mod links;
pub(crate) mod lookup;
pub(crate) mod lookup_result;
pub(crate) mod merge;
pub(crate) mod older_rows;
pub(crate) mod purge;
pub(crate) mod row_id;
pub(crate) mod text_collection;
pub(crate) mod text_collection_state;
pub(crate) mod unpersisted;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use hashbrown::DefaultHashBuilder;

use crate::activity::collections::interner::{Interner, TextId};
use crate::activity::stats::completeness::GapState;
use crate::activity::stats::outcome_counts::OutcomeCounts;
use crate::activity::stats::summary::Outcomes;
use crate::activity::stats::throughput::Throughput;
use crate::activity::time::latency::ExpectedLatency;
use crate::activity::time::time_reference::TimeReference;
use crate::activity::time::timestamp::Timestamp;

use super::activity_values::Activity;
use super::collections::{BitSet, ChunkedVec, IncrementalIndex};
use super::entry::{Entry, Fact, Gap, Kind, Seq};
use super::row::{DataColumns, Row};
use super::status::Counts;

use eviction_state::{Eviction, SCAN_LENGTH};
use lookup_result::{LOOKUP_BATCH, RowHint};
use row_id::RowId;
use text_collection_state::Collecting;
use unpersisted::SeqRemap;

/// Maximum number of changes listed one by one; beyond it a view looks at every row again.
const MAX_CHANGES: usize = 50_000;

/// The rows that a view has to look at again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    /// Slots of rows that are new, changed or evicted, each with its previous place in arrival order. Another row may reuse an
    /// evicted row's slot.
    pub(crate) rows: Vec<(u32, Seq)>,
    pub(crate) evicted: Vec<RowId>,
    /// Set if more rows changed than are listed.
    pub(crate) everything: bool,
}

/// The activities of one profile.
///
/// [`Activities::apply`] gives the same result for any order of entries, if each is applied once: history is restored newest first
/// while live entries arrive.
#[derive(Debug)]
pub struct Activities {
    rows: ChunkedVec<Row>,
    data: ChunkedVec<DataColumns>,
    pool: Interner,
    index: IncrementalIndex,
    hasher: DefaultHashBuilder,
    /// Rows by their first entries, oldest first.
    order: VecDeque<u32>,
    /// The serial number of the next new row.
    next_serial: u32,
    eviction: Eviction,
    collecting: Option<Collecting>,
    /// Whether a view compares rows by texts that the rows may no longer have.
    texts_needed: bool,
    counts: Counts,
    outcome_counts: OutcomeCounts,
    /// Number of open data requests.
    preparing: usize,
    /// How often an activity that was settled is so no more: it is open again, or the server does not know it.
    unsettled: u64,
    /// Gaps by row, each the union of all its entries, with the latest of them.
    gaps: BTreeMap<u32, (Seq, Gap)>,
    /// Gaps of merged models, in the state that those models give.
    merged_gaps: BTreeMap<u32, GapState>,
    latency: ExpectedLatency,
    throughput: Throughput,
    outcomes: Outcomes,
    link_lifetime: Duration,
    live_from: Seq,
    /// Requests without a row whose links of earlier runs are usable.
    restored_links: HashSet<Box<str>>,
    /// Rows with entries that are shown although they could not be written to the journal.
    unpersisted: BTreeSet<u32>,
    /// Rows whose payload arrived in a message and was not saved.
    inline: BTreeSet<u32>,
    /// Commands whose outcome only a status check reported, by the time of the answer.
    checked_only: BTreeSet<(Timestamp, u32)>,
    /// The time of the last [`Activities::expire`].
    now: Timestamp,
    reference: TimeReference,
    /// Expiry time and row of exactly the links that were not used.
    deadlines: BTreeSet<(Timestamp, u32)>,
    changes: Changes,
    /// Whether a row is listed in `changes`.
    listed: BitSet,
    latest: Option<Timestamp>,
}

impl Activities {
    /// Creates an empty model. A link lives for `link_lifetime` from its arrival.
    pub fn new(link_lifetime: Duration) -> Self {
        Self {
            rows: ChunkedVec::default(),
            data: ChunkedVec::default(),
            pool: Interner::default(),
            index: IncrementalIndex::default(),
            hasher: DefaultHashBuilder::default(),
            order: VecDeque::new(),
            next_serial: 0,
            eviction: Eviction::default(),
            collecting: None,
            texts_needed: false,
            counts: Counts::default(),
            outcome_counts: OutcomeCounts::default(),
            preparing: 0,
            unsettled: 0,
            gaps: BTreeMap::new(),
            merged_gaps: BTreeMap::new(),
            latency: ExpectedLatency::default(),
            throughput: Throughput::default(),
            outcomes: Outcomes::default(),
            link_lifetime,
            live_from: Seq(0),
            restored_links: HashSet::new(),
            unpersisted: BTreeSet::new(),
            inline: BTreeSet::new(),
            checked_only: BTreeSet::new(),
            now: Timestamp(0),
            reference: TimeReference::EXACT,
            deadlines: BTreeSet::new(),
            changes: Changes::default(),
            listed: BitSet::default(),
            latest: None,
        }
    }

    /// Sets the first entry of the current run. Links received before it are lost, and downloads started before it have ended.
    pub fn set_live_from(&mut self, seq: Seq) {
        if seq == self.live_from {
            return;
        }
        self.live_from = seq;
        self.set_deadlines();
        self.recount();
    }

    /// Applies one entry. For several entries, [`Activities::look_up`] is faster.
    pub fn apply(&mut self, entry: &Entry) {
        self.collect_texts(1);
        let place = self.hint_for(&entry.key);
        self.apply_at(entry, place);
    }

    /// Applies an entry that was looked up.
    pub fn apply_at(&mut self, entry: &Entry, hint: RowHint) {
        let at = self.apply_to_row(entry, hint);
        self.learn(at, entry);
        if matches!(entry.fact, Fact::Received(_) | Fact::Repeated(_) | Fact::Unreadable { .. }) {
            self.throughput.count(entry.at);
            self.latest = self.latest.max(Some(entry.at));
        }
        self.evict(SCAN_LENGTH);
    }

    /// Whether a text is only partly in memory, so that a filter may miss a match.
    pub fn has_cut_texts(&self) -> bool {
        self.pool.has_cut()
    }

    /// Drops all text beyond what rows show, as if there were no memory for it.
    #[cfg(test)]
    pub(crate) fn drop_long_texts(&mut self) {
        self.pool.set_max_long(0);
    }

    /// Applies an entry to its row.
    fn apply_to_row(&mut self, entry: &Entry, hint: RowHint) -> u32 {
        let at = self.find_or_create(&entry.key, hint, entry.seq);
        self.note_seq(entry.seq);
        let (before, place, deadline) = (self.counted(at), self.first_seq(at), self.deadline(at));
        let Some(row) = self.rows.get_mut(at) else { return at };
        row.apply(entry, self.data.get_mut(row.data), &mut self.pool);
        if let Fact::Gap(gap) = &entry.fact {
            if let Some((latest, known)) = self.gaps.get_mut(&at) {
                known.merge(gap, entry.seq > *latest);
                *latest = entry.seq.max(*latest);
            } else {
                self.gaps.insert(at, (entry.seq, gap.clone()));
            }
        }
        if !entry.seq.is_persisted() {
            self.unpersisted.insert(at);
        }
        let after = self.first_seq(at);
        if after != place {
            self.reorder(at, place, after);
        }
        self.set_deadline(at, deadline);
        self.update_counts(at, before);
        self.list_change(at, place);
        at
    }

    /// Renumbers entries that could not be written to the journal at first and now are in it: from numbers starting at `from` to
    /// numbers starting at `to`.
    pub fn remap(&mut self, from: Seq, to: Seq, count: u64) {
        let moved = SeqRemap { from, to, count };
        for at in std::mem::take(&mut self.unpersisted) {
            let Some(row) = self.rows.get_mut(at) else { continue };
            moved.map_row(row, self.data.get_mut(row.data));
            if let Some((seq, _)) = self.gaps.get_mut(&at) {
                *seq = moved.map(*seq);
            }
            if self.get_at(at).is_some_and(|activity| !activity.is_persisted()) {
                self.unpersisted.insert(at);
            }
        }
        // Places changed; their order did not.
        self.restart_scan();
        self.change_everything();
    }

    /// Applies a chunk restored from the journal. Fastest when chunks are restored newest first.
    pub fn apply_restored(&mut self, entries: &[Entry]) {
        if let Some(oldest) = entries.first() {
            self.on_restored(oldest.seq);
        }
        for batch in entries.rchunks(LOOKUP_BATCH) {
            for (entry, place) in self.look_up(batch).into_iter().rev() {
                self.apply_at(entry, place);
            }
        }
    }

    /// The rows whose payload arrived in a message and was not saved. Such a payload does not expire.
    pub fn inline(&self) -> impl Iterator<Item = RowId> + '_ {
        self.inline.iter().filter_map(|&at| self.id(at))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Number of rows for each status filter.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Outcome counts of every known id, including evicted rows.
    pub fn outcome_counts(&self) -> OutcomeCounts {
        self.outcome_counts.plus(self.eviction.rows.outcomes())
    }

    /// Whether a command has waited longer than is usual for its label (30 s if nothing is known about the label).
    pub fn is_late(&self, activity: &Activity<'_>, now: Timestamp) -> bool {
        activity.kind() == Kind::Command
            && activity.status().is_open()
            && now.since(activity.updated()) > self.latency.of(activity.label())
    }

    /// A row, for reading.
    pub fn get(&self, id: RowId) -> Option<Activity<'_>> {
        self.get_at(id.slot).filter(|activity| activity.row.serial == id.serial)
    }

    /// The row in a slot, for reading.
    pub(crate) fn get_at(&self, at: u32) -> Option<Activity<'_>> {
        let row = self.rows.get(at)?;
        let data = self.data.get(row.data);
        Some(Activity { row, data, pool: &self.pool, context: self.context() })
    }

    /// The slot of a row, while the row is in memory.
    pub(crate) fn slot_of(&self, id: RowId) -> Option<u32> {
        self.get(id).map(|_| id.slot)
    }

    /// The id of the row in a slot.
    pub(crate) fn id(&self, at: u32) -> Option<RowId> {
        self.rows.get(at).map(|row| RowId { serial: row.serial, slot: at })
    }

    /// Messages received in each of the last `minutes` minutes up to `now` (a day at most), oldest first.
    pub fn per_minute(&self, now: Timestamp, minutes: usize) -> Vec<u32> {
        self.throughput.last(now, minutes)
    }

    /// When the newest message arrived.
    pub fn latest(&self) -> Option<Timestamp> {
        self.latest
    }

    /// The row at an index by arrival: 0 is the newest.
    pub fn newest(&self, index: usize) -> Option<RowId> {
        self.order.get(self.order.len().checked_sub(index + 1)?).and_then(|&at| self.id(at))
    }

    /// Rows whose first entries are before `seq`, newest first, each with its first entry.
    pub fn before(&self, seq: Seq) -> impl Iterator<Item = (Seq, RowId)> + '_ {
        let end = self.order.partition_point(|&at| self.first_seq(at) < seq);
        self.order.range(..end).rev().filter_map(|&at| Some((self.first_seq(at), self.id(at)?)))
    }

    /// The slots of all rows by arrival, oldest first.
    pub(crate) fn order(&self) -> &VecDeque<u32> {
        &self.order
    }

    /// The time of the last [`Activities::expire`].
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// A shared text.
    pub(crate) fn text(&self, id: TextId) -> &str {
        self.pool.get(id)
    }

    /// Takes the changes since the last call.
    pub(crate) fn take_changes(&mut self) -> Changes {
        let changes = std::mem::take(&mut self.changes);
        for &(at, _) in &changes.rows {
            self.listed.set(at, false);
        }
        changes
    }

    fn context(&self) -> super::activity_values::Context {
        super::activity_values::Context {
            now: self.now,
            reference: self.reference,
            live_from: self.live_from,
            link_lifetime: self.link_lifetime,
        }
    }

    /// A row's place in arrival order, which is its first entry.
    pub(crate) fn first_seq(&self, at: u32) -> Seq {
        self.rows.get(at).map(|row| row.first.seq).unwrap_or_default()
    }

    /// Moves a row to the place of its first entry. New rows nearly always go to an end, and others near one.
    fn reorder(&mut self, at: u32, before: Seq, after: Seq) {
        if before != Seq(0) {
            let old = self.order.partition_point(|&other| other != at && self.place_before(other, at, before) < before);
            if self.order.get(old) == Some(&at) {
                self.order.remove(old);
                self.eviction.on_remove(old);
            }
        }
        let newest = self.order.back().map(|&last| self.first_seq(last));
        if newest.is_none_or(|newest| newest < after) {
            self.order.push_back(at);
        } else if self.order.front().is_some_and(|&first| after < self.first_seq(first)) {
            self.order.push_front(at);
            self.eviction.on_insert(0);
        } else {
            let to = self.order.partition_point(|&other| self.first_seq(other) < after);
            self.order.insert(to, at);
            self.eviction.on_insert(to);
        }
    }

    /// A row's place as `order` still has it: the moved row counts at its old place.
    fn place_before(&self, other: u32, moved: u32, before: Seq) -> Seq {
        if other == moved { before } else { self.first_seq(other) }
    }

    fn list_change(&mut self, at: u32, place_before: Seq) {
        if self.changes.everything {
            return;
        }
        if self.listed.get(at) {
            return;
        }
        self.listed.set(at, true);
        self.changes.rows.push((at, place_before));
        if self.changes.rows.len() > MAX_CHANGES {
            self.change_everything();
        }
    }

    /// Makes a view look at every row again.
    fn change_everything(&mut self) {
        drop(self.take_changes());
        self.changes.everything = true;
    }
}
