//! Data requests of this program whose data has not arrived yet.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::protocol::RequestId;
use crate::settings::ProfileId;

/// The requests that this program made, until their data is saved.
#[derive(Debug, Default)]
pub(crate) struct ExpectedDownloads(pub(crate) BTreeMap<(ProfileId, RequestId), ExpectedDownload>);

/// What is known of such a request.
#[derive(Debug)]
pub(crate) struct ExpectedDownload {
    /// Where its data is saved automatically once it is ready.
    pub(crate) folder: Option<PathBuf>,
    /// Its size in bytes, if it is known.
    pub(crate) size: Option<u64>,
}

/// How many requests are tracked until their data is saved. Data of further requests stays `Ready`, to be saved manually.
pub(crate) const MAX_EXPECTED: usize = if cfg!(test) { 20 } else { 10_000 };
