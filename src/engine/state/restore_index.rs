//! What the book learns from earlier runs while they are read, newest first: what is settled, how commands are named, and
//! how long commands of a name took.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use crate::activity::{ExpectedLatency, Timestamp};
use crate::protocol::CommandId;

/// How many outcomes are looked at for how long they took, and how many names are remembered: the newest.
const MOST: usize = 100_000;

/// Ids are told by their hashes: there may be a million.
#[derive(Debug, Default)]
pub(crate) struct RestoreIndex {
    /// What is settled by a later entry.
    settled: HashSet<u64>,
    /// When the newest outcomes that were heard came, and when their commands were first seen.
    took: HashMap<u64, (Timestamp, Option<Timestamp>)>,
    /// The names of commands, the latest of each.
    labels: BTreeMap<CommandId, Box<str>>,
}

impl RestoreIndex {
    /// Something is settled.
    pub(crate) fn settle(&mut self, hash: u64) {
        self.settled.insert(hash);
    }

    /// Whether something is settled by an entry that was read before: a later one.
    pub(crate) fn is_settled(&self, hash: u64) -> bool {
        self.settled.contains(&hash)
    }

    /// The outcome of a command was heard then.
    pub(crate) fn heard(&mut self, hash: u64, at: Timestamp) {
        if self.took.len() < MOST || self.took.contains_key(&hash) {
            // The earliest counts.
            self.took.insert(hash, (at, None));
        }
    }

    /// A command was seen, without an outcome.
    pub(crate) fn seen(&mut self, hash: u64, at: Timestamp) {
        if let Some((_, first)) = self.took.get_mut(&hash) {
            *first = Some(at);
        }
    }

    /// A command was named; only the latest name counts.
    pub(crate) fn labelled(&mut self, command: &CommandId, label: &str) {
        if self.labels.len() < MOST && !self.labels.contains_key(command) {
            self.labels.insert(command.clone(), label.into());
        }
    }

    /// The commands that were named.
    pub(crate) fn labelled_commands(&self) -> impl Iterator<Item = &CommandId> {
        self.labels.keys()
    }

    /// All was read: learns what is usual, oldest first, and gives the names of commands.
    pub(crate) fn end(
        self,
        patience: &mut ExpectedLatency,
        hash: impl Fn(&str) -> u64,
    ) -> BTreeMap<CommandId, Box<str>> {
        let Self { took, mut labels, .. } = self;
        labels.retain(|_, label| !label.is_empty());
        let mut outcomes = Vec::new();
        for (command, label) in &labels {
            if let Some((heard, Some(first))) = took.get(&hash(command.as_str())) {
                outcomes.push((*heard, label.clone(), heard.since(*first)));
            }
        }
        outcomes.sort();
        for (_, label, took) in outcomes {
            patience.learn(&label, took);
        }
        labels
    }
}
