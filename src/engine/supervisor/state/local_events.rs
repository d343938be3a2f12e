//! What the operator did, on its way into the journal: in the order in which it was done, so that of two labels the later one
//! counts.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// Has entries written. Those of activity that is forgotten meanwhile are not.
    pub(crate) fn write(&self, entries: Vec<Entry>, journal_writer: &JournalWriter, spawner: &TaskOwner) {
        let mut waiting = lock(&self.0);
        waiting.events.push_back((journal_writer.until_forgotten(), entries));
        if !std::mem::replace(&mut waiting.is_writing, true) {
            spawner.finish("writing the journal", write(self.0.clone()));
        }
    }
}

async fn write(waiting: Arc<Mutex<Waiting>>) {
    loop {
        let (journal_writer, entries) = {
            let mut waiting = lock(&waiting);
            let Some(next) = waiting.events.pop_front() else {
                waiting.is_writing = false;
                return;
            };
            next
        };
        if journal_writer.hand_over(entries).await.is_err() {
            tracing::debug!("the profile is being closed");
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    // It is whole after every statement.
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
