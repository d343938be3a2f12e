//! The ids whose outcomes are known, so that a repeated outcome counts once and a late status check reopens nothing. Only
//! the newest are stored.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashSet};

/// How many outcomes are stored.
const MAX_OUTCOMES: usize = 100_000;

/// The ids with the newest outcomes, by hash.
#[derive(Debug, Default)]
pub(crate) struct RecentIds {
    hasher: DefaultHashBuilder,
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl RecentIds {
    /// The hash that stands for an id.
    pub(crate) fn hash(&self, id: &str) -> u64 {
        self.hasher.hash_one(id)
    }

    /// Whether an outcome of this id is stored.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.known.contains(&self.hash(id))
    }

    /// Stores that an id has an outcome. Returns whether that is new.
    pub(crate) fn add(&mut self, id: &str) -> bool {
        let hash = self.hash(id);
        if !self.known.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > MAX_OUTCOMES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
