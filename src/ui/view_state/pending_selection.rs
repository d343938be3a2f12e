//! Selects the rows of data that was requested from this window as soon as they arrive, so that the keyboard cursor is where
//! the operator continues.

use std::collections::HashSet;

use crate::activity::{Activities, Entry, Fact, LocalEvent};
use crate::protocol::{DataToken, RequestId, StoredData};

use super::table::Table;

/// Requested data that has no row yet.
#[derive(Debug, Default)]
pub(crate) struct PendingSelection {
    tokens: HashSet<DataToken>,
    /// Requests whose data was requested again.
    again: HashSet<RequestId>,
    /// Whether the first row has arrived.
    has_selected: bool,
}

impl PendingSelection {
    /// Expects the rows of newly requested data; earlier expectations are dropped.
    pub(crate) fn of(data: &[StoredData]) -> Self {
        Self { tokens: data.iter().map(|data| data.token.clone()).collect(), ..Self::default() }
    }

    /// Expects the rows of data that was requested again.
    pub(crate) fn again(requests: impl IntoIterator<Item = RequestId>) -> Self {
        Self { again: requests.into_iter().collect(), ..Self::default() }
    }

    /// Selects the entry's row if it is an expected one: the first row alone, later ones in addition.
    pub(crate) fn select_if_expected(&mut self, entry: &Entry, activities: &Activities, table: &mut Table) {
        let Fact::Local(LocalEvent::Requested(requested)) = &entry.fact else { return };
        let again = requested.again.as_ref().is_some_and(|request| self.again.remove(request));
        if !again && !self.tokens.remove(&requested.token) {
            return;
        }
        let Some(row) = activities.find(&entry.key) else { return };
        if !self.has_selected {
            table.select(row);
            table.keep_in_sight();
        } else if !table.is_selected(row) {
            table.toggle(row);
        }
        self.has_selected = true;
    }
}
