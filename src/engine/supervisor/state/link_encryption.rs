//! The state of the key that encrypts links in the journal.

/// Whether the supervisor has the key that encrypts links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealState {
    /// Links of this run are not kept for the next one.
    Off,
    /// The keyring was not asked, or returned no key.
    NoKey,
    /// The keyring is being asked.
    Loading,
    /// The journal encrypts links.
    On,
}
