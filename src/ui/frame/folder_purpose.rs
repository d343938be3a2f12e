//! What a chosen folder is used for.

use std::collections::{BTreeMap, HashSet};

use crate::protocol::RequestId;
use crate::settings::ProfileId;

/// What a chosen folder is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FolderPurpose {
    /// Save all data of a profile that is ready when the folder is chosen.
    Ready(ProfileId),
    /// Save the data of these requests of each profile, if it is ready when the folder is chosen.
    Selected(BTreeMap<ProfileId, HashSet<RequestId>>),
    /// Automatically save all data of a profile that becomes ready from then on.
    Automatic(ProfileId),
    /// Save the data that is about to be requested for a profile.
    Requested(ProfileId),
}
