//! The rows of gaps, as they stand now.

use crate::activity::{ActivityKey, GapState};
use crate::protocol::{CommandId, RequestId};

use super::{Activities, RowId};

impl Activities {
    /// A gap as it stands now; `None` for a row that is none.
    #[must_use]
    pub fn gap(&self, id: RowId) -> Option<GapState> {
        if let Some(told) = self.told_gaps.get(&id.0) {
            return Some(told.clone());
        }
        let (_, gap) = self.gaps.get(&id.0)?;
        let is_settled = |key: ActivityKey| {
            self.find(&key).and_then(|row| self.get(row)).is_some_and(|activity| !activity.status().is_open())
        };
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

    /// The commands that were open across a gap, each of which may have been settled since; none for a row that is no gap.
    #[must_use]
    pub fn open_across(&self, id: RowId) -> &[CommandId] {
        self.gaps.get(&id.0).map(|(_, gap)| gap.open.as_slice()).unwrap_or_default()
    }

    /// The data requests that a gap names as open across it.
    #[must_use]
    pub fn requests_across(&self, id: RowId) -> &[RequestId] {
        self.gaps.get(&id.0).map(|(_, gap)| gap.open_requests.as_slice()).unwrap_or_default()
    }

    /// The rows of gaps, oldest first.
    pub fn gaps(&self) -> impl Iterator<Item = RowId> + '_ {
        self.gaps.keys().copied().map(RowId)
    }
}
