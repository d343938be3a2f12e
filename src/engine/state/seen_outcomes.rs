//! The ids whose outcomes are known: the newest, so that a repeated outcome counts once and a late question opens nothing.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashSet};

/// How many are remembered.
const OUTCOMES: usize = 100_000;

/// The newest outcomes, by hash.
#[derive(Debug, Default)]
pub(crate) struct RecentIds {
    hasher: DefaultHashBuilder,
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl RecentIds {
    /// The hash by which an id is told.
    pub(crate) fn hash(&self, id: &str) -> u64 {
        self.hasher.hash_one(id)
    }

    /// Whether an outcome of this id is remembered.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.known.contains(&self.hash(id))
    }

    /// Remembers the outcome of an id. Whether it is new.
    pub(crate) fn add(&mut self, id: &str) -> bool {
        let hash = self.hash(id);
        if !self.known.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > OUTCOMES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
