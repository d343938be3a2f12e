//! Which row of the table.

/// Names a row for as long as the program runs: no other row ever gets the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId {
    /// Which of the rows that were ever made it is.
    pub(crate) serial: u32,
    /// Its place in memory, which is given to another row when it is evicted.
    pub(crate) slot: u32,
}

impl RowId {
    /// Its place in memory: no two rows that are there at the same time have the same.
    #[must_use]
    pub fn slot(self) -> usize {
        self.slot as usize
    }

    /// The row that was made as the one with this number, from 0, before any was evicted.
    #[cfg(test)]
    pub(crate) fn nth(number: u32) -> Self {
        Self { serial: number, slot: number }
    }
}
