//! Preference changes that were sent to the engine and are not stored yet.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::settings::{PreferenceChange, Settings};

/// Changes that the engine has taken but not stored yet, numbered in the order they were sent.
#[derive(Debug, Default)]
pub(crate) struct PreferenceChanges {
    /// The number of the newest change.
    pub(crate) newest: u64,
    pub(crate) waiting: VecDeque<(u64, Vec<PreferenceChange>)>,
}

impl PreferenceChanges {
    /// The number for the next change.
    pub(crate) fn next(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    pub(crate) fn add(&mut self, number: u64, changes: Vec<PreferenceChange>) {
        self.waiting.push_back((number, changes));
    }

    /// Applies the pending changes to the engine's settings, which already include all changes up to number `done`.
    pub(crate) fn apply_to(&mut self, settings: Arc<Settings>, done: u64) -> Arc<Settings> {
        self.waiting.retain(|(number, _)| *number > done);
        let mut settings = settings;
        for change in self.waiting.iter().flat_map(|(_, changes)| changes) {
            Arc::make_mut(&mut settings).preferences.apply(change.clone());
        }
        settings
    }
}
