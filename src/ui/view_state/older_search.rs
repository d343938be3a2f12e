//! The search of the journal for rows that are not in memory.

use crate::activity::{Filter, StatusFilter};
use crate::engine::SearchEnd;

/// The progress of a search, and what it searches for.
#[derive(Debug, Default)]
pub(crate) struct OlderSearch {
    /// The number of the last search.
    pub(crate) number: u32,
    /// The filters of the search; `None` if nothing was searched since the filter changed.
    pub(crate) filters: Option<(Filter, StatusFilter)>,
    /// Progress in per cent while the search runs.
    pub(crate) percent: Option<u8>,
    /// Number of activities found.
    pub(crate) found: usize,
    /// How the search ended; `None` if it was cancelled or has not ended.
    pub(crate) end: Option<SearchEnd>,
}
