//! Data requests of this program whose data is still to come.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::protocol::RequestId;
use crate::settings::ProfileId;

/// Requests that this program made, until their data is saved: what is known of each.
#[derive(Debug, Default)]
pub(crate) struct ExpectedDownloads(pub(crate) BTreeMap<(ProfileId, RequestId), ExpectedDownload>);

/// What is known of a request that is followed.
#[derive(Debug)]
pub(crate) struct ExpectedDownload {
    /// Where its data goes as soon as it is ready.
    pub(crate) folder: Option<PathBuf>,
    /// How large it is.
    pub(crate) size: Option<u64>,
}

/// How many requests are followed to the disk at a time. What is requested beyond it stays `Ready`, to be saved by hand.
pub(crate) const MOST_FOLLOWED: usize = if cfg!(test) { 20 } else { 10_000 };
