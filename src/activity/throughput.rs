//! How many messages came in each of the last minutes: the sparkline above the table, and Insight.

use std::collections::VecDeque;

use super::Moment;

/// How many minutes are kept: a day, the longest stretch that is looked at.
pub(super) const MINUTES: u32 = 1_440;

/// Messages a minute.
#[derive(Debug, Default)]
pub(super) struct Throughput {
    /// The newest minute that was counted, since the epoch.
    newest: i64,
    /// Counts, the newest minute first.
    counts: VecDeque<u32>,
    /// How many messages were counted ever, late ones too.
    counted: u64,
}

impl Throughput {
    /// Counts a message.
    pub(super) fn count(&mut self, at: Moment) {
        self.counted += 1;
        let minute = minute(at);
        if self.counts.is_empty() {
            self.newest = minute;
        }
        while self.newest < minute {
            if minute - self.newest > i64::from(MINUTES) {
                self.counts.clear();
                self.newest = minute - 1;
            }
            self.counts.push_front(0);
            self.counts.truncate(MINUTES as usize);
            self.newest += 1;
        }
        let Ok(age) = usize::try_from(self.newest - minute) else { return };
        if age < MINUTES as usize {
            if self.counts.len() <= age {
                self.counts.resize(age + 1, 0);
            }
            if let Some(count) = self.counts.get_mut(age) {
                *count += 1;
            }
        }
    }

    /// The sum of several.
    pub(super) fn of_all<'a>(parts: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let newest = parts.clone().filter(|part| !part.counts.is_empty()).map(|part| part.newest).max().unwrap_or(0);
        let counted = parts.clone().map(|part| part.counted).sum();
        let mut counts = VecDeque::from(vec![0; MINUTES as usize]);
        for part in parts {
            for (age, count) in part.counts.iter().enumerate() {
                let behind = usize::try_from(newest - part.newest).unwrap_or(usize::MAX);
                if let Some(sum) = counts.get_mut(age.saturating_add(behind)) {
                    *sum += count;
                }
            }
        }
        Self { newest, counts, counted }
    }

    /// Equal only where nothing was counted in between.
    pub(super) fn version(&self) -> u64 {
        self.counted
    }

    /// The counts of the last `minutes` minutes up to `now`, oldest first; the last is the minute under way.
    pub(super) fn last(&self, now: Moment, minutes: usize) -> Vec<u32> {
        let ahead = minute(now) - self.newest;
        (0..minutes.min(MINUTES as usize))
            .rev()
            .map(|age| {
                let age = i64::try_from(age).unwrap_or(i64::MAX) - ahead;
                usize::try_from(age).ok().and_then(|age| self.counts.get(age)).copied().unwrap_or(0)
            })
            .collect()
    }
}

/// The minute that a moment is in, since the epoch.
pub(super) fn minute(at: Moment) -> i64 {
    at.0.div_euclid(60_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Moment {
        Moment(minute * 60_000_000 + 1)
    }

    #[test]
    fn messages_are_counted_by_the_minute_in_any_order() {
        let mut throughput = Throughput::default();
        for minute in [100, 102, 102, 101, 98, 40, 102] {
            throughput.count(at(minute));
        }
        assert_eq!(throughput.last(at(102), 5), [1, 0, 1, 1, 3]);
        assert_eq!(throughput.last(at(104), 5), [1, 1, 3, 0, 0], "silent minutes count as silent");
        throughput.count(at(100_000));
        assert_eq!(throughput.last(at(100_000), 3), [0, 0, 1]);
    }
}
