//! The rows of gaps, as they stand now.

use std::collections::{BTreeSet, HashSet};

use crate::activity::entry::{ActivityKey, Gap, Kind};
use crate::activity::stats::completeness::{self, CompetingConsumer, GapState, Gaps, StatusAnswer};
use crate::activity::status::Status;
use crate::activity::time::timestamp::Timestamp;
use crate::protocol::CommandId;

use super::Activities;
use super::row_id::RowId;

/// How many of the newest outcomes that were asked for are looked at.
const LOOKED_AT: usize = 10_000;

impl Activities {
    /// A gap as it stands now; `None` for a row that is none.
    #[must_use]
    pub fn gap(&self, id: RowId) -> Option<GapState> {
        if self.id(id.slot) != Some(id) {
            return None;
        }
        if let Some(told) = self.told_gaps.get(&id.slot) {
            return Some(told.clone());
        }
        let (_, gap) = self.gaps.get(&id.slot)?;
        let open_now = (self.ledger.open.saturating_sub(self.preparing), self.preparing);
        Some(GapState::of(gap, open_now, |key| self.answer(key)))
    }

    /// What is known of an id by now, also of one that was evicted: only what is settled is. Of one that is only known to be in
    /// the journal nothing is claimed.
    #[must_use]
    pub fn answer(&self, key: &ActivityKey) -> StatusAnswer {
        match self.find(key).and_then(|row| self.get(row)).map(|activity| activity.status()) {
            Some(Status::Unknown) => StatusAnswer::Unknown,
            Some(status) if status.is_open() => StatusAnswer::Open,
            Some(_) => StatusAnswer::Settled,
            None if self.was_evicted(key) => StatusAnswer::Settled,
            None => StatusAnswer::Open,
        }
    }

    /// When the server answered of commands whose outcomes the socket should have brought and did not, the newest first; for
    /// [`CompetingConsumer::of`]. Of very many answers the newest are looked at.
    #[must_use]
    pub fn unheard(&self) -> Vec<Timestamp> {
        if self.asked.is_empty() {
            return Vec::new();
        }
        let gaps = Gaps::of(self.gaps.values().map(|(_, gap)| gap));
        let newest = self.asked.iter().rev().take(LOOKED_AT);
        let unheard =
            newest.filter_map(|&(answered, at)| self.get_at(at)?.unheard().filter(|it| it.answered == answered));
        unheard.filter(|unheard| !gaps.explain(*unheard)).map(|unheard| unheard.answered).collect()
    }

    /// Whether another client probably takes messages, by what [`Activities::unheard`] gave.
    #[must_use]
    pub fn competing_consumer(&self, unheard: &[Timestamp], now: Timestamp) -> Option<CompetingConsumer> {
        if unheard.is_empty() {
            return None;
        }
        CompetingConsumer::of(unheard, self.outcomes.settled(completeness::suspected_from(now), now), now)
    }

    /// The commands that were open across a gap, each of which may have been settled since; none for a row that is no gap.
    #[must_use]
    pub fn open_across(&self, id: RowId) -> &[CommandId] {
        self.gaps.get(&id.slot).map(|(_, gap)| gap.open.as_slice()).unwrap_or_default()
    }

    /// The gaps that something of these may have changed: they are among them, or name one of them and were not recovered.
    #[must_use]
    pub fn gaps_changed_by(&self, keys: &[ActivityKey], was_recovered: impl Fn(RowId) -> bool) -> Vec<RowId> {
        if self.gaps.is_empty() {
            return Vec::new();
        }
        let ids: HashSet<(Kind, &str)> = keys.iter().map(|key| (key.kind(), key.id())).collect();
        let is_changed = |row: RowId, gap: &Gap| {
            if self.get(row).is_some_and(|activity| ids.contains(&(Kind::Gap, activity.id().as_ref()))) {
                return true;
            }
            // One that lasts tells what is open now.
            gap.to.is_none()
                || (!was_recovered(row)
                    && (gap.open.iter().any(|id| ids.contains(&(Kind::Command, id.as_str())))
                        || gap.open_requests.iter().any(|id| ids.contains(&(Kind::Data, id.as_str())))))
        };
        let rows = self.gaps.iter().filter_map(|(at, (_, gap))| Some((self.id(*at)?, gap)));
        rows.filter(|(row, gap)| is_changed(*row, gap)).map(|(row, _)| row).collect()
    }

    /// What gaps name, as far as it is not in memory and was not evicted from it.
    #[must_use]
    pub fn named_elsewhere(&self) -> BTreeSet<ActivityKey> {
        let named = self.gaps.values().flat_map(|(_, gap)| gap.named());
        named.filter(|key| self.find(key).is_none() && !self.was_evicted(key)).collect()
    }

    /// The rows of gaps, in any order.
    pub fn gaps(&self) -> impl Iterator<Item = RowId> + '_ {
        self.gaps.keys().filter_map(|&at| self.id(at))
    }
}
