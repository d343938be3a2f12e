//! Messages that the journal refuses: the window has them from the engine, and shows them in the details until the journal has
//! them. As many as the engine holds, which bounds them.

use crate::activity::{ActivityKey, Entry, Seq};

/// What a profile's journal refuses, in ascending order.
#[derive(Debug, Default)]
pub(crate) struct Unpersisted(Vec<Entry>);

impl Unpersisted {
    /// Takes what the journal has just refused.
    pub(crate) fn take(&mut self, entries: &[Entry]) {
        self.0.extend_from_slice(entries);
    }

    /// So many from a number on are in the journal now.
    pub(crate) fn kept(&mut self, from: Seq, count: u64) {
        let kept = from.0..from.0.saturating_add(count);
        self.0.retain(|entry| !kept.contains(&entry.seq.0));
    }

    /// Those of one activity.
    pub(crate) fn of(&self, key: &ActivityKey) -> impl Iterator<Item = Entry> {
        self.0.iter().filter(move |entry| entry.key == *key).cloned()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
