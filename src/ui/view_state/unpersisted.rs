//! Messages that the journal refuses to store. The engine sends them to the window, which shows them in the details until the
//! journal has them. The engine bounds their number.

use crate::activity::{ActivityKey, Entry, Seq};

/// The messages that a profile's journal refuses, in ascending order.
#[derive(Debug, Default)]
pub(crate) struct Unpersisted(Vec<Entry>);

impl Unpersisted {
    /// Adds messages that the journal has just refused.
    pub(crate) fn add(&mut self, entries: &[Entry]) {
        self.0.extend_from_slice(entries);
    }

    /// Removes `count` messages from number `from` on, which the journal has stored now.
    pub(crate) fn remove_persisted(&mut self, from: Seq, count: u64) {
        let persisted = from.0..from.0.saturating_add(count);
        self.0.retain(|entry| !persisted.contains(&entry.seq.0));
    }

    /// The messages of one activity.
    pub(crate) fn of(&self, key: &ActivityKey) -> impl Iterator<Item = Entry> {
        self.0.iter().filter(move |entry| entry.key == *key).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
