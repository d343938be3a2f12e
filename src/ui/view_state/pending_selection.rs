//! Data that was requested from the window: its rows are selected as they come, so that the keyboard is where the operator
//! goes on.

use std::collections::HashSet;

use crate::activity::{Activities, Entry, Fact, LocalEvent};
use crate::protocol::{DataToken, RequestId, StoredData};

use super::table::Table;

/// What has been requested and has no row yet.
#[derive(Debug, Default)]
pub(crate) struct PendingSelection {
    tokens: HashSet<DataToken>,
    /// The requests whose data is wanted once more.
    again: HashSet<RequestId>,
    /// Whether a row of it has come.
    begun: bool,
}

impl PendingSelection {
    /// What was requested just now; what was expected before is let go.
    pub(crate) fn of(data: &[StoredData]) -> Self {
        Self { tokens: data.iter().map(|data| data.token.clone()).collect(), ..Self::default() }
    }

    /// The data of requests was requested once more.
    pub(crate) fn again(requests: impl IntoIterator<Item = RequestId>) -> Self {
        Self { again: requests.into_iter().collect(), ..Self::default() }
    }

    /// Looks whether an entry is the row of something expected, and selects it: the first alone, the others with it.
    pub(crate) fn note(&mut self, entry: &Entry, activities: &Activities, table: &mut Table) {
        let Fact::Done(LocalEvent::Requested(requested)) = &entry.fact else { return };
        let again = requested.again.as_ref().is_some_and(|request| self.again.remove(request));
        if !again && !self.tokens.remove(&requested.token) {
            return;
        }
        let Some(row) = activities.find(&entry.key) else { return };
        if !self.begun {
            table.select(row);
            table.keep_in_sight();
        } else if !table.is_selected(row) {
            table.toggle(row);
        }
        self.begun = true;
    }
}
