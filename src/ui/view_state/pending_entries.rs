//! Entries that are received and not applied yet.

use std::collections::VecDeque;

use crate::activity::{Activities, ActivityKey, Entry};

use super::apply_entries::ApplySummary;
use super::completeness::Completeness;

/// How many entries are applied before `go_on` is asked again: some tenths of a millisecond of work.
const SLICE: usize = 256;

/// A batch of pending entries.
#[derive(Debug)]
pub(crate) enum Batch {
    /// Entries that were committed.
    Committed(Vec<Entry>),
    /// Entries that were read from the journal, and whether they were the last chunk. Applied from the end, the oldest last.
    Restored(Vec<Entry>, bool),
}

impl Batch {
    fn entries(&self) -> &[Entry] {
        let (Self::Committed(entries) | Self::Restored(entries, _)) = self;
        entries
    }

    fn weight(&self) -> usize {
        self.entries().iter().map(Entry::weight).fold(0, usize::saturating_add)
    }
}

/// Pending batches, in order.
#[derive(Debug, Default)]
pub(crate) struct PendingEntries {
    batches: VecDeque<Batch>,
    /// How many entries of the first batch are already applied.
    applied: usize,
    /// Total number of pending entries.
    remaining: usize,
    /// Approximate size of the batches, in bytes.
    weight: usize,
}

impl PendingEntries {
    /// Number of pending entries.
    pub(crate) fn len(&self) -> usize {
        self.remaining
    }

    /// Approximate size of the pending entries, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Appends a batch.
    pub(crate) fn push(&mut self, batch: Batch) {
        self.remaining += batch.entries().len();
        self.weight = self.weight.saturating_add(batch.weight());
        self.batches.push_back(batch);
    }

    /// Applies entries while `go_on` returns `true`; it is called every few hundred entries. If `keys` is given, the keys of
    /// committed entries are added to it.
    pub(crate) fn apply(
        &mut self,
        activities: &mut Activities,
        completeness: &mut Completeness,
        mut keys: Option<&mut Vec<ActivityKey>>,
        go_on: impl Fn() -> bool,
    ) -> ApplySummary {
        let mut changed = ApplySummary::default();
        while let Some(batch) = self.batches.front().filter(|_| go_on()) {
            let remaining = batch.entries().len().saturating_sub(self.applied);
            let in_hand = remaining.min(SLICE);
            match batch {
                Batch::Committed(entries) => {
                    let now = entries.get(self.applied..self.applied + in_hand).unwrap_or_default();
                    changed.add(super::apply_entries::apply(activities, completeness, now));
                    if let Some(keys) = &mut keys {
                        keys.extend(now.iter().map(|entry| entry.key.clone()));
                    }
                }
                Batch::Restored(entries, is_last) => {
                    let now = entries.get(remaining - in_hand..remaining).unwrap_or_default();
                    super::apply_entries::apply_restored(activities, completeness, now);
                    if remaining == in_hand {
                        changed.add(ApplySummary::restored(*is_last));
                    }
                }
            }
            self.remaining -= in_hand;
            self.applied += in_hand;
            if remaining == in_hand {
                let done = self.batches.pop_front();
                self.weight = self.weight.saturating_sub(done.map_or(0, |batch| batch.weight()));
                self.applied = 0;
            }
        }
        changed
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use crate::activity::{Fact, Seq, Timestamp};
    use crate::protocol::Incoming;
    use crate::protocol::incoming::parse;

    use super::*;

    fn received(number: usize) -> Entry {
        let raw = format!(r#"{{"data":{{"type":"X-DPT-CAB-ID","id":"c-{number}","command_status":2,"body":""}}}}"#);
        let Incoming::Message(message) = parse(&raw) else { panic!("not a message: {raw}") };
        let (seq, key) = (Seq(number as u64 + 1), ActivityKey::of(&message));
        Entry { seq, at: Timestamp(1), key, fact: Fact::Received(message), raw: raw.into() }
    }

    /// This many commands, a thousand per batch.
    pub(crate) fn many(count: usize) -> PendingEntries {
        let mut pending_entries = PendingEntries::default();
        for from in (0..count).step_by(1_000) {
            pending_entries.push(Batch::Committed((from..count.min(from + 1_000)).map(received).collect()));
        }
        pending_entries
    }

    fn empty() -> (Activities, Completeness) {
        (Activities::new(Duration::from_mins(1)), Completeness::default())
    }

    #[test]
    fn entries_are_applied_in_slices_even_within_a_batch() {
        let (mut activities, mut completeness) = empty();
        let mut pending_entries = many(2_500);
        let mut keys = Vec::new();
        for step in 1..=10 {
            let asked = std::cell::Cell::new(0);
            let go_on = || asked.replace(asked.get() + 1) == 0;
            let changed = pending_entries.apply(&mut activities, &mut completeness, Some(&mut keys), go_on);
            assert!(changed.received, "{changed:?}");
            assert!(activities.len() <= step * SLICE && keys.len() == activities.len());
        }
        let changed = pending_entries.apply(&mut activities, &mut completeness, None, || true);
        assert_eq!((activities.len(), pending_entries.len()), (2_500, 0), "{changed:?}");
    }

    #[test]
    fn a_restored_chunk_is_applied_from_its_newer_end_and_reported_when_complete() {
        let (mut activities, mut completeness) = empty();
        let mut pending_entries = PendingEntries::default();
        pending_entries.push(Batch::Restored((0..600).map(received).collect(), false));
        pending_entries.push(Batch::Restored(Vec::new(), true));
        let mut restored = Vec::new();
        for expected in [344, 88, 0, 0] {
            let asked = std::cell::Cell::new(0);
            let go_on = || asked.replace(asked.get() + 1) == 0;
            restored.push(pending_entries.apply(&mut activities, &mut completeness, None, go_on).restored);
            let oldest =
                activities.newest(activities.len() - 1).and_then(|row| activities.get(row)).map(|row| row.id());
            assert_eq!(oldest.as_deref(), Some(format!("c-{expected}").as_str()));
        }
        assert_eq!(restored, [None, None, Some(false), Some(true)]);
        assert!(pending_entries.is_empty());
    }
}
