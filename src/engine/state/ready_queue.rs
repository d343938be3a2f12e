//! The requests whose data has just arrived and is in the journal: automatic saving waits for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::activity::{Entry, Fact};
use crate::protocol::{DataBody, Message, RequestId};

/// How many requests are queued. Beyond it the newest are not: they stay `Ready`, to be saved by hand.
const MAX_QUEUED: usize = 10_000;

/// The requests of a profile whose data has arrived. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadyQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// If `false`, nothing is queued, because automatic saving is off.
    enabled: AtomicBool,
    /// The requests; `true` if the data came inline.
    ready: Mutex<BTreeMap<RequestId, bool>>,
    wake: Notify,
}

impl ReadyQueue {
    /// Turns the queue on or off.
    pub(crate) fn set_enabled(&self, enabled: bool) {
        self.0.enabled.store(enabled, Ordering::SeqCst);
        if !enabled {
            self.0.ready.lock().clear();
        }
    }

    /// Queues the requests that these committed entries made ready.
    pub(crate) fn add_entries(&self, entries: &[Entry]) {
        if !self.0.enabled.load(Ordering::Relaxed) {
            return;
        }
        let mut come = self.0.ready.lock();
        let before = come.len();
        for (id, inline) in entries.iter().filter_map(ready_request) {
            if come.len() < MAX_QUEUED {
                *come.entry(id.clone()).or_default() |= inline;
            }
        }
        if come.len() > before {
            self.0.wake.notify_one();
        }
    }

    /// Waits until there are requests and takes them; `true` if the data came inline.
    pub(crate) async fn next(&self) -> BTreeMap<RequestId, bool> {
        loop {
            let come = std::mem::take(&mut *self.0.ready.lock());
            if !come.is_empty() {
                return come;
            }
            self.0.wake.notified().await;
        }
    }
}

/// The request whose data an entry may have made ready.
fn ready_request(entry: &Entry) -> Option<(&RequestId, bool)> {
    match &entry.fact {
        Fact::Received(Message::Data(report)) => match report.delivery {
            DataBody::Inline { .. } => Some((&report.id, true)),
            DataBody::Link(_) | DataBody::StreamToken(_) => Some((&report.id, false)),
            DataBody::Text(_) | DataBody::Other { .. } => None,
        },
        Fact::Received(Message::StreamReady(report)) => Some((&report.id, false)),
        _ => None,
    }
}
