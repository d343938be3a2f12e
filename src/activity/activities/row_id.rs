//! Identifies a row of the table.

/// Identifies a row for as long as the program runs. Ids are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId {
    /// Serial number among all rows that were ever created.
    pub(crate) serial: u32,
    /// The row's slot in memory, which is reused after eviction.
    pub(crate) slot: u32,
}

impl RowId {
    /// The row's slot in memory: no two rows share one at the same time.
    pub fn slot(self) -> usize {
        self.slot as usize
    }

    /// The row with this serial number, from 0, before any row was evicted.
    #[cfg(test)]
    pub(crate) fn nth(number: u32) -> Self {
        Self { serial: number, slot: number }
    }
}
