//! Index of rows that are no longer in memory: their number, their outcomes, and roughly where in the journal their entries are, so
//! that a message for one of them can load it again.
//!
//! The index keeps part of an id's hash and the journal ranges that hold the id's entries, in four bytes a range. If two ids share
//! both, the cost is one needless journal read. The index also keeps whether a row was evicted, and so was settled, or is only
//! known to be in the journal.

use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;

use crate::activity::entry::Seq;
use crate::activity::stats::outcome_counts::{OutcomeCounts, OutcomeSource};

/// log2 of the number of journal entries in a range; reading one range for an id takes some milliseconds.
const RANGE_BITS: u32 = 14;
/// Number of ranges that an index entry can distinguish.
const RANGES: u64 = 1 << 12;
/// Ranges older than this many are dropped.
const MAX_RANGES: u64 = RANGES / 2;
/// Left shift of the hash part in an index entry. Below it are the range and the "evicted" bit.
const PART_SHIFT: u32 = 13;
const EVICTED: u32 = 1 << 12;
/// log2 of the number of journal entries that are counted together.
const COUNT_BITS: u32 = 8;
/// Index entries kept for each row that may be in memory, and the minimum.
const ENTRIES_PER_ROW: usize = 4;
const MIN_ENTRIES: usize = 1 << 16;
/// Entries in a bucket when the index has as many entries as there may be rows in memory.
const BUCKET_SIZE: usize = 16;
/// Minimum number of buckets.
const MIN_BUCKETS: usize = 1_024;

/// Rows that are no longer in memory.
#[derive(Debug, Default)]
pub(crate) struct EvictedRows {
    /// By part of the hash; empty until the first row is evicted. Each index entry holds another part of the hash and a range.
    buckets: Vec<Vec<u32>>,
    /// Number of index entries in each range, oldest first.
    ranges: VecDeque<usize>,
    /// The first range in `ranges`.
    oldest_range: u64,
    /// Total number of index entries.
    entries: usize,
    /// The next bucket to clean.
    next_to_clean: usize,
    /// Row counts by the position of their first entries.
    counts: BTreeMap<u64, Counted>,
    /// The sum of `counts`.
    total: Counted,
}

/// Number of rows and their outcomes.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    rows: usize,
    outcomes: OutcomeCounts,
}

impl Counted {
    fn add(&mut self, standing: OutcomeSource) {
        self.rows += 1;
        self.outcomes.add(standing);
    }

    fn remove(&mut self, standing: OutcomeSource) {
        self.rows = self.rows.saturating_sub(1);
        self.outcomes.remove(standing);
    }

    fn subtract(&mut self, other: Self) {
        self.rows = self.rows.saturating_sub(other.rows);
        self.outcomes.subtract(other.outcomes);
    }
}

impl EvictedRows {
    pub(crate) fn len(&self) -> usize {
        self.total.rows
    }

    /// The rows' outcomes.
    pub(crate) fn outcomes(&self) -> OutcomeCounts {
        self.total.outcomes
    }

    /// Adds an evicted row with entries at `seqs`, first one first. `limit` is the number of rows that may be in memory.
    pub(crate) fn add(&mut self, hash: u64, seqs: &[Seq], standing: OutcomeSource, limit: usize) {
        let Some(first) = seqs.first() else { return };
        self.counts.entry(first.0 >> COUNT_BITS).or_default().add(standing);
        self.total.add(standing);
        self.make_buckets(limit);
        for (index, seq) in seqs.iter().enumerate() {
            let stretch = seq.0 >> RANGE_BITS;
            let is_known = seqs.iter().take(index).any(|other| other.0 >> RANGE_BITS == stretch);
            if !is_known {
                self.insert(hash, stretch, EVICTED);
            }
        }
        self.drop_oldest(limit);
    }

    /// Indexes a journal entry of a row that was never in memory, or not with this entry. The row can be found, but it isn't
    /// counted and its outcome is unknown.
    pub(crate) fn index(&mut self, hash: u64, seq: Seq, limit: usize) {
        self.make_buckets(limit);
        self.insert(hash, seq.0 >> RANGE_BITS, 0);
        self.drop_oldest(limit);
    }

    /// Whether the index is empty, so that no id can be found.
    pub(crate) fn is_empty_index(&self) -> bool {
        self.entries == 0
    }

    fn make_buckets(&mut self, limit: usize) {
        if self.buckets.is_empty() {
            self.buckets.resize_with((limit / BUCKET_SIZE).next_power_of_two().max(MIN_BUCKETS), Vec::new);
        }
    }

    fn drop_oldest(&mut self, limit: usize) {
        let most = limit.saturating_mul(ENTRIES_PER_ROW).max(MIN_ENTRIES);
        while self.entries > most || self.ranges.len() as u64 > MAX_RANGES {
            self.entries -= self.ranges.pop_front().unwrap_or(self.entries);
            self.oldest_range += 1;
        }
    }

    fn insert(&mut self, hash: u64, range: u64, evicted: u32) {
        if self.ranges.is_empty() {
            self.oldest_range = range;
        }
        if range < self.oldest_range {
            // History is read from its newer end.
            let missing = self.oldest_range - range;
            if missing + self.ranges.len() as u64 > MAX_RANGES {
                return;
            }
            (0..missing).for_each(|_| self.ranges.push_front(0));
            self.oldest_range = range;
        }
        let Ok(number) = usize::try_from(range - self.oldest_range) else { return };
        if number >= self.ranges.len() {
            let most = usize::try_from(MAX_RANGES).unwrap_or(usize::MAX);
            if number >= self.ranges.len() + most {
                self.ranges.clear();
                (self.oldest_range, self.entries) = (range, 0);
            }
            let number = usize::try_from(range - self.oldest_range).unwrap_or(0);
            self.ranges.resize(number + 1, 0);
        }
        let number = usize::try_from(range - self.oldest_range).unwrap_or(0);
        let entry = index_entry(hash, range) | evicted;
        let bucket = self.bucket_of(hash);
        if self.buckets.get(bucket).is_some_and(|known| known.contains(&entry)) {
            return;
        }
        if let (Some(bucket), Some(count)) = (self.buckets.get_mut(bucket), self.ranges.get_mut(number)) {
            if bucket.len() == bucket.capacity() {
                // Grow by less than doubling, to save memory.
                bucket.reserve_exact(bucket.len() / 8 + 4);
            }
            bucket.push(entry);
            *count += 1;
            self.entries += 1;
        }
        self.clean_one();
    }

    /// Removes dropped entries from one bucket.
    fn clean_one(&mut self) {
        let (oldest, count) = (self.oldest_range, self.ranges.len() as u64);
        let Some(bucket) = self.buckets.get_mut(self.next_to_clean) else { return };
        bucket.retain(|entry| range_of(*entry, oldest) < oldest + count);
        if bucket.capacity() > bucket.len() * 2 + 16 {
            bucket.shrink_to(bucket.len() + 4);
        }
        self.next_to_clean = (self.next_to_clean + 1) % self.buckets.len();
    }

    fn bucket_of(&self, hash: u64) -> usize {
        // The number of buckets is a power of two.
        usize::try_from(hash >> 32).unwrap_or(0) & self.buckets.len().saturating_sub(1)
    }

    /// The journal ranges that may hold entries of an id, oldest first; empty if the id is not indexed.
    pub(crate) fn find(&self, hash: u64) -> Vec<RangeInclusive<Seq>> {
        let Some(bucket) = self.buckets.get(self.bucket_of(hash)) else { return Vec::new() };
        let (part, end) = (part_of(hash), self.oldest_range + self.ranges.len() as u64);
        let alike = bucket.iter().filter(|entry| **entry >> PART_SHIFT == part);
        let mut stretches: Vec<u64> =
            alike.map(|entry| range_of(*entry, self.oldest_range)).filter(|stretch| *stretch < end).collect();
        stretches.sort_unstable();
        stretches.dedup();
        let mut found: Vec<RangeInclusive<Seq>> = Vec::new();
        for stretch in stretches {
            let (from, to) = (Seq(stretch << RANGE_BITS), Seq(((stretch + 1) << RANGE_BITS) - 1));
            match found.last_mut() {
                Some(last) if last.end().0 + 1 == from.0 => *last = *last.start()..=to,
                _ => found.push(from..=to),
            }
        }
        found
    }

    /// Whether a row with this hash was evicted.
    pub(crate) fn has_evicted(&self, hash: u64) -> bool {
        let (part, end) = (part_of(hash), self.oldest_range + self.ranges.len() as u64);
        let is_it = |entry: &u32| {
            *entry >> PART_SHIFT == part && *entry & EVICTED != 0 && range_of(*entry, self.oldest_range) < end
        };
        self.buckets.get(self.bucket_of(hash)).is_some_and(|bucket| bucket.iter().any(is_it))
    }

    /// Removes an evicted row, counted with this outcome source and first entry, because it is in memory again. Returns whether it
    /// was counted; rows that were never in memory are not.
    pub(crate) fn remove_reloaded(&mut self, first: Seq, standing: OutcomeSource) -> bool {
        match self.counts.get_mut(&(first.0 >> COUNT_BITS)) {
            Some(counted) if counted.rows > 0 => {
                counted.remove(standing);
                self.total.remove(standing);
                true
            }
            _ => false,
        }
    }

    /// The journal now holds nothing before this entry except open items.
    pub(crate) fn on_purge(&mut self, before: Seq) {
        let later = self.counts.split_off(&(before.0 >> COUNT_BITS));
        for (_, gone) in std::mem::replace(&mut self.counts, later) {
            self.total.subtract(gone);
        }
        while self.oldest_range < before.0 >> RANGE_BITS
            && let Some(gone) = self.ranges.pop_front()
        {
            self.entries -= gone.min(self.entries);
            self.oldest_range += 1;
        }
    }
}

/// The part of a hash that does not select the bucket.
fn part_of(hash: u64) -> u32 {
    // The lowest 19 bits.
    u32::try_from(hash & 0x7_FFFF).unwrap_or(0)
}

/// An index entry: part of the hash, and the range as far as it fits.
fn index_entry(hash: u64, range: u64) -> u32 {
    part_of(hash) << PART_SHIFT | u32::try_from(range % RANGES).unwrap_or(0)
}

/// The range of an index entry, at or after `oldest_range`.
fn range_of(entry: u32, oldest: u64) -> u64 {
    let stretch = u64::from(entry) % RANGES;
    oldest + (stretch + RANGES - oldest % RANGES) % RANGES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(number: u64) -> u64 {
        number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    }

    fn has(found: &[RangeInclusive<Seq>], seq: u64) -> bool {
        found.iter().any(|range| range.contains(&Seq(seq)))
    }

    #[test]
    fn an_evicted_row_is_found_in_the_ranges_of_its_entries_only() {
        let mut evicted = EvictedRows::default();
        for number in 0..100_000 {
            evicted.add(
                hash_of(number),
                &[Seq(number * 3), Seq(number * 3 + 200_000)],
                OutcomeSource::Received,
                100_000,
            );
        }
        assert_eq!((evicted.len(), evicted.outcomes().received), (100_000, 100_000));
        for number in 0..100_000 {
            let found = evicted.find(hash_of(number));
            assert!(has(&found, number * 3) && has(&found, number * 3 + 200_000), "{number}: {found:?}");
            assert!(found.len() <= 4, "{number}: {found:?}");
        }
        let by_chance = (100_000..200_000).filter(|number| !evicted.find(hash_of(*number)).is_empty()).count();
        assert!(by_chance < 20, "{by_chance} ids that were never there");
    }

    #[test]
    fn the_index_is_bounded_and_drops_the_oldest_entries() {
        let mut evicted = EvictedRows::default();
        for number in 0..1_000_000 {
            evicted.add(hash_of(number), &[Seq(number)], OutcomeSource::Received, 10_000);
        }
        assert!(evicted.entries <= MIN_ENTRIES);
        let held: usize = evicted.buckets.iter().map(Vec::capacity).sum();
        assert!(held < 2 * MIN_ENTRIES, "{held}");
        assert!(has(&evicted.find(hash_of(999_999)), 999_999));
        assert_eq!((evicted.find(hash_of(7)).as_slice(), evicted.len()), ([].as_slice(), 1_000_000));
    }

    #[test]
    fn evicted_rows_differ_from_rows_that_are_only_in_the_journal() {
        let mut evicted = EvictedRows::default();
        evicted.index(hash_of(1), Seq(5), 100_000);
        evicted.index(hash_of(2), Seq(6), 100_000);
        evicted.add(hash_of(2), &[Seq(6)], OutcomeSource::Received, 100_000);
        evicted.add(hash_of(3), &[Seq(7)], OutcomeSource::Received, 100_000);
        evicted.index(hash_of(3), Seq(7), 100_000);
        assert_eq!([1, 2, 3, 4].map(|number| evicted.has_evicted(hash_of(number))), [false, true, true, false]);
        assert!((1..4).all(|number| has(&evicted.find(hash_of(number)), 4 + number)));
        evicted.on_purge(Seq(1 << 40));
        assert_eq!([1, 2, 3].map(|number| evicted.has_evicted(hash_of(number))), [false; 3]);
    }

    #[test]
    fn older_rows_may_be_added_after_newer_ones() {
        let mut evicted = EvictedRows::default();
        for number in (0..200_000).rev() {
            evicted.add(hash_of(number), &[Seq(number)], OutcomeSource::Received, 200_000);
        }
        assert!((0..200_000).all(|number| has(&evicted.find(hash_of(number)), number)));
    }

    #[test]
    fn reloaded_and_purged_rows_are_not_counted_any_more() {
        let mut evicted = EvictedRows::default();
        for number in 0..40_000 {
            evicted.add(hash_of(number), &[Seq(number)], OutcomeSource::Received, 100_000);
        }
        evicted.remove_reloaded(Seq(30_000), OutcomeSource::Received);
        assert_eq!((evicted.len(), evicted.outcomes().received), (39_999, 39_999));
        evicted.on_purge(Seq(20_224));
        assert_eq!(evicted.len(), 40_000 - 20_224 - 1);
        assert!(evicted.find(hash_of(7)).is_empty());
        assert!(has(&evicted.find(hash_of(30_000)), 30_000));
        evicted.on_purge(Seq(1 << 40));
        assert_eq!((evicted.len(), evicted.entries), (0, 0));
        evicted.add(hash_of(1), &[Seq(1 << 41)], OutcomeSource::Unknown, 100_000);
        assert!(has(&evicted.find(hash_of(1)), 1 << 41));
    }
}
