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
const STRETCH: u32 = 14;
/// Number of ranges that an index entry can distinguish.
const STRETCHES: u64 = 1 << 12;
/// Ranges older than this many are dropped.
const MOST_STRETCHES: u64 = STRETCHES / 2;
/// Left shift of the hash part in an index entry. Below it are the range and the "evicted" bit.
const PART: u32 = 13;
const EVICTED: u32 = 1 << 12;
/// log2 of the number of journal entries that are counted together.
const COUNTED: u32 = 8;
/// Index entries kept for each row that may be in memory, and the minimum.
const FOR_EACH_ROW: usize = 4;
const LEAST: usize = 1 << 16;
/// Entries in a bucket when the index has as many entries as there may be rows in memory.
const FULL: usize = 16;
/// Minimum number of buckets.
const BUCKETS: usize = 1_024;

/// Rows that are no longer in memory.
#[derive(Debug, Default)]
pub(crate) struct EvictedRows {
    /// By part of the hash; empty until the first row is evicted. Each index entry holds another part of the hash and a range.
    buckets: Vec<Vec<u32>>,
    /// Number of index entries in each range, oldest first.
    stretches: VecDeque<usize>,
    /// The first range in `stretches`.
    oldest: u64,
    /// Total number of index entries.
    remembered: usize,
    /// The next bucket to clean.
    to_clean: usize,
    /// Row counts by the position of their first entries.
    counts: BTreeMap<u64, Counted>,
    /// The sum of `counts`.
    all: Counted,
}

/// Number of rows and their outcomes.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    rows: usize,
    ledger: OutcomeCounts,
}

impl Counted {
    fn add(&mut self, standing: OutcomeSource) {
        self.rows += 1;
        self.ledger.add(standing);
    }

    fn remove(&mut self, standing: OutcomeSource) {
        self.rows = self.rows.saturating_sub(1);
        self.ledger.remove(standing);
    }

    fn subtract(&mut self, other: Self) {
        self.rows = self.rows.saturating_sub(other.rows);
        self.ledger.subtract(other.ledger);
    }
}

impl EvictedRows {
    pub(crate) fn len(&self) -> usize {
        self.all.rows
    }

    /// The rows' outcomes.
    pub(crate) fn ledger(&self) -> OutcomeCounts {
        self.all.ledger
    }

    /// Adds an evicted row with entries at `seqs`, first one first. `limit` is the number of rows that may be in memory.
    pub(crate) fn add(&mut self, hash: u64, seqs: &[Seq], standing: OutcomeSource, limit: usize) {
        let Some(first) = seqs.first() else { return };
        self.counts.entry(first.0 >> COUNTED).or_default().add(standing);
        self.all.add(standing);
        self.make_buckets(limit);
        for (index, seq) in seqs.iter().enumerate() {
            let stretch = seq.0 >> STRETCH;
            let is_known = seqs.iter().take(index).any(|other| other.0 >> STRETCH == stretch);
            if !is_known {
                self.remember(hash, stretch, EVICTED);
            }
        }
        self.forget_oldest(limit);
    }

    /// Indexes a journal entry of a row that was never in memory, or not with this entry. The row can be found, but it isn't
    /// counted and its outcome is unknown.
    pub(crate) fn index(&mut self, hash: u64, seq: Seq, limit: usize) {
        self.make_buckets(limit);
        self.remember(hash, seq.0 >> STRETCH, 0);
        self.forget_oldest(limit);
    }

    /// Whether the index is empty, so that no id can be found.
    pub(crate) fn finds_none(&self) -> bool {
        self.remembered == 0
    }

    fn make_buckets(&mut self, limit: usize) {
        if self.buckets.is_empty() {
            self.buckets.resize_with((limit / FULL).next_power_of_two().max(BUCKETS), Vec::new);
        }
    }

    fn forget_oldest(&mut self, limit: usize) {
        let most = limit.saturating_mul(FOR_EACH_ROW).max(LEAST);
        while self.remembered > most || self.stretches.len() as u64 > MOST_STRETCHES {
            self.remembered -= self.stretches.pop_front().unwrap_or(self.remembered);
            self.oldest += 1;
        }
    }

    fn remember(&mut self, hash: u64, stretch: u64, evicted: u32) {
        if self.stretches.is_empty() {
            self.oldest = stretch;
        }
        if stretch < self.oldest {
            // History is read from its newer end.
            let missing = self.oldest - stretch;
            if missing + self.stretches.len() as u64 > MOST_STRETCHES {
                return;
            }
            (0..missing).for_each(|_| self.stretches.push_front(0));
            self.oldest = stretch;
        }
        let Ok(number) = usize::try_from(stretch - self.oldest) else { return };
        if number >= self.stretches.len() {
            let most = usize::try_from(MOST_STRETCHES).unwrap_or(usize::MAX);
            if number >= self.stretches.len() + most {
                self.stretches.clear();
                (self.oldest, self.remembered) = (stretch, 0);
            }
            let number = usize::try_from(stretch - self.oldest).unwrap_or(0);
            self.stretches.resize(number + 1, 0);
        }
        let number = usize::try_from(stretch - self.oldest).unwrap_or(0);
        let entry = short(hash, stretch) | evicted;
        let bucket = self.bucket_of(hash);
        if self.buckets.get(bucket).is_some_and(|known| known.contains(&entry)) {
            return;
        }
        if let (Some(bucket), Some(count)) = (self.buckets.get_mut(bucket), self.stretches.get_mut(number)) {
            if bucket.len() == bucket.capacity() {
                // Grow by less than doubling, to save memory.
                bucket.reserve_exact(bucket.len() / 8 + 4);
            }
            bucket.push(entry);
            *count += 1;
            self.remembered += 1;
        }
        self.clean_one();
    }

    /// Removes dropped entries from one bucket.
    fn clean_one(&mut self) {
        let (oldest, count) = (self.oldest, self.stretches.len() as u64);
        let Some(bucket) = self.buckets.get_mut(self.to_clean) else { return };
        bucket.retain(|entry| stretch_of(*entry, oldest) < oldest + count);
        if bucket.capacity() > bucket.len() * 2 + 16 {
            bucket.shrink_to(bucket.len() + 4);
        }
        self.to_clean = (self.to_clean + 1) % self.buckets.len();
    }

    fn bucket_of(&self, hash: u64) -> usize {
        // The number of buckets is a power of two.
        usize::try_from(hash >> 32).unwrap_or(0) & self.buckets.len().saturating_sub(1)
    }

    /// The journal ranges that may hold entries of an id, oldest first; empty if the id is not indexed.
    pub(crate) fn find(&self, hash: u64) -> Vec<RangeInclusive<Seq>> {
        let Some(bucket) = self.buckets.get(self.bucket_of(hash)) else { return Vec::new() };
        let (part, end) = (part_of(hash), self.oldest + self.stretches.len() as u64);
        let alike = bucket.iter().filter(|entry| **entry >> PART == part);
        let mut stretches: Vec<u64> =
            alike.map(|entry| stretch_of(*entry, self.oldest)).filter(|stretch| *stretch < end).collect();
        stretches.sort_unstable();
        stretches.dedup();
        let mut found: Vec<RangeInclusive<Seq>> = Vec::new();
        for stretch in stretches {
            let (from, to) = (Seq(stretch << STRETCH), Seq(((stretch + 1) << STRETCH) - 1));
            match found.last_mut() {
                Some(last) if last.end().0 + 1 == from.0 => *last = *last.start()..=to,
                _ => found.push(from..=to),
            }
        }
        found
    }

    /// Whether a row with this hash was evicted.
    pub(crate) fn has_evicted(&self, hash: u64) -> bool {
        let (part, end) = (part_of(hash), self.oldest + self.stretches.len() as u64);
        let is_it =
            |entry: &u32| *entry >> PART == part && *entry & EVICTED != 0 && stretch_of(*entry, self.oldest) < end;
        self.buckets.get(self.bucket_of(hash)).is_some_and(|bucket| bucket.iter().any(is_it))
    }

    /// Removes an evicted row, counted with this outcome source and first entry, because it is in memory again. Returns whether it
    /// was counted; rows that were never in memory are not.
    pub(crate) fn came_back(&mut self, first: Seq, standing: OutcomeSource) -> bool {
        match self.counts.get_mut(&(first.0 >> COUNTED)) {
            Some(counted) if counted.rows > 0 => {
                counted.remove(standing);
                self.all.remove(standing);
                true
            }
            _ => false,
        }
    }

    /// The journal now holds nothing before this entry except open items.
    pub(crate) fn purged(&mut self, before: Seq) {
        let kept = self.counts.split_off(&(before.0 >> COUNTED));
        for (_, gone) in std::mem::replace(&mut self.counts, kept) {
            self.all.subtract(gone);
        }
        while self.oldest < before.0 >> STRETCH
            && let Some(gone) = self.stretches.pop_front()
        {
            self.remembered -= gone.min(self.remembered);
            self.oldest += 1;
        }
    }
}

/// The part of a hash that does not select the bucket.
fn part_of(hash: u64) -> u32 {
    // The lowest 19 bits.
    u32::try_from(hash & 0x7_FFFF).unwrap_or(0)
}

/// An index entry: part of the hash, and the range as far as it fits.
fn short(hash: u64, stretch: u64) -> u32 {
    part_of(hash) << PART | u32::try_from(stretch % STRETCHES).unwrap_or(0)
}

/// The range of an index entry, at or after `oldest`.
fn stretch_of(entry: u32, oldest: u64) -> u64 {
    let stretch = u64::from(entry) % STRETCHES;
    oldest + (stretch + STRETCHES - oldest % STRETCHES) % STRETCHES
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
    fn an_evicted_row_is_found_where_its_entries_are_and_nothing_else_is() {
        let mut evicted = EvictedRows::default();
        for number in 0..100_000 {
            evicted.add(hash_of(number), &[Seq(number * 3), Seq(number * 3 + 200_000)], OutcomeSource::Heard, 100_000);
        }
        assert_eq!((evicted.len(), evicted.ledger().heard), (100_000, 100_000));
        for number in 0..100_000 {
            let found = evicted.find(hash_of(number));
            assert!(has(&found, number * 3) && has(&found, number * 3 + 200_000), "{number}: {found:?}");
            assert!(found.len() <= 4, "{number}: {found:?}");
        }
        let by_chance = (100_000..200_000).filter(|number| !evicted.find(hash_of(*number)).is_empty()).count();
        assert!(by_chance < 20, "{by_chance} ids that were never there");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_the_oldest_is_forgotten() {
        let mut evicted = EvictedRows::default();
        for number in 0..1_000_000 {
            evicted.add(hash_of(number), &[Seq(number)], OutcomeSource::Heard, 10_000);
        }
        assert!(evicted.remembered <= LEAST);
        let held: usize = evicted.buckets.iter().map(Vec::capacity).sum();
        assert!(held < 2 * LEAST, "{held}");
        assert!(has(&evicted.find(hash_of(999_999)), 999_999));
        assert_eq!((evicted.find(hash_of(7)).as_slice(), evicted.len()), ([].as_slice(), 1_000_000));
    }

    #[test]
    fn what_was_evicted_is_told_from_what_is_only_in_the_journal() {
        let mut evicted = EvictedRows::default();
        evicted.index(hash_of(1), Seq(5), 100_000);
        evicted.index(hash_of(2), Seq(6), 100_000);
        evicted.add(hash_of(2), &[Seq(6)], OutcomeSource::Heard, 100_000);
        evicted.add(hash_of(3), &[Seq(7)], OutcomeSource::Heard, 100_000);
        evicted.index(hash_of(3), Seq(7), 100_000);
        assert_eq!([1, 2, 3, 4].map(|number| evicted.has_evicted(hash_of(number))), [false, true, true, false]);
        assert!((1..4).all(|number| has(&evicted.find(hash_of(number)), 4 + number)));
        evicted.purged(Seq(1 << 40));
        assert_eq!([1, 2, 3].map(|number| evicted.has_evicted(hash_of(number))), [false; 3]);
    }

    #[test]
    fn older_rows_may_come_after_newer_ones() {
        let mut evicted = EvictedRows::default();
        for number in (0..200_000).rev() {
            evicted.add(hash_of(number), &[Seq(number)], OutcomeSource::Heard, 200_000);
        }
        assert!((0..200_000).all(|number| has(&evicted.find(hash_of(number)), number)));
    }

    #[test]
    fn what_came_back_and_what_was_purged_counts_no_longer() {
        let mut evicted = EvictedRows::default();
        for number in 0..40_000 {
            evicted.add(hash_of(number), &[Seq(number)], OutcomeSource::Heard, 100_000);
        }
        evicted.came_back(Seq(30_000), OutcomeSource::Heard);
        assert_eq!((evicted.len(), evicted.ledger().heard), (39_999, 39_999));
        evicted.purged(Seq(20_224));
        assert_eq!(evicted.len(), 40_000 - 20_224 - 1);
        assert!(evicted.find(hash_of(7)).is_empty());
        assert!(has(&evicted.find(hash_of(30_000)), 30_000));
        evicted.purged(Seq(1 << 40));
        assert_eq!((evicted.len(), evicted.remembered), (0, 0));
        evicted.add(hash_of(1), &[Seq(1 << 41)], OutcomeSource::Unknown, 100_000);
        assert!(has(&evicted.find(hash_of(1)), 1 << 41));
    }
}
