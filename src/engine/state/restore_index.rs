//! What pending commands learn from the history while it is restored, newest first: which ids are resolved, the labels of
//! commands, and how long commands with a label took.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use crate::activity::{ExpectedLatency, Timestamp};
use crate::protocol::CommandId;

/// How many outcomes are used for durations, and how many labels are stored: the newest.
const MAX_STORED: usize = 100_000;

/// Stores hashes instead of ids, because there may be a million.
#[derive(Debug, Default)]
pub(crate) struct RestoreIndex {
    /// Ids that a later entry resolved.
    settled: HashSet<u64>,
    /// When the newest received outcomes arrived, and when their commands were first seen.
    durations: HashMap<u64, (Timestamp, Option<Timestamp>)>,
    /// The latest label of each command.
    labels: BTreeMap<CommandId, Box<str>>,
}

impl RestoreIndex {
    /// Marks an id as resolved.
    pub(crate) fn settle(&mut self, hash: u64) {
        self.settled.insert(hash);
    }

    /// Whether an entry that was read before, which is a later one, resolved the id.
    pub(crate) fn is_settled(&self, hash: u64) -> bool {
        self.settled.contains(&hash)
    }

    /// Records when the outcome of a command was received.
    pub(crate) fn add_outcome(&mut self, hash: u64, at: Timestamp) {
        if self.durations.len() < MAX_STORED || self.durations.contains_key(&hash) {
            // Entries come newest first, so the earliest outcome wins.
            self.durations.insert(hash, (at, None));
        }
    }

    /// Records that a command was seen without an outcome.
    pub(crate) fn add_pending(&mut self, hash: u64, at: Timestamp) {
        if let Some((_, first)) = self.durations.get_mut(&hash) {
            *first = Some(at);
        }
    }

    /// Records the label of a command. Only the latest counts.
    pub(crate) fn add_label(&mut self, command: &CommandId, label: &str) {
        if self.labels.len() < MAX_STORED && !self.labels.contains_key(command) {
            self.labels.insert(command.clone(), label.into());
        }
    }

    /// The commands that have a label.
    pub(crate) fn labelled_commands(&self) -> impl Iterator<Item = &CommandId> {
        self.labels.keys()
    }

    /// Ends the restore: learns the usual durations, oldest first, and returns the labels.
    pub(crate) fn finish(
        self,
        latency: &mut ExpectedLatency,
        hash: impl Fn(&str) -> u64,
    ) -> BTreeMap<CommandId, Box<str>> {
        let Self { durations, mut labels, .. } = self;
        labels.retain(|_, label| !label.is_empty());
        let mut outcomes = Vec::new();
        for (command, label) in &labels {
            if let Some((received, Some(first))) = durations.get(&hash(command.as_str())) {
                outcomes.push((*received, label.clone(), received.since(*first)));
            }
        }
        outcomes.sort();
        for (_, label, took) in outcomes {
            latency.learn(&label, took);
        }
        labels
    }
}
