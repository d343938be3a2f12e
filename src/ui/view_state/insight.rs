//! The summary that Insight shows, computed when its data or its time range change.

use crate::activity::{Activities, Insight, TimeRange, Timestamp};
use crate::settings::InsightSpan;

/// What is shown, as it was last counted.
#[derive(Debug, Default)]
pub(crate) struct InsightCache(pub(crate) Option<(Key, Insight)>);

impl InsightCache {
    /// The numbers as they are now; counted only where they may have changed.
    pub(crate) fn refresh(&mut self, activities: &Activities, span: InsightSpan, now: Timestamp) -> &Insight {
        let key = (span, now.0.div_euclid(60_000_000), activities.insight_version());
        if self.0.as_ref().is_some_and(|(old, _)| *old != key) {
            self.0 = None;
        }
        &self.0.get_or_insert_with(|| (key, activities.insight(stretch(span), now))).1
    }
}

/// What the numbers depend on: the span, the minute, and what came.
pub(crate) type Key = (InsightSpan, i64, (u64, u64));

/// The stretch of time of a span.
pub(crate) fn stretch(span: InsightSpan) -> TimeRange {
    match span {
        InsightSpan::Hour => TimeRange::HOUR,
        InsightSpan::SixHours => TimeRange::SIX_HOURS,
        InsightSpan::Day => TimeRange::DAY,
    }
}

/// Messages in the last 60 seconds: those of the minute under way, and of the one before as large a part as still counts.
pub(crate) fn last_minute(minutes: &[u32], now: Timestamp) -> u64 {
    let mut newest = minutes.iter().rev().map(|&count| u64::from(count));
    let (under_way, before) = (newest.next().unwrap_or(0), newest.next().unwrap_or(0));
    let gone = u64::try_from(now.0.rem_euclid(60_000_000) / 1_000_000).unwrap_or(0);
    under_way + (before * (60 - gone.min(60))) / 60
}
