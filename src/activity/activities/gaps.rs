//! The rows of gaps, as they stand now.

use crate::activity::{ActivityKey, GapState};
use crate::protocol::{CommandId, RequestId};

use super::{Activities, RowId};

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
        let is_settled = |key: ActivityKey| self.is_settled(&key);
        if gap.to.is_none() {
            // What is open across it is only named when it ends; until then it is what is open now.
            let open = self.ledger.open.saturating_sub(self.preparing);
            let (from, to, cause, requests) = (gap.from, None, gap.cause, self.preparing);
            return Some(GapState { from, to, cause, open, recovered: 0, requests, heard: 0 });
        }
        Some(GapState {
            from: gap.from,
            to: gap.to,
            cause: gap.cause,
            open: gap.open.len(),
            recovered: gap.open.iter().filter(|id| is_settled(ActivityKey::Command((*id).clone()))).count(),
            requests: gap.requests as usize,
            heard: gap.open_requests.iter().filter(|id| is_settled(ActivityKey::Data((*id).clone()))).count(),
        })
    }

    /// Whether the outcome of an activity is known, also of one that was evicted: only what is settled is.
    #[must_use]
    pub fn is_settled(&self, key: &ActivityKey) -> bool {
        match self.find(key).and_then(|row| self.get(row)) {
            Some(activity) => !activity.status().is_open(),
            None => self.was_evicted(key),
        }
    }

    /// The commands that were open across a gap, each of which may have been settled since; none for a row that is no gap.
    #[must_use]
    pub fn open_across(&self, id: RowId) -> &[CommandId] {
        self.gaps.get(&id.slot).map(|(_, gap)| gap.open.as_slice()).unwrap_or_default()
    }

    /// The data requests that a gap names as open across it.
    #[must_use]
    pub fn requests_across(&self, id: RowId) -> &[RequestId] {
        self.gaps.get(&id.slot).map(|(_, gap)| gap.open_requests.as_slice()).unwrap_or_default()
    }

    /// The rows of gaps, in any order.
    pub fn gaps(&self) -> impl Iterator<Item = RowId> + '_ {
        self.gaps.keys().filter_map(|&at| self.id(at))
    }
}
