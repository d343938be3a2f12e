//! Messages received in each of the last minutes: the sparkline above the table, and Insight.

use std::collections::BTreeMap;

use crate::activity::time::timestamp::Timestamp;

/// Number of minutes to show: a day, the longest range.
pub(crate) const MINUTES: u32 = 1_440;
/// Number of stored minutes at which those far from now are dropped.
const PRUNE_AT: usize = 6 * MINUTES as usize;
/// Maximum number of stored minutes, however many arrive between two calls of `prune`.
pub(crate) const MAX_MINUTES: usize = 2 * PRUNE_AT;

/// Messages by minute. Each minute is counted separately, so an entry that a wrong clock put years away does not affect the others.
#[derive(Debug, Default)]
pub(crate) struct Throughput {
    /// Counts by minute since the epoch.
    counts: BTreeMap<i64, u32>,
    /// Total number of messages counted.
    counted: u64,
}

impl Throughput {
    pub(crate) fn count(&mut self, at: Timestamp) {
        self.counted += 1;
        let minute = minute(at);
        if let Some(count) = self.counts.get_mut(&minute) {
            *count = count.saturating_add(1);
        } else if self.counts.len() < MAX_MINUTES {
            self.counts.insert(minute, 1);
        }
    }

    /// Drops minutes that are far from now, if there are many.
    pub(crate) fn prune(&mut self, now: Timestamp) {
        prune(&mut self.counts, now);
    }

    /// The sum of several.
    pub(crate) fn of_all<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        for part in parts {
            sum.counted += part.counted;
            for (minute, count) in &part.counts {
                let total = sum.counts.entry(*minute).or_default();
                *total = total.saturating_add(*count);
            }
        }
        sum
    }

    /// Two equal versions mean that nothing was counted in between.
    pub(crate) fn version(&self) -> u64 {
        self.counted
    }

    /// The counts of the last `minutes` minutes up to `now`, oldest first; the last is the current minute.
    pub(crate) fn last(&self, now: Timestamp, minutes: usize) -> Vec<u32> {
        let last = minute(now);
        let first = last.saturating_sub(i64::try_from(minutes.min(MINUTES as usize)).unwrap_or(0));
        (first..last).map(|before| self.counts.get(&(before + 1)).copied().unwrap_or(0)).collect()
    }
}

/// Drops minutes that are far from now, if there are many. Two days stay on either side, since the clock may yet be corrected.
pub(crate) fn prune<T>(minutes: &mut BTreeMap<i64, T>, now: Timestamp) {
    let (now, far) = (minute(now), i64::from(2 * MINUTES));
    if minutes.len() > PRUNE_AT {
        minutes.retain(|minute, _| minute.abs_diff(now) <= far.unsigned_abs());
    }
}

/// The minute of a time, since the epoch.
pub(crate) fn minute(at: Timestamp) -> i64 {
    at.0.div_euclid(60_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp(minute * 60_000_000 + 1)
    }

    #[test]
    fn messages_are_counted_per_minute_in_any_order() {
        let mut throughput = Throughput::default();
        for minute in [100, 102, 102, 101, 98, 40, 102] {
            throughput.count(at(minute));
        }
        assert_eq!(throughput.last(at(102), 5), [1, 0, 1, 1, 3]);
        assert_eq!(throughput.last(at(104), 5), [1, 1, 3, 0, 0], "silent minutes count as silent");
        throughput.count(at(100_000));
        assert_eq!(throughput.last(at(100_000), 3), [0, 0, 1]);
        assert_eq!(throughput.last(at(102), 5), [1, 0, 1, 1, 3], "a clock that was wrong blanks nothing");
        throughput.count(at(103));
        assert_eq!(throughput.last(at(103), 2), [3, 1], "nor what comes after it was put right");
        throughput.count(Timestamp(i64::MAX));
        throughput.count(Timestamp(i64::MIN));
        assert_eq!(throughput.last(Timestamp(i64::MIN), 1).len(), 1);
    }

    #[test]
    fn memory_stays_bounded_whatever_the_timestamps() {
        let mut throughput = Throughput::default();
        for minute in 0..100_000 {
            throughput.count(at(minute * 1_000));
        }
        assert_eq!(throughput.counts.len(), MAX_MINUTES);
        throughput.prune(at(5_000_000));
        assert_eq!(throughput.last(at(5_000_000), 1), [1]);
        assert!(throughput.counts.len() < 10, "{}", throughput.counts.len());
    }
}
