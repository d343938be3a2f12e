//! A map that removes its oldest entries, so that an endless stream fits in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A map of at most `CAPACITY` entries; inserting beyond that removes the oldest entry.
#[derive(Clone)]
pub(crate) struct BoundedMap<K, V, const CAPACITY: usize> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V, const CAPACITY: usize> Default for BoundedMap<K, V, CAPACITY> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Clone + Eq + Hash, V, const CAPACITY: usize> BoundedMap<K, V, CAPACITY> {
    /// Adds an entry. Keys are ids or secrets created for the entry, so none occurs twice.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.entries.insert(key.clone(), value);
        self.order.push_back(key);
        while self.order.len() > CAPACITY {
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

    /// Takes an entry out.
    pub(crate) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.order.retain(|stored| std::borrow::Borrow::<Q>::borrow(stored) != key);
        self.entries.remove(key)
    }

    /// Every entry that has not been removed, in no order.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut()
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
    fn the_oldest_entry_is_removed_first() {
        let mut recent = BoundedMap::<_, _, 2>::default();
        for key in ["a", "b", "c"] {
            recent.insert(key, key.len());
        }
        assert!(recent.get("a").is_none(), "the oldest is still there");
        assert!(recent.get("b").is_some() && recent.get("c").is_some(), "a newer one is gone");
    }
}
