//! Where an activity was found.

use crate::activity::collections::interner::PackedId;

use super::row_id::RowId;

/// How many entries are best looked up at once: what is read for them stays in the processor's nearest memory until they are applied.
pub const LOOKUP_BATCH: usize = 64;

/// Where an entry belongs: its row, or where one is to be found if it comes meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct RowHint {
    pub(crate) id: PackedId,
    pub(crate) hash: u64,
    pub(crate) row: Option<RowId>,
}
