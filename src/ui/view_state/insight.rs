//! The summary that Insight shows, computed when its data or its time range change.

use crate::activity::{Activities, Insight, TimeRange, Timestamp};
use crate::settings::InsightSpan;

/// The summary as last computed, with what it was computed from.
#[derive(Debug, Default)]
pub(crate) struct InsightCache(pub(crate) Option<(Key, Insight)>);

impl InsightCache {
    /// The current summary; recomputed only if it may have changed.
    pub(crate) fn refresh(&mut self, activities: &Activities, span: InsightSpan, now: Timestamp) -> &Insight {
        let key = (span, now.0.div_euclid(60_000_000), activities.insight_version());
        if self.0.as_ref().is_some_and(|(old, _)| *old != key) {
            self.0 = None;
        }
        &self.0.get_or_insert_with(|| (key, activities.insight(time_range(span), now))).1
    }
}

/// What the summary depends on: the time span, the current minute, and the versions of the data.
pub(crate) type Key = (InsightSpan, i64, (u64, u64));

/// The time range of a span.
pub(crate) fn time_range(span: InsightSpan) -> TimeRange {
    match span {
        InsightSpan::Hour => TimeRange::HOUR,
        InsightSpan::SixHours => TimeRange::SIX_HOURS,
        InsightSpan::Day => TimeRange::DAY,
    }
}

/// Messages in the last 60 seconds: those of the current minute, and the share of the previous minute that still counts.
pub(crate) fn last_minute(minutes: &[u32], now: Timestamp) -> u64 {
    let mut newest = minutes.iter().rev().map(|&count| u64::from(count));
    let (under_way, before) = (newest.next().unwrap_or(0), newest.next().unwrap_or(0));
    let gone = u64::try_from(now.0.rem_euclid(60_000_000) / 1_000_000).unwrap_or(0);
    under_way + (before * (60 - gone.min(60))) / 60
}
