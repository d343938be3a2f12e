//! Writes the operator's actions into the journal in the order in which they were made, so that the later one of two labels
//! counts.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::activity::Entry;
use crate::engine::runtime::tasks::TaskOwner;
use crate::engine::storage::journal_writer::JournalWriter;

/// The local events of one profile that are not in the journal yet.
#[derive(Default)]
pub(crate) struct LocalEvents(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    events: VecDeque<(JournalWriter, Vec<Entry>)>,
    /// Whether a task is writing them.
    is_writing: bool,
}

impl LocalEvents {
    /// Queues entries to be written. Entries of activity that is deleted meanwhile are dropped.
    pub(crate) fn write(&self, entries: Vec<Entry>, journal_writer: &JournalWriter, spawner: &TaskOwner) {
        let mut waiting = self.0.lock();
        waiting.events.push_back((journal_writer.until_cleared(), entries));
        if !std::mem::replace(&mut waiting.is_writing, true) {
            spawner.spawn_to_completion("writing the journal", write(self.0.clone()));
        }
    }
}

async fn write(waiting: Arc<Mutex<Waiting>>) {
    loop {
        let (journal_writer, entries) = {
            let mut waiting = waiting.lock();
            let Some(next) = waiting.events.pop_front() else {
                waiting.is_writing = false;
                return;
            };
            next
        };
        if journal_writer.queue(entries).await.is_err() {
            tracing::debug!("the profile is being closed");
        }
    }
}
