//! What an earlier run left behind: downloads that did not end, and links that it used.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::activity::{ActivityKey, DownloadFailure, Entry, Fact, LocalEvent};
use crate::protocol::RequestId;

use super::link_store::LinkStore;
use super::used_links::Fingerprint;

/// Registers the links that earlier runs used with the link store.
#[derive(Debug, Default)]
pub(crate) struct UsedBefore {
    pub(crate) link_store: LinkStore,
    /// Requests of which the event that was read last says that the GET was not sent.
    pub(crate) unsent: BTreeSet<RequestId>,
    /// How many GETs were registered.
    pub(crate) count: usize,
    /// Requests whose used links the server sent again before they were known to be used.
    pub(crate) repeated: BTreeSet<RequestId>,
}

impl UsedBefore {
    /// Registers a chunk of the journal in ascending order. Chunks come the newest first.
    pub(crate) fn add_entries(&mut self, entries: &[Entry]) {
        for entry in entries.iter().rev() {
            let (ActivityKey::Data(request), Fact::Local(event)) = (&entry.key, &entry.fact) else { continue };
            match event {
                LocalEvent::Fetching { links, .. } if !self.unsent.remove(request) && self.count < MAX_USED => {
                    self.count += 1;
                    let links: Vec<_> = links.iter().filter_map(|link| Fingerprint::parse(link)).collect();
                    if self.link_store.mark_used(request, &links) {
                        self.repeated.insert(request.clone());
                    }
                }
                LocalEvent::NotSaved { why: DownloadFailure::NotStarted, .. } => {
                    _ = self.unsent.insert(request.clone());
                }
                _ => {}
            }
        }
    }
}

/// Collects unfinished work from the histories of the requests that earlier runs left open.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind {
    /// Requests of which the last event of a download is known.
    pub(crate) decided: BTreeSet<RequestId>,
    /// Requests whose warning was acknowledged.
    pub(crate) acknowledged: BTreeSet<RequestId>,
    /// Requests whose data token is known.
    pub(crate) requested: BTreeSet<RequestId>,
    pub(crate) interrupted: Vec<InterruptedDownload>,
    pub(crate) unacknowledged: Vec<(RequestId, String)>,
}

/// What earlier runs left behind, and which links they used.
#[derive(Debug, Default)]
pub(crate) struct CrashRecovery {
    /// Fed with the histories of the requests that earlier runs left open.
    pub(crate) left_behind: LeftBehind,
    /// Fed with the entries that are restored from the journal, newest first.
    pub(crate) used: UsedBefore,
}

/// A download that did not end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InterruptedDownload {
    pub(crate) request: RequestId,
    pub(crate) to: PathBuf,
    pub(crate) part: Option<PathBuf>,
}

/// How many GETs of earlier runs are registered: the newest.
pub(crate) const MAX_USED: usize = 100_000;
