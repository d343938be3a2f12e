//! The progress of a collection of unused texts.

/// The progress of a text collection.
#[derive(Debug)]
pub(crate) enum Collecting {
    /// The texts of rows before this slot are marked.
    Marking(u32),
    /// All rows are marked, but a view has not followed the changes yet; the number of entries applied since.
    Waiting(usize),
    /// Unmarked texts are being removed.
    Sweeping,
}
