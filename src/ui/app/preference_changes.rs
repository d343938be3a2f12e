//! Changes of preferences that are on their way to the engine.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::settings::{PreferenceChange, Settings};

/// Changes of the preferences that the engine has taken but not done yet.
#[derive(Debug, Default)]
pub(crate) struct PreferenceChanges {
    /// The number of the newest.
    pub(crate) newest: u64,
    pub(crate) waiting: VecDeque<(u64, Vec<PreferenceChange>)>,
}

impl PreferenceChanges {
    /// The number of the next.
    pub(crate) fn next(&mut self) -> u64 {
        self.newest += 1;
        self.newest
    }

    pub(crate) fn sent(&mut self, number: u64, changes: Vec<PreferenceChange>) {
        self.waiting.push_back((number, changes));
    }

    /// The settings as the engine has them, in which everything up to a number is done: with what still waits.
    pub(crate) fn on(&mut self, settings: Arc<Settings>, done: u64) -> Arc<Settings> {
        self.waiting.retain(|(number, _)| *number > done);
        let mut settings = settings;
        for change in self.waiting.iter().flat_map(|(_, changes)| changes) {
            Arc::make_mut(&mut settings).preferences.apply(change.clone());
        }
        settings
    }
}
