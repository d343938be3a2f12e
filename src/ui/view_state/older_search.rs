//! The search of the journal for rows that are not in memory.

use crate::activity::{Filter, StatusFilter};
use crate::engine::SearchEnd;

/// How far a search is, and what it was for.
#[derive(Debug, Default)]
pub(crate) struct OlderSearch {
    /// The number of the last one.
    pub(crate) number: u32,
    /// What it searched for; `None` if nothing was searched since another filter is looked through.
    pub(crate) wanted: Option<(Filter, StatusFilter)>,
    /// How far it is, in per cent, while it is under way.
    pub(crate) percent: Option<u8>,
    /// How many activities it found.
    pub(crate) found: usize,
    /// How it ended; `None` if it was cancelled, too.
    pub(crate) end: Option<SearchEnd>,
}
