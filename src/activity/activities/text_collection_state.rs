//! How far the collection of unused texts is.

/// How far a collection of texts is.
#[derive(Debug)]
pub(crate) enum Collecting {
    /// Rows up to this place in memory are marked.
    Marking(u32),
    /// All are. A view is still to follow what changed; so many entries have been applied since.
    Waiting(usize),
    /// What is not marked is being taken out.
    Sweeping,
}
