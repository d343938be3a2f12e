//! What the rows add up to, kept up row by row: the chips' counts, the ledger, the outcomes by the minute, and what is usual.

use crate::activity::entry::{Entry, Fact, Kind};
use crate::activity::stats::outcome_counts::{OutcomeCounts, OutcomeSource};
use crate::activity::stats::summary::{Insight, Outcome, TimeRange};
use crate::activity::status::{Counts, Status};
use crate::activity::time::timestamp::Timestamp;

use super::Activities;

/// What a row counts as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) status: Status,
    pub(crate) standing: OutcomeSource,
    /// Only of commands that are settled.
    pub(crate) outcome: Option<Outcome>,
    /// When the server answered, if that is all that tells the outcome of a command.
    pub(crate) asked: Option<Timestamp>,
}

impl Activities {
    /// What a row counts as; `None` before its first entry.
    pub(crate) fn counted(&self, at: u32) -> Option<Counted> {
        let activity = self.get_at(at).filter(|activity| activity.row.first.is_set())?;
        let asked = activity.unheard().map(|unheard| unheard.answered);
        let (status, standing) = (activity.status(), activity.standing());
        Some(Counted { status, standing, outcome: Outcome::of(&activity), asked })
    }

    pub(crate) fn recount_one(&mut self, at: u32, before: Option<Counted>) {
        if let Some(Counted { status, standing, outcome, asked }) = before {
            self.counts.remove(status);
            self.ledger.remove(standing);
            self.preparing = self.preparing.saturating_sub(usize::from(status == Status::Preparing));
            if status == Status::Inline {
                self.inline.remove(&at);
            }
            if let Some(outcome) = outcome {
                self.outcomes.remove(outcome);
            }
            if let Some(asked) = asked {
                self.asked.remove(&(asked, at));
            }
        }
        if let Some(Counted { status, standing, outcome, asked }) = self.counted(at) {
            self.counts.add(status);
            self.ledger.add(standing);
            self.preparing += usize::from(status == Status::Preparing);
            if status == Status::Inline {
                self.inline.insert(at);
            }
            if let Some(outcome) = outcome {
                self.outcomes.add(outcome);
            }
            if let Some(asked) = asked {
                self.asked.insert((asked, at));
            }
        }
        self.may_be_evicted_now(at);
    }

    pub(crate) fn recount(&mut self) {
        self.counts = Counts::default();
        self.ledger = OutcomeCounts::default();
        self.preparing = 0;
        self.inline.clear();
        self.asked.clear();
        // What evicted rows were counted as is not in memory any more.
        let evicted = self.eviction.rows.len() > 0;
        let outcomes = evicted.then(|| std::mem::take(&mut self.outcomes));
        self.outcomes.clear();
        for index in 0..self.order.len() {
            if let Some(at) = self.order.get(index).copied() {
                self.recount_one(at, None);
            }
        }
        if let Some(outcomes) = outcomes {
            // No outcome depends on what made this necessary.
            self.outcomes = outcomes;
        }
        self.look_at_all_again();
        self.change_everything();
    }

    /// What is usual for a label is learned from outcomes that the socket brought.
    pub(crate) fn learn(&mut self, at: u32, entry: &Entry) {
        if !matches!(entry.fact, Fact::Heard(_)) || self.rows.get(at).is_none_or(|row| row.kind != Kind::Command) {
            return;
        }
        let Some(activity) = self.get_at(at).filter(|activity| !activity.status().is_open()) else { return };
        if let (label, Some(took)) = (activity.label().to_owned(), activity.took(entry.at)) {
            self.patience.learn(&label, took);
        }
    }

    /// What came and how commands ended in a stretch of time up to `now`.
    #[must_use]
    pub fn insight(&self, stretch: TimeRange, now: Timestamp) -> Insight {
        let messages = stretch.sums(&self.throughput.last(now, stretch.minutes(now)));
        self.outcomes.insight(stretch, now, messages, &self.pool)
    }

    /// Whether [`Activities::insight`] may say anything else than at another time within the same minute: two equal numbers
    /// mean that nothing came between them.
    #[must_use]
    pub fn insight_version(&self) -> (u64, u64) {
        (self.throughput.version(), self.outcomes.version())
    }
}
