//! The result of looking up an activity.

use crate::activity::collections::interner::PackedId;

use super::row_id::RowId;

/// The best number of entries to look up at once: the data read for them stays in the processor's nearest cache until they are
/// applied.
pub const LOOKUP_BATCH: usize = 64;

/// The row that an entry belongs to, or where to look for the row if it is created in the meantime.
#[derive(Debug, Clone, Copy)]
pub struct RowHint {
    pub(crate) id: PackedId,
    pub(crate) hash: u64,
    pub(crate) row: Option<RowId>,
}
