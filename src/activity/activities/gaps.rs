//! The rows of gaps and their current state.

use std::collections::{BTreeSet, HashSet};

use crate::activity::entry::{ActivityKey, Gap, Kind};
use crate::activity::stats::completeness::{self, CompetingConsumer, GapState, Gaps, OpenItemState};
use crate::activity::time::timestamp::Timestamp;
use crate::protocol::CommandId;

use super::Activities;
use super::row_id::RowId;

/// The gaps that were found recovered. They are not checked again until something that was settled is so no more.
#[derive(Debug, Default)]
pub struct RecoveredGaps {
    rows: HashSet<RowId>,
    unsettled: u64,
}

impl RecoveredGaps {
    /// Call before use: forgets the gaps if an activity of the model is settled no more.
    pub fn refresh(&mut self, activities: &Activities) {
        if std::mem::replace(&mut self.unsettled, activities.unsettled) != activities.unsettled {
            self.rows.clear();
        }
    }

    /// Whether a gap was found recovered.
    pub fn contains(&self, gap: RowId) -> bool {
        self.rows.contains(&gap)
    }

    /// Sets whether a gap was found recovered.
    pub fn set(&mut self, gap: RowId, is_recovered: bool) {
        if is_recovered {
            self.rows.insert(gap)
        } else {
            self.rows.remove(&gap)
        };
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.rows.clear();
    }
}

/// Maximum number of the newest status checks that are looked at.
const MAX_EXAMINED: usize = 10_000;

impl Activities {
    /// A gap's current state; `None` for any other row.
    pub fn gap(&self, id: RowId) -> Option<GapState> {
        if self.id(id.slot) != Some(id) {
            return None;
        }
        if let Some(merged) = self.merged_gaps.get(&id.slot) {
            return Some(merged.clone());
        }
        let (_, gap) = self.gaps.get(&id.slot)?;
        let open_now = (self.outcome_counts.open.saturating_sub(self.preparing), self.preparing);
        Some(GapState::of(gap, open_now, |key| self.answer(key)))
    }

    /// What is known of an id now. Evicted ids count as settled, because only settled rows are evicted. An id that is only known to
    /// be in the journal counts as open.
    pub fn answer(&self, key: &ActivityKey) -> OpenItemState {
        match self.find(key).and_then(|row| self.get(row)).map(|activity| activity.status()) {
            Some(status) => OpenItemState::of(status),
            None if self.was_evicted(key) => OpenItemState::Settled,
            None => OpenItemState::Open,
        }
    }

    /// When the server reported outcomes that the socket should have delivered and did not, newest first; for
    /// [`CompetingConsumer::of`]. If there are very many, only the newest are looked at.
    pub fn undelivered_outcomes(&self) -> Vec<Timestamp> {
        if self.checked_only.is_empty() {
            return Vec::new();
        }
        let gaps = Gaps::of(self.gaps.values().map(|(_, gap)| gap));
        let newest = self.checked_only.iter().rev().take(MAX_EXAMINED);
        let undelivered = newest
            .filter_map(|&(answered, at)| self.get_at(at)?.undelivered_outcome().filter(|it| it.answered == answered));
        undelivered.filter(|outcome| !gaps.explain(*outcome)).map(|outcome| outcome.answered).collect()
    }

    /// Whether another client probably receives messages, judged by the result of [`Activities::undelivered_outcomes`].
    pub fn competing_consumer(&self, undelivered: &[Timestamp], now: Timestamp) -> Option<CompetingConsumer> {
        if undelivered.is_empty() {
            return None;
        }
        CompetingConsumer::of(undelivered, self.outcomes.settled(completeness::suspected_from(now), now), now)
    }

    /// The commands that were open during a gap, each of which may have been settled since; empty for a row that is not a gap.
    pub fn open_across(&self, id: RowId) -> &[CommandId] {
        self.gaps.get(&id.slot).map(|(_, gap)| gap.open.as_slice()).unwrap_or_default()
    }

    /// The gaps that changes to `keys` may affect: gaps among the keys, and gaps that name one of them and were not recovered.
    pub fn gaps_changed_by(&self, keys: &[ActivityKey], recovered: &RecoveredGaps) -> Vec<RowId> {
        if self.gaps.is_empty() {
            return Vec::new();
        }
        let ids: HashSet<(Kind, &str)> = keys.iter().map(|key| (key.kind(), key.id())).collect();
        let is_changed = |row: RowId, gap: &Gap| {
            if self.get(row).is_some_and(|activity| ids.contains(&(Kind::Gap, activity.id().as_ref()))) {
                return true;
            }
            // A gap that has not ended counts what is open now.
            gap.to.is_none()
                || (!recovered.contains(row)
                    && (gap.open.iter().any(|id| ids.contains(&(Kind::Command, id.as_str())))
                        || gap.open_requests.iter().any(|id| ids.contains(&(Kind::Data, id.as_str())))))
        };
        let rows = self.gaps.iter().filter_map(|(at, (_, gap))| Some((self.id(*at)?, gap)));
        rows.filter(|(row, gap)| is_changed(*row, gap)).map(|(row, _)| row).collect()
    }

    /// The activities that gaps name and that are neither in memory nor evicted from it.
    pub fn named_elsewhere(&self) -> BTreeSet<ActivityKey> {
        let named = self.gaps.values().flat_map(|(_, gap)| gap.named());
        named.filter(|key| self.find(key).is_none() && !self.was_evicted(key)).collect()
    }

    /// The rows of gaps, in any order.
    pub fn gaps(&self) -> impl Iterator<Item = RowId> + '_ {
        self.gaps.keys().filter_map(|&at| self.id(at))
    }
}
