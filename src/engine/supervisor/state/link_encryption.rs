//! How far it is with the key that encrypts links in the journal.

/// How far the hub is with the key of the seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealState {
    /// Links of this run are not to outlive it.
    Off,
    /// The keyring was not asked, or gave no key.
    NoKey,
    /// The keyring is being asked.
    Asked,
    /// The journal seals.
    On,
}
