//! Outcomes by minute: how many commands ended, how many of them failed and why, and how long they took.
//!
//! One bucket for each minute of the last day, updated as rows are counted: if a row's outcome changes, it moves from its old
//! bucket to the new one. So memory is bounded by the minutes and the distinct reasons in them, not by the number of rows, and a
//! query costs a sum over the minutes.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::activity::activity_values::Activity;
use crate::activity::collections::interner::{Interner, TextId, cut};
use crate::activity::entry::Kind;
use crate::activity::row::CommandState;
use crate::activity::time::timestamp::Timestamp;

use super::throughput::{MAX_MINUTES, minute, prune};

/// Number of duration bins: from 1 ms on, over eight decades.
pub const BINS: usize = 96;
/// Number of bins in a decade: neighbours differ by a fifth.
pub const BINS_PER_DECADE: u8 = 12;
/// Maximum number of distinct reasons in one minute, so that server texts can't use unbounded memory.
const MAX_REASONS: usize = 200;
/// Microseconds in a minute.
const MINUTE: i64 = 60_000_000;

/// A time range: bars of equal length, aligned to the clock, of which the last is in progress. So the content of a finished bar
/// does not change as time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    bars: u32,
    minutes_each: u32,
}

impl TimeRange {
    /// The last hour, minute by minute.
    pub const HOUR: Self = Self { bars: 60, minutes_each: 1 };
    /// The last six hours, in steps of five minutes.
    pub const SIX_HOURS: Self = Self { bars: 72, minutes_each: 5 };
    /// The last day, in steps of twenty minutes.
    pub const DAY: Self = Self { bars: 72, minutes_each: 20 };

    /// Number of minutes in a bar.
    pub fn minutes_per_bar(self) -> u32 {
        self.minutes_each
    }

    /// Number of minutes at `now`, including the current one.
    pub(crate) fn minutes(self, now: Timestamp) -> usize {
        let whole = (self.bars.saturating_sub(1) * self.minutes_each) as usize;
        whole + usize::try_from(minute(now).rem_euclid(i64::from(self.minutes_each))).unwrap_or(0) + 1
    }

    /// The value of each bar from the values of the minutes, both oldest first.
    pub(crate) fn sums(self, minutes: &[u32]) -> Vec<u32> {
        minutes.chunks(self.minutes_each as usize).map(|bar| bar.iter().sum()).collect()
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The minute, since the epoch.
    minute: i64,
    /// Why it failed; `None` if it succeeded.
    failed: Option<TextId>,
    /// The bin of its duration, if its start is known.
    bin: Option<u8>,
}

impl Outcome {
    /// The outcome of an activity; `None` unless it is a settled command.
    pub(crate) fn of(activity: &Activity<'_>) -> Option<Self> {
        if activity.kind() != Kind::Command {
            return None;
        }
        let failed = match activity.row.state.value {
            CommandState::Succeeded => None,
            CommandState::Failed => Some(activity.row.message),
            CommandState::Named | CommandState::Pending | CommandState::Other(_) | CommandState::Unknown => {
                return None;
            }
        };
        let at = activity.row.state.at;
        Some(Self { minute: minute(at), failed, bin: activity.took(at).map(bin_of) })
    }
}

/// The outcomes within one minute.
#[derive(Debug, Clone, Default)]
struct Bucket {
    settled: u32,
    failed: u32,
    reasons: BTreeMap<TextId, u32>,
    /// Failures with further reasons, beyond the maximum.
    other_reasons: u32,
    /// Durations by bin, if any is known.
    took: Option<Box<[u32; BINS]>>,
}

impl Bucket {
    fn add(&mut self, outcome: Outcome) {
        self.settled += 1;
        if let Some(reason) = outcome.failed {
            self.failed += 1;
            if self.reasons.len() < MAX_REASONS || self.reasons.contains_key(&reason) {
                *self.reasons.entry(reason).or_default() += 1;
            } else {
                self.other_reasons += 1;
            }
        }
        let took = outcome.bin.map(|bin| (usize::from(bin), self.took.get_or_insert_with(|| Box::new([0; BINS]))));
        if let Some(count) = took.and_then(|(bin, took)| took.get_mut(bin)) {
            *count += 1;
        }
    }

    fn remove(&mut self, outcome: Outcome) {
        self.settled = self.settled.saturating_sub(1);
        if let Some(reason) = outcome.failed {
            self.failed = self.failed.saturating_sub(1);
            if let Some(count) = self.reasons.get_mut(&reason) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.reasons.remove(&reason);
                }
            } else {
                self.other_reasons = self.other_reasons.saturating_sub(1);
            }
        }
        let took = outcome.bin.zip(self.took.as_mut());
        if let Some(count) = took.and_then(|(bin, took)| took.get_mut(usize::from(bin))) {
            *count = count.saturating_sub(1);
        }
    }
}

/// The outcomes of the last days by minute since the epoch. Each minute is counted separately.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    buckets: BTreeMap<i64, Bucket>,
    version: u64,
}

impl Outcomes {
    /// Two equal versions mean that nothing changed in between.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn clear(&mut self) {
        self.buckets.clear();
        self.version += 1;
    }

    /// The texts that it uses.
    pub(crate) fn texts(&self, mut each: impl FnMut(TextId)) {
        self.buckets.values().flat_map(|bucket| bucket.reasons.keys()).for_each(|reason| each(*reason));
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.version += 1;
        if self.buckets.len() < MAX_MINUTES || self.buckets.contains_key(&outcome.minute) {
            self.buckets.entry(outcome.minute).or_default().add(outcome);
        }
    }

    /// Removes an outcome that was counted.
    pub(crate) fn remove(&mut self, outcome: Outcome) {
        self.version += 1;
        if let Some(bucket) = self.buckets.get_mut(&outcome.minute) {
            bucket.remove(outcome);
        }
    }

    /// Number of commands that settled in the minutes after the one of `from`, up to `to`.
    pub(crate) fn settled(&self, from: Timestamp, to: Timestamp) -> usize {
        let first = minute(from).saturating_add(1);
        let buckets = self.buckets.range(first.min(minute(to))..=minute(to));
        buckets.map(|(_, bucket)| bucket.settled as usize).fold(0, usize::saturating_add)
    }

    /// Drops minutes that are far from now, if there are many.
    pub(crate) fn prune(&mut self, now: Timestamp) {
        prune(&mut self.buckets, now);
    }

    /// The outcomes in a time range up to `now`, beside the number of messages in each of its bars.
    pub(crate) fn insight(&self, range: TimeRange, now: Timestamp, messages: Vec<u32>, pool: &Interner) -> Insight {
        let (last, minutes) = (minute(now), range.minutes(now));
        let first = last.saturating_sub(i64::try_from(minutes).unwrap_or(0) - 1);
        let mut insight = Insight {
            begins: Timestamp(first.saturating_mul(MINUTE)),
            minutes,
            messages,
            failures: Vec::new(),
            settled: 0,
            failed: 0,
            reasons: Vec::new(),
            took: [0; BINS],
        };
        let mut failures = Vec::with_capacity(minutes);
        let mut reasons: BTreeMap<TextId, u64> = BTreeMap::new();
        for minute in first..=last {
            let bucket = self.buckets.get(&minute);
            failures.push(bucket.map_or(0, |bucket| bucket.failed));
            let Some(bucket) = bucket else { continue };
            insight.settled += u64::from(bucket.settled);
            insight.failed += u64::from(bucket.failed);
            for (reason, count) in &bucket.reasons {
                *reasons.entry(*reason).or_default() += u64::from(*count);
            }
            for (sum, count) in insight.took.iter_mut().zip(bucket.took.iter().flat_map(|took| took.iter())) {
                *sum += u64::from(*count);
            }
        }
        insight.failures = range.sums(&failures);
        insight.reasons = reasons.into_iter().map(|(reason, count)| (cut(pool.get(reason)).into(), count)).collect();
        insight.reasons.sort_unstable_by(|(one, often), (other, how)| how.cmp(often).then_with(|| one.cmp(other)));
        insight
    }
}

/// Messages received and command outcomes in a time range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insight {
    /// When the first bar starts.
    pub begins: Timestamp,
    /// Number of minutes, including the current one.
    pub minutes: usize,
    /// Messages in each bar, oldest first.
    pub messages: Vec<u32>,
    /// Failed commands in each bar.
    pub failures: Vec<u32>,
    /// Number of commands that ended.
    pub settled: u64,
    /// Number of those that failed.
    pub failed: u64,
    /// Reasons of failures, most frequent first; empty for failures without a reason.
    pub reasons: Vec<(Box<str>, u64)>,
    /// Number of commands in each duration bin, if their start is known.
    pub took: [u64; BINS],
}

impl Insight {
    /// Number of commands with a known duration.
    pub fn timed(&self) -> u64 {
        self.took.iter().sum()
    }

    /// The duration that this share of the commands did not exceed, to the precision of the bins; `None` if no duration is known.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let timed = self.timed();
        if timed == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of rows")]
        let float = |count: u64| count as f64;
        let wanted = float(timed) * share.clamp(0.0, 1.0);
        let mut below = 0.0;
        for (bin, count) in (0_u8..).zip(self.took).filter(|(_, count)| *count > 0) {
            if below + float(count) >= wanted {
                let inside = (wanted - below) / float(count);
                return Some(bin_place(f64::from(bin) + inside));
            }
            below += float(count);
        }
        None
    }
}

/// The shortest duration of a bin; the first bin also contains shorter ones, the last longer ones.
pub fn bin_start(bin: u8) -> Duration {
    bin_place(f64::from(bin))
}

/// The duration at a position between bins.
fn bin_place(place: f64) -> Duration {
    Duration::try_from_secs_f64(10_f64.powf(place / f64::from(BINS_PER_DECADE)) / 1_000.0).unwrap_or(Duration::MAX)
}

/// The bin of a duration.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bins that there are")]
fn bin_of(took: Duration) -> u8 {
    const LAST: f64 = 95.0;
    // Slightly increased, so that 10 ms is in the bin that starts there in spite of rounding in the logarithm.
    ((took.as_secs_f64() * 1_000.0).log10() * f64::from(BINS_PER_DECADE) + 1e-5).floor().clamp(0.0, LAST) as u8
}

#[cfg(test)]
mod tests;
