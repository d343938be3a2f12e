//! Merges several profiles' activities into one model: rows are copied in, and copied again when they change.
//!
//! An id that two profiles know becomes one row: that of the profile merged first. A gap keeps the state that its own profile gives
//! it.

use crate::activity::collections::interner::Interner;
use crate::activity::row::{CommandState, DataColumns, DownloadOutcome, Row};
use crate::activity::stats::throughput::Throughput;

use super::Activities;
use super::eviction_state::SCAN_LENGTH;
use super::row_id::RowId;

impl Activities {
    /// Copies a row of another model in, in its current state, and returns its row here. Fast if rows are copied in order of
    /// arrival.
    pub fn merge_row(&mut self, part: &Self, row: RowId) -> Option<RowId> {
        let theirs = part.rows.get(row.slot).filter(|_| part.id(row.slot) == Some(row))?;
        let key = part.get(row)?.key();
        let place = self.hint_for(&key);
        let at = self.find_or_create(&key, place, theirs.first.seq);
        let (before, place, deadline) = (self.counted(at), self.first_seq(at), self.deadline(at));
        let ours = self.rows.get_mut(at)?;
        *ours = copy_row(theirs, ours, &part.pool, &mut self.pool);
        if let (Some(theirs), Some(ours)) = (part.data.get(theirs.data), self.data.get_mut(ours.data)) {
            *ours = copy_data(theirs, &part.pool, &mut self.pool);
        }
        if let (Some(gap), Some(merged_gap)) = (part.gaps.get(&row.slot), part.gap(row)) {
            self.gaps.insert(at, gap.clone());
            self.merged_gaps.insert(at, merged_gap);
        }
        let after = self.first_seq(at);
        if after != place {
            self.reorder(at, place, after);
        }
        self.set_deadline(at, deadline);
        self.update_counts(at, before);
        self.mark_complete(at);
        self.list_change(at, place);
        self.evict(SCAN_LENGTH);
        self.id(at)
    }

    /// Copies the merged models' data outside rows: message counts by time, and where the current run starts.
    pub fn merge_rest<'a>(&mut self, parts: impl Iterator<Item = &'a Self> + Clone) {
        self.throughput = Throughput::of_all(parts.clone().map(|part| &part.throughput));
        self.latest = parts.clone().filter_map(|part| part.latest).max();
        if let Some(part) = parts.clone().next() {
            self.set_reference(part.reference);
        }
        if let Some(first) = parts.map(|part| part.live_from).max() {
            self.set_live_from(first);
        }
    }
}

/// A row of another model with its texts interned in this model's pool, with the slot of one of this model's rows.
fn copy_row(theirs: &Row, ours: &Row, from: &Interner, to: &mut Interner) -> Row {
    let mut row = theirs.clone();
    (row.id, row.data, row.serial) = (ours.id, ours.data, ours.serial);
    row.message = to.intern(from.get(theirs.message));
    if let CommandState::Other(digits) = theirs.state.value {
        row.state.value = CommandState::Other(to.intern(from.get(digits)));
    }
    row.label = to.intern(from.get(theirs.label));
    row
}

/// Same for the data columns.
fn copy_data(theirs: &DataColumns, from: &Interner, to: &mut Interner) -> DataColumns {
    let mut data = *theirs;
    data.text.value = to.intern(from.get(theirs.text.value));
    data.context.value = to.intern(from.get(theirs.context.value));
    data.requested.value = to.intern(from.get(theirs.requested.value));
    data.end.value = match theirs.end.value {
        DownloadOutcome::Saved(path, size) => DownloadOutcome::Saved(to.intern(from.get(path)), size),
        DownloadOutcome::NotSaved(why, sentence) => DownloadOutcome::NotSaved(why, to.intern(from.get(sentence))),
        other @ (DownloadOutcome::None | DownloadOutcome::Fetching) => other,
    };
    data
}
