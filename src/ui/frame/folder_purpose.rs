//! What a folder is asked for.

use std::collections::{BTreeMap, HashSet};

use crate::protocol::RequestId;
use crate::settings::ProfileId;

/// What a chosen folder is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FolderPurpose {
    /// Everything of a profile that is ready then.
    Ready(ProfileId),
    /// These requests of each profile, as far as they are ready then.
    Chosen(BTreeMap<ProfileId, HashSet<RequestId>>),
    /// Whatever becomes ready of a profile, from then on.
    Automatic(ProfileId),
    /// What is about to be requested of a profile.
    Requested(ProfileId),
}
