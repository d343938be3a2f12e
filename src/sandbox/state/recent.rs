//! A map that removes its oldest entries, so that an endless stream fits in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A map of at most `capacity` entries; inserting beyond that removes the oldest entry.
pub(crate) struct BoundedMap<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
    capacity: usize,
}

impl<K: Clone + Eq + Hash, V> BoundedMap<K, V> {
    /// An empty map.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), capacity }
    }

    /// Adds an entry. Keys are ids or secrets created for the entry, so none occurs twice.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.entries.insert(key.clone(), value);
        self.order.push_back(key);
        while self.order.len() > self.capacity {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    /// An entry, if it has not been removed.
    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.entries.get(key)
    }

    /// A mutable entry, if it has not been removed.
    pub(crate) fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.entries.get_mut(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_is_forgotten_first() {
        let mut recent = BoundedMap::new(2);
        for key in ["a", "b", "c"] {
            recent.insert(key, key.len());
        }
        assert!(recent.get("a").is_none(), "the oldest is still there");
        assert!(recent.get("b").is_some() && recent.get("c").is_some(), "a newer one is gone");
    }
}
