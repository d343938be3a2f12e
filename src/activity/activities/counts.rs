//! Running totals over the rows: the status filters' counts, the outcome counts, outcomes by minute, and expected latencies.

use crate::activity::entry::{Entry, Fact, Kind};
use crate::activity::stats::completeness::OpenItemState;
use crate::activity::stats::outcome_counts::{OutcomeCounts, OutcomeSource};
use crate::activity::stats::summary::{Insight, Outcome, TimeRange};
use crate::activity::status::{Counts, Status};
use crate::activity::time::timestamp::Timestamp;

use super::Activities;

/// The contribution of one row to the totals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) status: Status,
    pub(crate) outcome_source: OutcomeSource,
    /// Only for settled commands.
    pub(crate) outcome: Option<Outcome>,
    /// When the server answered, if its answer is the only evidence of a command's outcome.
    pub(crate) checked_at: Option<Timestamp>,
}

impl Activities {
    /// The row's contribution; `None` before its first entry.
    pub(crate) fn counted(&self, at: u32) -> Option<Counted> {
        let activity = self.get_at(at).filter(|activity| activity.row.first.is_set())?;
        let checked_at = activity.undelivered_outcome().map(|outcome| outcome.answered);
        let (status, outcome_source) = (activity.status(), activity.outcome_source());
        Some(Counted { status, outcome_source, outcome: Outcome::of(&activity), checked_at })
    }

    pub(crate) fn update_counts(&mut self, at: u32, before: Option<Counted>) {
        let after = self.counted(at);
        let is_settled = |counted: Counted| OpenItemState::of(counted.status) == OpenItemState::Settled;
        // Earlier entries of a reloaded row may have had its outcome.
        let was_settled = before.map_or_else(|| self.is_incomplete(at), is_settled);
        if was_settled && after.is_some_and(|after| !is_settled(after)) {
            self.unsettled += 1;
        }
        if let Some(Counted { status, outcome_source, outcome, checked_at }) = before {
            self.counts.remove(status);
            self.outcome_counts.remove(outcome_source);
            self.preparing = self.preparing.saturating_sub(usize::from(status == Status::Preparing));
            if status == Status::Inline {
                self.inline.remove(&at);
            }
            if let Some(outcome) = outcome {
                self.outcomes.remove(outcome);
            }
            if let Some(asked) = checked_at {
                self.checked_only.remove(&(asked, at));
            }
        }
        if let Some(Counted { status, outcome_source, outcome, checked_at }) = after {
            self.counts.add(status);
            self.outcome_counts.add(outcome_source);
            self.preparing += usize::from(status == Status::Preparing);
            if status == Status::Inline {
                self.inline.insert(at);
            }
            if let Some(outcome) = outcome {
                self.outcomes.add(outcome);
            }
            if let Some(asked) = checked_at {
                self.checked_only.insert((asked, at));
            }
        }
        self.note_if_evictable(at);
    }

    pub(crate) fn recount(&mut self) {
        self.counts = Counts::default();
        self.outcome_counts = OutcomeCounts::default();
        self.preparing = 0;
        self.inline.clear();
        self.checked_only.clear();
        // Evicted rows' contributions are no longer in memory.
        let evicted = self.eviction.rows.len() > 0;
        let outcomes = evicted.then(|| std::mem::take(&mut self.outcomes));
        self.outcomes.clear();
        for index in 0..self.order.len() {
            if let Some(at) = self.order.get(index).copied() {
                self.update_counts(at, None);
            }
        }
        if let Some(outcomes) = outcomes {
            // The event that made this rebuild necessary changed no outcome.
            self.outcomes = outcomes;
        }
        self.restart_scan();
        self.change_everything();
    }

    /// Learns a label's usual latency from outcomes that arrived on the socket.
    pub(crate) fn learn(&mut self, at: u32, entry: &Entry) {
        if !matches!(entry.fact, Fact::Received(_)) || self.rows.get(at).is_none_or(|row| row.kind != Kind::Command) {
            return;
        }
        let Some(activity) = self.get_at(at).filter(|activity| !activity.status().is_open()) else { return };
        if let (label, Some(took)) = (activity.label().to_owned(), activity.took(entry.at)) {
            self.latency.learn(&label, took);
        }
    }

    /// Messages received and command outcomes in a time range that ends at `now`.
    pub fn insight(&self, range: TimeRange, now: Timestamp) -> Insight {
        let messages = range.sums(&self.throughput.last(now, range.minutes(now)));
        self.outcomes.insight(range, now, messages, &self.pool)
    }

    /// The version of [`Activities::insight`]: two equal values within the same minute mean that nothing changed between them.
    pub fn insight_version(&self) -> (u64, u64) {
        (self.throughput.version(), self.outcomes.version())
    }
}
